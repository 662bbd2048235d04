//! The options of git-worktree(1) with our own verbs: they do what git's manual says, and the environment still works.

use std::fs;

use crate::world::World;

/// Makes a repository whose recipe gives a port.
fn provisioned() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    world.commit(&world.path("myproject"), "recipe");
    world
}

/// Makes a clone of a repository that has the branches `main` and `release`.
fn cloned() -> World {
    let world = World::new();
    world.repo("upstream");
    world.git(&world.path("upstream"), &["branch", "release"]);
    world.git(&world.root(), &["clone", "--quiet", "upstream", "myproject"]);
    world
}

/// Returns what the branch of a worktree tracks; empty if nothing.
fn upstream(world: &World, tree: &str) -> String {
    let branch = world.git(&world.path(tree), &["symbolic-ref", "HEAD"]);
    world.git(&world.path(tree), &["for-each-ref", "--format=%(upstream:short)", &branch])
}

#[test]
fn force_allows_a_branch_that_is_in_use() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["add", "-f", "--path", "../second", "staging"]).ok().prints("[ROOT]/second\n");
    assert_eq!(world.git(&world.path("second"), &["branch", "--show-current"]), "staging");
    assert!(world.read("second/.env").ends_with("PORT=8002\n"));
    // if one of the two is removed, the other and the branch stay
    world.wt(&["remove", "../second"]).ok();
    assert_eq!(
        world.git(&world.path("myproject-staging"), &["status", "--porcelain", "--branch"]),
        "## staging"
    );
    world.swept();
    world.wt(&["doctor"]).ok();
}

#[test]
fn force_twice_gives_up_a_place_that_is_locked_and_missing() {
    let world = provisioned();
    world.wt(&["add", "--lock", "--reason", "on a stick", "staging"]).ok();
    fs::remove_dir_all(world.path("myproject-staging")).unwrap();
    let before = world.everything();
    for force in [&[][..], &["-f"]] {
        world.wt(&[&["add"], force, &["staging"]].concat()).code(128).says(&[
            "'[ROOT]/myproject-staging' is missing but locked: on a stick",
            "hint: git wt add -f -f",
        ]);
    }
    before.is_still(&world.everything(), "after refusals");
    world.wt(&["add", "-f", "-f", "staging"]).ok().prints("[ROOT]/myproject-staging\n");
    let list = world.git(&world.path("myproject"), &["worktree", "list", "--porcelain"]);
    assert!(list.matches("worktree ").count() == 2 && !list.contains("locked"), "{list}");
    world.swept();
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_locked_worktree_moves_only_with_force_twice() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["lock", "--reason", "on a stick", "myproject-staging"]).ok();
    assert!(world.wt(&["list"]).ok().stdout.contains("locked: on a stick"));
    world.wt(&["move", "myproject-staging", "../new"]).code(128).says(&["on a stick"]);
    world.wt(&["move", "-f", "myproject-staging", "../new"]).code(128);
    world.wt(&["move", "-f", "-f", "myproject-staging", "../new"]).ok();
    world.wt(&["unlock", "new"]).ok();
    world.wt(&["remove", "staging"]).ok();
    assert!(!world.path("new").exists());
}

#[test]
fn capital_b_resets_a_branch_but_not_under_another_worktree() {
    let world = provisioned();
    let repo = world.path("myproject");
    let (old, new) = (world.git(&repo, &["rev-parse", "HEAD~1"]), world.git(&repo, &["rev-parse", "HEAD"]));
    world.git(&repo, &["branch", "staging", "HEAD~1"]);
    world.wt(&["add", "-B", "staging"]).ok();
    assert_eq!(world.git(&repo, &["rev-parse", "staging"]), new);
    world.wt(&["add", "-B", "fresh", "../place", "HEAD~1"]).ok().prints("[ROOT]/place\n");
    assert_eq!(world.git(&repo, &["rev-parse", "fresh"]), old);
    let before = world.everything();
    for force in [&[][..], &["-f"]] {
        world
            .wt(&[&["add"], force, &["-B", "staging", "../other", "HEAD~1"]].concat())
            .code(128)
            .says(&["'staging' is already used by worktree at '[ROOT]/myproject-staging'"]);
    }
    before.is_still(&world.everything(), "after refusals");
}

#[test]
fn detach_takes_the_commit_and_no_branch() {
    let world = provisioned();
    let repo = world.path("myproject");
    for (flag, words, tree) in [
        ("--detach", &["main"][..], "myproject-main"),
        ("-d", &["look", "HEAD~1"], "myproject-look"),
        ("-d", &["../place", "main"], "place"),
    ] {
        world.wt(&[&["add", flag], words].concat()).ok().prints(&format!("[ROOT]/{tree}\n"));
        let commit = world.git(&repo, &["rev-parse", words.last().unwrap()]);
        assert_eq!(world.git(&world.path(tree), &["rev-parse", "HEAD"]), commit);
        assert_eq!(world.git(&world.path(tree), &["branch", "--show-current"]), "");
        assert!(world.path(format!("{tree}/.env")).exists());
    }
    assert_eq!(world.git(&repo, &["branch", "--format=%(refname:short)"]).lines().last(), Some("main"));
    world.wt(&["add", "-d", "-b", "x", "main"]).code(129).says(&["cannot be used with"]);
}

#[test]
fn without_a_checkout_there_is_git_s_file_and_a_note() {
    let world = provisioned();
    world.write("myproject/.env", "PORT=8000\n");
    world
        .wt(&["add", "--no-checkout", "bones"])
        .ok()
        .says(&["the environment is left out", "(--no-checkout)"]);
    let there: Vec<_> = fs::read_dir(world.path("myproject-bones")).unwrap().flatten().collect();
    assert_eq!(there.len(), 1, "{there:?}");
    // once the files are there, so can be the environment
    world.git(&world.path("myproject-bones"), &["checkout", "--quiet", "-f", "HEAD"]);
    world.wt(&["setup", "bones"]).ok();
    assert!(world.read("myproject-bones/.env").contains("PORT=8001"));
    world.wt(&["remove", "bones"]).ok();
    // the last one counts
    world.wt(&["add", "--no-checkout", "--checkout", "flesh"]).ok();
    assert!(world.path("myproject-flesh/README").exists());
}

#[test]
fn a_path_takes_a_remote_s_branch_only_when_told_to() {
    let world = cloned();
    world.wt(&["add", "../release"]).ok();
    assert_eq!(upstream(&world, "release"), "");
    let afresh = |tree: &str| {
        world.wt(&["remove", &format!("../{tree}")]).ok();
        world.git(&world.path("myproject"), &["branch", "-D", "--quiet", "release"]);
    };
    afresh("release");
    world.wt(&["add", "--guess-remote", "../release"]).ok();
    assert_eq!(upstream(&world, "release"), "origin/release");
    afresh("release");
    world.git(&world.path("myproject"), &["config", "worktree.guessRemote", "true"]);
    world.wt(&["add", "--no-guess-remote", "../release"]).ok();
    assert_eq!(upstream(&world, "release"), "");
    afresh("release");
    world.wt(&["add", "../release"]).ok();
    assert_eq!(upstream(&world, "release"), "origin/release");
    afresh("release");
    // a name is looked up on the remotes unless told otherwise
    world.wt(&["add", "--no-guess-remote", "release"]).ok();
    assert_eq!(upstream(&world, "myproject-release"), "");
}

#[test]
fn of_several_remotes_the_preferred_one_is_tracked() {
    let world = cloned();
    let repo = world.path("myproject");
    world.git(&repo, &["remote", "add", "fork", "../upstream"]);
    world.git(&repo, &["fetch", "--quiet", "--all"]);
    let before = world.everything();
    world
        .wt(&["add", "release"])
        .code(128)
        .says(&["'release' is on several remotes: fork/release, origin/release", "checkout.defaultRemote"]);
    before.is_still(&world.everything(), "after a refusal");
    world.git(&repo, &["config", "checkout.defaultRemote", "fork"]);
    world.wt(&["add", "release"]).ok();
    assert_eq!(upstream(&world, "myproject-release"), "fork/release");
}

#[test]
fn a_new_branch_tracks_what_it_starts_from_only_on_request() {
    let world = cloned();
    world.wt(&["add", "-b", "one", "../one", "origin/release"]).ok();
    world.wt(&["add", "two", "--base", "origin/release"]).ok();
    world.wt(&["add", "--track", "-b", "three", "../three", "origin/release"]).ok();
    world.wt(&["add", "--track", "four", "--base", "origin/release"]).ok();
    world.wt(&["add", "--no-track", "release"]).ok();
    let tracked = ["one", "myproject-two", "three", "myproject-four", "myproject-release"];
    assert_eq!(tracked.map(|tree| upstream(&world, tree)), ["", "", "origin/release", "origin/release", ""]);
    // git's own setting for all new branches does not override that
    world.git(&world.path("myproject"), &["config", "branch.autoSetupMerge", "always"]);
    world.wt(&["add", "-b", "five", "../five", "origin/release"]).ok();
    assert_eq!(upstream(&world, "five"), "");
}

#[test]
fn a_worktree_is_locked_before_anything_is_in_it() {
    let world = provisioned();
    world.program(
        "../myproject/.git/hooks/post-checkout",
        "#!/bin/sh\ntest -f \"$(git rev-parse --git-dir)/locked\"\n",
    );
    world.wt(&["add", "--lock", "plain"]).ok();
    world.wt(&["add", "--lock", "--reason", "on a stick", "staging"]).ok();
    let list = world.wt(&["list", "--no-status"]).ok().stdout;
    assert!(
        list.contains("http://localhost:8001  locked\n") && list.contains("locked: on a stick\n"),
        "{list}"
    );
    world.wt(&["add", "--reason", "x", "y"]).code(129).says(&["--lock"]);
}

#[test]
fn quiet_says_nothing_but_errors() {
    let world = provisioned();
    let told = world.wt(&["add", "told"]).ok();
    assert!(told.stderr.contains("  port 8001, .env\n"), "{told:?}");
    let quiet = world.wt(&["add", "-q", "quiet"]).ok().prints("[ROOT]/myproject-quiet\n");
    assert_eq!(quiet.stderr, "");
    world.wt(&["add", "-q", "quiet"]).code(128).prints("").says(&["error: 'quiet' is already used"]);
}

#[test]
fn an_orphan_has_no_commit_and_only_what_git_ignores() {
    if !World::git_is(2, 42, "--orphan") {
        return;
    }
    let world = provisioned();
    world.write("myproject/.env.local", "SECRET=x\n");
    world.wt(&["add", "--orphan", "pages"]).ok().prints("[ROOT]/myproject-pages\n").says(&[
        "no copy of '.env.local': git does not ignore it there",
        "no env file '.env' with PORT: '.env' is not ignored by git",
    ]);
    assert_eq!(world.git(&world.path("myproject-pages"), &["branch", "--show-current"]), "pages");
    assert_eq!(world.git(&world.path("myproject-pages"), &["status", "--porcelain"]), "");
    world.wt(&["env", "pages"]).ok().prints("PORT=8001  # port claim\n");
    assert!(world.wt(&["list"]).ok().stdout.contains("http://localhost:8001"));
    // patterns that are ignored in every worktree are ignored in this one too
    world.write("myproject/.git/info/exclude", ".env*\n");
    world.wt(&["add", "--orphan", "-b", "docs", "../place"]).ok().prints("[ROOT]/place\n");
    assert!(world.read("place/.env").ends_with("PORT=8002\n") && world.path("place/.env.local").exists());
    world.wt(&["setup", "pages"]).ok();
    assert!(world.read("myproject-pages/.env").ends_with("PORT=8001\n"));
    world.wt(&["add", "--orphan", "main"]).code(128).says(&["a branch named 'main' already exists"]);
    world.wt(&["remove", "pages", "docs"]).ok();
    world.swept();
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_repository_without_a_commit_is_told_the_way() {
    let world = World::new();
    world.git(&world.root(), &["init", "--quiet", "myproject"]);
    let before = world.everything();
    let refused = world.wt(&["add", "staging"]).code(128).prints("");
    let with_orphans = World::git_is(2, 42, "--orphan");
    let hint =
        if with_orphans { "git wt add --orphan staging" } else { "git commit --allow-empty --message first" };
    assert_eq!(refused.stderr, format!("error: there is no commit to start from yet\nhint: {hint}\n"));
    before.is_still(&world.everything(), "after a refusal");
    if !with_orphans {
        let refused = world.wt(&["add", "--orphan", "staging"]).code(128);
        assert!(refused.stderr.starts_with("error: --orphan needs git 2.42 or later, and this is git 2."));
        before.is_still(&world.everything(), "after another");
        return;
    }
    world.wt(&["add", "--orphan", "staging"]).ok();
    world.wt(&["list"]).ok();
    world.wt(&["remove", "staging"]).ok();
}

#[test]
fn an_option_of_a_newer_git_is_handed_on_or_refused_by_its_name() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    let known = world.git(&repo, &["worktree", "add", "--git-completion-helper-all"]);
    for option in ["--relative-paths", "--no-relative-paths"] {
        if known.contains("--relative-paths") {
            world.wt(&["add", option, &option[2..]]).ok();
            let pointer = world.read(format!("myproject{}/.git", &option[1..]));
            assert_eq!(pointer.starts_with("gitdir: ../"), option == "--relative-paths", "{pointer}");
        } else {
            let before = world.everything();
            world.wt(&["add", option, "x"]).code(129).prints("").says(&[option]);
            before.is_still(&world.everything(), "after a refusal");
        }
    }
}

#[test]
fn a_prefix_stands_before_new_branches_only() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["branch", "staging"]);
    world.git(&repo, &["config", "wt.prefix", "me"]);
    for (line, tree, branch) in [
        (&["fix"][..], "myproject-fix", "me/fix"),
        (&["staging"], "myproject-staging", "staging"),
        (&["--prefix", "team/", "one"], "myproject-one", "team/one"),
        (&["--prefix", "", "two"], "myproject-two", "two"),
        (&["-b", "three"], "myproject-three", "three"),
    ] {
        world.wt(&[&["add"], line].concat()).ok().prints(&format!("[ROOT]/{tree}\n"));
        assert_eq!(world.git(&world.path(tree), &["branch", "--show-current"]), branch);
    }
    world.wt(&["cd", "fix"]).ok().prints("[ROOT]/myproject-fix\n");
    let before = world.everything();
    for bad in ["a..b", "-x", "a b", "x.lock"] {
        world.wt(&["add", &format!("--prefix={bad}"), "four"]).code(128).says(&["error: "]);
        before.is_still(&world.everything(), bad);
    }
}

#[test]
fn a_branch_that_another_one_stands_in_the_way_of_says_which() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["branch", "feat"]);
    world.git(&repo, &["branch", "team/fix"]);
    let before = world.everything();
    world
        .wt(&["add", "feat/x"])
        .code(128)
        .says(&["cannot create the branch 'feat/x'", "a branch 'feat' exists"]);
    world
        .wt(&["add", "team"])
        .code(128)
        .says(&["cannot create the branch 'team'", "'refs/heads/team/fix' exists"]);
    before.is_still(&world.everything(), "after refusals");
}

#[test]
fn an_empty_word_reaches_nobody() {
    let world = World::with_repo();
    let before = world.everything();
    for line in [
        &["add", "--path", "", "x"][..],
        &["add", "-b", "", "x"],
        &["add", "x", ""],
        &["add", "x", "--base", ""],
        &["remove", "-f", ""],
    ] {
        assert_ne!(world.wt(line).prints("").code, 0, "{line:?}");
        before.is_still(&world.everything(), &line.join(" "));
    }
}
