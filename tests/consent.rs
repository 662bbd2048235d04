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
