//! Databases on a real PostgreSQL server: each worktree has its own, copied on request, and dropped only if it is ours.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::cluster::Cluster;
use crate::world::World;

/// Returns a name for main's database that no other test uses.
fn unique(test: &str) -> String {
    format!("shop_{test}")
}

/// Makes a repository named after the test, with a database on the server, and a recipe that gives worktrees their own.
fn shop(cluster: &Cluster, test: &str, recipe: &str) -> (World, String) {
    let main = unique(test);
    cluster.make(&main);
    let world = World::new();
    world.repo(&main);
    world.write(format!("{main}/.wt.toml"), &format!("[database]\n{recipe}"));
    world.commit(&world.path(&main), "recipe");
    world.write(
        format!("{main}/.env"),
        &format!("# the shop's\nDATABASE_URL={}\nDEBUG=1\n", cluster.url(&main)),
    );
    (world, main)
}

#[test]
fn each_worktree_has_its_own_and_it_goes_with_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "own", "");
    let before = world.everything();
    world.wt_in(&main, &["add", "staging"]).ok().says(&[&format!("database {main}_staging (empty)")]);
    world.wt_in(&main, &["add", "qa"]).ok();
    let env = world.read(format!("{main}-staging/.env"));
    assert_eq!(
        env,
        format!("# the shop's\nDATABASE_URL={}\nDEBUG=1\n", cluster.url(&format!("{main}_staging")))
    );
    assert_eq!(cluster.names(&main), [main.clone(), format!("{main}_qa"), format!("{main}_staging")]);
    // changes in one are not visible in the others
    cluster.sql(&format!("{main}_staging"), "CREATE TABLE mine (a int)");
    assert_eq!(cluster.sql(&main, "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'"), "0");
    let owner = format!("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{main}_staging'");
    assert_eq!(cluster.sql("postgres", &owner), "app");

    let named = format!("database '{main}_staging' on 127.0.0.1:{}", cluster.port());
    world.wt_in(&main, &["remove", "--purge", "staging"]).code(128).says(&[
        "would lose data",
        &named,
        "--keep-db",
    ]);
    assert!(cluster.has(&format!("{main}_staging")));
    world.wt_in(&main, &["remove", "--purge", "-y", "-D", "staging"]).ok();
    world.wt_in(&main, &["remove", "--purge", "--keep-db", "-D", "qa"]).ok();
    assert_eq!(cluster.names(&main), [main.clone(), format!("{main}_qa")]);
    world.wt_in(&main, &["doctor"]).ok();
    before.is_still(&world.everything(), "after remove");
}

#[test]
fn its_url_may_stand_in_any_env_file() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "second", "[env.\"backend/.env\"]\n");
    world.write(format!("{main}/.env"), "DEBUG=1\n");
    world.write(format!("{main}/backend/.env"), &format!("DATABASE_URL={}\n", cluster.url(&main)));
    let own = format!("{main}_staging");
    world.wt_in(&main, &["add", "staging"]).ok();
    assert_eq!(
        world.read(format!("{main}-staging/backend/.env")),
        format!("DATABASE_URL={}\n", cluster.url(&own))
    );
    assert!(cluster.has(&own));
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
    assert!(!cluster.has(&own));
}

#[test]
fn no_password_is_written_down_or_shown() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "secret", "from = \"main\"\n");
    let log = world.path("home/called");
    for name in ["psql", "pg_dump", "pg_restore"] {
        let real = which::which(name).unwrap();
        let script = format!("#!/bin/sh\necho \"$@\" >> {}\nexec {} \"$@\"\n", log.display(), real.display());
        world.program(name, &script);
    }
    let _busy = cluster.session(&main);
    let seen = world.wt_in(&main, &["add", "-v", "staging"]).ok();
    let called = fs::read_to_string(log).unwrap();
    assert!(called.contains("postgresql://app@127.0.0.1"), "{called}");
    let records = fs::read_dir(world.path(&main).join(".git/wt/records")).unwrap().flatten();
    let claims = fs::read_dir(world.path("state/git-wt/databases")).unwrap().flatten();
    let written: String =
        records.chain(claims).map(|file| fs::read_to_string(file.path()).unwrap()).collect();
    assert!(written.contains("\"variable\": \"DATABASE_URL\""), "{written}");
    for text in [&called, &written, &seen.stderr, &seen.stdout] {
        assert!(!text.contains("p@ss") && !text.contains("p%40ss"), "{text}");
    }
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
}

#[test]
fn a_copy_of_mains_ends_nobodys_session() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "copy", "from = \"main\"\n");
    cluster.sql("postgres", &format!("ALTER DATABASE {main} SET search_path TO public, pg_catalog"));
    cluster.sql("postgres", &format!("ALTER DATABASE {main} SET statement_timeout TO '7min'"));
    let things = |name: &str| cluster.sql(&format!("{main}_{name}"), "SELECT name FROM things");
    // copied as a template if nobody is connected
    world.wt_in(&main, &["add", "quiet"]).ok();
    assert_eq!(things("quiet"), "of main");
    // copied by dump and restore if main's server is connected
    let mut busy = cluster.session(&main);
    world.wt_in(&main, &["add", "busy"]).ok();
    assert_eq!(things("busy"), "of main");
    assert_eq!(busy.ask("SELECT name FROM things;"), "of main", "the session goes on");
    for name in ["quiet", "busy"] {
        let database = format!("{main}_{name}");
        assert_eq!(cluster.sql(&database, "SHOW search_path"), "public, pg_catalog", "{name}");
        assert_eq!(cluster.sql(&database, "SHOW statement_timeout"), "7min", "{name}");
        assert_eq!(
            cluster.sql(&database, "SELECT tableowner FROM pg_tables WHERE tablename = 'things'"),
            "app"
        );
        cluster.sql(&database, "DELETE FROM things");
        world.wt_in(&main, &["remove", "--purge", "-y", name]).ok();
    }
    assert_eq!(cluster.sql(&main, "SELECT name FROM things"), "of main");
    assert_eq!(cluster.names(&main), [main.as_str()]);
}

/// Puts programs in front of the real ones that write their process ids to `home/dumps` and `home/restores`; the first
/// waits until somebody writes to `home/go`.
fn hold_dumps(world: &World) {
    let home = world.path("home").display().to_string();
    assert!(Command::new("mkfifo").arg(format!("{home}/go")).status().unwrap().success());
    for (name, said, wait) in [
        ("pg_dump", "dumps", format!("read x < {home}/go || exit 1\n")),
        ("pg_restore", "restores", String::new()),
    ] {
        let real = which::which(name).unwrap();
        let script = format!("#!/bin/sh\necho $$ > {home}/{said}\n{wait}exec {} \"$@\"\n", real.display());
        world.program(name, &script);
    }
}

/// Waits for the process id that such a program writes.
fn said(world: &World, name: &str) -> String {
    let file = world.path("home").join(name);
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let id = fs::read_to_string(&file).unwrap_or_default();
        if id.ends_with('\n') {
            fs::remove_file(&file).unwrap();
            return id.trim().to_owned();
        }
        assert!(Instant::now() < deadline, "no program has written to '{name}'");
        std::thread::yield_now();
    }
}

#[test]
fn a_long_copy_says_how_far_it_is_on_a_terminal_alone() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "progress", "from = \"main\"\n");
    hold_dumps(&world);
    let _busy = cluster.session(&main);
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 100, ..PtySize::default() }).unwrap();
    let usual = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path(&main));
    let on_terminal = |quiet: &[&str]| {
        let mut command = CommandBuilder::new(usual.get_program());
        command.args(["add", "staging"]);
        command.args(quiet);
        command.cwd(world.path(&main));
        command.env_clear();
        usual.get_envs().for_each(|(name, value)| command.env(name, value.unwrap_or_default()));
        pty.slave.spawn_command(command).unwrap()
    };
    let mut screen = pty.master.try_clone_reader().unwrap();
    let mut seen = Vec::new();
    let mut until = |end: &str| {
        let mut byte = [0];
        while !seen.ends_with(end.as_bytes()) {
            screen.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
        String::from_utf8(std::mem::take(&mut seen)).unwrap()
    };
    let mut add = on_terminal(&[]);
    let shown = until("on the server): 0 bytes");
    let shown = shown.rsplit('\r').next().unwrap();
    assert!(shown.starts_with(&format!("copying database '{main}' (")), "{shown}");
    said(&world, "dumps");
    fs::write(world.path("home/go"), "\n").unwrap();
    assert!(add.wait().unwrap().success());
    // the line is blanked before anything else is printed
    let rest = until("\n");
    assert!(rest.rsplit_once(" \r").unwrap().1.starts_with("  database "), "{rest:?}");
    assert_eq!(cluster.sql(&format!("{main}_staging"), "SELECT name FROM things"), "of main");
    until("-staging\r\n");
    world.wt_in(&main, &["remove", "--purge", "-y", "-D", "staging"]).ok();
    // with -q, and without a terminal, nothing is shown
    let mut add = on_terminal(&["-q"]);
    said(&world, "dumps");
    fs::write(world.path("home/go"), "\n").unwrap();
    assert!(add.wait().unwrap().success());
    assert!(!until("-staging\r\n").contains("copying"));
    world.wt_in(&main, &["remove", "--purge", "-y", "-D", "staging"]).ok();
    fs::remove_file(world.path("bin/pg_dump")).unwrap();
    let seen = world.wt_in(&main, &["add", "staging"]).ok();
    assert!(!seen.stderr.contains("copying") && !seen.stderr.contains('\r'), "{seen:#?}");
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
}

#[test]
fn a_copy_that_is_told_to_stop_ends_both_programs_and_leaves_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "stopped", "from = \"main\"\n");
    hold_dumps(&world);
    let _busy = cluster.session(&main);
    let before = world.everything();
    // Ctrl-C goes to all programs that the terminal runs, TERM to git-wt alone, whose pg_dump may be waiting for a lock
    for (signal, to_all, status) in [(Signal::INT, true, 130), (Signal::TERM, false, 143)] {
        let mut add = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path(&main));
        let add = add.args(["add", "staging"]).process_group(0).stdout(Stdio::null()).stderr(Stdio::piped());
        let add = add.spawn().unwrap();
        let dump = said(&world, "dumps");
        let restore = said(&world, "restores");
        let kill = if to_all { kill_process_group } else { kill_process };
        kill(Pid::from_child(&add), signal).unwrap();
        let ended = add.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(status), "{signal:?}: {stderr}");
        assert!(stderr.contains("error: interrupted") && stderr.contains("undone: "), "{stderr}");
        for program in [dump, restore] {
            let program = program.trim().parse().ok().and_then(Pid::from_raw).unwrap();
            assert!(test_kill_process(program).is_err(), "{signal:?}");
        }
        assert_eq!(cluster.names(&main), [main.as_str()], "{signal:?}");
        before.is_still(&world.everything(), "after a signal");
    }
}

#[test]
fn a_database_that_is_there_is_used_and_never_ours() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "there", "");
    let theirs = format!("{main}_staging");
    cluster.make(&theirs);
    world.wt_in(&main, &["add", "staging"]).ok().says(&["there already, used as it is"]);
    assert!(world.read(format!("{main}-staging/.env")).contains(&format!("/{theirs}\n")));
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
    assert_eq!(cluster.sql(&theirs, "SELECT name FROM things"), "of main");
    // a database that has replaced ours is not ours
    world.wt_in(&main, &["add", "qa"]).ok();
    cluster.sql("postgres", &format!("DROP DATABASE {main}_qa"));
    cluster.make(&format!("{main}_qa"));
    world
        .wt_in(&main, &["remove", "--purge", "-y", "qa"])
        .ok()
        .says(&["left: ", "it is not the one that was made"]);
    assert!(cluster.has(&format!("{main}_qa")));
    // and a database that is already gone is no problem
    world.wt_in(&main, &["add", "gone"]).ok();
    cluster.sql("postgres", &format!("DROP DATABASE {main}_gone"));
    world.wt_in(&main, &["remove", "--purge", "-y", "gone"]).ok();
}

#[test]
fn the_databases_of_its_tests_go_with_it_and_others_stay() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "tests", "");
    cluster.make(&format!("test_{main}_mine"));
    for name in ["staging", "staging_2", "mine"] {
        world.wt_in(&main, &["add", name]).ok();
    }
    for test in ["staging", "staging_1", "staging_2", "staging_2_1", "staging_other"] {
        if !cluster.has(&format!("test_{main}_{test}")) {
            cluster.make(&format!("test_{main}_{test}"));
        }
    }
    world.wt_in(&main, &["remove", "--purge", "-y", "mine"]).ok();
    world.wt_in(&main, &["remove", "--purge", "-y", "staging_2"]).ok();
    let left = |names: &[&str]| {
        assert_eq!(
            cluster.names(&format!("test_{main}")),
            names.iter().map(|name| format!("test_{main}_{name}")).collect::<Vec<_>>()
        );
    };
    left(&["mine", "staging", "staging_1", "staging_other"]);
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
    left(&["mine", "staging_other"]);
}

#[test]
fn a_database_in_use_stays_with_its_worktree_until_it_is_free() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "busy", "");
    world.wt_in(&main, &["add", "staging"]).ok();
    let mut session = cluster.session(&format!("{main}_staging"));
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).code(128).says(&[
        "is in use, and nobody's session is ended for it",
        "session ",
        "(psql)",
        "--keep-db",
    ]);
    assert_eq!(session.ask("SELECT 'still here';"), "still here");
    assert!(world.path(format!("{main}-staging/README")).exists());
    drop(session);
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
    assert_eq!(cluster.names(&main), [main.as_str()]);
    assert!(!world.path(format!("{main}-staging")).exists());
}

#[test]
fn what_the_server_refuses_is_one_clear_error_and_nothing_is_made() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "refused", "");
    let port = cluster.port();
    let env = format!("{main}/.env");
    let cases = [
        (
            format!("postgres://app:wrong@127.0.0.1:{port}/{main}"),
            "password authentication failed",
            "cannot reach the database server",
        ),
        (
            "postgres://app@127.0.0.1:1/x".to_owned(),
            "Connection refused",
            "cannot reach the database server (127.0.0.1:1)",
        ),
        (
            format!("postgres://poor:poor@127.0.0.1:{port}/postgres"),
            "permission denied to create database",
            "ALTER ROLE poor CREATEDB",
        ),
        ("postgres://app@db.example.com/x".to_owned(), "is not on this machine", "wt.database.remote true"),
        ("mongodb://x/y".to_owned(), "is no database URL that git-wt knows", "DATABASE_URL"),
    ];
    for (url, why, hint) in cases {
        world.write(&env, &format!("DATABASE_URL={url}\n"));
        let before = world.everything();
        let seen = world.wt_in(&main, &["add", "staging"]).code(128).says(&[why, hint]);
        assert_eq!(seen.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{seen:#?}");
        before.is_still(&world.everything(), &url);
    }
    assert_eq!(cluster.names(&main), [main.as_str()]);
    // if the program is missing, the error says so
    world.write(&env, &format!("DATABASE_URL={}\n", cluster.url(&main)));
    let mut add = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path(&main));
    let only_git = world.path("bin");
    std::os::unix::fs::symlink(which::which("git").unwrap(), only_git.join("git")).unwrap();
    world.see(add.args(["add", "staging"]).env("PATH", &only_git)).code(128).says(&[
        "'psql' was not found on PATH",
        "postgresql-client",
        "undone: branch",
    ]);
}

#[test]
fn every_way_to_write_the_url_works() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "forms", "");
    let whole = cluster.url(&main);
    let login = whole.strip_prefix("postgres://").unwrap().split('@').next().unwrap().to_owned();
    let socket = cluster.socket().display().to_string();
    let encoded = socket.replace('/', "%2F");
    let port = cluster.port();
    for (at, url) in [
        format!("postgresql://{login}@127.0.0.1:{port}/{main}?sslmode=prefer&conn_max_age=600"),
        format!("psql://{login}@localhost:{port}/{main}"),
        format!("postgis://{login}@{encoded}:{port}/{main}"),
        format!("pgsql://{login}@/{main}?host={encoded}&port={port}"),
        format!("postgresql+psycopg://{login}@127.0.0.1:{port}/{main}"),
    ]
    .into_iter()
    .enumerate()
    {
        world.write(format!("{main}/.env"), &format!("DATABASE_URL=\"{url}\"\n"));
        let name = format!("form{at}");
        world.wt_in(&main, &["add", &name]).ok();
        assert!(cluster.has(&format!("{main}_{name}")), "{url}");
        let own = url.replace(&format!("/{main}"), &format!("/{main}_{name}"));
        assert_eq!(world.read(format!("{main}-{name}/.env")), format!("DATABASE_URL=\"{own}\"\n"));
        world.wt_in(&main, &["remove", "--purge", "-y", &name]).ok();
        assert!(!cluster.has(&format!("{main}_{name}")), "{url}");
    }
}

#[test]
fn two_names_that_come_out_alike_are_two_databases() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "alike", "");
    for name in ["feature/a", "feature-a", "feature_a"] {
        world.wt_in(&main, &["add", name]).ok();
    }
    let long = "a-very-long-name-of-a-branch-that-somebody-has-thought-out-for-a-ticket-in-a-tracker";
    world.wt_in(&main, &["add", long]).ok();
    world.wt_in(&main, &["add", &format!("{long}-2")]).ok();
    let names = cluster.names(&main);
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 58), "{names:?}");
    world.wt_in(&main, &["remove", "--purge", "--all", "-y"]).ok();
    assert_eq!(cluster.names(&main), [main.as_str()]);
}

#[test]
fn killed_at_any_call_of_the_server_s_programs_it_leaves_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "killed", "from = \"main\"\n");
    let before = world.everything();
    let real = which::which("psql").unwrap().display().to_string();
    let count = world.path("home/count");
    for verb in ["add", "remove"] {
        for at in 1.. {
            if verb == "remove" {
                world.wt_in(&main, &["add", "-q", "staging"]).ok();
            }
            fs::write(&count, "").unwrap();
            // the program continues after its parent was killed, as in real life
            world.program(
                "psql",
                &format!(
                    "#!/bin/sh\necho x >> {0}\n[ $(wc -l < {0}) = {at} ] && kill -KILL $PPID\nexec {real} \"$@\"\n",
                    count.display()
                ),
            );
            let line = if verb == "add" {
                vec!["add", "staging"]
            } else {
                vec!["remove", "--purge", "-y", "staging"]
            };
            let mut command = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path(&main));
            let seen = world.see(command.args(line));
            let calls = fs::read_to_string(&count).unwrap().lines().count();
            fs::remove_file(world.path("bin/psql")).unwrap();
            world.wt_in(&main, &["doctor", "--fix"]).ok();
            // whose database has gone, but not its directory, is still there
            if world.path(format!("{main}-staging")).exists() {
                world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
            }
            let branch = Command::new("git")
                .arg("-C")
                .arg(world.path(&main))
                .args(["branch", "-q", "-D", "staging"])
                .output();
            branch.unwrap();
            let when = format!("{verb} killed at call {at}: {seen:#?}");
            assert_eq!(cluster.names(&main), [main.as_str()], "{when}");
            world.swept_in(&main);
            before.is_still(&world.everything(), &when);
            if calls < at {
                assert!(at > 3, "only {calls} calls");
                break;
            }
        }
    }
}

#[test]
fn an_archive_fills_it_after_consent() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "archive", "from = \"seed.dump\"\n");
    let dump = world.path(&main).join("seed.dump");
    let pg_dump = which::which("pg_dump").unwrap();
    let url = cluster.url(&main);
    let made =
        Command::new(pg_dump).args(["--format=custom", "--file"]).arg(&dump).arg(&url).status().unwrap();
    assert!(made.success());
    world.commit(&world.path(&main), "seed");
    world.wt_in(&main, &["add", "staging"]).code(3).says(&["without consent", "fill from  seed.dump"]);
    assert_eq!(cluster.names(&main), [main.as_str()], "without consent");
    world.wt_in(&main, &["trust", "--yes"]).ok().says(&["fill from  seed.dump  seed.dump\n"]);
    world.wt_in(&main, &["setup", "staging"]).ok();
    assert_eq!(cluster.sql(&format!("{main}_staging"), "SELECT name FROM things"), "of main");
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
}

#[test]
fn a_script_fills_it_after_consent_to_all_that_is_in_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "script", "from = \"my seeds/seed.sql\"\n");
    let seed = format!("{main}/my seeds/seed.sql");
    world.wt_in(&main, &["add", "staging"]).code(128).says(&["cannot read 'my seeds/seed.sql'"]);
    let pg_dump = which::which("pg_dump").unwrap();
    let dump = Command::new(pg_dump).args(["--no-owner", &cluster.url(&main)]).output().unwrap();
    world.write(&seed, &String::from_utf8(dump.stdout).unwrap());
    world.wt_in(&main, &["add", "staging"]).code(3).says(&["consent", "fill from  my seeds/seed.sql"]);
    assert_eq!(cluster.names(&main), [main.as_str()], "without consent");
    world.wt_in(&main, &["trust", "--yes"]).ok().says(&["fill from  my seeds/seed.sql  my seeds/seed.sql\n"]);
    world.wt_in(&main, &["setup", "staging"]).ok();
    assert_eq!(cluster.sql(&format!("{main}_staging"), "SELECT name FROM things"), "of main");
    world.wt_in(&main, &["remove", "--purge", "-y", "-D", "staging"]).ok();
    // git does not track the file, but its text needs consent all the same, and a file in the worktree does not count
    world.write(&seed, "CREATE TABLE later (n int);\n");
    world.wt_in(&main, &["add", "staging"]).code(3).says(&["without consent"]);
    world.git(&world.path(&main), &["worktree", "add", "--quiet", "../plain"]);
    world.wt_in("plain", &["setup"]).code(3).says(&["without consent"]);
    assert_eq!(cluster.names(&main), [main.as_str()]);
    world.wt_in("plain", &["trust", "--yes"]).ok().says(&["fill from  my seeds/seed.sql"]);
    world.wt_in("plain", &["setup"]).ok();
    assert_eq!(cluster.sql(&format!("{main}_plain"), "SELECT count(*) FROM later"), "0");
    world.wt_in(&main, &["remove", "--purge", "-y", "plain"]).ok();
    assert_eq!(cluster.names(&main), [main.as_str()]);
}

#[test]
fn a_script_that_fails_or_leads_elsewhere_leaves_no_database() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "wrong", "from = \"seed.sql\"\n");
    let before = world.everything();
    for (script, says) in [
        (
            "CREATE TABLE a (n int);\nSELECT nonsense;\n".to_owned(),
            &["cannot load '[ROOT]/shop_wrong/seed.sql'", "seed.sql:2: ERROR:", "nonsense"][..],
        ),
        (
            format!("CREATE TABLE a (n int);\n\\connect {main}\nDROP TABLE things;\n"),
            &["seed.sql:2: error: backslash commands are restricted", "without --create"],
        ),
        (
            "CREATE TABLE a (n int);\nALTER TABLE a OWNER TO nobody_here;\n".into(),
            &["seed.sql:2", "--no-owner"],
        ),
        // the key of one restriction does not end ours
        (
            format!("\\restrict a\n\\unrestrict a\n\\connect {main}\nDROP TABLE things;\n"),
            &["seed.sql:2: error", "restrict"],
        ),
        ("\\! touch ran\n".into(), &["seed.sql:1: error: backslash commands are restricted"]),
    ] {
        world.write(format!("{main}/seed.sql"), &script);
        world.wt_in(&main, &["trust", "--yes"]).ok();
        let seen = world.wt_in(&main, &["add", "staging"]).code(128).says(says).says(&["undone: "]);
        assert_eq!(
            seen.stderr.matches("error: ").count(),
            1 + seen.stderr.matches(": error: ").count(),
            "{seen:#?}"
        );
        assert_eq!(cluster.names(&main), [main.as_str()], "{script}");
        fs::remove_file(world.path(&main).join("seed.sql")).unwrap();
        world.wt_in(&main, &["trust", "--forget"]).ok();
        fs::remove_dir_all(world.path("state/git-wt/trust")).unwrap();
        before.is_still(&world.everything(), &script);
    }
    assert_eq!(cluster.sql(&main, "SELECT name FROM things"), "of main");
    world.git(&world.path(&main), &["config", "wt.database.from", "seed.sql.gz"]);
    world.wt_in(&main, &["add", "staging"]).code(128).says(&["seed.sql.gz' is compressed", "gunzip --keep"]);
}

#[test]
fn a_server_that_is_away_keeps_the_worktree_and_what_is_known_of_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "away", "");
    world.wt_in(&main, &["add", "staging"]).ok();
    let away = cluster.url(&main).replace(&cluster.port().to_string(), "1");
    let (env, own) = (format!("{main}/.env"), format!("{main}-staging/.env"));
    let before = [world.read(&env), world.read(&own)];
    // as if the server were on a port where nobody answers
    let record =
        fs::read_dir(world.path(&main).join(".git/wt/records")).unwrap().flatten().map(|file| file.path());
    let record = record.into_iter().find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let whole = fs::read_to_string(&record).unwrap();
    let claims = world.path("state/git-wt/databases");
    for (line, why) in [
        (&["remove", "--purge", "-y", "staging"][..], "does not lead there"),
        (&["remove", "--purge", "-y", "staging"], "cannot reach the database server"),
    ] {
        world.write(&env, &format!("DATABASE_URL={away}\n"));
        world.write(&own, &format!("DATABASE_URL={away}\n"));
        if why.starts_with("cannot") {
            fs::write(&record, whole.replace(&format!("127.0.0.1:{}", cluster.port()), "127.0.0.1:1"))
                .unwrap();
        }
        let seen = world.wt_in(&main, line).code(128).says(&[why, "hint: git wt remove --keep-db NAME"]);
        assert!(!seen.stderr.contains("--no-env"), "{seen:#?}");
        assert!(world.path(&own).exists() && fs::read_dir(&claims).unwrap().count() == 1);
        // a removal that failed is none that was cut short: doctor finishes nothing
        world.wt_in(&main, &["doctor", "--fix"]).ok();
        assert!(world.path(&own).exists());
    }
    fs::write(&record, whole).unwrap();
    world.write(&env, &before[0]);
    world.write(&own, &before[1]);
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
    assert_eq!(cluster.names(&main), [main.as_str()]);
    assert_eq!(fs::read_dir(&claims).unwrap().count(), 0);
}

#[test]
fn two_repositories_of_one_name_have_two_and_setup_keeps_them() {
    let Some(cluster) = Cluster::shared() else { return };
    let main = unique("twins");
    cluster.make(&main);
    let world = World::new();
    for dir in ["a", "b"] {
        let repo = format!("{dir}/{main}");
        world.repo(&repo);
        world.write(format!("{repo}/.wt.toml"), "[database]\n");
        world.commit(&world.path(&repo), "recipe");
        // the same server, however it is spelled
        let url = cluster.url(&main).replace("127.0.0.1", if dir == "a" { "127.0.0.1" } else { "localhost" });
        world.write(format!("{repo}/.env"), &format!("DATABASE_URL={url}\n"));
        world.wt_in(&repo, &["add", "staging"]).ok();
    }
    let [first, second] = ["a", "b"].map(|dir| world.read(format!("{dir}/{main}-staging/.env")));
    assert_ne!(first, second);
    assert_eq!(cluster.names(&main).len(), 3);
    world.wt_in(format!("a/{main}"), &["remove", "--purge", "-y", "staging"]).ok();
    world.wt_in(format!("b/{main}"), &["setup", "staging"]).ok();
    assert_eq!(world.read(format!("b/{main}-staging/.env")), second);
    world.wt_in(format!("b/{main}"), &["remove", "--purge", "-y", "staging"]).ok();
    assert_eq!(cluster.names(&main), [main.as_str()]);
}

#[test]
fn a_worktree_made_by_git_gets_one_at_setup() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "adopted", "from = \"main\"\n");
    world.git(&world.path(&main), &["worktree", "add", "--quiet", "../plain"]);
    world.wt_in("plain", &["setup"]).ok();
    assert_eq!(cluster.sql(&format!("{main}_plain"), "SELECT name FROM things"), "of main");
    world.wt_in("plain", &["setup"]).ok();
    world.wt_in(&main, &["remove", "--purge", "-y", "plain"]).ok();
    assert_eq!(cluster.names(&main), [main.as_str()]);
}

#[test]
fn a_shared_database_is_mains_and_without_psql_all_else_goes_on() {
    let Some(cluster) = Cluster::shared() else { return };
    let (world, main) = shop(cluster, "shared", "shared = true\n");
    // until somebody consents, a branch cannot reach main's
    world.wt_in(&main, &["add", "staging"]).code(3).says(&["share      the main worktree's database"]);
    assert!(cluster.has(&format!("{main}_staging")));
    world.wt_in(&main, &["remove", "--purge", "-y", "-D", "staging"]).ok();
    world.wt_in(&main, &["trust", "--yes"]).ok();
    let before = world.everything();
    world.wt_in(&main, &["add", "staging"]).ok();
    assert_eq!(world.read(format!("{main}-staging/.env")), world.read(format!("{main}/.env")));
    world.wt_in(&main, &["remove", "--purge", "-y", "-D", "staging"]).ok();
    assert_eq!(cluster.names(&main), [main.as_str()]);
    before.is_still(&world.everything(), "after a shared one");

    world.write(format!("{main}/.wt.toml"), "[database]\n");
    world.wt_in(&main, &["add", "staging"]).ok();
    let bin = world.path("only");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(which::which("git").unwrap(), bin.join("git")).unwrap();
    let bare = |line: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path(&main));
        world.see(command.args(line).env("PATH", &bin))
    };
    bare(&["add", "--no-env", "plain"]).ok();
    bare(&["list"]).ok();
    bare(&["remove", "--purge", "-y", "staging"])
        .code(128)
        .says(&["'psql' was not found on PATH", "--keep-db"]);
    assert!(world.path(format!("{main}-staging/.env")).exists() && cluster.has(&format!("{main}_staging")));
    bare(&["remove", "--purge", "--keep-db", "staging"]).ok();
    assert!(!world.path(format!("{main}-staging")).exists() && cluster.has(&format!("{main}_staging")));
}
