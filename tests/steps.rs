//! What `add`, `setup`, `remove` and `undo` say of each step: a line each, and on a terminal what goes on meanwhile.

use std::fs;

use crate::table::Pty;
use crate::world::World;

/// Makes a project with an env file, files to copy, and these hooks.
fn project(hooks: &[&str]) -> World {
    let world = World::with_repo();
    world.write("myproject/.gitignore", ".env\nlocal/\nmedia/\n*.sqlite3\n");
    world.write("myproject/.env", "PORT=8000\nDATABASE_URL=sqlite:///db.sqlite3\n");
    let recipe = "copy = [\"local/*\"]\n[port]\nPORT = 8000\n[database]\nvariable = \"DATABASE_URL\"\n";
    world.write("myproject/.wt.toml", recipe);
    for name in ["a", "b", "c"] {
        world.write(format!("myproject/local/{name}"), name);
    }
    world.commit(&world.path("myproject"), "recipe");
    for hook in hooks {
        world.git(&world.path("myproject"), &["config", "--add", "wt.hooks.setup", hook]);
    }
    world
}

#[test]
fn all_that_is_made_is_one_line() {
    let world = project(&[]);
    let seen = world.wt(&["add", "staging"]).ok();
    let head = &world.git(&world.path("myproject"), &["rev-parse", "HEAD"])[..7];
    assert_eq!(
        seen.stderr,
        format!(
            "staging: new branch from main ({head}) in ../myproject-staging\n  \
             port 8001, database db.sqlite3 (empty), .env, 3 files copied\n\
             ready in 1.0s: http://localhost:8001\n\
             hint: cd -- [ROOT]/myproject-staging\n"
        )
    );
    // with -v each thing is a line, with its time
    let seen = world.wt(&["add", "-v", "other"]).ok();
    assert!(seen.stderr.contains("\ncopies of 3 files\n  took "), "{seen:#?}");
    assert_eq!(world.wt(&["add", "-q", "third"]).ok().stderr, "");
}

#[test]
fn the_first_line_says_what_it_starts_with() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["tag", "v1.2.0"]);
    world.git(&repo, &["branch", "existing"]);
    world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", "remote.git"]);
    world.git(&world.path("remote.git"), &["branch", "shared"]);
    world.git(&repo, &["remote", "add", "origin", "../remote.git"]);
    world.git(&repo, &["fetch", "--quiet", "origin"]);
    let head = &world.git(&repo, &["rev-parse", "HEAD"])[..7].to_owned();
    let first = |line: &[&str]| {
        let said = world.wt(line).ok().stderr;
        said.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        first(&["add", "v1.2.0"]),
        format!("v1.2.0: detached at v1.2.0 ({head}) in ../myproject-v1-2-0")
    );
    assert_eq!(
        first(&["add", "shared"]),
        format!("shared: new branch from origin/shared ({head}) in ../myproject-shared")
    );
    assert_eq!(
        first(&["add", "--base", "existing", "more"]),
        format!("more: new branch from existing ({head}) in ../myproject-more")
    );
    assert_eq!(
        first(&["add", "-b", "release/2.4", "../production"]),
        format!("production: new branch 'release/2.4' from main ({head}) in ../production")
    );
    let existing = first(&["add", "existing"]);
    let begins = format!("existing: branch at {head} (");
    assert!(
        existing.starts_with(&begins) && existing.ends_with(" ago) in ../myproject-existing"),
        "{existing}"
    );
    // HEAD is a branch of another worktree
    let seen = world.wt_in("myproject-existing", &["add", "hotfix"]).ok();
    assert!(seen.stderr.starts_with(&format!("hotfix: new branch from existing ({head})")), "{seen:#?}");
    world.git(&repo, &["branch", "--move", "existing", "renamed"]);
}

#[test]
fn a_hook_is_a_line_and_its_output_is_for_the_log() {
    let world = project(&["echo installing", "echo migrating"]);
    let seen = world.wt(&["add", "staging"]).ok();
    assert!(
        seen.stderr.contains("\n  echo installing  1.0s\n  echo migrating   1.0s\nready in "),
        "{seen:#?}"
    );
    assert!(!seen.stderr.contains("\ninstalling"), "{seen:#?}");
    let seen = world.wt(&["add", "-v", "loud"]).ok();
    assert!(seen.stderr.contains("$ echo installing\ninstalling\n"), "{seen:#?}");
    let logs = fs::read_dir(world.path("myproject/.git/wt/records")).unwrap().flatten();
    let logs: Vec<String> = logs
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "log"))
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .collect();
    assert_eq!(logs, vec!["$ echo installing\ninstalling\n$ echo migrating\nmigrating\n".to_owned(); 2]);
}

#[test]
fn a_hook_that_fails_shows_the_end_of_what_it_said() {
    let world = project(&["seq 1 30; echo '\x1b[2Jhere it is' >&2; exit 4"]);
    let seen = world.wt(&["add", "staging"]).code(3);
    assert!(seen.stderr.contains("\n12\n") && !seen.stderr.contains("\n10\n"), "{seen:#?}");
    assert!(seen.stderr.contains("\\u{1b}[2Jhere it is\nwarning: the hook "), "{seen:#?}");
    assert!(!seen.stderr.contains("ready in"), "{seen:#?}");
    // what -q leaves is the failure alone
    let quiet = world.wt(&["add", "-q", "other"]).code(3);
    assert!(
        quiet.stderr.starts_with("warning: the hook ") && quiet.stderr.lines().count() == 1,
        "{quiet:#?}"
    );
}

#[test]
fn a_terminal_shows_what_a_hook_says_while_it_runs() {
    let world =
        project(&["echo first; printf 'half of it'; while ! test -e \"$HOME/go\"; do sleep 0.05; done"]);
    let mut pty = Pty::open(&world, &["git-wt", "add", "staging"], (24, 100), &[]);
    pty.until(|pty| pty.shown().ends_with("  half of it"));
    let line = pty.shown().lines().last().unwrap_or_default().to_owned();
    assert!(line.contains("echo first; printf") && !line.contains("first\n"), "{line}");
    world.write("home/go", "");
    assert_eq!(pty.end(), 0);
    let shown = pty.shown();
    assert!(!shown.contains("  half of it") && shown.contains("ready in "), "{shown}");
    assert!(shown.lines().all(|line| !line.starts_with('⠋') && !line.contains("making")), "{shown}");
    // a terminal that cannot be written on again gets only what stays
    let mut dumb = Pty::open(&world, &["git-wt", "add", "other"], (24, 100), &[("TERM", "dumb")]);
    assert_eq!(dumb.end(), 0);
    assert!(!dumb.shown().contains("making") && !dumb.shown().contains('⠋'), "{}", dumb.shown());
}

#[test]
fn ctrl_c_in_a_hook_says_what_stays_and_how_to_go_on() {
    let world = project(&["echo up > \"$HOME/up\"; sleep 600"]);
    let mut pty = Pty::open(&world, &["git-wt", "add", "staging"], (24, 100), &[]);
    pty.until_shown("sleep 600");
    pty.type_in("\x03");
    assert_eq!(pty.end(), 130);
    let shown = pty.shown();
    assert!(
        shown.contains("error: interrupted in 'echo up > \"$HOME/up\"; sleep 600'; 'staging' stays")
            && shown.contains("hint: git wt setup staging"),
        "{shown}"
    );
    assert!(world.path("myproject-staging/.env").exists());
}

#[test]
fn setup_says_what_it_did_or_that_there_was_nothing_to_do() {
    let world = project(&["echo hook"]);
    world.git(
        &world.path("myproject"),
        &["worktree", "add", "--quiet", "-b", "staging", "../myproject-staging"],
    );
    let seen = world.wt(&["setup", "myproject-staging"]).ok();
    assert_eq!(
        seen.stderr,
        "myproject-staging: port 8001, database db.sqlite3 (empty), .env, 3 files copied\n  echo hook  1.0s\n"
    );
    assert_eq!(world.wt(&["setup", "myproject-staging"]).ok().stderr, "myproject-staging: nothing to do\n");
    assert_eq!(world.wt(&["setup", "--again", "myproject-staging"]).ok().stderr, "  echo hook  1.0s\n");
    assert_eq!(world.wt(&["setup", "-q", "myproject-staging"]).ok().stderr, "");
}

#[test]
fn remove_and_undo_say_what_is_kept_and_what_is_back() {
    let world = project(&[]);
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/media/photo", &"x".repeat(12_000_000));
    world.write("myproject-staging/new", "");
    world.write("myproject-staging/README", "changed\n");
    let head = &world.git(&world.path("myproject"), &["rev-parse", "HEAD"])[..7].to_owned();
    assert_eq!(
        world.wt(&["remove", "-f", "staging"]).ok().stderr,
        format!(
            "removed staging; branch 'staging' stays ({head})\n\
             kept for 7 days: local/ 1 kB, media/ 12 MB, database db.sqlite3, 1 changed and 1 untracked files\n\
             hint: git wt undo staging\n"
        )
    );
    assert_eq!(
        world.wt(&["undo"]).ok().stderr,
        "staging is back in ../myproject-staging as it was just now\n  \
         port 8001, database db.sqlite3, 1 changed and 1 untracked files\n"
    );
}
