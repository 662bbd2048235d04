//! `git wt add`: names, branches, places, refusals.

use crate::world::World;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn an_existing_branch_gets_a_sibling_of_the_repository() {
    let world = World::with_repo();
    world.git(&world.path("myproject"), &["branch", "staging"]);
    world.wt(&["add", "staging"]).ok().prints("[ROOT]/myproject-staging\n");
    assert_eq!(world.git(&world.path("myproject-staging"), &["branch", "--show-current"]), "staging");
}

#[test]
fn a_name_that_nothing_has_becomes_a_new_branch_from_head() {
    let world = World::with_repo();
    world.wt(&["add", "feature/user-dashboard"]).ok().prints("[ROOT]/myproject-feature-user-dashboard\n");
    let tree = world.path("myproject-feature-user-dashboard");
    assert_eq!(world.git(&tree, &["branch", "--show-current"]), "feature/user-dashboard");
    assert_eq!(world.git(&tree, &["status", "--porcelain"]), "");
}

#[test]
fn the_place_can_be_chosen_apart_from_the_branch() {
    let world = World::with_repo();
    world.wt(&["add", "--path", "../bugfix", "bugfix/urgent"]).ok().prints("[ROOT]/bugfix\n");
    assert_eq!(world.git(&world.path("bugfix"), &["branch", "--show-current"]), "bugfix/urgent");
    world.wt(&["add", "../by-path"]).ok().prints("[ROOT]/by-path\n");
    assert_eq!(world.git(&world.path("by-path"), &["branch", "--show-current"]), "by-path");
}

#[test]
fn b_makes_a_branch_and_refuses_one_that_exists() {
    let world = World::with_repo();
    world.wt(&["add", "-b", "feature/new-feature"]).ok().prints("[ROOT]/myproject-feature-new-feature\n");
    world.git(&world.path("myproject"), &["branch", "old"]);
    let before = world.everything();
    world.wt(&["add", "-b", "old"]).code(128).says(&[
        "error: a branch named 'old' already exists",
        "hint: git wt add old",
        "without -b",
    ]);
    before.is_still(&world.everything(), "");
}

#[test]
fn a_tag_or_commit_gives_a_detached_head() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["tag", "v1.0.0"]);
    world.wt(&["add", "v1.0.0"]).ok().prints("[ROOT]/myproject-v1-0-0\n");
    let tree = world.path("myproject-v1-0-0");
    assert_eq!(world.git(&tree, &["rev-parse", "HEAD"]), world.git(&repo, &["rev-parse", "v1.0.0"]));
    assert_eq!(world.git(&tree, &["branch", "--show-current"]), "");
    assert!(world.wt(&["list", "--no-status"]).ok().stdout.contains("v1.0.0          detached"));
}

#[test]
fn adding_changes_nothing_in_the_dirty_worktree_it_runs_in() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write("myproject/staged", "1\n");
    world.git(&repo, &["add", "staged"]);
    world.write("myproject/staged", "2\n");
    world.write("myproject/untracked", "3\n");
    world.write("myproject/README", "changed\n");
    let look = || {
        let status = world.git(&repo, &["status", "--porcelain=v2", "--branch"]);
        let mtime = fs::metadata(repo.join("README")).unwrap().modified().unwrap();
        (status, mtime, fs::read(repo.join(".git/index")).unwrap())
    };
    let before = look();
    world.wt(&["add", "hotfix"]).ok();
    assert_eq!(look(), before);
}

#[test]
fn a_branch_in_use_is_refused_with_the_way_there() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    let before = world.everything();
    world.wt(&["add", "--path", "../other", "staging"]).code(128).says(&[
        "'staging' is already used by worktree at '[ROOT]/myproject-staging'",
        "hint: cd -- [ROOT]/myproject-staging",
        "git wt add --detach staging",
    ]);
    before.is_still(&world.everything(), "");
    world.wt(&["add", "--detach", "staging"]).ok();
}

#[test]
fn names_that_would_hurt_are_refused_and_nothing_is_made() {
    let world = World::with_repo();
    let before = world.everything();
    for (name, says) in [
        ("", "the name is empty"),
        ("..x", "'..'"),
        ("a..b", "'..'"),
        ("a\nb", "control character"),
        ("a\x1b[31mb", "control character"),
        ("日本語", "no directory name can be derived"),
        ("a b", "space"),
        ("x.lock", ".lock"),
        ("@", "revision"),
    ] {
        let seen = world.wt(&["add", name]).code(128).says(&["error: ", says]);
        assert!(!seen.stderr.contains('\x1b'), "{seen:?}");
        assert_eq!(seen.stdout, "");
        before.is_still(&world.everything(), name);
    }
    world.wt(&["add", "--", "-x"]).code(128).says(&["begins with '-'"]);
    world.wt(&["add", "-b", "-x", "y"]).code(128).says(&["begins with '-'"]);
    world.wt(&["add"]).code(129).says(&["what to add is missing"]);
    before.is_still(&world.everything(), "");
}

#[test]
fn a_name_that_has_no_letters_can_have_a_place_of_its_own() {
    let world = World::with_repo();
    world.wt(&["add", "--path", "../nihongo", "日本語"]).ok().prints("[ROOT]/nihongo\n");
    assert_eq!(world.git(&world.path("nihongo"), &["branch", "--show-current"]), "日本語");
}

#[test]
fn two_names_that_look_alike_as_places_do_not_share_one() {
    let world = World::with_repo();
    world.wt(&["add", "feature/x"]).ok().prints("[ROOT]/myproject-feature-x\n");
    let second = world.wt(&["add", "feature-x"]).ok();
    assert!(second.stdout.starts_with("[ROOT]/myproject-feature-x-"), "{second:?}");
    world.wt(&["cd", "feature-x"]).ok().prints(&second.stdout);
    world.wt(&["cd", "feature/x"]).ok().prints("[ROOT]/myproject-feature-x\n");
}

#[test]
fn the_layout_is_a_template_and_missing_parents_are_made() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["config", "wt.path", "~/trees/{{ repo }}/{{ name | slug }}"]);
    world.wt(&["add", "Staging"]).ok().prints("[ROOT]/home/trees/myproject/staging\n");
    world.git(&repo, &["config", "wt.path", "../worktrees/{{ name }}"]);
    world.wt(&["add", "qa"]).ok().prints("[ROOT]/worktrees/qa\n");
}

#[test]
fn two_repositories_of_one_name_never_share_a_place() {
    let world = World::new();
    for dir in ["a/app", "b/app"] {
        world.repo(dir);
        world.git(&world.path(dir), &["config", "wt.path", "~/trees/{{ repo }}-{{ name }}"]);
    }
    world.wt_in("a/app", &["add", "x"]).ok().prints("[ROOT]/home/trees/app-x\n");
    let second = world.wt_in("b/app", &["add", "x"]).ok();
    assert!(second.stdout.starts_with("[ROOT]/home/trees/app-x-"), "{second:?}");
}

#[test]
fn a_place_inside_a_worktree_is_refused_or_excluded() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    let before = world.everything();
    world.wt(&["add", "./inner"]).code(128).says(&["is inside the worktree '[ROOT]/myproject'"]);
    before.is_still(&world.everything(), "");
    // also through a link
    std::os::unix::fs::symlink(&repo, world.path("link")).unwrap();
    world.wt(&["add", "../link/inner"]).code(128).says(&["is inside the worktree"]);
    // the configured layout is inside, so the worktree is hidden from git in the outer tree
    world.git(&repo, &["config", "wt.path", ".trees/{{ name }}"]);
    world.wt(&["add", "x"]).ok().prints("[ROOT]/myproject/.trees/x\n");
    assert_eq!(world.git(&repo, &["status", "--porcelain"]), "");
    world.wt(&["remove", "x"]).ok();
    assert!(!world.read("myproject/.git/info/exclude").contains(".trees"));
}

#[test]
fn an_occupied_place_is_refused() {
    let world = World::with_repo();
    world.repo("other");
    world.write("full/file", "x");
    world.write("file", "x");
    let before = world.everything();
    world.wt(&["add", "../other"]).code(128).says(&["'[ROOT]/other' belongs to another repository"]);
    world.wt(&["add", "../full"]).code(128).says(&["'[ROOT]/full' already exists and is not empty"]);
    world.wt(&["add", "../file"]).code(128).says(&["'[ROOT]/file' is not a directory"]);
    world.wt(&["add", "../file/below"]).code(128).says(&["'[ROOT]/file' is not a directory"]);
    before.is_still(&world.everything(), "");
    fs::create_dir(world.path("empty")).unwrap();
    world.wt(&["add", "../empty"]).ok();
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let world = World::with_repo();
    fs::create_dir(world.path("closed")).unwrap();
    fs::set_permissions(world.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::File::create(world.path("closed/probe")).is_ok() {
        return; // root may write anywhere
    }
    let before = world.everything();
    world.wt(&["add", "../closed/x"]).code(128).says(&["cannot write to '[ROOT]/closed'"]);
    before.is_still(&world.everything(), "");
}

#[test]
fn a_vanished_worktree_is_healed_by_adding_it_again() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    fs::remove_dir_all(world.path("myproject-staging")).unwrap();
    let list = world.wt(&["list"]).ok();
    assert!(list.stdout.contains("  staging         missing "), "{list:?}");
    world.wt(&["add", "staging"]).ok().prints("[ROOT]/myproject-staging\n");
    assert_eq!(world.git(&world.path("myproject"), &["worktree", "list"]).lines().count(), 2);
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_healed_worktree_has_the_port_it_had() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "path = \".trees/{{ name }}\"\n[port]\nPORT = 8000\n");
    world.commit(&world.path("myproject"), "recipe");
    world.wt(&["add", "staging"]).ok();
    fs::remove_dir_all(world.path("myproject/.trees/staging")).unwrap();
    world.wt(&["add", "staging"]).ok().says(&["forgetting the vanished worktree"]);
    assert!(world.read("myproject/.trees/staging/.env").contains("PORT=8001"));
    world.wt(&["doctor"]).ok();
}

#[test]
fn ten_at_once_all_succeed_with_what_is_their_own() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\nAPI_PORT = 8001\n");
    world.commit(&world.path("myproject"), "recipe");
    let numbers: Vec<usize> = (0..10).collect();
    std::thread::scope(|scope| {
        for number in &numbers {
            let world = &world;
            scope.spawn(move || world.wt(&["add", &format!("t{number}")]).ok());
        }
    });
    let mut ports = Vec::new();
    for number in &numbers {
        let env = world.read(format!("myproject-t{number}/.env"));
        ports
            .extend(env.lines().filter_map(|line| line.split_once("PORT=")).map(|(_, port)| port.to_owned()));
    }
    ports.sort();
    ports.dedup();
    assert_eq!(ports.len(), 20, "{ports:?}");
    assert_eq!(world.git(&world.path("myproject"), &["worktree", "list"]).lines().count(), 11);
    world.wt(&["doctor"]).ok();
    world.git(&world.path("myproject"), &["fsck"]);
}

#[test]
fn a_missing_python_is_one_clear_error_and_nothing_is_made() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[venv]\npython = \"python9\"\n");
    world.commit(&world.path("myproject"), "recipe");
    let before = world.everything();
    world.wt(&["add", "staging"]).code(128).prints("").says(&[
        "error: no usable Python interpreter 'python9'",
        "it was not found on PATH",
        "undone: branch 'staging'",
        "hint: git config wt.venv.python",
    ]);
    before.is_still(&world.everything(), "after the undo");
}

#[test]
fn a_worktree_whose_disk_is_absent_keeps_its_entry() {
    let world = World::with_repo();
    world.wt(&["add", "../disk/tree", "--path", "../disk/tree"]).ok();
    fs::rename(world.path("disk"), world.path("unplugged")).unwrap();
    world.wt(&["add", "../disk/tree"]).code(128).says(&["whose disk seems to be absent"]);
    world.wt(&["prune"]).ok().says(&["the disk of '[ROOT]/disk/tree' seems to be absent"]);
    world.wt(&["list"]).ok();
    world.wt(&["doctor", "--fix"]).ok().says(&["nothing is broken"]);
    fs::rename(world.path("unplugged"), world.path("disk")).unwrap();
    assert_eq!(world.git(&world.path("disk/tree"), &["status", "--porcelain"]), "");
}

#[test]
fn a_damaged_entry_of_git_stops_nothing() {
    let world = World::with_repo();
    world.wt(&["add", "sound"]).ok();
    world.wt(&["add", "one"]).ok();
    world.wt(&["add", "two"]).ok();
    for (name, file) in [("one", "commondir"), ("two", "gitdir")] {
        world.write(format!("myproject/.git/worktrees/myproject-{name}/{file}"), "");
    }
    world.wt(&["list"]).ok().says(&["'myproject-one' is damaged", "'myproject-two' is damaged"]);
    world.wt(&["cd", "sound"]).ok().prints("[ROOT]/myproject-sound\n");
    world.wt(&["doctor"]).code(1).says(&["'myproject-one' is damaged", "'myproject-two' is damaged"]);
    world.wt(&["add", "three"]).ok();
}

#[test]
fn a_branch_on_one_remote_is_made_and_tracks_it() {
    let world = World::new();
    world.repo("upstream");
    world.git(&world.path("upstream"), &["branch", "release/1.0"]);
    world.git(&world.root(), &["clone", "--quiet", "upstream", "myproject"]);
    world.wt(&["add", "release/1.0"]).ok();
    let tree = world.path("myproject-release-1-0");
    assert_eq!(world.git(&tree, &["rev-parse", "--abbrev-ref", "@{upstream}"]), "origin/release/1.0");
    // spelled out with the remote, it is the same branch
    world.wt(&["remove", "release/1.0"]).ok();
    world.wt(&["add", "origin/release/1.0"]).ok().prints("[ROOT]/myproject-release-1-0\n");
    // a branch on several remotes is refused, and the remotes are listed
    world.git(&world.path("upstream"), &["branch", "qa"]);
    let repo = world.path("myproject");
    world.git(&repo, &["remote", "add", "fork", "../upstream"]);
    world.git(&repo, &["fetch", "--quiet", "--all"]);
    world.wt(&["add", "qa"]).code(128).says(&["fork/qa", "origin/qa", "checkout.defaultRemote"]);
}

#[test]
fn a_new_branch_from_a_remote_one_does_not_track_it() {
    let world = World::new();
    world.repo("upstream");
    world.git(&world.root(), &["clone", "--quiet", "upstream", "myproject"]);
    world.wt(&["add", "fix", "--base", "default"]).ok();
    let config = world.read("myproject/.git/config");
    assert!(!config.contains("branch \"fix\""), "{config}");
    let json = world.wt(&["list", "--json", "--no-status"]).ok().stdout;
    assert!(json.contains(r#""base":"origin/main""#), "{json}");
}

#[test]
fn a_failed_smudge_filter_leaves_nothing() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write("myproject/.gitattributes", "README filter=broken\n");
    world.commit(&repo, "filter");
    world.git(&repo, &["config", "filter.broken.smudge", "false"]);
    world.git(&repo, &["config", "filter.broken.required", "true"]);
    let before = world.everything();
    world
        .wt(&["add", "staging"])
        .code(128)
        .says(&["could not make the worktree", "undone: branch 'staging'"]);
    before.is_still(&world.everything(), "");
}

#[test]
fn a_failing_post_checkout_hook_keeps_the_worktree_and_its_status() {
    let world = World::with_repo();
    world.write("myproject/.git/hooks/post-checkout", "#!/bin/sh\nexit 7\n");
    fs::set_permissions(world.path("myproject/.git/hooks/post-checkout"), fs::Permissions::from_mode(0o755))
        .unwrap();
    world.wt(&["add", "staging"]).code(7).prints("[ROOT]/myproject-staging\n");
    assert!(!world.git(&world.path("myproject"), &["worktree", "list", "--porcelain"]).contains("locked"));
}

#[test]
fn a_plan_can_be_looked_at_first() {
    let world = World::with_repo();
    let before = world.everything();
    let seen = world.wt(&["add", "--dry-run", "staging"]).ok();
    assert!(
        seen.stdout.starts_with("worktree 'staging' at '[ROOT]/myproject-staging'\n  branch 'staging' at "),
        "{seen:?}"
    );
    before.is_still(&world.everything(), "");
}

#[test]
fn arguments_are_judged_before_anything_is_made() {
    let world = World::with_repo();
    let before = world.everything();
    world.wt(&["add", "x", "--base", "nowhere"]).code(128).says(&["the base 'nowhere' names no commit"]);
    world.wt(&["add", "x", "nowhere"]).code(128).says(&["invalid reference: nowhere"]);
    world.wt(&["add", "x", "--reason", "y"]).code(129);
    world.wt(&["add", "x", "--frobnicate"]).code(129);
    before.is_still(&world.everything(), "");
}

#[test]
fn it_works_from_a_subdirectory_a_linked_worktree_and_a_bare_repository() {
    let world = World::with_repo();
    fs::create_dir(world.path("myproject/sub")).unwrap();
    world.wt_in("myproject/sub", &["add", "one"]).ok().prints("[ROOT]/myproject-one\n");
    world.wt_in("myproject-one", &["add", "two"]).ok().prints("[ROOT]/myproject-two\n");
    world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", "bare.git"]);
    world.wt_in("bare.git", &["add", "main"]).ok().prints("[ROOT]/bare-main\n");
    world.wt_in("bare-main", &["list"]).ok();
}

#[test]
fn git_s_own_flags_do_what_they_do() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.wt(&["add", "--lock", "--reason", "on a stick", "kept"]).ok();
    assert!(world.git(&repo, &["worktree", "list", "--porcelain"]).contains("locked on a stick"));
    world.wt(&["add", "--no-checkout", "bare-bones"]).ok();
    assert!(!world.path("myproject-bare-bones/README").exists());
    if !World::git_is(2, 42, "--orphan") {
        return;
    }
    world.wt(&["add", "--orphan", "fresh"]).ok();
    assert_eq!(world.git(&world.path("myproject-fresh"), &["symbolic-ref", "HEAD"]), "refs/heads/fresh");
}

#[test]
fn fetch_starts_from_what_the_remote_has_now() {
    let world = World::with_repo();
    let (repo, origin) = (world.path("myproject"), world.path("origin"));
    world.git(&world.root(), &["clone", "--quiet", "myproject", "origin"]);
    world.git(&repo, &["remote", "add", "origin", "../origin"]);
    world.git(&repo, &["fetch", "--quiet"]);
    world.git(&repo, &["branch", "--quiet", "--set-upstream-to=origin/main", "main"]);
    world.git(&repo, &["remote", "set-head", "origin", "main"]);
    let stale = world.git(&repo, &["rev-parse", "main"]);
    let head = |name: &str| world.git(&world.path(format!("myproject-{name}")), &["rev-parse", "HEAD"]);
    for (name, base) in [
        ("a", &[][..]),
        ("b", &["--base", "main"]),
        ("c", &["--base", "default"]),
        ("d", &["--base", "origin/main"]),
    ] {
        world.git(&origin, &["commit", "--quiet", "--allow-empty", "-m", name]);
        world.wt(&[&["add", "--fetch", name], base].concat()).ok().says(&["fetching from 'origin'"]);
        assert_eq!(head(name), world.git(&origin, &["rev-parse", "HEAD"]), "{name}");
    }
    // a branch that only the remote has, and that was unknown here until now
    world.git(&origin, &["branch", "new"]);
    world.wt(&["add", "--fetch", "new"]).ok().says(&["new: new branch from origin/new ("]);
    // without --fetch, the local branch is taken as it is
    world.wt(&["add", "--base", "main", "local"]).ok();
    assert_eq!(head("local"), stale);
    // if the remote is unreachable, what is known here is used, and reported
    let known = world.git(&repo, &["rev-parse", "--short", "origin/main"]);
    fs::rename(&origin, world.path("away")).unwrap();
    world.wt(&["add", "--fetch", "--base", "main", "offline"]).ok().says(&[
        "warning: cannot fetch from 'origin'",
        &format!("'origin/main' is taken as it is here: {known} 'd', "),
        " ago",
    ]);
    world.git(&repo, &["remote", "remove", "origin"]);
    world.wt(&["add", "--fetch", "alone"]).ok().says(&["there is no remote to fetch from"]);
}

#[test]
fn a_short_lock_of_git_is_waited_for_and_another_fault_is_not() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", "origin.git"]);
    world.git(&repo, &["remote", "add", "origin", "../origin.git"]);
    world.git(&world.path("origin.git"), &["branch", "far"]);
    world.git(&repo, &["fetch", "--quiet"]);
    fs::create_dir_all(repo.join(".git/refs/heads")).unwrap();
    for lock in ["config.lock", "refs/heads/far.lock"] {
        let lock = repo.join(".git").join(lock);
        fs::write(&lock, "").unwrap();
        let mut add = world.command("git", &repo);
        let add = add.args(["wt", "add", "far"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut add = add.spawn().unwrap();
        // long enough for git itself to give up
        let start = std::time::Instant::now();
        while start.elapsed() < std::time::Duration::from_millis(400) {
            assert!(add.try_wait().unwrap().is_none(), "it did not wait for {}", lock.display());
            std::thread::yield_now();
        }
        fs::remove_file(&lock).unwrap();
        let added = add.wait_with_output().unwrap();
        assert!(added.status.success(), "{}: {added:?}", lock.display());
        assert_eq!(world.git(&repo, &["rev-parse", "--abbrev-ref", "far@{upstream}"]), "origin/far");
        world.wt(&["remove", "-D", "far"]).ok();
    }
}

#[test]
fn a_dash_is_the_branch_before() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.wt(&["add", "-"]).code(128).says(&["there is no previously checked out branch"]);
    world.git(&repo, &["switch", "--quiet", "--create", "topic"]);
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.wt(&["add", "-"]).ok().prints("[ROOT]/myproject-topic\n");
    world.wt(&["remove", "topic"]).ok();
    world.wt(&["add", "../elsewhere", "-"]).ok();
    assert_eq!(world.git(&world.path("elsewhere"), &["branch", "--show-current"]), "topic");
}

#[test]
fn each_step_has_its_time_on_request() {
    let world = World::with_repo();
    world.git(&world.path("myproject"), &["config", "wt.hooks.setup", "true"]);
    let seen = world
        .wt(&["add", "-v", "slow"])
        .ok()
        .says(&["\nworktree '[ROOT]/myproject-slow'\n  took ", "\n$ true\n  took "]);
    assert_eq!(seen.stderr.matches("  took ").count(), 3, "branch, worktree and hook: {seen:?}");
    assert!(!world.wt(&["add", "brief"]).ok().stderr.contains("took"));
}

#[test]
fn a_refusal_names_the_way_out() {
    let world = World::with_repo();
    world.write("full/file", "");
    for (words, hint) in [
        (&["-d", "HEAD"][..], "git wt add -d ../head HEAD"),
        (&["HEAD"], "git wt add -d ../head HEAD"),
        (&["main~9"], "git wt add main-9"),
        (&["a..b"], "git wt add a-b"),
        (&["x", "nowhere"], "git fetch --all"),
        (&["/"], "git wt add ../NAME"),
        (&["-"], "git wt add NAME"),
        (&["../full"], "git wt add --path PLACE NAME"),
        (&["../full/file"], "git wt add --path PLACE NAME"),
        (&["./.git/x"], "git wt add --path PLACE NAME"),
    ] {
        world.wt(&[&["add"], words].concat()).code(128).says(&[&format!("hint: {hint}\n")]);
    }
    world.wt(&["add", "-d", "../head", "HEAD"]).ok();
}

#[test]
fn the_recipe_puts_a_prefix_before_the_names_of_new_branches() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "prefix = 'feature'\n");
    let branch_of = |name: &str| {
        let dir = world.path(format!("myproject-{name}"));
        world.git(&dir, &["branch", "--show-current"])
    };
    world.wt(&["add", "a"]).ok();
    assert_eq!(branch_of("a"), "feature/a");
    // the user's settings override the file, and the command line overrides those
    world.git(&world.path("myproject"), &["config", "wt.prefix", "me/"]);
    world.wt(&["add", "b"]).ok();
    world.wt(&["add", "--prefix", "x", "c"]).ok();
    world.wt(&["add", "--prefix", "", "d"]).ok();
    assert_eq!(["b", "c", "d"].map(branch_of), ["me/b", "x/c", "d"]);
}
