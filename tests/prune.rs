//! `git wt prune`: what is gone is forgotten along with what was made for it, and what may come back is kept.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::world::{Seen, World};

/// Makes worktrees `a` and `b`, each with a port, whose directories are gone.
fn vanished() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    world.commit(&world.path("myproject"), "recipe");
    for name in ["a", "b"] {
        world.wt(&["add", name]).ok();
        fs::remove_dir_all(world.path(format!("myproject-{name}"))).unwrap();
    }
    world
}

fn has(world: &World, name: &str) -> bool {
    let port = if name == "a" { 8001 } else { 8002 };
    let entry = world.path(format!("myproject/.git/worktrees/myproject-{name}")).exists();
    assert_eq!(entry, world.path(format!("state/git-wt/ports/{port}")).exists(), "entry and port of {name}");
    entry
}

#[test]
fn what_is_gone_is_forgotten_with_its_port() {
    let world = vanished();
    for line in [&["prune", "-n"][..], &["prune", "--dry-run", "--verbose"], &["prune", "-v", "--dry"]] {
        world.wt(line).ok().prints("").says(&["would prune 'a'", "would prune 'b'"]);
        assert!(has(&world, "a") && has(&world, "b"));
    }
    world.wt(&["prune", "-n", "--no-dry-run"]).ok().says(&["pruned 'a': its directory is gone"]);
    assert!(!has(&world, "a") && !has(&world, "b"));
    world.wt(&["prune"]).ok().prints("");
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_locked_one_and_one_that_was_used_lately_stay() {
    let world = vanished();
    world.git(&world.path("myproject"), &["worktree", "lock", "../myproject-a"]);
    world.wt(&["prune", "--expire", "1.day.ago"]).ok();
    assert!(has(&world, "a") && has(&world, "b"));
    let index = world.path("myproject/.git/worktrees/myproject-b/index");
    let long_ago = SystemTime::now() - Duration::from_hours(48);
    fs::File::options().write(true).open(index).unwrap().set_modified(long_ago).unwrap();
    world.wt(&["prune", "--expire=never"]).ok();
    assert!(has(&world, "b"));
    world.wt(&["prune", "--expire", "nonsense"]).code(129).says(&["'nonsense' is no time that git knows"]);
    world.wt(&["prune", "--expire", "1.day.ago"]).ok();
    assert!(has(&world, "a") && !has(&world, "b"));
    world.git(&world.path("myproject"), &["worktree", "unlock", "../myproject-a"]);
    world.wt(&["prune", "--expire", "now"]).ok();
    assert!(!has(&world, "a"));
}

#[test]
fn git_s_own_collection_takes_the_entry_and_doctor_the_rest() {
    let world = vanished();
    let repo = world.path("myproject");
    world.git(&repo, &["config", "gc.worktreePruneExpire", "now"]);
    world.git(&repo, &["gc", "--quiet"]);
    assert!(!world.path("myproject/.git/worktrees").exists());
    world.wt(&["list"]).ok();
    world.wt(&["doctor", "--fix"]).ok().says(&["the worktree of 'a' was removed without git-wt"]);
    assert!(!has(&world, "a") && !has(&world, "b"));
}

#[test]
fn doctor_names_what_is_gone_and_forgets_it() {
    let world = vanished();
    world.wt(&["doctor"]).code(1).says(&["the directory of 'a' is gone", "the directory of 'b' is gone"]);
    assert!(has(&world, "a") && has(&world, "b"));
    world.wt(&["doctor", "--fix"]).ok();
    assert!(!has(&world, "a") && !has(&world, "b"));
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_vanished_worktree_does_not_keep_its_branch() {
    let world = vanished();
    world.wt(&["remove", "--delete-branch", "a"]).ok().says(&["deleted branch 'a'"]);
    assert_eq!(world.git(&world.path("myproject"), &["branch", "--list", "a"]), "");
    assert!(!has(&world, "a") && has(&world, "b"));
}

#[test]
fn a_database_of_what_is_gone_waits_in_the_trash() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[database]\nname = \"{{ name }}\"\n");
    world.write("myproject/.gitignore", ".env\n");
    world.commit(&world.path("myproject"), "recipe");
    fs::create_dir(world.path("data")).unwrap();
    let main = world.path("data/main.sqlite3").display().to_string();
    world.write("myproject/.env", &format!("DATABASE_URL=sqlite:///{main}\n"));
    rusqlite::Connection::open(&main).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    world.trust();
    let tree = world.path("myproject-staging");
    let remove = |line: &[&str]| {
        fs::remove_dir_all(&tree).unwrap();
        world.wt(line).ok()
    };
    let by_git = || {
        world.git(&world.path("myproject"), &["config", "wt.mode", "git"]);
        // git says nothing, and so do we
        let seen = world.wt(&["remove", "--force", "../myproject-staging"]).ok();
        assert_eq!(seen.stderr, "");
        world.git(&world.path("myproject"), &["config", "--unset", "wt.mode"]);
        seen
    };
    let doors: [&dyn Fn() -> Seen; 3] = [&|| remove(&["prune"]), &|| remove(&["doctor", "--fix"]), &by_git];
    for (at, door) in doors.iter().enumerate() {
        world.wt(&["add", "staging"]).ok();
        let env = world.read("myproject-staging/.env");
        let database = world.path(env.trim_end().strip_prefix("DATABASE_URL=sqlite:///").unwrap());
        fs::write(&database, "rows").unwrap();
        let seen = door();
        if !seen.stderr.is_empty() {
            seen.says(&["kept for 7 days: database '[ROOT]/data/staging"]);
        }
        assert!(world.wt(&["undo", "--list"]).ok().stdout.contains("no directory"), "door {at}");
        world.wt(&["doctor"]).ok();
        assert_eq!(fs::read_to_string(&database).unwrap(), "rows", "door {at}");
        // a newcomer does not get it
        world.wt(&["add", "staging"]).ok();
        assert_ne!(world.read("myproject-staging/.env"), env, "door {at}");
        world.wt(&["remove", "-y", "--purge", "staging"]).ok();
        world.wt(&["undo", "--empty"]).ok();
        assert!(!database.exists(), "door {at}");
    }
}
