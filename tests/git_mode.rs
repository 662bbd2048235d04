//! Git's own interface: `GIT_WT_MODE=git` behaves as `git worktree` does, byte for byte.

use crate::world::{Seen, World};

/// Runs a command line of git-worktree(1) in two equal worlds, with git in one and with git-wt in the other.
#[track_caller]
fn same(prepare: &[&[&str]], line: &[&str]) {
    let (by_git, by_us) = (World::with_repo(), World::with_repo());
    let mut seen: Vec<(Seen, String, String)> = Vec::new();
    for (world, ours) in [(&by_git, false), (&by_us, true)] {
        let repo = world.path("myproject");
        for line in prepare {
            world.git(&repo, line);
        }
        let mut command = world.command("git", &repo);
        command.arg(if ours { "wt" } else { "worktree" }).args(line).env("GIT_WT_MODE", "git");
        let shown = world.see(&mut command);
        let refs = world.git(&repo, &["for-each-ref"]);
        let list = world.git(&repo, &["worktree", "list", "--porcelain"]);
        let list = list.replace(&*world.root().to_string_lossy(), "[ROOT]");
        seen.push((shown, refs, list));
    }
    let (git, us) = (&seen[0], &seen[1]);
    assert_eq!(us.0.stdout, git.0.stdout, "stdout of {line:?}");
    assert_eq!(us.0.stderr, git.0.stderr, "stderr of {line:?}");
    assert_eq!(us.0.code, git.0.code, "status of {line:?}");
    assert_eq!(us.1, git.1, "references after {line:?}");
    assert_eq!(us.2, git.2, "worktrees after {line:?}");
}

#[test]
fn command_lines_of_git_worktree_do_what_git_does() {
    let branch: &[&[&str]] = &[&["branch", "staging"]];
    let tree: &[&[&str]] = &[&["worktree", "add", "--quiet", "../x"]];
    let locked: &[&[&str]] = &[&["worktree", "add", "--quiet", "--lock", "../x"]];
    for (prepare, line) in [
        (branch, "add ../staging"),
        (branch, "add ../x staging"),
        (branch, "add --det ../x staging"),
        (branch, "add -b new ../x staging"),
        (branch, "add -fb staging ../x"),
        (branch, "add -B staging ../x"),
        (branch, "add x"),
        (branch, "add"),
        (branch, "add -h"),
        (branch, "add a b c"),
        (branch, "add ../x nowhere"),
        (branch, "add --frobnicate ../x"),
        (branch, "add --lock --reason why ../x"),
        (branch, "add -q --no-checkout ../x"),
        (branch, "add --orphan ../x"),
        (tree, "add ../x"),
        (tree, "add -f ../x"),
        (tree, "add ../y x"),
        (tree, "list"),
        (tree, "list --porcelain"),
        (tree, "list -v"),
        (tree, "lock x"),
        (tree, "remove x"),
        (tree, "remove nothing"),
        (tree, "remove ."),
        (tree, "move x ../y"),
        (tree, "prune -n -v"),
        (tree, "repair"),
        (locked, "remove x"),
        (locked, "remove -f x"),
        (locked, "remove -f -f x"),
        (locked, "unlock x"),
        (locked, "move x ../y"),
    ] {
        same(prepare, &line.split(' ').collect::<Vec<_>>());
    }
}

#[test]
fn a_worktree_that_stands_there_already_is_not_taken_over() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["worktree", "add", "--quiet", "../plain"]);
    for line in [&["add", "../plain"][..], &["add", "-f", "../plain"]] {
        world.see(world.command("git", &repo).arg("wt").args(line).env("GIT_WT_MODE", "git")).code(128);
    }
    assert!(!world.path("myproject/.git/worktrees/plain/wt-record").exists());
    world.wt(&["doctor", "--fix"]).ok();
    assert!(world.path("plain/README").exists());
}

#[test]
fn an_option_that_only_a_newer_git_knows_reaches_it() {
    let world = World::with_repo();
    let git = World::hosts_git().display();
    world.program(
        "git",
        &format!(
            "#!/bin/sh\ncase \"$*\" in\n*--git-completion-helper-all) echo --force --frob --colour= ;;\n\
             *'worktree add'*) echo \"$@\" >> \"$HOME/calls\"; for arg; do shift; case $arg in --frob|--colour|blue) ;; \
             *) set -- \"$@\" \"$arg\" ;; esac; done; exec {git} \"$@\" ;;\n*) exec {git} \"$@\" ;;\nesac\n"
        ),
    );
    let repo = world.path("myproject");
    let wt = |line: &[&str]| world.see(world.command(env!("CARGO_BIN_EXE_git-wt"), &repo).args(line));
    wt(&["add", "--frob", "--colour", "blue", "x"]).ok().prints("[ROOT]/myproject-x\n");
    let calls = world.read("home/calls");
    assert!(calls.contains("--frob --colour blue -- "), "{calls}");
    wt(&["add", "--unheard-of", "y"]).code(129);
}

#[test]
fn a_written_recipe_is_applied_and_taken_back() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    let git = |line: &[&str]| {
        let repo = world.path("myproject");
        world.see(world.command("git", &repo).arg("wt").args(line).env("GIT_WT_MODE", "git"))
    };
    git(&["add", "../x"]).ok();
    assert_eq!(world.read("x/.env").lines().last(), Some("PORT=8001"));
    let before = world.path("state/git-wt/ports/8001");
    assert!(before.exists());
    git(&["remove", "x"]).ok();
    assert!(!before.exists());
}

#[test]
fn an_empty_path_never_reaches_git() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    let before = world.everything();
    for line in [&["add", ""][..], &["add", "-b", "x", ""], &["add", "--detach", "", "main"]] {
        let mut command = world.command("git", &repo);
        world
            .see(command.arg("wt").args(line).env("GIT_WT_MODE", "git"))
            .code(128)
            .says(&["the path is empty"]);
        before.is_still(&world.everything(), &format!("{line:?}"));
    }
}

#[test]
fn a_vanished_worktree_is_taken_over_only_by_force() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["worktree", "add", "--quiet", "../x"]);
    std::fs::remove_dir_all(world.path("x")).unwrap();
    let token = world.path("myproject/.git/worktrees/x/wt-record");
    for (line, code, is_taken) in [(&["add", "../x"][..], 128, false), (&["add", "-f", "../x"], 0, true)] {
        world.see(world.command("git", &repo).arg("wt").args(line).env("GIT_WT_MODE", "git")).code(code);
        assert_eq!(token.exists(), is_taken, "{line:?}");
    }
    world.wt(&["doctor"]).ok();
}
