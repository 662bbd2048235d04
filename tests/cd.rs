//! `git wt cd`, and the words that name a worktree; what worktrees share and what they do not.

use std::io::Write;
use std::process::Stdio;

use crate::world::World;

fn world() -> World {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["add", "--path", "../deep/place", "feature/x"]).ok();
    world
}

#[test]
fn a_worktree_is_meant_by_name_branch_path_or_end_of_path() {
    let world = world();
    for (word, place) in [
        ("staging", "[ROOT]/myproject-staging\n"),
        ("feature/x", "[ROOT]/deep/place\n"),
        ("place", "[ROOT]/deep/place\n"),
        ("deep/place", "[ROOT]/deep/place\n"),
        ("../deep/place/", "[ROOT]/deep/place\n"),
        ("@", "[ROOT]/myproject\n"),
        (".", "[ROOT]/myproject\n"),
        ("main", "[ROOT]/myproject\n"),
    ] {
        world.wt(&["cd", word]).ok().prints(place);
    }
    world.wt_in("myproject-staging", &["cd", "."]).ok().prints("[ROOT]/myproject-staging\n");
    let mut command = world.command("git", &world.path("myproject"));
    world
        .see(command.args(["wt", "cd", "-"]).env("OLDPWD", world.path("deep/place")))
        .ok()
        .prints("[ROOT]/deep/place\n");
    world.wt(&["switch", "staging"]).ok();
}

#[test]
fn it_is_the_same_from_everywhere() {
    let world = world();
    std::fs::create_dir(world.path("myproject/sub")).unwrap();
    std::os::unix::fs::symlink(world.path("myproject"), world.path("link")).unwrap();
    for dir in ["myproject", "myproject/sub", "myproject-staging", "deep/place", "link/sub"] {
        world.wt_in(dir, &["cd", "staging"]).ok().prints("[ROOT]/myproject-staging\n");
        assert!(world.wt_in(dir, &["list"]).ok().stdout.contains("staging"));
    }
}

#[test]
fn an_unknown_word_prints_nothing_and_names_the_nearest() {
    let world = world();
    world
        .wt(&["cd", "stagng"])
        .code(128)
        .prints("")
        .says(&["'stagng' is not a worktree", "did you mean 'staging'?"]);
    world.wt(&["cd", ""]).code(128).prints("").says(&["is empty"]);
    world.wt_in("", &["cd", "x"]).code(128).says(&["not a git repository"]);
}

#[test]
fn an_ambiguous_word_is_refused_with_both() {
    let world = world();
    // a path that ends like another worktree's name
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "-b", "z", "../other/staging"]);
    world.wt(&["cd", "staging"]).code(128).says(&[
        "'staging' means several worktrees",
        "[ROOT]/myproject-staging",
        "[ROOT]/other/staging",
    ]);
}

#[test]
fn it_is_made_on_request() {
    let world = world();
    world.wt(&["cd", "-c", "fresh"]).ok().prints("[ROOT]/myproject-fresh\n");
}

#[test]
fn worktrees_share_commits_and_nothing_that_is_not_committed() {
    let world = world();
    let (main, staging) = (world.path("myproject"), world.path("myproject-staging"));
    let look = || {
        (
            world.git(&main, &["status", "--porcelain=v2", "--branch"]),
            std::fs::read(main.join(".git/index")).unwrap(),
        )
    };
    world.write("myproject/unfinished", "x");
    let before = look();
    world.write("myproject-staging/README", "changed\n");
    world.git(&staging, &["add", "README"]);
    world.write("myproject-staging/new", "x");
    assert!(look() == before, "after edits in the other");
    // a hotfix: made, committed, removed
    world.wt(&["add", "hotfix"]).ok();
    world.write("myproject-hotfix/fix", "x");
    world.commit(&world.path("myproject-hotfix"), "the fix");
    assert_eq!(world.git(&main, &["log", "-1", "--format=%s", "hotfix"]), "the fix");
    world.wt(&["remove", "hotfix"]).ok();
    assert!(look() == before, "after the hotfix");
}

#[test]
fn what_runs_in_one_worktree_runs_on() {
    let world = world();
    let mut child = world
        .command("sh", &world.path("deep/place"))
        .args(["-c", "read line; pwd; cat README"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    world.wt(&["add", "other"]).ok();
    world.wt(&["list"]).ok();
    world.wt(&["remove", "staging"]).ok();
    world.wt(&["remove", "other"]).ok();
    child.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).replace(&*world.root().to_string_lossy(), "[ROOT]");
    assert_eq!(shown, "[ROOT]/deep/place\nhello\n");
}
