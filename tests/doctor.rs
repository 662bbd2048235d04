//! `git wt doctor`: what a crash, a copy, plain git or a bad disk has left is reported and repaired.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::world::World;

fn with_staging() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    world.commit(&world.path("myproject"), "recipe");
    world.wt(&["add", "staging"]).ok();
    world
}

fn record(world: &World) -> PathBuf {
    let records = fs::read_dir(world.path("myproject/.git/wt/records")).unwrap().flatten();
    records.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "json")).unwrap()
}

#[test]
fn a_sound_repository_is_sound() {
    let world = with_staging();
    let before = world.everything();
    world.wt(&["doctor"]).ok().says(&["nothing is broken"]);
    world.wt(&["doctor", "--fix"]).ok().says(&["nothing is broken"]);
    before.is_still(&world.everything(), "after doctor");
}

#[test]
fn a_damaged_record_is_reported_and_made_anew_from_what_names_it() {
    let world = with_staging();
    let path = record(&world);
    let whole = fs::read_to_string(&path).unwrap();
    for damaged in [&whole[..whole.len() / 2], "", "{}"] {
        fs::write(&path, damaged).unwrap();
        world.wt(&["list"]).ok();
        world.wt(&["cd", "staging"]).ok();
        world.wt(&["doctor"]).code(1).says(&["is damaged"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged, "looking changes nothing");
        world.wt(&["doctor", "--fix"]).ok().says(&["is damaged", "git wt setup staging"]);
        let json = world.wt(&["list", "--json", "--no-status"]).ok().stdout;
        assert!(json.contains(r#""name":"staging""#) && json.contains(r#""port":8001"#), "{json}");
    }
    world.wt(&["remove", "-y", "staging"]).ok();
    assert!(!world.path("state/git-wt/ports/8001").exists());
}

#[test]
fn a_damaged_claim_is_still_a_claim() {
    let world = with_staging();
    world.write("state/git-wt/ports/8001", "");
    world.wt(&["add", "qa"]).ok();
    assert!(world.read("myproject-qa/.env").contains("PORT=8002"));
    world.wt(&["doctor"]).code(1).says(&["the claim of 'staging' on port 8001 is damaged"]);
    world.wt(&["doctor", "--fix"]).ok();
    assert!(world.read("state/git-wt/ports/8001").contains("staging"));
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_setting_of_another_tool_is_no_fault() {
    let world = with_staging();
    world.git(&world.path("myproject"), &["config", "wt.pth", "x"]);
    world.wt(&["doctor"]).ok().says(&["'wt.pth' means nothing to git-wt; did you mean 'wt.path'?"]);
    world.wt(&["add", "x"]).ok();
}

#[test]
fn a_copied_repository_owns_nothing_of_the_original() {
    let world = with_staging();
    let copied = std::process::Command::new("cp")
        .args(["-a"])
        .arg(world.path("myproject"))
        .arg(world.path("copy"))
        .status();
    assert!(copied.unwrap().success());
    let claim = world.path("state/git-wt/ports/8001");
    world.wt_in("copy", &["doctor"]).code(1).says(&["'staging' was made in another repository"]);
    world.wt_in("copy", &["remove", "-f", "-y", "staging"]).code(128).says(&["do not name each other"]);
    world.wt_in("copy", &["prune", "--yes"]).ok();
    world.wt_in("copy", &["doctor", "--fix"]).ok();
    assert!(claim.exists());
    assert_eq!(world.git(&world.path("myproject-staging"), &["status", "--porcelain"]), "");
    world.wt(&["doctor"]).ok();
    world.wt(&["remove", "staging"]).ok();
    assert!(!claim.exists());
}

#[test]
fn a_worktree_removed_by_git_gives_its_port_back() {
    let world = with_staging();
    fs::remove_file(world.path("myproject-staging/.env")).unwrap();
    world.git(&world.path("myproject"), &["worktree", "remove", "../myproject-staging"]);
    world.wt(&["doctor"]).code(1).says(&["the worktree of 'staging' was removed without git-wt"]);
    world.wt(&["doctor", "--fix"]).ok();
    assert!(!world.path("state/git-wt/ports/8001").exists());
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_claim_without_a_record_is_freed() {
    let world = with_staging();
    fs::remove_file(record(&world)).unwrap();
    world.wt(&["doctor"]).code(1).says(&["port 8001 is claimed by 'staging', which is gone"]);
    world.wt(&["doctor", "--fix"]).ok();
    assert!(!world.path("state/git-wt/ports/8001").exists());
}

#[test]
fn a_moved_worktree_keeps_its_record() {
    let world = with_staging();
    world.wt(&["move", "myproject-staging", "../elsewhere"]).ok();
    world.wt(&["cd", "staging"]).ok().prints("[ROOT]/elsewhere\n");
    world.wt(&["doctor"]).ok();
    world.wt(&["remove", "-y", "staging"]).ok();
    assert!(!world.path("elsewhere").exists() && !world.path("state/git-wt/ports/8001").exists());
}

#[test]
fn a_database_that_nobody_here_made_is_never_dropped() {
    let world = World::with_repo();
    let database = |name: &str| world.path(name).display().to_string();
    world.write("myproject/.wt.toml", "[database]\n");
    world.commit(&world.path("myproject"), "recipe");
    world.write("myproject/.env", &format!("DATABASE_URL=sqlite:///{}\n", database("main.sqlite3")));
    rusqlite::Connection::open(database("myproject_staging.sqlite3"))
        .unwrap()
        .execute_batch("CREATE TABLE mine (a)")
        .unwrap();
    world.wt(&["add", "staging"]).ok().says(&["there already, used as it is"]);
    assert!(world.read("myproject-staging/.env").contains("/myproject_staging.sqlite3"));
    world.wt(&["remove", "-y", "staging"]).ok();
    assert!(world.path("myproject_staging.sqlite3").exists());
    // our own is removed, after it was listed
    world.wt(&["add", "qa"]).ok();
    rusqlite::Connection::open(database("myproject_qa.sqlite3"))
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    world
        .wt(&["remove", "--purge", "qa"])
        .code(128)
        .says(&["database '[ROOT]/myproject_qa.sqlite3'", "--keep-db"]);
    world.wt(&["remove", "--keep-db", "qa"]).ok();
    assert!(world.path("myproject_qa.sqlite3").exists());
    world.wt(&["add", "ours"]).ok();
    world.wt(&["remove", "--purge", "-y", "ours"]).ok();
    assert!(!world.path("myproject_ours.sqlite3").exists());
}

#[test]
fn a_record_of_a_newer_git_wt_is_left_to_that() {
    let world = with_staging();
    let path = record(&world);
    let newer =
        fs::read_to_string(&path).unwrap().replace("\"version\": 1", "\"version\": 99, \"kind\": \"new\"");
    fs::write(&path, &newer).unwrap();
    world.wt(&["list"]).ok();
    world.wt(&["cd", "myproject-staging"]).ok();
    for line in [
        &["remove", "-y", "myproject-staging"][..],
        &["move", "myproject-staging", "../n"],
        &["setup", "myproject-staging"],
    ] {
        world.wt(line).code(128).says(&["'myproject-staging' is not ours to change", "a newer git-wt"]);
    }
    world.wt(&["prune"]).ok();
    world.wt(&["doctor", "--fix"]).code(1).says(&["written by a newer git-wt", "update this one"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    assert!(world.path("state/git-wt/ports/8001").exists() && world.path("myproject-staging/.env").exists());
}

#[test]
fn a_damaged_record_is_mended_before_anything_is_changed() {
    let world = with_staging();
    let path = record(&world);
    fs::write(&path, "{").unwrap();
    for line in [
        &["remove", "-y", "myproject-staging"][..],
        &["move", "myproject-staging", "../n"],
        &["setup", "myproject-staging"],
    ] {
        world
            .wt(line)
            .code(128)
            .says(&["the record of 'myproject-staging' is damaged", "git wt doctor --fix"]);
    }
    world.wt(&["doctor", "--fix"]).ok();
    let kept = world.path("myproject/.git/wt/damaged").join(path.file_name().unwrap());
    assert_eq!(fs::read_to_string(kept).unwrap(), "{");
    world.wt(&["remove", "-y", "staging"]).ok();
    assert!(!world.path("state/git-wt/ports/8001").exists());
}

#[test]
fn a_claim_that_its_record_does_not_have_is_freed() {
    let world = with_staging();
    let claim = world.read("state/git-wt/ports/8001");
    world.write("state/git-wt/ports/8005", &claim);
    world
        .wt(&["doctor"])
        .code(1)
        .says(&["port 8005 is claimed by 'staging', which does not have it any more"]);
    world.wt(&["doctor", "--fix"]).ok();
    assert!(
        !world.path("state/git-wt/ports/8005").exists() && world.path("state/git-wt/ports/8001").exists()
    );
}

#[test]
fn a_main_worktree_called_bare_by_a_stray_init_is_one_again() {
    let world = with_staging();
    let repo = world.path("myproject");
    world.git(&repo, &["config", "core.bare", "true"]);
    let status = world.command("git", &repo).arg("status").output().unwrap();
    assert!(!status.status.success(), "git refuses to work in it");
    world.wt(&["doctor"]).code(1).says(&["'[ROOT]/myproject' is a worktree, but core.bare is true"]);
    world.wt(&["doctor", "--fix"]).ok();
    world.git(&repo, &["status"]);
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_bare_repository_that_calls_all_worktrees_bare_gets_ones_that_work() {
    let world = World::with_repo();
    world.git(&world.root(), &["clone", "--quiet", "--bare", "myproject", "store.git"]);
    world.git(&world.path("store.git"), &["config", "extensions.worktreeConfig", "true"]);
    world.wt_in("store.git", &["add", "staging"]).ok();
    assert_eq!(world.git(&world.path("store-staging"), &["status", "--porcelain"]), "");
    world.wt_in("store.git", &["doctor"]).ok();
    world.wt_in("store-staging", &["remove", "."]).ok();
    assert!(!world.path("store-staging").exists());
}

#[test]
fn it_says_which_git_wt_runs_and_which_others_there_are() {
    let world = with_staging();
    let version = env!("CARGO_PKG_VERSION");
    let ours = format!("git-wt {version} ({})\ngit version ", env!("CARGO_BIN_EXE_git-wt"));
    for flag in ["--version", "-V"] {
        let seen = world.wt(&[flag]).ok();
        assert!(seen.stdout.starts_with(&ours), "{seen:#?}");
    }
    world
        .wt(&["doctor"])
        .ok()
        .says(&[&format!("this is git-wt {version}, '{}'", env!("CARGO_BIN_EXE_git-wt"))]);
    world.program("git-wt", "#!/bin/sh\nexit 1\n");
    let doctor =
        world.see(world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path("myproject")).arg("doctor"));
    doctor.code(1).says(&["'[ROOT]/bin/git-wt' comes first on PATH, and is not this git-wt"]);
}

#[test]
fn clocks_that_jump_lose_nothing() {
    let world = with_staging();
    let far = |seconds: i64| {
        let time = std::time::SystemTime::UNIX_EPOCH
            + std::time::Duration::from_secs(u64::try_from(seconds).unwrap());
        for path in [
            record(&world),
            world.path("state/git-wt/ports/8001"),
            world.path("myproject/.git/worktrees/myproject-staging"),
        ] {
            fs::File::open(path).unwrap().set_modified(time).unwrap();
        }
    };
    for seconds in [0, 4_000_000_000] {
        far(seconds);
        world.wt(&["list"]).ok();
        world.wt(&["doctor", "--fix"]).ok().says(&["nothing is broken"]);
        world.wt(&["add", "qa"]).ok();
        assert!(world.read("myproject-qa/.env").contains("PORT=8002"));
        world.wt(&["remove", "qa"]).ok();
    }
    assert!(world.path("state/git-wt/ports/8001").exists());
}

#[test]
fn a_repository_moved_to_another_disk_keeps_its_records() {
    let world = with_staging();
    let copied = std::process::Command::new("cp")
        .args(["-a"])
        .arg(world.path("myproject"))
        .arg(world.path("moved"))
        .status();
    assert!(copied.unwrap().success());
    fs::rename(world.path("myproject"), world.path("away")).unwrap();
    fs::remove_dir_all(world.path("away")).unwrap();
    // until its worktrees lead here, it might be a mere copy
    world.wt_in("moved", &["doctor"]).code(1).says(&["'staging' was made in another repository"]);
    world.wt_in("moved", &["repair", "../myproject-staging"]).ok();
    world
        .wt_in("moved", &["doctor"])
        .code(1)
        .says(&["'staging' is of this repository before it was moved here"]);
    world.wt_in("moved", &["doctor", "--fix"]).ok();
    world.wt_in("moved", &["doctor"]).ok();
    world.wt_in("moved", &["remove", "staging"]).ok();
    assert!(!world.path("state/git-wt/ports/8001").exists() && !world.path("myproject-staging").exists());
}

#[test]
fn a_venv_that_runs_another_worktrees_code_is_reported_and_brought_home() {
    let world = with_staging();
    let main = world.path("myproject").display().to_string();
    let site = ".venv/lib/python3.12/site-packages";
    for (file, text) in [
        (".venv/pyvenv.cfg", "home = /usr/bin\ncommand = MAIN/.venv/bin/python -m venv\n"),
        (".venv/bin/activate", "VIRTUAL_ENV='MAIN/.venv'\nPATH=\"$VIRTUAL_ENV/bin:$PATH\"\n"),
        (".venv/bin/tool", "#!/bin/sh\necho MAIN/code\n"),
        (&format!("{site}/shop.pth"), "MAIN/src\n"),
        (&format!("{site}/shop-1.dist-info/direct_url.json"), r#"{"url": "file://MAIN"}"#),
    ] {
        world.write(format!("myproject/{file}"), &text.replace("MAIN", &main));
    }
    world.wt(&["doctor"]).ok();
    let copy =
        world.see(world.command("cp", &world.root()).args(["-a", "myproject/.venv", "myproject-staging"]));
    assert_eq!(copy.code, 0);

    let what =
        "the venv of 'staging' runs the code of 'myproject': '.venv/bin/activate' names '[ROOT]/myproject'";
    world.wt(&["env", "staging"]).ok().says(&[&format!("warning: {what}"), "git wt doctor --fix"]);
    world.wt(&["env", "--json", "staging"]).ok();
    let before = world.everything();
    world.wt(&["doctor"]).code(1).says(&[&format!("problem: {what}")]);
    before.is_still(&world.everything(), "looking changes nothing");
    world.wt(&["doctor", "--fix"]).ok().says(&[&format!("fixed: {what}")]);
    let seen = world.wt(&["doctor"]).ok();
    assert!(!seen.stderr.contains("venv"), "{seen:?}");

    let home = format!("{main}-staging");
    let at = |file: &str| world.read(format!("myproject-staging/{file}"));
    assert!(at(".venv/bin/activate").starts_with(&format!("VIRTUAL_ENV='{home}/.venv'\n")));
    assert_eq!(at(".venv/bin/tool"), format!("#!/bin/sh\necho {home}/code\n"));
    assert_eq!(at(&format!("{site}/shop.pth")), format!("{home}/src\n"));
    assert!(world.read("myproject/.venv/bin/tool").contains(&format!("{main}/code")), "main's stays");
}

#[test]
fn a_venv_of_a_worktree_inside_another_is_told_from_that_ones() {
    let world = with_staging();
    world.wt(&["add", "inner", "--path", "media/inner"]).ok();
    let [main, inner] =
        ["myproject", "myproject/media/inner"].map(|place| world.path(place).display().to_string());
    for (tree, named) in [("myproject/media/inner", &inner), ("myproject", &main)] {
        world.write(format!("{tree}/.venv/pyvenv.cfg"), "");
        world.write(format!("{tree}/.venv/bin/activate"), &format!("VIRTUAL_ENV={named}/.venv\n"));
    }
    world.wt(&["doctor"]).ok();
    world.write("myproject/.venv/bin/activate", &format!("VIRTUAL_ENV={inner}/.venv\n"));
    let seen = world.wt(&["doctor"]).code(1).says(&["the venv of 'myproject' runs the code of 'inner'"]);
    assert_eq!(seen.stderr.matches("problem").count(), 1, "{seen:?}");
    world.wt(&["doctor", "--fix"]).ok();
    assert_eq!(world.read("myproject/.venv/bin/activate"), format!("VIRTUAL_ENV={main}/.venv\n"));
}

/// Makes a repository beside `myproject` with a worktree, a port and a database on a server, then deletes all of it.
fn with_a_deleted_one() -> World {
    let world = with_staging();
    world.repo("gone");
    world.write("gone/.wt.toml", "[port]\nPORT = 8000\nrange = \"8000-8002\"\n[database]\n");
    world.commit(&world.path("gone"), "recipe");
    world.write("gone/.env", &format!("DATABASE_URL=sqlite:///{}\n", world.path("main.sqlite3").display()));
    world.wt_in("gone", &["add", "qa"]).ok();
    rusqlite::Connection::open(world.path("gone_qa.sqlite3"))
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    fs::remove_dir_all(world.path("gone")).unwrap();
    world
}

#[test]
fn claims_of_a_deleted_repository_are_freed_and_its_databases_named() {
    let world = with_a_deleted_one();
    let (port, ours) = (world.path("state/git-wt/ports/8002"), world.path("state/git-wt/ports/8001"));
    let what = "port 8002 is claimed by 'qa' of [ROOT]/gone/.git, which is gone";
    let before = world.everything();
    // in any repository, and outside all repositories
    for dir in ["myproject", "home"] {
        let database = "gone_qa.sqlite3' is claimed by 'qa' of [ROOT]/gone/.git, which is gone";
        world.wt_in(dir, &["doctor"]).code(1).says(&[
            &format!("problem: {what}"),
            database,
            "hint: rm [ROOT]/gone_qa.sqlite3\n",
        ]);
    }
    before.is_still(&world.everything(), "looking changes nothing");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\nrange = \"8000-8002\"\n");
    world.wt(&["add", "more"]).code(128).says(&[
        "8002 'qa' of [ROOT]/gone/.git, which is gone\n",
        "8001 'staging' of [ROOT]/myproject/.git\n",
        "hint: git wt doctor --fix",
    ]);
    // dropping a database is left to the user
    world.wt_in("home", &["doctor", "--fix"]).code(1).says(&[&format!("fixed: {what}"), "rm [ROOT]/gone_qa"]);
    assert!(!port.exists() && ours.exists() && world.path("gone_qa.sqlite3").exists());
    world.wt(&["doctor", "--fix", "--yes"]).ok().says(&["fixed: database 'sqlite:[ROOT]/gone_qa.sqlite3'"]);
    assert!(world.path("gone_qa.sqlite3").exists());
    assert_eq!(fs::read_dir(world.path("state/git-wt/databases")).unwrap().count(), 0);
    world.wt_in("home", &["doctor"]).ok().says(&["not in a git repository", "nothing is broken"]);
    world.wt(&["add", "more"]).ok();
}

#[test]
fn a_repository_that_may_come_back_keeps_its_claims() {
    let world = with_a_deleted_one();
    let claim = world.path("state/git-wt/ports/8002");
    let whole = fs::read_to_string(&claim).unwrap();
    let away = |text: String| {
        fs::write(&claim, text).unwrap();
        world.wt(&["doctor", "--fix"]).says(&["cannot be found, perhaps its disk is away; claims of it: "]);
        assert!(claim.exists());
    };
    // its directory is a mount point, or its parent directory is missing as well
    fs::create_dir(world.path("gone")).unwrap();
    away(whole.clone());
    fs::remove_dir(world.path("gone")).unwrap();
    away(whole.replace("/gone/.git", "/disk/gone/.git"));
    // its parent directory was the root of another disk, which is not mounted now
    let owner: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let dev = owner["owner"]["dev"].to_string();
    away(whole.replace(&format!("\"dev\":{dev}"), "\"dev\":4242"));
}

#[test]
fn a_repository_that_was_moved_says_so_in_its_claims() {
    let world = with_staging();
    fs::rename(world.path("myproject"), world.path("renamed")).unwrap();
    let repo = world.path("renamed");
    world.git(&repo, &["worktree", "repair", "../myproject-staging"]);
    let what = "the claim of 'staging' on port 8001 is from before the repository was moved";
    world.wt_in("renamed", &["doctor"]).code(1).says(&[&format!("problem: {what}")]);
    world.wt_in("renamed", &["doctor", "--fix"]).ok().says(&[&format!("fixed: {what}")]);
    world.wt_in("home", &["doctor", "--fix"]).ok();
    assert!(world.read("state/git-wt/ports/8001").contains("/renamed/.git"));
}

#[test]
fn a_setting_in_a_file_that_a_branch_brings_is_ignored_and_named() {
    let world = World::with_repo();
    let main = world.path("myproject");
    let settings = "[wt]\n\tprefix = theirs/\n[wt \"hooks\"]\n\tsetup = touch pwned\n";
    world.write(
        "myproject/team.gitconfig",
        &format!("{settings}[include]\n\tpath = {}\n", world.path("chosen").display()),
    );
    world.write("chosen", "[wt]\n\tmode = git\n");
    world.commit(&main, "settings");
    world.wt(&["add", "--quiet", "staging"]).ok();
    let made = |name: &str, branch: &str| {
        world.wt(&["add", "--quiet", name]).ok();
        let path = world.path(format!("myproject-{name}"));
        assert_eq!(world.git(&path, &["symbolic-ref", "--short", "HEAD"]), branch);
        assert!(!path.join("pwned").exists(), "{name}");
    };
    let ignored = |file: &str| {
        let told = world.wt(&["doctor"]).ok().stderr;
        for key in ["wt.prefix", "wt.hooks.setup"] {
            let line =
                format!("warning: '{key}' in '[ROOT]/{file}' is ignored: a branch can change that file\n");
            assert!(told.contains(&line), "{told}");
        }
    };
    world.git(&main, &["config", "include.path", "../team.gitconfig"]);
    made("one", "one");
    ignored("myproject/team.gitconfig");
    // through a link, and in another worktree
    std::os::unix::fs::symlink("../../myproject-staging/team.gitconfig", main.join(".git/link")).unwrap();
    world.git(&main, &["config", "include.path", "link"]);
    made("two", "two");
    ignored("myproject-staging/team.gitconfig");
    // the user's own file, wherever it is
    world.git(&main, &["config", "--unset", "include.path"]);
    world.write("home/.gitconfig-of-work", "[wt]\n\tprefix = mine/\n");
    world.git(&main, &["config", "--global", "include.path", "~/.gitconfig-of-work"]);
    made("three", "mine/three");
    world.write("myproject/.git/own", "[wt]\n\tprefix = own/\n");
    world.git(&main, &["config", "include.path", "own"]);
    made("four", "own/four");
    assert!(!world.wt(&["doctor"]).ok().stderr.contains("is ignored"));
}

#[test]
fn what_stands_where_a_forgotten_worktree_was_is_not_touched() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[env]\nB = \"x\"\n[database]\n");
    world.write("myproject/.gitignore", ".env\n*.sqlite3\n");
    world.commit(&world.path("myproject"), "recipe");
    world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    world.git(&world.path("myproject"), &["worktree", "add", "-q", "../s"]);
    world.trust();
    world.wt(&["setup", "s"]).ok();
    world.write("s/db.sqlite3", "rows");
    let env = world.read("s/.env") + "MINE=1\n";
    world.write("s/.env", &env);
    // as where its disk was away for a moment, and git forgot it
    fs::rename(world.path("s"), world.path("away")).unwrap();
    world.git(&world.path("myproject"), &["worktree", "prune"]);
    fs::rename(world.path("away"), world.path("s")).unwrap();
    for line in [&["prune", "--yes"][..], &["doctor", "--fix", "--yes"]] {
        world.wt(line).ok();
        assert_eq!((world.read("s/.env"), world.read("s/db.sqlite3")), (env.clone(), "rows".to_owned()));
    }
}

#[test]
fn commits_of_a_vanished_worktree_are_named_and_kept() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    for line in [&["prune"][..], &["doctor", "--fix"]] {
        world.wt(&["add", "--detach", "--path", "../s", "main"]).ok();
        world.write("s/work", &line.concat());
        world.commit(&world.path("s"), "only here");
        let commit = world.git(&world.path("s"), &["rev-parse", "--short=7", "HEAD"]);
        fs::remove_dir_all(world.path("s")).unwrap();
        let hint = format!("hint: git branch main-2 {commit}\n");
        world.wt(line).ok().says(&["kept for 7 days: commit", "only here", &hint]);
        world.git(&repo, &["reflog", "expire", "--expire=now", "--all"]);
        world.git(&repo, &["gc", "--quiet", "--prune=now"]);
        world.git(&repo, &["cat-file", "-e", &commit]);
    }
}

#[test]
fn a_directory_that_was_renamed_is_found_beside_its_place() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[env]\nHERE = \"{{ path }}\"\n");
    world.write("myproject/.gitignore", ".env\n");
    world.commit(&world.path("myproject"), "recipe");
    world.trust();
    world.wt(&["add", "a"]).ok();
    world.git(&world.path("myproject"), &["worktree", "add", "-q", "../b"]);
    for (from, to) in [("myproject-a", "renamed-a"), ("b", "renamed-b")] {
        fs::rename(world.path(from), world.path(to)).unwrap();
    }
    world.wt(&["prune", "--yes"]).ok().says(&["it was moved to '[ROOT]/renamed-a'"]);
    world.wt(&["doctor", "--fix"]).ok().says(&["'a' was moved to '[ROOT]/renamed-a' without git"]);
    for place in ["renamed-a", "renamed-b"] {
        assert_eq!(world.git(&world.path(place), &["status", "--porcelain"]), "");
    }
    assert!(world.read("renamed-a/.env").contains("/renamed-a"));
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_wait_for_what_still_works_can_be_interrupted() {
    let world = World::with_repo();
    let (started, go_on) = (world.path("started"), world.path("go on"));
    world.write(
        "myproject/.git/hooks/post-checkout",
        &format!(
            "#!/bin/sh\ntouch '{}'\nwhile [ ! -e '{}' ]; do sleep 0.02; done\n",
            started.display(),
            go_on.display()
        ),
    );
    let hook = world.path("myproject/.git/hooks/post-checkout");
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let git_wt = |args: &[&str]| {
        let mut command = world.command("git-wt", &world.path("myproject"));
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut add = git_wt(&["add", "--no-env", "slow"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !started.exists() {
        assert!(Instant::now() < deadline && add.try_wait().unwrap().is_none(), "the hook did not start");
        std::thread::yield_now();
    }
    let mut doctor = git_wt(&["doctor", "--fix"]);
    // it says so when it begins to wait
    let mut said = [0; 256];
    let length = std::io::Read::read(doctor.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert!(String::from_utf8_lossy(&said[..length]).contains("waiting for what still works on 'slow'"));
    rustix::process::kill_process(Pid::from_child(&doctor), Signal::INT).unwrap();
    let ended = crate::world::ended_within(Duration::from_secs(5), doctor, rustix::process::kill_process);
    assert_eq!(ended.expect("it ends at once").status.code(), Some(130));
    fs::write(&go_on, "").unwrap();
    assert!(add.wait().unwrap().success());
    world.wt(&["doctor"]).ok();
}
