//! The push guard: what a protected worktree may push, and which hooks are left alone.

use std::fs;

use crate::world::{Seen, World};

/// Makes a protected worktree `production`, a plain one, and a remote.
fn world() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[template.production]\nprotected = true\n");
    world.commit(&world.path("myproject"), "recipe");
    world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", "remote.git"]);
    world.git(&world.path("myproject"), &["remote", "add", "origin", "../remote.git"]);
    for name in ["production", "plain"] {
        world.wt(&["add", name]).ok();
        let tree = world.path(format!("myproject-{name}"));
        world.git(&tree, &["commit", "--quiet", "--allow-empty", "--message", "ahead"]);
    }
    world
}

fn push(world: &World, from: &str, args: &[&str], variables: &[(&str, &str)]) -> Seen {
    let dir = world.path(from);
    let remote = world.path("remote.git");
    let mut command = world.command("git", &dir);
    command.arg("push").arg("--quiet").arg(remote).args(args).envs(variables.iter().copied());
    world.see(&mut command)
}

#[test]
fn a_protected_worktree_pushes_its_own_branch_only() {
    let world = world();
    let of_remote = || world.git(&world.path("remote.git"), &["rev-parse", "main"]);
    world
        .wt_in("myproject-plain", &["init", "--push-guard"])
        .ok()
        .says(&["wrote '[ROOT]/myproject/.git/hooks/pre-push'"]);
    world.wt(&["init", "--push-guard"]).ok().says(&["there already"]);
    world.wt(&["doctor"]).ok();
    let before = of_remote();
    push(&world, "myproject-production", &["HEAD:main"], &[]).code(1).says(&[
        "error: 'production' is protected: it pushes nothing to 'main'",
        "its own branch is 'production'",
        "hint: GIT_WT_PUSH=1 git push\n",
    ]);
    push(&world, "myproject-production", &["production", "HEAD:main"], &[]).code(1);
    push(&world, "myproject-production", &["HEAD:main"], &[("GIT_WT_PUSH", "0")]).code(1);
    assert_eq!(of_remote(), before);
    push(&world, "myproject-production", &["production"], &[]).ok();
    push(&world, "myproject-production", &["HEAD:refs/tags/v1"], &[]).ok();
    push(&world, "myproject-production", &["HEAD:main"], &[("GIT_WT_PUSH", "1")]).ok();
    assert_ne!(of_remote(), before);
    // the other worktrees may push anything
    push(&world, "myproject-plain", &["HEAD:elsewhere"], &[]).ok();
    push(&world, "myproject", &["main:third"], &[]).ok();
}

#[test]
fn nobodys_hook_is_overwritten() {
    let world = world();
    let repo = world.path("myproject");
    world.write("myproject/.git/hooks/pre-push", "#!/bin/sh\n# mine\n");
    world.wt(&["init", "--push-guard"]).code(128).says(&[
        "there is a pre-push hook already",
        "; the line to add to it is: git-wt push-guard || exit 1\n",
    ]);
    assert_eq!(world.read("myproject/.git/hooks/pre-push"), "#!/bin/sh\n# mine\n");
    // the hook is written where git looks for it
    world.git(&repo, &["config", "core.hooksPath", world.path("own hooks").to_str().unwrap()]);
    world.wt(&["init", "--push-guard"]).ok().says(&["wrote '[ROOT]/own hooks/pre-push'"]);
    push(&world, "myproject-production", &["HEAD:main"], &[]).code(1).says(&["is protected"]);
    // a link belongs to somebody too, wherever it leads
    fs::remove_file(world.path("own hooks/pre-push")).unwrap();
    std::os::unix::fs::symlink(world.path("nowhere"), world.path("own hooks/pre-push")).unwrap();
    world.wt(&["init", "--push-guard"]).code(128);
    assert!(!world.path("nowhere").exists());
}

#[test]
fn a_clone_without_git_wt_can_still_push() {
    let world = world();
    world.wt(&["init", "--push-guard"]).ok();
    push(&world, "myproject", &["main:other"], &[("PATH", "/usr/local/bin:/usr/bin:/bin")])
        .ok()
        .says(&["git-wt is not on PATH"]);
}

#[test]
fn the_hooks_of_all_repositories_are_never_written() {
    let world = world();
    let all = world.path("all hooks");
    fs::create_dir(&all).unwrap();
    world.git(&world.path("myproject"), &["config", "--global", "core.hooksPath", all.to_str().unwrap()]);
    let hint = "hint: git config --local core.hooksPath [ROOT]/myproject/.git/hooks\n";
    for line in [&["init", "--push-guard"], &["setup", "--install-hook"]] {
        world.wt(line).code(128).says(&["core.hooksPath is the same for all your repositories", hint]);
        assert!(fs::read_dir(&all).unwrap().next().is_none());
    }
    // with the hint taken it works, in linked worktrees too
    let own = world.path("myproject/.git/hooks");
    world.git(&world.path("myproject"), &["config", "--local", "core.hooksPath", own.to_str().unwrap()]);
    world.wt(&["init", "--push-guard"]).ok();
    push(&world, "myproject-production", &["HEAD:main"], &[]).code(1).says(&["is protected"]);
}

#[test]
fn shared_hooks_in_a_worktree_that_goes_are_named() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.wt(&["add", "--no-env", "a"]).ok();
    world.wt(&["add", "--no-env", "ab"]).ok();
    let hook = world.path("myproject-ab/bin/python");
    world
        .write("myproject/.git/hooks/pre-commit", &format!("#!/bin/sh\nINSTALL_PYTHON={}\n", hook.display()));
    std::os::unix::fs::symlink(world.path("myproject-ab/check"), world.path("myproject/.git/hooks/pre-push"))
        .unwrap();
    // one whose path only begins alike has nothing to do with it
    let said = world.wt(&["remove", "a"]).ok().stderr;
    assert!(!said.contains("hook"), "{said}");
    world.wt(&["remove", "ab"]).ok().says(&[
        "warning: the hook '[ROOT]/myproject/.git/hooks/pre-commit' led into it",
        "warning: the hook '[ROOT]/myproject/.git/hooks/pre-push' led into it",
    ]);
    world.wt(&["add", "--no-env", "c"]).ok();
    let dir = world.path("myproject-c/hooks");
    fs::create_dir(&dir).unwrap();
    world.git(&repo, &["config", "core.hooksPath", dir.to_str().unwrap()]);
    world
        .wt(&["remove", "--force", "c"])
        .ok()
        .says(&["warning: core.hooksPath '[ROOT]/myproject-c/hooks' led"]);
    world.wt(&["doctor"]).code(1).says(&["problem: no hook runs: core.hooksPath '[ROOT]/myproject-c/hooks'"]);
}
