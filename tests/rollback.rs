//! The record makes undoing possible: `add` fails or is killed at every step, `remove` is killed at every step, and
//! nothing is left half-done.
//!
//! strace makes the steps fail, so that the program needs no hooks for it. It traces only git-wt: children continue, as
//! in real life.

use std::process::Command;

use crate::world::{Everything, Seen, SmallDisk, World, is_here};

/// All system calls that create something or put it in place.
const MAKING: &str = "?rename,?renameat,?renameat2,?link,?linkat,?mkdir,?mkdirat,?symlink,?symlinkat,openat";
/// All system calls that put something in place or remove it.
const PLACING: &str =
    "?rename,?renameat,?renameat2,?link,?linkat,?mkdir,?mkdirat,?symlinkat,?unlink,?unlinkat,?rmdir";

/// Makes a repository whose worktrees get everything there is, inside the main one (so with a line in info/exclude).
fn crowded(place: &str) -> World {
    let world = World::with_repo();
    world.write("myproject/.gitignore", ".env\n.env.local\n.venv/\nmedia\n");
    let database = world.path("main.sqlite3").display().to_string();
    world.write(
        "myproject/.wt.toml",
        &format!(
            "path = \"{place}\"\nlink = [\"media\"]\n[port]\nPORT = 8000\nAPI_PORT = 8001\n[env]\nA = \"1\"\n[venv]\n\
             [database]\nfrom = \"main\"\n"
        ),
    );
    world.commit(&world.path("myproject"), "recipe");
    world.write("myproject/media/photo", "x");
    world.write("myproject/.env.local", "LOCAL=1\n");
    world.write("myproject/.env", &format!("DATABASE_URL=sqlite:///{database}\n"));
    rusqlite::Connection::open(database)
        .unwrap()
        .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    world.fake_uv("");
    world.trust();
    // create in advance whatever stays once it exists
    add(&world).ok();
    world.wt(&["remove", "--purge", "-y", "staging"]).ok();
    forget_branch(&world);
    world
}

fn add(world: &World) -> Seen {
    world.wt(&["add", "staging"])
}

fn forget_branch(world: &World) {
    world.swept();
    world.git(&world.path("myproject"), &["branch", "--quiet", "-D", "staging"]);
}

/// Runs git-wt so that the `at`th of these calls fails; returns also whether there was one.
fn injected(world: &World, calls: &str, fault: &str, at: usize, line: &[&str]) -> (Seen, bool) {
    let log = world.path("home/strace");
    let mut command = world.command("strace", &world.path("myproject"));
    command.args(["-qq", "-o"]).arg(&log);
    command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{fault}:when={at}")]);
    let seen = world.see(command.arg(env!("CARGO_BIN_EXE_git-wt")).args(line));
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    std::fs::remove_file(&log).unwrap();
    let hit = text.contains("(INJECTED)") || text.contains("killed by SIGKILL");
    (seen, hit)
}

fn strace_is_there() -> bool {
    is_here("strace", Command::new("strace").arg("-V").output().is_ok())
}

/// Asserts that everything is the same as before, or complete and, once removed, the same as before.
#[track_caller]
fn all_or_nothing(world: &World, before: &Everything, when: &str) {
    if world.path("myproject/.git/worktrees").exists() {
        let list = world.wt(&["list", "--no-status"]).ok().stdout;
        assert!(list.contains("staging") && !list.contains("missing"), "{when}: {list}");
        assert!(worktree(world).join(".env").exists(), "{when}");
        let env = world.read(worktree(world).join(".env"));
        assert!(env.contains("PORT=8010") && env.contains("API_PORT=8011"), "{when}: {env}");
        world.wt(&["remove", "--purge", "-y", "staging"]).ok();
        forget_branch(world);
    }
    world.swept();
    before.is_still(&world.everything(), when);
}

fn worktree(world: &World) -> std::path::PathBuf {
    let sibling = world.path("myproject-staging");
    if sibling.exists() { sibling } else { world.path("myproject/.trees/staging") }
}

#[test]
fn an_add_that_fails_at_any_step_leaves_nothing() {
    if !strace_is_there() {
        return;
    }
    let world = crowded("../{{ repo }}-{{ name }}");
    let before = world.everything();
    let mut failures = 0;
    for at in 1.. {
        let (seen, hit) = injected(&world, MAKING, "error=ENOSPC", at, &["add", "staging"]);
        failures += usize::from(seen.code != 0);
        all_or_nothing(&world, &before, &format!("call {at} failed: {seen:#?}"));
        if !hit {
            assert_eq!(seen.code, 0, "{seen:#?}");
            break;
        }
    }
    assert!(failures > 12, "only {failures} calls were essential");
}

#[test]
fn an_add_that_is_killed_at_any_step_is_undone_by_doctor() {
    if !strace_is_there() {
        return;
    }
    for place in ["../{{ repo }}-{{ name }}", ".trees/{{ name }}"] {
        let world = crowded(place);
        let before = world.everything();
        for at in 1.. {
            let (seen, hit) = injected(&world, PLACING, "signal=SIGKILL", at, &["add", "staging"]);
            world.wt(&["doctor", "--fix"]).ok();
            all_or_nothing(&world, &before, &format!("killed at call {at}: {seen:#?}"));
            world.wt(&["doctor"]).ok();
            if !hit {
                break;
            }
        }
        add(&world).ok();
    }
}

#[test]
fn a_removal_that_is_killed_at_any_step_is_finished() {
    if !strace_is_there() {
        return;
    }
    let world = crowded("../{{ repo }}-{{ name }}");
    let before = world.everything();
    for at in 1.. {
        add(&world).ok();
        let (seen, hit) =
            injected(&world, PLACING, "signal=SIGKILL", at, &["remove", "--purge", "-y", "staging"]);
        world.wt(&["doctor", "--fix"]).ok();
        let half =
            world.path("myproject-staging").exists() != world.path("myproject/.git/worktrees").exists();
        assert!(!half, "killed at call {at}: {seen:#?}");
        if world.path("myproject-staging").exists() {
            all_or_nothing(&world, &before, &format!("killed at call {at}: {seen:#?}"));
        } else {
            forget_branch(&world);
            before.is_still(&world.everything(), &format!("killed at call {at}: {seen:#?}"));
        }
        if !hit {
            break;
        }
    }
}

#[test]
fn a_removal_or_an_undo_that_is_killed_at_any_step_loses_nothing() {
    if !strace_is_there() {
        return;
    }
    let world = crowded("../{{ repo }}-{{ name }}");
    add(&world).ok();
    let tree = worktree(&world);
    std::fs::write(tree.join("untracked"), "mine").unwrap();
    std::fs::write(tree.join("staged"), "mine").unwrap();
    world.git(&tree, &["add", "staged"]);
    let before = world.everything();
    for line in [&["remove", "-f", "staging"][..], &["undo"]] {
        for at in 1.. {
            if line[0] == "undo" {
                world.wt(&["remove", "-f", "staging"]).ok();
            }
            let (seen, hit) = injected(&world, PLACING, "signal=SIGKILL", at, line);
            let when = format!("{line:?} killed at call {at}: {seen:#?}");
            let fixed = world.wt(&["doctor", "--fix"]);
            assert_eq!(fixed.code, 0, "{when}\n{fixed:#?}");
            if !tree.exists() {
                let undone = world.wt(&["undo", "staging"]);
                assert_eq!(undone.code, 0, "{when}\n{undone:#?}");
            }
            world.swept();
            before.is_still(&world.everything(), &when);
            assert_eq!(world.git(&tree, &["show", ":staged"]), "mine", "{when}");
            if !hit {
                break;
            }
        }
    }
}

#[test]
fn a_child_that_fails_is_no_reason_to_leave_anything() {
    let world = crowded("../{{ repo }}-{{ name }}");
    let before = world.everything();
    let git = World::hosts_git().display();
    let failing = |verb: &str| {
        format!("#!/bin/sh\ncase \" $* \" in *\" {verb} \"*) exit 77;; esac\nexec {git} \"$@\"\n")
    };
    let wt = |line: &[&str]| {
        world.see(world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path("myproject")).args(line))
    };
    for verb in ["branch", "worktree add", "check-ignore", "ls-files"] {
        world.program("git", &failing(verb));
        let seen = wt(&["add", "staging"]).code(128);
        std::fs::remove_file(world.path("bin/git")).unwrap();
        before.is_still(&world.everything(), &format!("git {verb}: {seen:#?}"));
    }
    world.program("uv", "#!/bin/sh\necho no space left >&2\nexit 2\n");
    let seen = add(&world).code(128).says(&[
        "cannot make the Python environment",
        "no space left",
        "undone: branch",
    ]);
    world.fake_uv("");
    before.is_still(&world.everything(), &format!("{seen:#?}"));
}

#[test]
fn an_add_that_is_told_to_stop_is_undone() {
    let world = crowded("../{{ repo }}-{{ name }}");
    let before = world.everything();
    for (signal, status) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        // the program that makes the venv stops its parent, and continues for a moment
        world.fake_uv(&format!("kill -{signal} $PPID"));
        let seen = add(&world).code(status).says(&["error: interrupted", "undone: "]);
        world.fake_uv("");
        before.is_still(&world.everything(), &format!("{signal}: {seen:#?}"));
    }
}

#[test]
fn a_removal_that_is_told_to_stop_stops_before_or_ends() {
    let world = crowded("../{{ repo }}-{{ name }}");
    world.git(&world.path("myproject"), &["config", "wt.hooks.teardown", "kill -TERM $PPID"]);
    add(&world).ok();
    let before = world.everything();
    world.wt(&["remove", "--purge", "-y", "staging"]).code(143).says(&["error: interrupted"]);
    // the hook's output is kept for whoever wants to know what happened
    let records = std::fs::read_dir(world.path("myproject/.git/wt/records")).unwrap().flatten();
    let log = records.map(|file| file.path()).find(|file| file.extension().is_some_and(|end| end == "log"));
    std::fs::remove_file(log.unwrap()).unwrap();
    before.is_still(&world.everything(), "stopped before anything went");
    world.git(&world.path("myproject"), &["config", "wt.hooks.teardown", "true"]);
    world.wt(&["remove", "--purge", "-y", "staging"]).ok();
}

#[test]
fn a_full_disk_leaves_nothing_half() {
    let world = World::new();
    let place = world.path("disk");
    let Some(_disk) = SmallDisk::mounted(&place, "4m") else { return };
    world.repo("disk/myproject");
    world.write("disk/myproject/.wt.toml", "[port]\nPORT = 8000\n[database]\n");
    world.write("disk/myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    world.write("disk/myproject/large", &"x".repeat(300_000));
    world.commit(&world.path("disk/myproject"), "recipe");
    let wt = |line: &[&str]| world.wt_in("disk/myproject", line);
    wt(&["add", "staging"]).ok();
    wt(&["remove", "--purge", "-y", "-D", "staging"]).ok();
    world.swept_in("disk/myproject");
    let before = world.everything();
    let filler = world.path("disk/filler");
    let room = rustix::fs::statvfs(&place).unwrap();
    let room = usize::try_from(room.f_bavail * room.f_frsize).unwrap();
    let (mut failed, mut made) = (0, 0);
    for left in (0..=600_000).step_by(24_000) {
        std::fs::write(&filler, vec![0; room.saturating_sub(left)]).unwrap();
        let seen = wt(&["add", "staging"]);
        std::fs::remove_file(&filler).unwrap();
        if seen.code == 0 {
            made += 1;
            wt(&["remove", "--purge", "-y", "-D", "staging"]).ok();
        } else {
            failed += 1;
            wt(&["doctor", "--fix"]).ok();
        }
        world.swept_in("disk/myproject");
        before.is_still(&world.everything(), &format!("with {left} bytes left: {seen:#?}"));
    }
    assert!(failed > 5 && made > 2, "{failed} failed, {made} made");
}

#[test]
fn a_directory_that_cannot_be_written_is_named_and_nothing_is_made() {
    let world = crowded("../{{ repo }}-{{ name }}");
    let before = world.everything();
    // root may write anywhere, so use a read-only file system, which stops root too
    let place = world.path("readonly");
    let Some(disk) = SmallDisk::mounted(&place, "1m") else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(&place).status().unwrap();
    assert!(remount.success());
    world.wt(&["add", "--path", "../readonly/staging", "staging"]).code(128).says(&["[ROOT]/readonly"]);
    drop(disk);
    std::fs::remove_dir(&place).unwrap();
    before.is_still(&world.everything(), "nothing is made");
}

#[test]
fn what_somebody_writes_into_an_unfinished_worktree_goes_to_the_trash() {
    // an add that fails, and one that is killed, which doctor takes back
    for then in ["exit 1", "kill -KILL $PPID; exit 1"] {
        let world = crowded("../{{ repo }}-{{ name }}");
        for work in [
            "echo mine >work",
            "echo mine >README",
            "echo MINE=1 >>.env",
            "rm media; mkdir media; echo mine >media/photo",
            "echo mine >.env.local",
        ] {
            world.fake_uv(&format!(
                "cd '{}' || exit 1\n{work}\n{then}",
                world.path("myproject-staging").display()
            ));
            let seen = world.wt(&["add", "staging"]);
            assert_ne!(seen.code, 0);
            world.wt(&["doctor", "--fix"]).ok();
            assert!(!worktree(&world).exists(), "{work}: {seen:#?}");
            let list = world.wt(&["undo", "--list"]).ok().stdout;
            assert!(list.starts_with("staging  removed"), "{work}: {list:?} {seen:#?}");
            world.fake_uv("");
            world.wt(&["undo"]).ok();
            let file = work.rsplit(['>', ' ']).next().unwrap();
            let file = if work.contains("media") { "media/photo" } else { file };
            assert!(world.read(worktree(&world).join(file)).to_lowercase().contains("mine"), "{work}");
            world.wt(&["setup", "staging"]).ok();
            world.wt(&["doctor"]).ok();
            world.wt(&["remove", "-fy", "-D", "--purge", "staging"]).ok();
        }
    }
}

#[test]
fn what_nobody_has_written_into_leaves_no_trash() {
    let world = crowded("../{{ repo }}-{{ name }}");
    let before = world.everything();
    for then in ["exit 1", "kill -KILL $PPID; exit 1"] {
        world.fake_uv(then);
        assert_ne!(add(&world).code, 0);
        world.wt(&["doctor", "--fix"]).ok();
        world.fake_uv("");
        assert_eq!(world.wt(&["undo", "--list"]).ok().stdout, "");
        all_or_nothing(&world, &before, then);
    }
}

#[test]
fn a_setup_that_is_killed_at_any_step_is_resumed() {
    if !strace_is_there() {
        return;
    }
    let world = crowded("../{{ repo }}-{{ name }}");
    let repo = world.path("myproject");
    let before = world.everything();
    for at in 1.. {
        world.git(&repo, &["worktree", "add", "--quiet", "-b", "staging", "../myproject-staging"]);
        let line = ["setup", "myproject-staging"];
        let (seen, hit) = injected(&world, PLACING, "signal=SIGKILL", at, &line);
        let when = format!("killed at call {at}: {seen:#?}");
        let again = world.wt(&line);
        assert_eq!(again.code, 0, "{when}\n{again:#?}");
        let env = world.read("myproject-staging/.env");
        assert!(env.contains("PORT=8010") && env.contains("API_PORT=8011"), "{when}: {env}");
        assert!(world.path("myproject-staging/.venv/pyvenv.cfg").exists(), "{when}");
        assert!(world.path("myproject-staging/media").is_symlink(), "{when}");
        world.wt(&["doctor", "--fix"]).ok();
        world.wt(&["remove", "--purge", "-y", "myproject-staging"]).ok();
        forget_branch(&world);
        before.is_still(&world.everything(), &when);
        if !hit {
            break;
        }
    }
}

#[test]
fn work_that_is_in_no_file_keeps_an_unfinished_worktree_too() {
    let world = crowded("../{{ repo }}-{{ name }}");
    let module = world.repo("module");
    world.write("module/.gitignore", "data\n");
    world.commit(&module, "ignores");
    let url = module.display().to_string();
    let repo = world.path("myproject");
    world.git(&repo, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "sub"]);
    world.commit(&repo, "submodule");
    let tree = world.path("myproject-staging").display().to_string();
    for work in [
        "git checkout -q --detach && git commit -q --allow-empty -m mine",
        "git update-ref refs/worktree/mine HEAD",
        "git -C sub commit -q --allow-empty -m mine",
        "echo mine >sub/data",
    ] {
        world.fake_uv(&format!("cd '{tree}' || exit 1\n{work} || echo failed\nexit 1"));
        let seen = add(&world);
        assert!(seen.code == 128 && !seen.stderr.contains("failed"), "{seen:#?}");
        let list = world.wt(&["undo", "--list"]).ok().stdout;
        assert!(list.starts_with("staging"), "{work}: {list} {seen:#?}");
        world.fake_uv("");
        world.wt(&["undo"]).ok();
        world.wt(&["remove", "-ffy", "-D", "--purge", "staging"]).ok();
        let _ = world.see(world.command("git", &repo).args(["branch", "-D", "staging"]));
    }
}
