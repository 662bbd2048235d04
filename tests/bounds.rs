//! Whatever a project has in place of a file, and however large it is: an answer comes soon and in bounded memory.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, Mode};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::world::{Seen, World, ended_within, is_here};

/// What is put in place of a file.
#[derive(Debug, Clone, Copy)]
enum Odd {
    Pipe,
    Directory,
    Endless,
    Large,
}

const ALL: [Odd; 4] = [Odd::Pipe, Odd::Directory, Odd::Endless, Odd::Large];

impl Odd {
    fn put(self, path: &Path) {
        let _ = fs::remove_file(path);
        match self {
            Self::Pipe => rustix::fs::mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap(),
            Self::Directory => fs::create_dir(path).unwrap(),
            Self::Endless => symlink("/dev/zero", path).unwrap(),
            Self::Large => File::create(path).unwrap().set_len((1 << 20) + 1).unwrap(),
        }
    }

    fn take_away(self, path: &Path) {
        match self {
            Self::Directory => fs::remove_dir(path).unwrap(),
            _ => fs::remove_file(path).unwrap(),
        }
    }

    fn fault(self) -> &'static str {
        match self {
            Self::Large => "it is larger than 1 MB",
            _ => "it is no regular file",
        }
    }
}

/// Runs git-wt with little memory, and fails if no answer comes.
#[track_caller]
fn answer(world: &World, dir: &str, args: &[&str]) -> Seen {
    end_of(world, begin(world, dir, args))
}

fn begin(world: &World, dir: &str, args: &[&str]) -> Child {
    use std::os::unix::process::CommandExt;
    const LIMIT: &str = "ulimit -v 300000 2>/dev/null; exec git-wt \"$@\"";
    let mut command = world.command("sh", &world.path(dir));
    command.args(["-c", LIMIT, "sh"]).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).spawn().unwrap()
}

#[track_caller]
fn end_of(world: &World, child: Child) -> Seen {
    let ended = ended_within(Duration::from_secs(30), child, kill_process_group);
    world.seen(&ended.unwrap_or_else(|killed| panic!("no answer: {:#?}", world.seen(&killed))))
}

#[test]
fn add_refuses_a_file_that_is_none_before_anything_is_made() {
    let world = World::with_repo();
    for name in [".env", ".env.example", ".wt.toml", ".worktreeinclude"] {
        let path = world.path("myproject").join(name);
        let is_env = name.starts_with(".env");
        // a directory is a venv of that name, or docker's: tests/env_files.rs
        for odd in ALL.into_iter().filter(|odd| !(is_env && matches!(odd, Odd::Directory))) {
            odd.put(&path);
            let before = world.everything();
            answer(&world, "myproject", &["add", "staging"]).code(128).says(&[&format!(
                "error: cannot read '[ROOT]/myproject/{name}'\ncaused by: {}",
                odd.fault()
            )]);
            before.is_still(&world.everything(), &format!("{name}: {odd:?}"));
            odd.take_away(&path);
        }
    }
}

#[test]
fn other_verbs_go_on_without_an_env_file_that_is_none() {
    for odd in ALL {
        let world = World::with_repo();
        world.write("myproject/.env", "PORT=8000\n");
        world.wt(&["add", "staging"]).ok();
        odd.put(&world.path("myproject-staging/.env"));
        let fault = format!("'[ROOT]/myproject-staging/.env': {}", odd.fault());
        answer(&world, "myproject", &["list"]).ok();
        answer(&world, "myproject", &["cd", "staging"]).ok().prints("[ROOT]/myproject-staging\n");
        answer(&world, "myproject", &["doctor"]).ok().says(&[&fault]);
        let root = world.path("myproject-staging");
        answer(&world, "myproject-staging", &["hook", "1", root.to_str().unwrap()]).ok().says(&[&fault]);
        answer(&world, "myproject", &["env", "staging"]).code(128).says(&[odd.fault()]);
        answer(&world, "myproject", &["remove", "--yes", "staging"]).ok();
        assert!(!root.exists(), "{odd:?}");
    }
}

#[test]
fn a_worktree_moves_without_an_env_file_that_is_none() {
    let world = World::with_repo();
    world.write("myproject/.env", "PORT=8000\n");
    world.wt(&["add", "staging"]).ok();
    Odd::Pipe.put(&world.path("myproject-staging/.env"));
    answer(&world, "myproject", &["move", "staging", "../moved"]).ok().says(&["warning: '.env' is "]);
    answer(&world, "myproject", &["doctor"]).says(&["nothing is broken"]);
}

#[test]
fn other_verbs_go_on_without_a_recipe_that_is_none() {
    for odd in ALL {
        let world = World::with_repo();
        world.write("myproject/.env", "PORT=8000\n");
        world.wt(&["add", "staging"]).ok();
        odd.put(&world.path("myproject/.wt.toml"));
        let fault = format!("'[ROOT]/myproject/.wt.toml': {}", odd.fault());
        answer(&world, "myproject", &["list"]).ok();
        answer(&world, "myproject", &["doctor"]).code(1).says(&[&fault, "this is git-wt"]);
        let root = world.path("myproject-staging");
        answer(&world, "myproject-staging", &["hook", "1", root.to_str().unwrap()]).ok().says(&[&fault]);
        answer(&world, "myproject", &["remove", "staging"]).ok().says(&[&fault]);
        assert!(!root.exists(), "{odd:?}");
    }
}

#[test]
fn a_database_is_filled_from_a_regular_file_only() {
    for odd in [Odd::Pipe, Odd::Directory, Odd::Endless] {
        let world = World::with_repo();
        world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
        odd.put(&world.path("myproject/.env.seed"));
        world.git(&world.path("myproject"), &["config", "wt.database.from", ".env.seed"]);
        let before = world.everything();
        answer(&world, "myproject", &["add", "staging"])
            .code(128)
            .says(&["error: cannot load '[ROOT]/myproject/.env.seed'\ncaused by: it is no regular file"]);
        before.is_still(&world.everything(), &format!("{odd:?}"));
    }
}

#[test]
fn a_dump_may_be_larger_than_memory() {
    let world = World::with_repo();
    world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    let mut seed = "CREATE TABLE t(a);\n".to_owned();
    for _ in 0..8 {
        // the comment makes up most of the statement
        seed += &format!("/*{}*/ INSERT INTO t VALUES (';');\n", " ".repeat(30_000_000));
    }
    fs::write(world.path("myproject/.env.seed"), seed).unwrap();
    world.git(&world.path("myproject"), &["config", "wt.database.from", ".env.seed"]);
    answer(&world, "myproject", &["add", "staging"]).ok();
    let database = rusqlite::Connection::open(world.path("myproject-staging/db.sqlite3")).unwrap();
    let rows: i64 = database.query_row("SELECT count(*) FROM t WHERE a = ';'", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 8);
}

#[test]
fn an_env_file_of_very_many_lines_is_read_and_written_as_any_other() {
    let world = World::with_repo();
    let lines = |port: u16| -> String {
        let lines = (0..20_000).map(|n| format!("SOME_URL_{n:05}=http://localhost:{port}/{n:05}\n"));
        format!("PORT={port}\n{}", lines.collect::<String>())
    };
    world.write("myproject/.env", &lines(8000));
    answer(&world, "myproject", &["add", "staging"]).ok();
    assert!(world.read("myproject-staging/.env") == lines(8001));
    answer(&world, "myproject", &["setup", "staging"]).ok();
    assert!(world.read("myproject-staging/.env") == lines(8001));
    let seen = answer(&world, "myproject", &["env", "staging"]).ok();
    assert!(seen.stdout.contains("SOME_URL_19999=http://localhost:8001/19999"));
    assert_eq!(seen.stdout.lines().count(), 20_001);
    let root = world.path("myproject-staging");
    let seen = answer(&world, "myproject-staging", &["hook", "1", root.to_str().unwrap()]).ok();
    assert!(seen.stdout.contains("\0SOME_URL_19999\0http://localhost:8001/19999\0"));
}

#[test]
fn a_recipe_of_very_many_values_is_read_and_written_as_any_other() {
    let world = World::with_repo();
    let values: String = (0..10_000).map(|n| format!("VALUE_{n:05} = \"new {n:05}\"\n")).collect();
    world.write("myproject/.wt.toml", &format!("[env]\n{values}"));
    let old: String = (0..10_000).map(|n| format!("VALUE_{n:05}=old\n")).collect();
    world.write("myproject/.env", &old);
    answer(&world, "myproject", &["trust", "--yes"]).ok();
    answer(&world, "myproject", &["add", "staging"]).ok();
    let new: String = (0..10_000).map(|n| format!("VALUE_{n:05}=\"new {n:05}\"\n")).collect();
    assert!(world.read("myproject-staging/.env") == new);
}

#[test]
fn a_template_that_does_too_much_is_told() {
    for (template, why) in [
        ("{% for i in range(999) %}{% for j in range(999) %}{% endfor %}{% endfor %}", "it does too much"),
        ("{% for i in range(999) %}{{ '%%%' | replace('%', path) }}{% endfor %}", "it makes too long a text"),
        ("{% for i in range(99999) %}{% endfor %}", "it does too much"),
        ("{{ 'a' * 99999999 }}", "it multiplies"),
        ("{% set x = name ~ name %}{{ x ~ x }}", "'set' is none of the statements"),
    ] {
        let template = template.replace("%%%", &"%".repeat(200));
        let world = World::with_repo();
        world.write("myproject/.env", "PORT=8000\n");
        world.wt(&["add", "staging"]).ok();
        world.write("myproject/.wt.toml", &format!("[env]\nX = \"{template}\"\n"));
        let before = world.everything();
        let fault = format!("error: cannot use template '{template:.200}");
        let cause = format!("caused by: {why}");
        answer(&world, "myproject", &["add", "other"]).code(128).says(&[
            "error: cannot use",
            "line 2",
            &cause,
        ]);
        before.is_still(&world.everything(), &template);
        answer(&world, "myproject", &["env", "staging"]).code(128).says(&[&fault[..40], &cause]);
        answer(&world, "myproject", &["list"]).ok();
        answer(&world, "myproject", &["doctor"]).code(1).says(&[why]);
        let root = world.path("myproject-staging");
        answer(&world, "myproject-staging", &["hook", "1", root.to_str().unwrap()]).ok().says(&[why]);
    }
}

/// Makes a project whose database is on a server that accepts connections and says nothing.
fn with_silent_server(scheme: &str) -> (World, TcpListener, String) {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let place = server.local_addr().unwrap().to_string();
    let world = World::with_repo();
    world.write("myproject/.env", &format!("DATABASE_URL={scheme}://u:p@{place}/shop\n"));
    world.git(&world.path("myproject"), &["config", "wt.database.variable", "DATABASE_URL"]);
    (world, server, place)
}

const CLIENTS: [(&str, &str); 2] = [("postgres", "psql"), ("mysql", "mysql")];

#[test]
fn a_server_that_says_nothing_is_given_up() {
    for (scheme, client) in CLIENTS {
        if !is_here(client, which::which(client).is_ok()) {
            continue;
        }
        let (world, _server, place) = with_silent_server(scheme);
        let recipe = "[database]\ntimeout = \"2s\"\n";
        for setting in ["", "1s"] {
            if setting.is_empty() {
                world.write("myproject/.wt.toml", recipe);
            } else {
                world.git(&world.path("myproject"), &["config", "wt.database.timeout", setting]);
            }
            let before = world.everything();
            let limit = if setting.is_empty() { "2" } else { "1" };
            answer(&world, "myproject", &["add", "staging"]).code(128).says(&[
                &format!("error: cannot reach the database server ({place})"),
                &format!("caused by: it gave no answer within {limit} s"),
                "hint: git config wt.database.timeout 60s\n",
            ]);
            before.is_still(&world.everything(), client);
        }
    }
}

#[test]
fn who_waits_for_a_server_ends_when_told() {
    for (scheme, client) in CLIENTS {
        if !is_here(client, which::which(client).is_ok()) {
            continue;
        }
        let (world, server, _) = with_silent_server(scheme);
        world.git(&world.path("myproject"), &["config", "wt.database.timeout", "0"]);
        let before = world.everything();
        let child = begin(&world, "myproject", &["add", "staging"]);
        let connected = server.accept().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        end_of(&world, child).code(143).says(&["error: interrupted"]);
        before.is_still(&world.everything(), client);
        drop(connected);
    }
}
