//! What people type: a base beside a name that exists, a new name for a worktree, a part of a name, a slip of the finger.

use crate::world::World;

fn head(world: &World, worktree: &str) -> String {
    world.git(&world.path(worktree), &["log", "-1", "--format=%s"])
}

/// Makes a world whose `myproject` has the branches `old` and `hot`, one commit apart from `main`.
fn with_branches() -> World {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["branch", "old"]);
    world.git(&repo, &["commit", "--quiet", "--allow-empty", "--message", "new"]);
    world.git(&repo, &["branch", "hot"]);
    world
}

#[test]
fn a_base_is_refused_where_it_would_have_no_effect() {
    let world = with_branches();
    world.git(&world.path("myproject"), &["tag", "v1"]);
    let before = world.everything();
    world.wt(&["add", "hot", "--base", "old"]).code(128).says(&[
        "'hot' exists at ",
        "so it does not start from 'old'",
        "hint: git wt add hot\n",
    ]);
    world.wt(&["add", "../by-path/hot", "--base", "old"]).code(128).says(&["'hot' exists at "]);
    world.wt(&["add", "v1", "--base", "old"]).code(128).says(&["'v1' begins no branch"]);
    world.wt(&["add", "-d", "hot", "--base", "old"]).code(128).says(&["'hot' begins no branch"]);
    world.wt(&["add", "x", "hot", "--base", "old"]).code(128).says(&["'hot' exists at "]);
    before.is_still(&world.everything(), "after refusals");
    // to reset it was asked for
    world.wt(&["add", "-B", "hot", "x", "--base", "old"]).ok();
    assert_eq!(head(&world, "myproject-x"), "first");
}

#[test]
fn a_base_says_which_of_several_remotes_is_meant() {
    let world = World::with_repo();
    let up = world.path("myproject");
    world.git(&up, &["switch", "--quiet", "-c", "foo"]);
    world.git(&up, &["commit", "--quiet", "--allow-empty", "--message", "theirs"]);
    world.git(&up, &["switch", "--quiet", "main"]);
    world.git(&world.root(), &["clone", "--quiet", "myproject", "shop"]);
    let shop = world.path("shop");
    let anew = "hint: git wt add -b foo --base main\n";
    world.wt_in("shop", &["add", "foo", "--base", "main"]).code(128).says(&[
        "'foo' exists on 'origin', so it does not start from 'main'",
        "hint: git wt add foo\n",
        anew,
    ]);
    world.wt_in("shop", &["add", "-b", "foo", "--base", "main"]).ok();
    assert_eq!(head(&world, "shop-foo"), "first");
    world.git(&shop, &["worktree", "remove", "--force", "../shop-foo"]);
    world.git(&shop, &["branch", "--quiet", "-D", "foo"]);
    world.git(&shop, &["remote", "add", "two", "../myproject"]);
    world.git(&shop, &["fetch", "--quiet", "two"]);
    world.wt_in("shop", &["add", "foo"]).code(128).says(&["is on several remotes"]);
    world.wt_in("shop", &["add", "foo", "--base", "two/foo"]).ok();
    assert_eq!(head(&world, "shop-foo"), "theirs");
    let upstream = ["rev-parse", "--abbrev-ref", "foo@{upstream}"];
    assert_eq!(world.git(&shop, &upstream), "two/foo");
}

#[test]
fn a_second_word_that_is_in_use_is_offered_as_the_base() {
    let world = with_branches();
    world.wt(&["add", "x", "main"]).code(128).says(&["hint: git wt add x --base main\n"]);
    world.wt(&["add", "x", "--base", "main"]).ok();
    assert_eq!(head(&world, "myproject-x"), "new");
}

#[test]
fn a_word_to_move_to_is_a_name_as_for_add() {
    let world = World::with_repo();
    world.write("myproject/.env", "PORT=8000\n");
    world.wt(&["add", "one"]).ok();
    world.wt(&["add", "other"]).ok();
    world.wt(&["move", "one", "other"]).code(128).says(&["'other' is a worktree already"]);
    world.wt(&["move", "one", "two"]).ok().prints("");
    assert!(!world.path("myproject/two").exists() && !world.path("myproject-one").exists());
    assert_eq!(world.read("myproject-two/.env"), "PORT=8001\n");
    world.wt(&["cd", "two"]).ok().prints("[ROOT]/myproject-two\n");
    assert!(world.read("state/git-wt/ports/8001").contains("two"));
    // the branch keeps its name, and still leads there
    assert_eq!(world.git(&world.path("myproject-two"), &["branch", "--show-current"]), "one");
    world.wt(&["cd", "one"]).ok().prints("[ROOT]/myproject-two\n");
    // a name may have slashes, and a path begins as one
    world.wt(&["move", "two", "feature/x"]).ok();
    world.wt(&["cd", "feature/x"]).ok().prints("[ROOT]/myproject-feature-x\n");
    world.wt(&["move", "feature/x", "../elsewhere"]).ok();
    assert!(world.path("elsewhere/.git").exists());
    world.wt(&["doctor"]).ok();
    world.wt(&["remove", "feature/x"]).ok();
}

#[test]
fn a_part_of_a_name_leads_where_only_one_has_it() {
    let world = World::with_repo();
    for name in ["feature/login-with-passkeys", "feature/cart", "feature/checkout"] {
        world.wt(&["add", "--no-env", name]).ok();
    }
    world.git(&world.path("myproject"), &["branch", "lonely"]);
    let place = "[ROOT]/myproject-feature-login-with-passkeys\n";
    for part in ["passkeys", "Passkeys", "login-with"] {
        world.wt(&["cd", part]).ok().prints(place);
    }
    world.wt(&["cd", "feature"]).code(128).prints("").says(&[
        "3 worktrees have 'feature' in their names",
        "hint: git wt cd feature/cart\n",
        "hint: git wt cd feature/checkout\n",
    ]);
    // a name that is one stays one, and only going somewhere takes a part
    world.wt(&["add", "--no-env", "cart"]).ok();
    world.wt(&["cd", "cart"]).ok().prints("[ROOT]/myproject-cart\n");
    world.wt(&["remove", "passkeys"]).code(128).says(&["'passkeys' is not a worktree"]);
    world.wt(&["cd", "-c", "pass"]).ok().prints("[ROOT]/myproject-pass\n");
    world.wt(&["cd", "lonely"]).code(128).says(&["has no worktree", "hint: git wt add lonely\n"]);
}

#[test]
fn a_slip_is_answered_with_the_nearest_name_or_branch() {
    let world = World::with_repo();
    world.wt(&["add", "--no-env", "staging"]).ok();
    world.git(&world.path("myproject-staging"), &["switch", "--quiet", "-c", "release"]);
    for (typed, meant) in [("stagnig", "staging"), ("relaese", "release"), ("mian", "main")] {
        world.wt(&["cd", typed]).code(128).says(&[&format!("did you mean '{meant}'?")]);
        world.wt(&["env", typed]).code(128).says(&[&format!("did you mean '{meant}'?")]);
    }
}

#[test]
fn verbs_that_only_programs_call_are_not_suggested() {
    let world = World::with_repo();
    for (typed, meant, hidden) in
        [("swep", "setup", "sweep"), ("hok", "lock", "'hook'"), ("push-gard", "", "push-guard")]
    {
        let said = world.wt(&[typed]).code(129).says(&["unrecognized subcommand", meant]).stderr;
        assert!(!said.contains(hidden), "{said}");
    }
}
