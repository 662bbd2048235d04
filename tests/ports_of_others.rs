//! Ports that are claimed where git-wt does not look for claims: by another user, or under another home.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{World, is_root};

fn with_port(world: &World, repo: &str) {
    world.repo(repo);
    world.write(format!("{repo}/.wt.toml"), "[port]\nPORT = 8000\n");
    world.commit(&world.path(repo), "recipe");
}

/// Runs an add under another home.
fn add_elsewhere(world: &World, repo: &str, name: &str) {
    let mut add = world.command("git", &world.path(repo));
    add.env("HOME", world.path("other")).env("XDG_STATE_HOME", world.path("other/state"));
    add.env("GIT_CONFIG_GLOBAL", world.path("home/.gitconfig"));
    world.see(add.args(["wt", "add", name])).ok();
}

fn port(world: &World, worktree: &str) -> String {
    world.read(format!("{worktree}/.env")).lines().last().unwrap().to_owned()
}

#[test]
fn the_records_of_a_repository_count_whatever_the_home() {
    let world = World::new();
    with_port(&world, "shop");
    world.wt_in("shop", &["add", "a"]).ok();
    add_elsewhere(&world, "shop", "b");
    assert_eq!((port(&world, "shop-a"), port(&world, "shop-b")), ("PORT=8001".into(), "PORT=8002".into()));
    world.wt_in("shop", &["add", "c"]).ok();
    assert_eq!(port(&world, "shop-c"), "PORT=8003");
}

#[test]
fn two_users_of_a_host_get_two_ports() {
    if !is_root("become another user") {
        return;
    }
    let world = World::new();
    with_port(&world, "shop");
    // where both may go
    let notices = world.path("notices");
    let mut add = world.command("git", &world.path("shop"));
    world.see(add.args(["wt", "add", "a"]).env("GIT_WT_PORT_NOTICES", &notices)).ok();
    // everything of the other user's: the way to the world, and a repository in it
    with_port(&world, "blog");
    for dir in ["", "blog"] {
        fs::set_permissions(world.path(dir), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let nobody = 65534;
    let theirs = world.path("nobody");
    fs::create_dir(&theirs).unwrap();
    fs::rename(world.path("blog"), theirs.join("blog")).unwrap();
    let changed = world.command("chown", &theirs).args(["-R", &format!("{nobody}:{nobody}"), "."]).status();
    assert!(changed.unwrap().success());
    let mut add = world.command("setpriv", &theirs.join("blog"));
    add.args([format!("--reuid={nobody}"), format!("--regid={nobody}"), "--clear-groups".into()]);
    add.env("HOME", &theirs).env("XDG_STATE_HOME", theirs.join("state")).env("XDG_RUNTIME_DIR", &theirs);
    add.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_WT_PORT_NOTICES", &notices);
    add.args([env!("CARGO_BIN_EXE_git-wt"), "add", "a"]);
    let seen = world.see(&mut add);
    if seen.code != 0 && seen.stderr.contains("ermission denied") {
        // the programs are where that user may not go
        return;
    }
    seen.ok();
    assert_eq!(
        (port(&world, "shop-a"), port(&world, "nobody/blog-a")),
        ("PORT=8001".into(), "PORT=8002".into())
    );
}
