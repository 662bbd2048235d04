//! `git wt remove`: what goes, what stays, what is asked.

use crate::world::World;
use std::fs;

/// A repository whose recipe gives ports, an env file and a copy.
fn provisioned() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[env]\nDEBUG = \"1\"\n");
    world.commit(&world.path("myproject"), "recipe");
    world.write("myproject/.env", "# mine\nSECRET=x\nPORT=8000\n");
    world.write("myproject/.env.local", "A=1\n");
    world
}

#[test]
fn everything_that_was_made_goes_and_the_branch_stays() {
    let world = provisioned();
    world.git(&world.path("myproject"), &["branch", "staging"]);
    let before = world.everything();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "staging"]).ok().prints("").says(&["removed 'staging'"]);
    world.swept();
    before.is_still(&world.everything(), "after remove");
}

#[test]
fn changes_are_refused_and_listed() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/README", "changed\n");
    world.write("myproject-staging/new", "new\n");
    world.wt(&["remove", "staging"]).code(128).says(&[
        "modified or untracked files",
        "M README",
        "?? new",
        "-f staging",
    ]);
    assert!(world.path("myproject-staging/new").exists());
    world.wt(&["remove", "-f", "staging"]).ok();
    assert!(!world.path("myproject-staging").exists());
}

#[test]
fn ignored_data_is_named_and_needs_an_answer_but_caches_do_not() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/node_modules/x/index.js", "");
    world.wt(&["remove", "staging"]).ok();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/db.sqlite3", "data");
    world.write("myproject-staging/media/photo", "data");
    world.write("myproject-staging/.env", "PORT=8001\nEDITED=by hand\n");
    world.wt(&["remove", "staging"]).code(128).says(&[
        "would lose data",
        "'db.sqlite3'",
        "'media/'",
        "'.env'",
        "hint: git wt remove -y staging",
    ]);
    assert!(world.path("myproject-staging/db.sqlite3").exists());
    world.wt(&["remove", "-y", "staging"]).ok();
    assert!(!world.path("myproject-staging").exists());
}

#[test]
fn the_main_worktree_is_never_removed() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    std::os::unix::fs::symlink(world.path("myproject"), world.path("link")).unwrap();
    for target in ["@", "myproject", ".", "../link", "../myproject/", "main"] {
        world.wt(&["remove", "-f", "-f", "-y", target]).code(128).says(&["is the main worktree"]);
    }
    world
        .wt_in("myproject-staging", &["remove", "-f", "../myproject"])
        .code(128)
        .says(&["is the main worktree"]);
    assert!(world.path("myproject/README").exists());
}

#[test]
fn only_a_registered_worktree_is_deleted() {
    let world = provisioned();
    world.repo("other");
    world.write("plain/file", "x");
    for target in ["../other", "../plain", "nothing"] {
        world.wt(&["remove", "-f", "-y", target]).code(128).says(&["is not a worktree"]);
    }
    // a directory that took a worktree's place is not that worktree
    world.wt(&["add", "staging"]).ok();
    fs::rename(world.path("myproject-staging"), world.path("elsewhere")).unwrap();
    world.write("myproject-staging/.git", "gitdir: /nowhere\n");
    world.write("myproject-staging/precious", "x");
    world.wt(&["remove", "-f", "-y", "staging"]);
    assert!(world.path("myproject-staging/precious").exists());
}

#[test]
fn a_locked_worktree_needs_force_twice() {
    let world = provisioned();
    world.wt(&["add", "--lock", "--reason", "on a stick", "staging"]).ok();
    world.wt(&["remove", "staging"]).code(128).says(&["'staging' is locked: on a stick", "git wt unlock"]);
    world.wt(&["remove", "-f", "staging"]).code(128);
    world.wt(&["remove", "-f", "-f", "staging"]).ok();
}

#[test]
fn submodules_need_force_as_in_git() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject/.git/worktrees/myproject-staging/modules/lib/HEAD", "ref: refs/heads/main\n");
    world
        .wt(&["remove", "staging"])
        .code(128)
        .says(&["'staging' has submodules", "hint: git wt remove -f staging"]);
    world.wt(&["remove", "-f", "staging"]).ok();
}

#[test]
fn a_worktree_made_by_git_goes_as_git_removes_it() {
    let world = provisioned();
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../plain"]);
    world.wt(&["remove", "plain"]).ok();
    assert!(!world.path("plain").exists());
    assert_eq!(world.git(&world.path("myproject"), &["worktree", "list"]).lines().count(), 1);
}

#[test]
fn removing_the_current_worktree_leads_to_main() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.wt_in("myproject-staging", &["remove", "."]).ok().prints("[ROOT]/myproject\n");
    assert!(!world.path("myproject-staging").exists());
}

#[test]
fn several_are_judged_before_one_goes() {
    let world = provisioned();
    world.wt(&["add", "a"]).ok();
    world.wt(&["add", "b"]).ok();
    world.write("myproject-b/new", "x");
    world.wt(&["remove", "a", "b"]).code(128).says(&["'b' has modified or untracked files"]);
    assert!(world.path("myproject-a").exists());
    world.wt(&["remove", "--all", "-y"]).ok().says(&["kept: 'b' has modified"]);
    assert!(!world.path("myproject-a").exists() && world.path("myproject-b").exists());
}

#[test]
fn removing_one_changes_no_other_ports() {
    let world = provisioned();
    for name in ["staging", "production", "qa"] {
        world.wt(&["add", name]).ok();
    }
    let port = |name: &str| world.read(format!("myproject-{name}/.env")).lines().last().map(str::to_owned);
    assert_eq!(port("production"), Some("DEBUG=1".into()));
    let env = world.read("myproject-production/.env");
    assert!(env.contains("PORT=8002"), "{env}");
    world.wt(&["remove", "staging"]).ok();
    assert_eq!(world.read("myproject-production/.env"), env);
    world.wt(&["add", "again"]).ok();
    assert!(world.read("myproject-again/.env").contains("PORT=8001"));
}

#[test]
fn a_merged_branch_goes_on_request_and_an_unmerged_one_stays() {
    let world = provisioned();
    world.wt(&["add", "merged"]).ok();
    world
        .wt(&["remove", "--delete-branch", "merged"])
        .ok()
        .says(&["deleted branch 'merged'", "brings it back"]);
    world.wt(&["add", "unmerged"]).ok();
    world.write("myproject-unmerged/work", "x");
    world.commit(&world.path("myproject-unmerged"), "work");
    world.wt(&["remove", "--delete-branch", "unmerged"]).ok().says(&["the branch 'unmerged' stays"]);
    assert_eq!(world.git(&world.path("myproject"), &["branch", "--list", "unmerged"]).trim(), "unmerged");
}

#[test]
fn nothing_of_it_needs_a_remote() {
    let world = provisioned();
    assert_eq!(world.git(&world.path("myproject"), &["remote"]), "");
    world.wt(&["add", "x"]).ok();
    world.wt(&["list"]).ok();
    world.wt(&["prune"]).ok();
    world.wt(&["remove", "--delete-branch", "x"]).ok();
}

#[test]
fn what_would_go_can_be_looked_at_first() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    let before = world.everything();
    let seen = world.wt(&["remove", "-n", "staging"]).ok();
    assert_eq!(seen.stdout, "would remove 'staging' at '[ROOT]/myproject-staging'\n  port 8001 (PORT)\n");
    before.is_still(&world.everything(), "after remove -n");
}
