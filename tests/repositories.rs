//! Kinds of repositories, and directories to run in: the life of a worktree is the same in all of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::world::{Seen, World};

const RECIPE: &str = "[port]\nPORT = 8000\n";

/// Makes a repository whose recipe gives a port.
fn provisioned() -> World {
    let world = World::with_repo();
    with_recipe(&world, "myproject");
    world
}

/// Commits the recipe, and a directory to run in.
fn with_recipe(world: &World, repo: &str) {
    world.write(format!("{repo}/.wt.toml"), RECIPE);
    world.write(format!("{repo}/.gitignore"), ".env\n");
    world.write(format!("{repo}/sub/file"), "x\n");
    world.commit(&world.path(repo), "recipe");
}

/// Asserts that nothing is broken, once what was removed has been deleted in the background.
#[track_caller]
fn is_sound(wt: impl Fn(&[&str]) -> Seen) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut seen = wt(&["doctor"]);
    while seen.stderr.contains("were not deleted yet") && Instant::now() < deadline {
        seen = wt(&["doctor"]);
    }
    seen.ok().says(&["nothing is broken"]);
}

/// Leads a worktree through its whole life: made with its environment, listed, found, removed, with everything sound at
/// the end.
#[track_caller]
fn lives(world: &World, place: &str, wt: impl Fn(&[&str]) -> Seen) {
    let printed = format!("[ROOT]/{place}\n");
    let tree = world.path(place);
    wt(&["add", "staging"]).ok().prints(&printed);
    assert_eq!(world.git(&tree, &["branch", "--show-current"]), "staging");
    assert_eq!(world.git(&tree, &["status", "--porcelain"]), "");
    assert!(world.read(format!("{place}/.env")).ends_with("PORT=8001\n"));
    let list = wt(&["list"]).ok().stdout;
    let row = list.lines().find(|row| row.contains(" staging ")).unwrap_or_else(|| panic!("{list}"));
    assert!(row.contains("http://localhost:8001") && !row.contains("in ../"), "{list}");
    wt(&["cd", "staging"]).ok().prints(&printed);
    assert_eq!(wt(&["env", "staging"]).ok().stdout, "PORT=8001  # .env\n");
    world.git(&tree, &["fsck"]);
    is_sound(&wt);
    wt(&["remove", "staging"]).ok().prints("");
    assert!(!tree.exists() && !world.path("state/git-wt/ports/8001").exists());
    is_sound(&wt);
    // the same from inside; the shell is led out
    wt(&["add", "staging"]).ok();
    world.wt_in(place, &["cd", "."]).ok().prints(&printed);
    assert!(!world.wt_in(place, &["remove", "."]).ok().stdout.is_empty());
    assert!(!tree.exists());
    is_sound(&wt);
}

/// Deletes the branch, so that the next life begins like the first.
fn forget_branch(world: &World, repo: &str) {
    world.git(&world.path(repo), &["branch", "--quiet", "-D", "staging"]);
}

#[test]
fn every_directory_of_a_repository_is_as_good_as_any() {
    let world = provisioned();
    world.wt(&["add", "--no-env", "other"]).ok();
    symlink(world.path("myproject"), world.path("link")).unwrap();
    symlink(world.path("myproject-other/sub"), world.path("deep-link")).unwrap();
    for dir in [
        "myproject/sub",
        "myproject/.git",
        "myproject/.git/refs",
        "myproject-other",
        "myproject-other/sub",
        "myproject/.git/worktrees/myproject-other",
        "link",
        "link/sub",
        "deep-link",
    ] {
        lives(&world, "myproject-staging", |line| {
            // the shell's own idea of its current directory goes through the link
            let mut command = world.command("git", &world.path(dir));
            world.see(command.env("PWD", world.path(dir)).arg("wt").args(line))
        });
        forget_branch(&world, "myproject");
    }
}

#[test]
fn every_way_to_name_a_repository_is_as_good_as_any() {
    let world = provisioned();
    let git_dir = world.path("myproject/.git").display().to_string();
    let root = world.root();
    let option = format!("--git-dir={git_dir}");
    for way in [
        &["-C", "myproject"][..],
        &["-C", "myproject/sub", "-c", "core.abbrev=9"],
        &[&option],
        &["--git-dir=myproject/.git"],
        &["--git-dir=myproject/.git", "--work-tree=myproject"],
    ] {
        lives(&world, "myproject-staging", |line| {
            world.see(world.command("git", &root).args(way).arg("wt").args(line))
        });
        forget_branch(&world, "myproject");
    }
    lives(&world, "myproject-staging", |line| {
        world.see(world.command("git", &root).env("GIT_DIR", &git_dir).arg("wt").args(line))
    });
}

#[test]
fn a_setting_of_the_command_line_counts_for_it() {
    let world = provisioned();
    let mut command = world.command("git", &world.path("myproject"));
    let line = ["-c", "wt.path=../trees/{{ name }}", "-c", "wt.prefix=me", "wt", "add", "x"];
    world.see(command.args(line)).ok().prints("[ROOT]/trees/x\n");
    assert_eq!(world.git(&world.path("trees/x"), &["branch", "--show-current"]), "me/x");
}

#[test]
fn an_alias_and_a_hook_of_a_linked_worktree_reach_the_right_trees() {
    let world = provisioned();
    let repo = world.path("myproject");
    world.wt(&["add", "other"]).ok();
    world.git(&repo, &["config", "alias.fresh", "!git wt add"]);
    let mut command = world.command("git", &world.path("myproject-other/sub"));
    world.see(command.args(["fresh", "staging"])).ok().prints("[ROOT]/myproject-staging\n");
    // a hook's environment names the index of the commit being made
    world.program("../myproject/.git/hooks/pre-commit", "#!/bin/sh\nexec git wt add review >&2\n");
    world.write("myproject-other/README", "changed\n");
    world.git(&world.path("myproject-other"), &["commit", "--quiet", "--all", "--message", "change"]);
    for tree in ["myproject", "myproject-other", "myproject-staging", "myproject-review"] {
        assert_eq!(world.git(&world.path(tree), &["status", "--porcelain"]), "", "{tree}");
    }
    assert_eq!(world.git(&world.path("myproject-other"), &["show", "HEAD:README"]), "changed");
    assert_eq!(world.git(&repo, &["show", "review:README"]), "hello");
    world.git(&repo, &["fsck"]);
    is_sound(|line| world.wt(line));
}

#[test]
fn a_git_that_is_too_old_is_refused_in_one_sentence() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    let git = World::hosts_git().display();
    world.program(
        "git",
        &format!("#!/bin/sh\n[ \"$*\" = --version ] && echo git version 2.38.5 && exit\nexec {git} \"$@\"\n"),
    );
    let before = world.everything();
    let too_old = "git-wt needs git 2.39 or later, and this is git 2.38\n";
    // not through git, which puts itself first on PATH
    let run = |line: &[&str], mode: &str| {
        let mut command = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path("myproject"));
        world.see(command.args(line).env("GIT_WT_MODE", mode))
    };
    for (line, mode) in [
        (&["add", "x"][..], "wt"),
        (&["remove", "staging"], "wt"),
        (&["move", "staging", "../n"], "wt"),
        (&["setup", "staging"], "wt"),
        (&["add", "../x"], "git"),
    ] {
        assert_eq!(run(line, mode).code(128).prints("").stderr, format!("error: {too_old}"), "{line:?}");
    }
    before.is_still(&world.everything(), "after refusals");
    // verbs that only read still work
    run(&["cd", "staging"], "wt").ok().prints("[ROOT]/myproject-staging\n");
    run(&["list"], "wt").ok();
}

#[test]
fn other_formats_of_references_and_objects() {
    for format in ["--ref-format=reftable", "--object-format=sha256"] {
        if format.ends_with("reftable") && !World::git_is(2, 45, "reftable") {
            continue;
        }
        let world = World::new();
        world.git(&world.root(), &["init", "--quiet", format, "myproject"]);
        with_recipe(&world, "myproject");
        world.git(&world.path("myproject"), &["tag", "v1"]);
        world.wt(&["add", "--no-env", "other"]).ok();
        for dir in ["myproject", "myproject-other"] {
            lives(&world, "myproject-staging", |line| world.wt_in(dir, line));
            forget_branch(&world, "myproject");
        }
        world.wt(&["add", "v1"]).ok();
        assert!(world.wt(&["list"]).ok().stdout.contains(" detached "));
        world.wt(&["add", "-b", "other"]).code(128).says(&["a branch named 'other' already exists"]);
        world
            .wt(&["add", "--path", "../second", "other"])
            .code(128)
            .says(&["is already used by worktree at"]);
        world.wt(&["remove", "--delete-branch", "other"]).ok().says(&["deleted branch 'other'"]);
    }
}

#[test]
fn a_bare_repository_has_worktrees_and_no_main_one() {
    let world = provisioned();
    // as a directory of its own, as a directory's `.git`, and hidden behind a `.git` file
    for (bare, beside, from) in [
        ("bare.git", "bare-", "bare.git"),
        ("site/.git", "site/site-", "site"),
        ("shop/.bare", "shop/shop-", "shop"),
    ] {
        world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", bare]);
        if bare == "shop/.bare" {
            world.write("shop/.git", "gitdir: ./.bare\n");
        }
        // the first worktree has nowhere to take a recipe from
        let main = format!("{beside}main");
        world.wt_in(from, &["add", "main"]).ok().prints(&format!("[ROOT]/{main}\n"));
        let list = world.wt_in(from, &["list"]).ok().stdout;
        assert!(list.lines().nth(1).is_some_and(|row| row.contains("(bare)")), "{list}");
        assert_eq!(list, world.wt_in(&main, &["list"]).ok().stdout.replacen('*', " ", 1));
        for dir in [from, &main, bare] {
            lives(&world, &format!("{beside}staging"), |line| world.wt_in(dir, line));
            forget_branch(&world, bare);
        }
        world.wt_in(&main, &["remove", "-f", "@"]).code(128).says(&["is never removed"]);
        world.wt_in(bare, &["remove", "main"]).ok();
        world.git(&world.path(bare), &["fsck"]);
    }
}

#[test]
fn a_git_directory_of_its_own_place() {
    let world = World::new();
    world.git(&world.root(), &["init", "--quiet", "--separate-git-dir", "store", "myproject"]);
    with_recipe(&world, "myproject");
    for dir in ["myproject", "myproject/sub"] {
        lives(&world, "myproject-staging", |line| world.wt_in(dir, line));
        forget_branch(&world, "myproject");
    }
    assert!(world.wt(&["list"]).ok().stdout.contains("* myproject main "));
}

#[test]
fn a_git_directory_of_its_own_place_is_the_same_from_a_linked_worktree() {
    let world = World::new();
    world.git(&world.root(), &["init", "--quiet", "--separate-git-dir", "store", "myproject"]);
    with_recipe(&world, "myproject");
    world.wt(&["add", "other"]).ok();
    world.wt_in("myproject-other", &["add", "staging"]).ok().prints("[ROOT]/myproject-staging\n");
}

#[test]
fn a_worktree_of_a_submodule_is_not_seen_by_the_project_around_it() {
    let world = World::new();
    world.repo("library");
    world.repo("myproject");
    let repo = world.path("myproject");
    world.git(
        &repo,
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "lib"],
    );
    world.commit(&repo, "with a submodule");
    world.wt_in("myproject/lib", &["add", "staging"]).ok();
    assert_eq!(world.git(&repo, &["status", "--porcelain"]), "");
}

#[test]
fn a_submodule_is_a_repository_like_another() {
    let world = World::new();
    world.repo("library");
    with_recipe(&world, "library");
    world.repo("myproject");
    let repo = world.path("myproject");
    world.git(
        &repo,
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "lib"],
    );
    world.commit(&repo, "with a submodule");
    world.wt_in("myproject/lib", &["add", "--no-env", "../../other"]).ok();
    for dir in ["myproject/lib", "myproject/lib/sub", "other"] {
        lives(&world, "lib-staging", |line| world.wt_in(dir, line));
        forget_branch(&world, "myproject/lib");
    }
    assert_eq!(world.git(&repo, &["status", "--porcelain"]), "");
}

/// Makes a project with a submodule `lib`, which has a submodule `deep` of its own, all cloned in the main worktree.
fn with_submodules() -> World {
    let world = World::new();
    for name in ["deepest", "library", "myproject"] {
        world.repo(name);
    }
    let add = |repo: &str, from: &str, path: &str| {
        let allow = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
        world.git(&world.path(repo), &[&allow[..], &[&*world.path(from).to_string_lossy(), path]].concat());
        world.commit(&world.path(repo), "with a submodule");
    };
    add("library", "deepest", "deep");
    add("myproject", "library", "lib/a b");
    let update =
        ["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive"];
    world.git(&world.path("myproject"), &update);
    // what has been cloned already needs no network
    for name in ["deepest", "library"] {
        std::fs::rename(world.path(name), world.path(format!("{name} is away"))).unwrap();
    }
    world
}

#[test]
fn submodules_that_main_has_are_there_in_a_new_worktree_without_the_network() {
    let world = with_submodules();
    let seen = world.wt(&["add", "staging"]).ok();
    assert!(!seen.stderr.contains("warning"), "{seen:#?}");
    let lib = world.path("myproject-staging/lib/a b");
    assert!(lib.join("deep/README").exists());
    let status = world.git(&world.path("myproject-staging"), &["submodule", "status", "--recursive"]);
    assert!(status.lines().count() == 2 && status.lines().all(|line| !line.starts_with('-')), "{status}");
    for (key, want) in [("remote.origin.url", "[ROOT]/library"), ("submodule.deep.url", "[ROOT]/deepest")] {
        let url = world.see(world.command("git", &lib).args(["config", key])).ok().stdout;
        assert_eq!(url.trim(), want);
    }
    assert_eq!(
        world.git(&lib, &["branch", "--remotes", "--format=%(refname)"]),
        "refs/remotes/origin/HEAD\nrefs/remotes/origin/main"
    );
    world.wt(&["remove", "staging"]).ok();
    assert!(!world.path("myproject-staging").exists());
    world.git(&world.path("myproject/lib/a b/deep"), &["fsck"]);
    is_sound(|line| world.wt(line));
}

#[test]
fn a_branchs_gitmodules_reaches_nothing_but_its_own_submodules() {
    let world = with_submodules();
    let repo = world.path("myproject");
    let pwned = world.path("home/pwned");
    world.repo("other");
    for dir in ["myproject", "other"] {
        let dir = world.path(dir);
        world.git(&dir, &["config", "remote.origin.url", "kept"]);
        world.git(&dir, &["update-ref", "refs/remotes/origin/kept", "HEAD"]);
    }
    world.write("myproject/src/file", "x\n");
    std::os::unix::fs::symlink("../other", repo.join("beside")).unwrap();
    world.commit(&repo, "files");
    let known = world.read("myproject/.gitmodules");
    let second = |name: &str, path: &str| format!("[submodule \"{name}\"]\n\tpath = {path}\n\turl = kept\n");
    // as if its author had caused a submodule of that name to be cloned in the main worktree
    let named = format!("x.update=!touch {}; : #", pwned.display());
    std::fs::create_dir_all(world.path("myproject/.git/modules")).unwrap();
    let clone = world.path("myproject/.git/modules/lib/a b");
    std::os::unix::fs::symlink(clone, world.path("myproject/.git/modules").join(named.replace('/', "_")))
        .unwrap();
    for (at, modules) in [
        known.replace("path = lib/a b", "path = src"),
        known.replace("path = lib/a b", "path = beside"),
        known.replace("path = lib/a b", "path = ."),
        known.replace("path = lib/a b", "path = ../other"),
        known.replace("path = lib/a b", "path = \"lib/a b\\n\""),
        known.clone() + &second("x", "lib/a b"),
        known.replace("lib/a b\"]", &format!("{}\"]", named.replace('/', "_"))),
        known.replace("lib/a b\"]", "../../../other/.git\"]"),
    ]
    .into_iter()
    .enumerate()
    {
        let branch = format!("pr-{at}");
        world.git(&repo, &["checkout", "--quiet", "-b", &branch]);
        world.write("myproject/.gitmodules", &modules);
        world.commit(&repo, "another .gitmodules");
        world.git(&repo, &["checkout", "--quiet", "main"]);
        let seen = world.wt(&["add", &branch]).ok();
        for dir in ["myproject", "other"] {
            let dir = world.path(dir);
            assert_eq!(world.git(&dir, &["config", "remote.origin.url"]), "kept", "{modules}{seen:?}");
            let branches = world.git(&dir, &["branch", "--remotes", "--format=%(refname)"]);
            assert_eq!(branches, "refs/remotes/origin/kept", "{modules}{seen:?}");
        }
        assert!(!pwned.exists(), "{modules}{seen:?}");
    }
}

#[test]
fn commits_that_only_its_submodules_have_keep_a_worktree() {
    let world = with_submodules();
    world.wt(&["add", "staging"]).ok();
    let deep = world.path("myproject-staging/lib/a b/deep");
    world.git(&deep, &["commit", "--quiet", "--allow-empty", "-m", "work"]);
    world.git(&deep, &["checkout", "--quiet", "HEAD~"]);
    world.wt(&["remove", "staging"]).ok();
    world.wt(&["add", "staging"]).ok();
    world.git(&deep, &["checkout", "--quiet", "-b", "mine"]);
    world.git(&deep, &["commit", "--quiet", "--allow-empty", "-m", "work"]);
    world.git(&deep, &["checkout", "--quiet", "HEAD~"]);
    world.wt(&["remove", "staging"]).code(128).says(&[
        "'staging' has submodules with commits of their own",
        "lib/a b/modules/deep: ",
        " work",
        "hint: git wt remove -f staging",
    ]);
    world.wt(&["move", "staging", "../new"]).code(128).says(&["containing submodules"]);
    world.wt(&["remove", "-f", "staging"]).ok();
}

#[test]
fn a_submodule_that_cannot_be_brought_stays_empty_and_is_named() {
    let world = with_submodules();
    std::fs::remove_dir_all(world.path("myproject/.git/modules/lib/a b/objects")).unwrap();
    world
        .wt(&["add", "staging"])
        .ok()
        .says(&["warning: the submodule 'lib/a b' stays empty", "submodule update --init"]);
    world.wt(&["remove", "-f", "staging"]).ok();
}

#[test]
fn a_new_worktree_has_the_sparse_cone_it_was_made_from() {
    let world = provisioned();
    for file in ["a/one", "b/two"] {
        world.write(format!("myproject/{file}"), "x");
    }
    world.commit(&world.path("myproject"), "two directories");
    world.git(&world.path("myproject"), &["sparse-checkout", "set", "a"]);
    world.wt(&["add", "staging"]).ok();
    assert!(world.path("myproject-staging/a/one").exists() && !world.path("myproject-staging/b").exists());
    assert_eq!(world.git(&world.path("myproject-staging"), &["status", "--porcelain"]), "");
    world.wt(&["remove", "staging"]).ok();
}

/// Makes a repository with two directories, whose recipe wants one of them, and the other in a template.
fn with_cone() -> World {
    let world = World::with_repo();
    for file in ["apps/shop/one", "apps/blog/two", "docs/three"] {
        world.write(format!("myproject/{file}"), "x");
    }
    world.write(
        "myproject/.wt.toml",
        "sparse = [\"apps/shop\"]\n[template.blog]\nsparse = [\"apps/blog\", \"docs\"]\n",
    );
    world.commit(&world.path("myproject"), "recipe");
    world.git(&world.path("myproject"), &["config", "wt.env.set", "A=1"]);
    world
}

#[test]
fn the_cone_of_the_recipe_is_all_that_is_written() {
    let world = with_cone();
    // every file that is written would be reported, even one that is deleted again
    world.write("myproject/.gitattributes", "* filter=tell\n");
    world.commit(&world.path("myproject"), "tell");
    let told = world.path("home/told");
    let smudge = format!("echo %f >> '{}'; cat", told.display());
    world.git(&world.path("myproject"), &["config", "filter.tell.smudge", &smudge]);
    world.wt(&["add", "staging"]).ok();
    let written = std::fs::read_to_string(&told).unwrap();
    assert!(written.contains("apps/shop/one") && !written.contains("apps/blog") && !written.contains("docs"));
    for (tree, there, absent) in [
        ("myproject-staging", "apps/shop/one", "apps/blog"),
        ("myproject-staging", ".env", "docs"),
        ("myproject", "docs/three", ".git/info/sparse-checkout"),
    ] {
        assert!(world.path(tree).join(there).exists() && !world.path(tree).join(absent).exists(), "{tree}");
        assert_eq!(world.git(&world.path(tree), &["status", "--porcelain"]), "", "{tree}");
    }
    world.wt(&["add", "blog"]).ok();
    assert!(
        world.path("myproject-blog/docs/three").exists() && !world.path("myproject-blog/apps/shop").exists()
    );
    world.wt(&["add", "--no-env", "whole"]).ok();
    assert!(world.path("myproject-whole/docs/three").exists());
    world.wt(&["add", "--no-checkout", "later"]).ok();
    world.git(&world.path("myproject-later"), &["checkout", "--quiet", "later"]);
    assert!(
        world.path("myproject-later/apps/shop/one").exists() && !world.path("myproject-later/docs").exists()
    );
    for name in ["staging", "blog", "whole", "later"] {
        world.wt(&["remove", "--delete-branch", name]).ok();
    }
    assert_eq!(world.git(&world.path("myproject"), &["worktree", "list"]).lines().count(), 1);
}

#[test]
fn a_cone_changes_nothing_for_the_post_checkout_hook() {
    let world = with_cone();
    let hook = world.path("myproject/.git/hooks/post-checkout");
    world.write(
        &hook,
        "#!/bin/sh\necho \"$1 $2 $3 $(ls)\" > \"$HOME/hooked\"\npwd >> \"$HOME/hooked\"\nexit 7\n",
    );
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, executable).unwrap();
    world.wt(&["add", "staging"]).code(7).prints("[ROOT]/myproject-staging\n");
    let head = world.git(&world.path("myproject"), &["rev-parse", "HEAD"]);
    let tree = world.path("myproject-staging");
    let want = format!("{} {head} 1 README\napps\n{}\n", "0".repeat(40), tree.display());
    assert_eq!(world.read("home/hooked"), want);
    assert!(world.path("myproject-staging/.env").exists());
}

#[test]
fn a_cone_that_cannot_be_checked_out_leaves_nothing() {
    let world = with_cone();
    let repo = world.path("myproject");
    world.git(&repo, &["config", "extensions.worktreeConfig", "true"]);
    world.write("myproject/.gitattributes", "* filter=broken\n");
    world.commit(&repo, "broken");
    world.git(&repo, &["config", "filter.broken.smudge", "false"]);
    world.git(&repo, &["config", "filter.broken.required", "true"]);
    let before = world.everything();
    world.wt(&["add", "staging"]).code(128).says(&["undone: "]);
    before.is_still(&world.everything(), "after the undo");
}

#[test]
fn many_cones_are_set_at_once() {
    let world = with_cone();
    let names: Vec<String> = (0..6).map(|n| format!("at-once-{n}")).collect();
    let adds: Vec<_> = names
        .iter()
        .map(|name| {
            let mut command = world.command("git", &world.path("myproject"));
            command.args(["wt", "add", "--quiet", name]).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for add in adds {
        let added = add.wait_with_output().unwrap();
        assert!(added.status.success(), "{added:?}");
    }
    for name in names {
        assert!(!world.path(format!("myproject-{name}/docs")).exists(), "{name}");
    }
}

#[test]
fn a_partial_clone_gets_what_the_new_worktree_needs() {
    let world = World::new();
    let origin = world.repo("origin");
    with_recipe(&world, "origin");
    world.git(&origin, &["config", "uploadpack.allowFilter", "true"]);
    world.git(&origin, &["checkout", "--quiet", "-b", "other"]);
    world.write("origin/new", "only here");
    world.commit(&origin, "only here");
    world.git(&origin, &["checkout", "--quiet", "main"]);
    let url = format!("file://{}", origin.display());
    world.git(&world.root(), &["clone", "--quiet", "--filter=blob:none", &url, "myproject"]);
    world.wt(&["add", "other"]).ok();
    assert_eq!(world.read("myproject-other/new"), "only here");
    world.wt(&["remove", "other"]).ok();
}

#[test]
fn references_and_settings_of_one_worktree_stay_its_own() {
    let world = provisioned();
    let repo = world.path("myproject");
    for name in ["staging", "qa"] {
        world.wt(&["add", name]).ok();
    }
    let (staging, qa) = (world.path("myproject-staging"), world.path("myproject-qa"));
    world.write("myproject-qa/work", "x");
    world.commit(&qa, "work");
    assert_eq!(
        world.git(&staging, &["rev-parse", "main-worktree/HEAD", "worktrees/myproject-qa/HEAD"]),
        world.git(&repo, &["rev-parse", "main", "qa"])
    );
    world.wt(&["add", "-d", "look", "worktrees/myproject-qa/HEAD"]).ok();
    assert!(world.path("myproject-look/work").exists());
    world.git(&staging, &["bisect", "start", "HEAD", "HEAD~1"]);
    world.git(&staging, &["update-ref", "refs/worktree/mark", "HEAD"]);
    for tree in [&repo, &qa] {
        assert_eq!(world.git(tree, &["for-each-ref", "refs/bisect", "refs/worktree"]), "");
    }
    // only the user may turn the extension on; once it is on, it works
    assert!(!world.read("myproject/.git/config").contains("worktreeConfig"));
    world.git(&repo, &["config", "extensions.worktreeConfig", "true"]);
    world.git(&staging, &["config", "--worktree", "wt.prefix", "me"]);
    world.wt_in("myproject-staging", &["add", "fix"]).ok();
    world.wt_in("myproject-qa", &["add", "plain"]).ok();
    let branches = world.git(&repo, &["branch", "--format=%(refname:short)"]);
    assert!(branches.contains("me/fix") && branches.contains("\nplain"), "{branches}");
    world.wt(&["remove", "--all", "--yes"]).ok();
    assert!(!world.read("myproject/.git/config").contains("prefix"));
    world.git(&repo, &["fsck"]);
    is_sound(|line| world.wt(line));
}

#[test]
fn a_bare_repository_with_settings_per_worktree_is_still_bare() {
    let world = provisioned();
    for bare in ["bare.git", "site/.git"] {
        world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", bare]);
        let repo = world.path(bare);
        // moved as git-worktree(1) says
        world.git(&repo, &["config", "extensions.worktreeConfig", "true"]);
        world.git(&repo, &["config", "--unset", "core.bare"]);
        world.git(&repo, &["config", "--worktree", "core.bare", "true"]);
        let main = world.wt_in(bare, &["add", "main"]).ok().stdout;
        let main = main.trim_end().strip_prefix("[ROOT]/").unwrap().to_owned();
        for dir in [bare, &main] {
            let list = world.wt_in(dir, &["list"]).ok().stdout;
            assert!(list.lines().nth(1).is_some_and(|row| row.contains("(bare)")), "{dir}: {list}");
            lives(&world, &main.replace("main", "staging"), |line| world.wt_in(dir, line));
            forget_branch(&world, bare);
        }
    }
}

#[test]
fn two_worktrees_of_one_last_name_are_told_apart() {
    let world = provisioned();
    world.wt(&["add", "-b", "one", "../a/x"]).ok();
    world.wt(&["add", "-b", "two", "../b/x"]).ok();
    let ids: Vec<_> = fs::read_dir(world.path("myproject/.git/worktrees")).unwrap().flatten().collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    for verb in ["cd", "env", "remove"] {
        world.wt(&[verb, "x"]).code(128).prints("").says(&["'x' means several", "[ROOT]/a/x", "[ROOT]/b/x"]);
    }
    for (word, place) in [("a/x", "[ROOT]/a/x\n"), ("two", "[ROOT]/b/x\n"), ("../b/x/", "[ROOT]/b/x\n")] {
        world.wt(&["cd", word]).ok().prints(place);
    }
    world.wt(&["env", "one"]).ok().prints("PORT=8001  # .env\n");
    world.wt(&["env", "b/x"]).ok().prints("PORT=8002  # .env\n");
    world.wt(&["remove", "a/x"]).ok();
    world.wt(&["cd", "x"]).ok().prints("[ROOT]/b/x\n");
    assert_eq!(world.git(&world.path("b/x"), &["branch", "--show-current"]), "two");
    is_sound(|line| world.wt(line));
}

#[test]
fn a_path_is_what_it_leads_to_however_it_is_written() {
    let world = provisioned();
    for name in ["staging", "qa"] {
        world.wt(&["add", name]).ok();
    }
    symlink(world.root(), world.path("link")).unwrap();
    symlink("myproject-staging", world.path("alias")).unwrap();
    let before = world.everything();
    for path in
        ["../link/myproject-staging", "../myproject-staging/", "../alias", "../alias/", ".././alias/../alias"]
    {
        world.wt(&["cd", path]).ok().prints("[ROOT]/myproject-staging\n");
        world.wt(&["add", path]).code(128);
    }
    before.is_still(&world.everything(), "after refusals");
    world.wt(&["remove", "--delete-branch", "../link/myproject-staging/"]).ok();
    assert_eq!(world.git(&world.path("myproject"), &["branch", "--format=%(refname:short)"]), "main\nqa");
    assert!(world.path("myproject-qa/README").exists());
    is_sound(|line| world.wt(line));
}

#[test]
fn a_locked_worktree_whose_disk_is_gone_is_shown_and_kept() {
    let world = provisioned();
    world.wt(&["add", "--lock", "--reason", "on a stick", "--path", "../disk/x", "x"]).ok();
    fs::rename(world.path("disk"), world.path("unplugged")).unwrap();
    let list = world.wt(&["list"]).ok().stdout;
    assert!(list.contains(" missing ") && list.contains("locked: on a stick;"), "{list}");
    world.wt(&["prune", "--yes"]).ok();
    world.wt(&["doctor", "--fix"]).ok().says(&["nothing is broken"]);
    world.wt(&["remove", "-f", "x"]).code(128).says(&["'x' is locked: on a stick"]);
    world.wt(&["add", "y"]).ok();
    assert!(world.read("myproject-y/.env").ends_with("PORT=8002\n"));
    fs::rename(world.path("unplugged"), world.path("disk")).unwrap();
    world.wt(&["env", "x"]).ok().prints("PORT=8001  # .env\n");
    is_sound(|line| world.wt(line));
}

#[test]
fn no_object_is_doubled() {
    let world = provisioned();
    let repo = world.path("myproject");
    let objects = || world.git(&repo, &["count-objects", "--verbose"]);
    let before = objects();
    world.wt(&["add", "staging"]).ok();
    assert_eq!(objects(), before);
    let common = |tree: &Path| world.git(tree, &["rev-parse", "--path-format=absolute", "--git-common-dir"]);
    assert_eq!(common(&world.path("myproject-staging")), common(&repo));
}

/// Runs command lines at the same time.
fn at_once(world: &World, lines: &[Vec<String>]) -> Vec<Seen> {
    std::thread::scope(|scope| {
        let run = |line: &Vec<String>| {
            let line: Vec<String> = line.clone();
            scope.spawn(move || world.wt(&line.iter().map(String::as_str).collect::<Vec<_>>()))
        };
        let running: Vec<_> = lines.iter().map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn eight_at_once_from_a_remote_s_branch_all_succeed() {
    let world = World::new();
    world.repo("upstream");
    with_recipe(&world, "upstream");
    world.git(&world.root(), &["clone", "--quiet", "upstream", "myproject"]);
    // half of them write to the shared configuration file
    let track = |number: usize| if number.is_multiple_of(2) { "--track" } else { "--no-track" };
    let line = |number| words(&format!("add {} -b x{number} ../x{number} origin/main", track(number)));
    for seen in at_once(&world, &(0..8).map(line).collect::<Vec<_>>()) {
        seen.ok();
    }
    let list = world.wt(&["list"]).ok().stdout;
    for number in 0..8 {
        assert!(list.contains(&format!("in ../x{number}\n")), "{list}");
        let branch = format!("refs/heads/x{number}");
        let upstream =
            world.git(&world.path("myproject"), &["for-each-ref", "--format=%(upstream)", &branch]);
        assert_eq!(upstream == "refs/remotes/origin/main", track(number) == "--track");
    }
    // main's own is among them
    assert_eq!(list.lines().filter(|row| row.contains("http://localhost:80")).count(), 9, "{list}");
    is_sound(|line| world.wt(line));
    world.git(&world.path("myproject"), &["fsck"]);
}

#[test]
fn of_eight_at_once_with_one_name_one_gets_it_and_the_others_say_why() {
    let world = provisioned();
    let seen = at_once(&world, &vec![words("add staging"); 8]);
    let (made, refused): (Vec<_>, Vec<_>) = seen.into_iter().partition(|seen| seen.code == 0);
    assert_eq!(made.len(), 1, "{made:#?}");
    for seen in refused {
        let why = ["is being added by another git-wt", "is being made", "is already used by worktree"];
        assert!(why.iter().any(|why| seen.stderr.contains(why)), "{seen:#?}");
        seen.code(128).prints("");
    }
    assert_eq!(world.wt(&["list"]).ok().stdout.lines().count(), 3);
    assert!(!world.path("state/git-wt/ports/8002").exists());
    is_sound(|line| world.wt(line));
    // they are removed at the same time as well
    world.wt(&["add", "qa"]).ok();
    for seen in at_once(&world, &[words("remove staging"), words("remove qa")]) {
        seen.ok();
    }
    is_sound(|line| world.wt(line));
}

#[test]
fn a_program_without_a_home_works() {
    let world = World::with_repo();
    world.wt(&["add", "--no-env", "a"]).ok();
    let homeless = |args: &[&str], mode: &str| {
        let mut git = world.command("git", &world.path("myproject"));
        git.env_remove("HOME").env_remove("XDG_STATE_HOME").env("GIT_WT_MODE", mode);
        // who makes commits is git's to know
        git.env("GIT_CONFIG_GLOBAL", world.path("home/.gitconfig"));
        world.see(git.arg("wt").args(args))
    };
    let lines: [(&[&str], &str); 13] = [
        (&["list"], ""),
        (&["list", "--json"], ""),
        (&["cd", "a"], ""),
        (&["env", "a"], ""),
        (&["run", "a", "--", "true"], ""),
        (&["setup", "-n", "a"], ""),
        (&["add", "--no-env", "b"], ""),
        (&["add", "-n", "c"], ""),
        (&["move", "b", "../moved"], ""),
        (&["remove", "b"], ""),
        (&["list"], "git"),
        (&["add", "../d"], "git"),
        (&["remove", "../d"], "git"),
    ];
    for (args, mode) in lines {
        let seen = homeless(args, mode);
        assert_eq!(seen.code, 0, "{args:?} {mode}: {seen:#?}");
    }
}
