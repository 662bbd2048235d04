//! Where a branch is pushed: by `add --push`, and by the first plain `git push`.

use std::path::PathBuf;

use std::os::unix::fs::PermissionsExt;

use crate::world::{Seen, World, is_root};

/// Makes a clone of a bare repository whose main branch must never move.
fn cloned() -> World {
    let world = World::new();
    world.repo("first");
    world.git(&world.root(), &["clone", "--quiet", "--bare", "first", "remote.git"]);
    world.git(&world.root(), &["clone", "--quiet", "remote.git", "myproject"]);
    world
}

/// Returns the branches of the bare repository, each with its commit's subject.
fn remote(world: &World) -> String {
    let format = "--format=%(refname:short) %(subject)";
    world.git(&world.path("remote.git"), &["for-each-ref", "refs/heads", format])
}

/// Commits in a worktree and pushes from it, with a `push.default`; returns what git showed.
fn commit_and_push(world: &World, tree: &str, default: &str) -> Seen {
    let root = world.path(tree);
    world.git(&root, &["commit", "--quiet", "--allow-empty", "--message", tree]);
    let setting = format!("push.default={default}");
    world.see(world.command("git", &root).args(["-c", &setting, "push"]))
}

fn upstream(world: &World, tree: &str) -> Option<String> {
    let seen = world.see(world.command("git", &world.path(tree)).args([
        "rev-parse",
        "--abbrev-ref",
        "--symbolic-full-name",
        "@{u}",
    ]));
    (seen.code == 0).then(|| seen.stdout.trim().to_owned())
}

fn settings(world: &World) -> String {
    world.read("myproject/.git/config")
}

#[test]
fn a_plain_push_goes_to_the_branch_of_that_name() {
    let world = cloned();
    world.git(&world.path("myproject"), &["branch", "there/before"]);
    let before = settings(&world);
    for (words, tree, default) in [
        (&["simple"][..], "simple", "simple"),
        (&["--base", "origin/main", "x.y/current"], "x-y-current", "current"),
        (&["-b", "upstream", "--no-track", "../myproject-upstream", "origin/main"], "upstream", "upstream"),
        (&["there/before"], "there-before", "simple"),
        (&["--orphan", "fresh"], "fresh", "simple"),
    ] {
        if words.contains(&"--orphan") && !World::git_is(2, 42, "--orphan") {
            continue;
        }
        let tree = format!("myproject-{tree}");
        world.wt(&[&["add"], words].concat()).ok();
        let root = world.path(&tree);
        let branch = world.git(&root, &["branch", "--show-current"]);
        // nothing is said about an upstream that is gone, since there is none yet
        assert_eq!(upstream(&world, &tree), None);
        commit_and_push(&world, &tree, default).ok();
        assert_eq!(upstream(&world, &tree), Some(format!("origin/{branch}")));
        assert!(remote(&world).contains(&format!("{branch} {tree}")), "{}", remote(&world));
        assert!(remote(&world).contains("main first"), "{}", remote(&world));
        world.wt(&["remove", &branch]).ok();
        assert!(!settings(&world).contains("onbranch"), "{}", settings(&world));
        world.git(&world.path("myproject"), &["branch", "--quiet", "-D", &branch]);
        assert_eq!(settings(&world), before);
    }
}

#[test]
fn the_main_worktree_and_other_branches_push_as_ever() {
    let world = cloned();
    world.wt(&["add", "staging"]).ok();
    let repo = world.path("myproject");
    world.git(&repo, &["switch", "--quiet", "--create", "other"]);
    commit_and_push(&world, "myproject", "simple").code(128).says(&["has no upstream branch"]);
    // a worktree made from there has the setting too
    world.wt_in("myproject-staging", &["add", "more"]).ok();
    commit_and_push(&world, "myproject-more", "simple").ok();
}

#[test]
fn what_has_an_answer_is_left_alone() {
    for (prepare, words) in [
        // the branch already tracks something
        (&["config", "wt.mode", "normal"][..], &["add", "--track", "-b", "x", "../x", "origin/main"][..]),
        // the user has configured what a first push does
        (&["config", "--global", "push.autoSetupRemote", "false"], &["add", "x"]),
        // there is nowhere to push to
        (&["remote", "remove", "origin"], &["add", "x"]),
        (&["config", "wt.mode", "git"], &["add", "../x"]),
        (&["config", "wt.mode", "normal"], &["add", "--detach", "main"]),
    ] {
        let world = cloned();
        world.git(&world.path("myproject"), prepare);
        world.wt(words).ok();
        assert!(!settings(&world).contains("onbranch"), "{prepare:?} {words:?}");
    }
}

#[test]
fn an_add_that_fails_takes_the_setting_back() {
    let world = cloned();
    let before = world.everything();
    let git = World::hosts_git().display();
    world.program(
        "git",
        &format!("#!/bin/sh\ncase \" $* \" in *' worktree add '*) exit 77;; esac\nexec {git} \"$@\"\n"),
    );
    let mut add = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path("myproject"));
    let undone = "undone: upstream 'origin/staging', set by the first push";
    world.see(add.args(["add", "staging"])).code(128).says(&[undone]);
    std::fs::remove_file(world.path("bin/git")).unwrap();
    before.is_still(&world.everything(), "after an add that failed");
}

#[test]
fn add_pushes_the_new_branch_where_it_is_asked_to() {
    let world = cloned();
    world.wt(&["add", "--push", "--dry-run", "staging"]).ok();
    assert!(!remote(&world).contains("staging"));
    world.wt(&["add", "--push", "staging"]).ok().prints("[ROOT]/myproject-staging\n");
    assert!(remote(&world).contains("staging first"));
    assert_eq!(upstream(&world, "myproject-staging").unwrap(), "origin/staging");
    assert!(!world.wt(&["list"]).ok().stdout.contains("not pushed"));

    world.git(&world.path("myproject"), &["config", "wt.push", "true"]);
    world.wt(&["add", "--no-push", "private"]).ok();
    world.wt(&["add", "public"]).ok();
    assert!(remote(&world).contains("public first") && !remote(&world).contains("private"));
}

#[test]
fn what_cannot_be_pushed_is_said_and_nothing_else() {
    let world = cloned();
    world.git(&world.path("myproject"), &["branch", "old"]);
    for (words, note) in [
        (&["old"][..], "'old' is not new, and is not pushed"),
        (&["--detach", "main"], "there is no branch to push"),
        (&["--orphan", "fresh"], "'fresh' has no commit to push yet"),
    ] {
        if words.contains(&"--orphan") && !World::git_is(2, 42, "--orphan") {
            continue;
        }
        world.wt(&[&["add", "--push"], words].concat()).ok().says(&[note]);
    }
    assert_eq!(remote(&world), "main first");
    world.wt(&["add", "--push", "--track", "-b", "x", "../x", "origin/main"]).code(129);
    world.git(&world.path("myproject"), &["remote", "remove", "origin"]);
    world.wt(&["add", "--push", "staging"]).ok().says(&["note: there is no remote to push to"]);
}

#[test]
fn a_push_that_fails_leaves_a_worktree_that_says_so() {
    let world = cloned();
    let hidden: PathBuf = world.path("hidden.git");
    std::fs::rename(world.path("remote.git"), &hidden).unwrap();
    world.wt(&["add", "--push", "staging"]).ok().prints("[ROOT]/myproject-staging\n").says(&[
        "pushing 'staging' to 'origin'",
        "does not appear to be a git repository",
        "warning: 'staging' is not pushed",
        "hint: git -C [ROOT]/myproject-staging push --set-upstream origin staging",
    ]);
    let shown = |args: &[&str]| world.wt(args).ok().stdout;
    assert!(shown(&["list"]).contains("not pushed"));
    assert!(shown(&["list", "--json"]).contains(r#""not_pushed_to":"origin""#));
    std::fs::rename(&hidden, world.path("remote.git")).unwrap();
    commit_and_push(&world, "myproject-staging", "simple").ok();
    assert!(!shown(&["list"]).contains("not pushed"));
    assert!(!shown(&["list", "--json"]).contains("not_pushed_to"));
}

#[test]
fn an_add_that_is_stopped_while_it_pushes_keeps_the_worktree() {
    let world = cloned();
    // the remote stops the process that pushes to it
    world.write("remote.git/hooks/pre-receive", "#!/bin/sh\nkill -TERM $(cat \"$HOME/pid\")\nexit 1\n");
    let hook = world.path("remote.git/hooks/pre-receive");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = "echo $$ > \"$HOME/pid\"; exec git-wt add --push staging";
    world.see(world.command("sh", &world.path("myproject")).args(["-c", script])).code(143);
    assert!(world.path("myproject-staging/README").exists());
    assert!(world.wt(&["list"]).ok().stdout.contains("not pushed"));
    world.wt(&["doctor"]).ok();
}

/// Makes a clone with a worktree that was made under a umask that lets everybody write.
fn with_open_umask() -> World {
    let world = cloned();
    let line = "umask 000; exec git wt add staging";
    world.see(world.command("sh", &world.path("myproject")).args(["-c", line])).ok();
    world
}

#[test]
fn another_user_of_the_repository_cannot_say_where_a_push_goes() {
    let world = with_open_umask();
    let included = world.path("myproject/.git/wt-push");
    assert_eq!(std::fs::metadata(included).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn another_user_of_the_repository_is_not_shut_out() {
    if !is_root("be another user") {
        return;
    }
    let world = with_open_umask();
    std::fs::set_permissions(world.root(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = world.command("setpriv", &world.path("myproject-staging"));
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "git", "status"]);
    command.env("HOME", "/").env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory");
    world.see(command.env("GIT_CONFIG_VALUE_0", "*")).ok();
}

#[test]
fn nothing_is_said_of_an_upstream_that_the_first_push_does_not_set() {
    for (key, value) in [
        ("push.default", "nothing"),
        ("push.default", "matching"),
        ("remote.origin.push", "HEAD:refs/for/main"),
        ("remote.origin.mirror", "true"),
    ] {
        let world = cloned();
        world.git(&world.path("myproject"), &["config", key, value]);
        let said = world.wt(&["add", "-v", "a"]).ok().stderr;
        assert!(!said.contains("upstream") && !settings(&world).contains("onbranch"), "{key}: {said}");
    }
    for by_default in ["simple", "current", "upstream"] {
        let world = cloned();
        world.git(&world.path("myproject"), &["config", "push.default", by_default]);
        world.wt(&["add", "-v", "a"]).ok().says(&["upstream 'origin/a', set by the first push"]);
        world.git(&world.path("myproject-a"), &["push", "--quiet"]);
        assert_eq!(upstream(&world, "myproject-a").unwrap(), "origin/a", "{by_default}");
    }
}
