//! Consent: what waits for it, what it covers, and who can give it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::world::{Seen, World};

/// A repository with this recipe, committed with everything else that is there.
fn with_recipe(recipe: &str, files: &[(&str, &str)]) -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", recipe);
    for (name, text) in files {
        world.write(format!("myproject/{name}"), text);
    }
    world.commit(&world.path("myproject"), "recipe");
    world
}

/// Asserts that an agent is told who has to agree, and not how to agree in their place.
#[track_caller]
fn leaves_it_to_a_person(seen: &Seen) {
    assert_eq!(seen.stderr.matches("a person has to agree").count(), 1, "{seen:#?}");
    let hints: Vec<_> = seen.stderr.lines().filter(|line| line.starts_with("hint:")).collect();
    assert!(!hints.iter().any(|hint| hint.contains("trust") || hint.contains("setup")), "{seen:#?}");
    assert!(!seen.stderr.contains("--yes") && !seen.stderr.contains("wt.trusted"), "{seen:#?}");
}

/// Whether a variable comes into the worktree's environment.
fn sets(world: &World, name: &str) -> bool {
    world.wt(&["run", "x", "--", "printenv", name]).code == 0
}

#[test]
fn no_interpreter_is_taken_from_what_git_tracks() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write("elsewhere/python3", "#!/bin/sh\ntouch \"$HOME/pwned\"\n");
    fs::set_permissions(world.path("elsewhere/python3"), fs::Permissions::from_mode(0o755)).unwrap();
    world.git(&repo, &["branch", "before"]);
    world.write("myproject/env/pyvenv.cfg", &format!("home = {}\n", world.path("elsewhere").display()));
    world.write("myproject/.wt.toml", "[venv]\npath = 'env'\n");
    world.commit(&repo, "venv");
    world.program("uv", "#!/bin/sh\necho \"$@\" >>\"$HOME/uv\"\nfor venv; do :; done\necho 'home = /usr/bin' >\"$venv/pyvenv.cfg\"\n");
    world.wt(&["add", "before"]);
    let told = fs::read_to_string(world.path("home/uv")).unwrap_or_default();
    assert!(!told.contains("elsewhere"), "{told}");
    assert!(!world.path("home/pwned").exists());
}

#[test]
fn a_place_waits_for_consent() {
    let world = with_recipe("path = '../elsewhere/{{ name }}'\n", &[]);
    let before = world.everything();
    world.wt(&["add", "x"]).code(128).says(&["needs your consent"]);
    before.is_still(&world.everything(), "refused");
    world.wt(&["add", "--path", "../mine", "y"]).ok();
    world.trust();
    world.wt(&["add", "x"]).ok().prints("[ROOT]/elsewhere/x\n");
}

#[test]
fn no_place_is_in_a_repository_beside() {
    for place in
        ["../myproject-api/.git/hooks", "../myproject-api/.vscode", "../myproject-api/new/{{ name }}"]
    {
        let world = with_recipe(&format!("path = \"{place}\"\n"), &[]);
        world.repo("myproject-api");
        let before = world.everything();
        world.wt(&["add", "x"]).code(128).says(&["needs your consent"]);
        before.is_still(&world.everything(), place);
    }
}

#[test]
fn consent_is_asked_again_when_a_file_that_is_run_changes() {
    for (command, changed) in [
        ("sh x.sh", "x.sh"),
        ("cd d && ./x.sh", "d/x.sh"),
        ("make", "Makefile"),
        ("cd d && make", "d/Makefile"),
        ("cd a && cd d && make", "a/d/Makefile"),
        ("cd a/d/../d; make", "a/d/Makefile"),
        ("make -C a/d", "a/d/Makefile"),
        ("make -fbuild.mk", "build.mk"),
        ("npm run build", "package.json"),
        ("npm --prefix=d run build", "d/package.json"),
        ("python3 -m pkg.tool", "pkg/tool.py"),
        ("python3 -m pkg.tool", "pkg/__init__.py"),
        ("python3 -Im pkg.tool", "pkg/tool.py"),
        ("python3 -mpkg.tool", "pkg/tool.py"),
        ("cd a/d && python3 -m pkg.tool", "a/d/pkg/tool.py"),
        ("python3 pkg", "pkg/__main__.py"),
        ("sh linked.sh", "x.sh"),
        ("sh linked/x.sh", "d/x.sh"),
        ("cat <x.sh | sh", "x.sh"),
        ("pip install -rreqs.txt", "reqs.txt"),
    ] {
        let world = World::with_repo();
        let repo = world.path("myproject");
        for name in [
            "x.sh",
            "d/x.sh",
            "Makefile",
            "d/Makefile",
            "a/d/Makefile",
            "build.mk",
            "package.json",
            "d/package.json",
            "pkg/tool.py",
            "pkg/__init__.py",
            "pkg/__main__.py",
            "a/d/pkg/tool.py",
            "reqs.txt",
        ] {
            world.write(format!("myproject/{name}"), "# as it was\n");
            fs::set_permissions(repo.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        symlink("x.sh", repo.join("linked.sh")).unwrap();
        symlink("d", repo.join("linked")).unwrap();
        world.write(
            "myproject/.wt.toml",
            &format!("[hooks]\nsetup = [\"({command}) || true; touch ran.sqlite3\"]\n"),
        );
        world.commit(&repo, "recipe");
        world.trust();
        world.git(&repo, &["switch", "--quiet", "--create", "evil"]);
        world.write(format!("myproject/{changed}"), "# another\n");
        world.commit(&repo, "evil");
        world.git(&repo, &["switch", "--quiet", "main"]);
        world.wt(&["add", "evil"]).code(3).says(&["without consent", command]);
        assert!(!world.path("myproject-evil/ran.sqlite3").exists(), "{command}");
        world.wt(&["trust", "evil"]).code(128).says(&["(changed)"]);
        world.wt(&["add", "good"]).ok();
        assert!(world.path("myproject-good/ran.sqlite3").exists(), "{command}");
    }
}

#[test]
fn a_value_that_waits_goes_on_waiting_when_its_worktree_moves() {
    let world = with_recipe("[env]\nGREETING = 'hello from {{ path }}, {{ name }}'\n", &[]);
    world.wt(&["add", "x"]).ok();
    assert!(!sets(&world, "GREETING"));
    world.wt(&["move", "x", "../moved"]).ok();
    assert!(world.read("moved/.env").contains("/moved"));
    assert!(!sets(&world, "GREETING"));
    world.trust();
    assert!(sets(&world, "GREETING"));
}

#[test]
fn only_the_users_own_settings_trust_a_repository() {
    let root = |world: &World| world.root().display().to_string();
    let attempts: [(&str, fn(&World, &str)); 5] = [
        ("the repository's own settings", |world, all| {
            world.git(&world.path("myproject"), &["config", "wt.trusted", all]);
        }),
        ("those of the worktree", |world, all| {
            let repo = world.path("myproject");
            world.git(&repo, &["config", "extensions.worktreeConfig", "true"]);
            world.git(&repo, &["config", "--worktree", "wt.trusted", all]);
        }),
        ("a tracked file that they include", |world, _| {
            world.git(&world.path("myproject"), &["config", "include.path", "../shared"]);
        }),
        ("a tracked file that the user's settings include", |world, _| {
            let file = world.path("myproject/shared");
            world.git(&world.root(), &["config", "--global", "include.path", file.to_str().unwrap()]);
        }),
        ("a pattern that is another's", |world, _| {
            let other = world.path("another/*");
            world.git(&world.root(), &["config", "--global", "wt.trusted", other.to_str().unwrap()]);
        }),
    ];
    for (attempt, make) in attempts {
        let world = World::with_repo();
        let all = format!("{}/*", root(&world));
        world.write("myproject/shared", &format!("[wt]\n\ttrusted = {all}\n"));
        world.write("myproject/.wt.toml", "[hooks]\nsetup = ['touch ran.sqlite3']\n");
        world.commit(&world.path("myproject"), "recipe");
        make(&world, &all);
        assert_eq!(world.wt(&["add", "x"]).code, 3, "{attempt}");
        assert!(!world.path("myproject-x/ran.sqlite3").exists(), "{attempt}");
        world.git(&world.root(), &["config", "--global", "--replace-all", "wt.trusted", &all]);
        world.wt(&["add", "y"]).ok();
        assert!(world.path("myproject-y/ran.sqlite3").exists(), "{attempt}");
    }
}
