//! Git-wt's own files are accessible only to the user, whatever the umask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::world::{Seen, World, below};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// Returns a path and everything below it.
fn all_of(path: &Path) -> Vec<PathBuf> {
    std::iter::once(path.to_owned()).chain(below(path, &|_| true)).collect()
}

fn with_umask(world: &World, umask: &str, line: &str) -> Seen {
    let script = format!("umask {umask}; exec git wt {line}");
    world.see(world.command("sh", &world.path("myproject")).args(["-c", &script]))
}

/// Asserts that git-wt's own files are accessible only to their owner, and that all the known ones are there.
#[track_caller]
fn is_private(world: &World, umask: &str, names: &[&str]) {
    let ours = [world.path("state/git-wt"), world.path("myproject/.git/wt")];
    let all: Vec<PathBuf> = ours.iter().flat_map(|place| all_of(place)).collect();
    for path in &all {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(path), wanted, "umask {umask}: {}", path.display());
    }
    for name in names {
        assert!(all.iter().any(|path| path.to_string_lossy().contains(name)), "{name}: {all:#?}");
    }
}

#[test]
fn whatever_the_umask_nobody_else_can_read_or_write_what_is_ours() {
    for umask in ["000", "002", "027", "077"] {
        let world = World::with_repo();
        fs::remove_dir(world.path("state")).unwrap();
        let config = "copy = [\"keys.local\", \"tool.local\"]\n[hooks]\nsetup = [\"echo done\"]\n[port]\nPORT = 8000\n";
        world.write("myproject/.wt.toml", config);
        world.write("myproject/.gitignore", ".env\n*.local\n");
        world.commit(&world.path("myproject"), "recipe");
        for (name, mode) in [(".env", 0o666), ("keys.local", 0o600), ("tool.local", 0o777)] {
            world.write(format!("myproject/{name}"), "SECRET_KEY=a\n");
            fs::set_permissions(world.path("myproject").join(name), fs::Permissions::from_mode(mode))
                .unwrap();
        }
        with_umask(&world, umask, "trust --yes").ok();
        with_umask(&world, umask, "add x").ok();
        is_private(
            &world,
            umask,
            &["/trust/", "/state/git-wt/ports/", "/wt/lock", "/entries.lock", ".json", ".log"],
        );
        assert_eq!(mode(&world.path("state")) & 0o077, 0, "umask {umask}");
        let made = [(".env", 0o644), ("keys.local", 0o600), ("tool.local", 0o755)];
        for (name, wanted) in made {
            assert_eq!(mode(&world.path("myproject-x").join(name)), wanted, "umask {umask}: {name}");
        }
        assert_eq!(mode(&world.path("myproject/.git/worktrees/myproject-x/wt-record")), 0o600);

        // damages the record, which is then put aside
        let records = all_of(&world.path("myproject/.git/wt/records"));
        let record = records.iter().find(|path| path.extension().is_some_and(|it| it == "json")).unwrap();
        fs::write(record, "{").unwrap();
        fs::set_permissions(record, fs::Permissions::from_mode(0o644)).unwrap();
        with_umask(&world, umask, "doctor --fix").ok();
        is_private(&world, umask, &["/damaged/"]);
    }
}

#[test]
fn what_was_once_made_wider_is_narrowed() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[hooks]\nsetup = [\"true\"]\n[port]\nPORT = 8000\n");
    world.write("myproject/.env", "PORT=8000\n");
    world.commit(&world.path("myproject"), "recipe");
    world.wt(&["trust", "--yes"]).ok();
    world.wt(&["add", "x"]).ok();
    for place in ["state/git-wt", "myproject/.git/wt"] {
        for path in all_of(&world.path(place)).into_iter().filter(|path| path.is_dir()) {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
    fs::set_permissions(world.path("myproject/.git/wt/lock"), fs::Permissions::from_mode(0o666)).unwrap();
    world.wt(&["trust", "--forget"]).ok();
    world.wt(&["trust", "--yes"]).ok();
    world.wt(&["add", "y"]).ok();
    is_private(&world, "022", &["/trust/"]);
}

#[test]
fn a_umask_that_leaves_nothing_to_the_owner_is_no_obstacle() {
    let world = World::with_repo();
    fs::remove_dir(world.path("state")).unwrap();
    world.write("myproject/.wt.toml", "[hooks]\nsetup = [\"true\"]\n");
    world.commit(&world.path("myproject"), "recipe");
    with_umask(&world, "777", "trust --yes").ok();
    is_private(&world, "777", &["/trust/", "/wt/lock"]);
    world.wt(&["add", "x"]).ok();
}
