//! Servers that run: `git wt up`, `down` and `logs`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use crate::servers::{Servers, is_alive, until};
use crate::terminal::Terminal;
use crate::world::World;

/// Replaces times, which differ: `ready in 0.3s`.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words = line.split(' ').map(|word| {
            let is_time = word.strip_suffix('s').is_some_and(|number| number.parse::<f64>().is_ok());
            if is_time { "…s" } else { word }
        });
        out += &(words.collect::<Vec<_>>().join(" ") + "\n");
    }
    out
}

const WEB: &str = "web = \"python3 -m http.server {{ port }}\"";

#[test]
fn three_worktrees_serve_at_once_each_on_its_own_port() {
    let servers = Servers::with(WEB);
    servers.add("hotfix");
    servers.add("review");
    for (name, number) in [("staging", 1), ("hotfix", 2), ("review", 3)] {
        servers.world.write(format!("myproject-{name}/name"), &format!("this is {name} {number}"));
    }
    let seen = servers.wt(&["up", "--all"]).ok();
    assert_eq!(
        timeless(&seen.stdout),
        "hotfix   web  python3 -m http.server 8002  ready in …s  http://localhost:8002\n\
         review   web  python3 -m http.server 8003  ready in …s  http://localhost:8003\n\
         staging  web  python3 -m http.server 8001  ready in …s  http://localhost:8001\n"
    );
    assert_eq!(seen.stderr, "");
    for (port, name) in [(8001, "staging"), (8002, "hotfix"), (8003, "review")] {
        assert!(servers.get(port, "/name").contains(&format!("this is {name}")), "{name}");
        let listed = servers.listed(name);
        assert_eq!((&listed[0]["entry"], &listed[0]["state"]), (&"web".into(), &"ready".into()));
        assert_eq!(listed[0]["port"], port);
        assert_eq!(listed[0]["restart"], false);
        assert!(
            listed[0]["pid"].is_i64() && listed[0]["since"].is_string() && listed[0].get("status").is_none()
        );
    }
    assert_eq!(servers.listed("myproject"), Vec::<Value>::new());
    // what runs already stays, and is said
    let before = servers.supervisor("web");
    let again = servers.wt(&["up", "-d", "hotfix"]).ok();
    assert_eq!(again.stdout, "web  python3 -m http.server 8002  runs already  http://localhost:8002\n");
    assert_eq!(servers.supervisor("web"), before);
    servers.wt(&["down", "--all"]).ok().says(&["stopped 'web' of 'staging'", "'hotfix'", "'review'"]);
    servers.are_gone();
    for port in [8001, 8002, 8003] {
        assert!(servers.is_free(port), "{port}");
    }
    assert_eq!(servers.listed("hotfix")[0]["state"], "stopped");
    servers.wt(&["down", "--all"]).ok().says(&["nothing runs in any worktree"]);
}

#[test]
fn up_all_leaves_out_main_and_the_protected() {
    let servers = Servers::with(&format!("{WEB}\n[template.production]\nprotected = true"));
    servers.add("production");
    let seen = servers.wt(&["up", "--all", "@"]).ok();
    assert_eq!(seen.stderr, "note: 'production' is protected, and not started by --all\n");
    let started: Vec<&str> = seen.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(started, ["myproject", "staging"]);
    assert!(seen.stdout.contains("http.server 8000 ") && seen.stdout.contains("http.server 8001 "));
    assert_eq!(servers.listed("production"), Vec::<Value>::new());
    servers.wt(&["up", "--all", "staging"]).code(129);
    servers.wt(&["down", "@"]).ok().says(&["stopped 'web' of 'myproject'"]);
    servers.wt(&["down", "staging", "web"]).ok().says(&["stopped 'web' of 'staging'"]);
    servers.are_gone();
}

/// A command that leaves processes which have forked twice, have left the group and the session, and ignore TERM.
const EVASIVE: &str = r#"[run.worker]
port = ""
command = """
setsid sh -c 'sleep 1000 & echo $! >twice; exec sleep 1001' </dev/null &
(trap '' TERM HUP; (sh -c 'echo $$ >stubborn; while :; do sleep 1000; done' &) )
env -i /bin/sh -c 'echo $$ >bare; exec sleep 1002' &
echo $$ >first
wait
while :; do sleep 1; done
""""#;

#[test]
fn down_ends_every_process_however_it_has_left() {
    let servers = Servers::with(EVASIVE);
    let seen = servers.wt(&["up", "-d", "staging"]).ok();
    assert!(seen.stdout.ends_with("  running\n"), "{}", seen.stdout);
    let files = ["twice", "stubborn", "bare", "first"];
    let file = |name: &str| format!("myproject-staging/{name}");
    until("all are there", || {
        files.iter().all(|name| fs::read(servers.world.path(file(name))).is_ok_and(|text| !text.is_empty()))
    });
    let pids = files.map(|name| servers.world.pid(file(name)));
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    servers.wt(&["down", "staging", "--timeout", "0.3"]).ok().says(&["stopped 'worker' of 'staging'"]);
    for (pid, name) in pids.into_iter().zip(files) {
        assert!(!is_alive(pid), "{name}");
    }
    servers.are_gone();
}

#[test]
fn what_a_killed_supervisor_leaves_is_known_and_ended() {
    let servers = Servers::with(EVASIVE);
    servers.wt(&["up", "-d", "staging"]).ok();
    let stubborn = "myproject-staging/stubborn";
    until("it is there", || fs::read(servers.world.path(stubborn)).is_ok_and(|text| !text.is_empty()));
    let stubborn = servers.world.pid(stubborn);
    let supervisor = servers.supervisor("worker");
    rustix::process::kill_process(supervisor, Signal::KILL).unwrap();
    until("it is killed", || !is_alive(supervisor));
    let listed = &servers.listed("staging")[0];
    assert_eq!((&listed["state"], &listed["status"]), (&"died".into(), &Value::Null));
    assert!(listed.get("status").is_some() && listed.get("pid").is_none());
    assert!(is_alive(stubborn));
    servers.wt(&["down", "staging", "-t", "0.3"]).ok().says(&["stopped 'worker' of 'staging'"]);
    assert!(!is_alive(stubborn));
    assert_eq!(servers.listed("staging")[0]["state"], "stopped");
}

#[test]
fn a_state_of_another_boot_or_of_a_reused_id_is_no_process_of_ours() {
    let servers = Servers::with(WEB);
    servers.wt(&["up", "-d", "staging"]).ok();
    let file = servers.state_file("web");
    let before = servers.state("web");
    let mut stranger = Stranger(std::process::Command::new("sleep").arg("1000").spawn().unwrap());
    for (key, value) in [
        ("boot", Value::from("another")),
        ("start", Value::from("1")),
        ("pid", Value::from(stranger.0.id())),
        // a state that somebody else has written names a process with its true start
        ("whole", key_of(stranger.0.id(), &before)),
    ] {
        let mut state = before.clone();
        if key == "whole" {
            state["supervisor"] = value;
        } else {
            state["supervisor"][key] = value;
        }
        state["mark"] = "0123".into();
        fs::write(&file, state.to_string()).unwrap();
        assert_eq!(servers.listed("staging")[0]["state"], "died", "{key}");
        servers.wt(&["down", "staging"]).ok().says(&["nothing runs in 'staging'"]);
        assert!(stranger.0.try_wait().unwrap().is_none(), "{key}");
        assert!(!servers.is_free(8001), "{key}");
    }
    fs::write(&file, before.to_string()).unwrap();
    servers.wt(&["down", "staging"]).ok().says(&["stopped 'web'"]);
    drop(stranger);
    servers.are_gone();
    // what is no state is none
    for text in ["", "{}", "[", "null"] {
        fs::write(&file, text).unwrap();
        servers.wt(&["down", "staging"]).ok();
        servers.wt(&["list"]).ok();
    }
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(servers.world.path("elsewhere.json"), &file).unwrap();
    fs::write(servers.world.path("elsewhere.json"), before.to_string()).unwrap();
    assert_eq!(servers.listed("staging"), Vec::<Value>::new());
}

/// A process that has nothing to do with servers.
struct Stranger(std::process::Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns what names a process once and for all.
fn key_of(pid: u32, like: &Value) -> Value {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let begun = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap();
    let mut key = like["supervisor"].clone();
    key["pid"] = pid.into();
    key["start"] = begun.into();
    key
}

#[test]
fn a_server_that_dies_at_once_is_told_with_its_last_words() {
    let servers = Servers::with("web = \"echo 'OperationalError: no such table'; exit 7\"");
    let seen = servers.wt(&["up", "-d", "staging"]).code(128);
    assert_eq!(seen.stdout, "");
    assert_eq!(
        timeless(&seen.stderr),
        "error: 'web' of 'staging' ended with status 7 after …s\n\
         caused by: OperationalError: no such table\n\
         hint: git wt logs staging\n"
    );
    let listed = &servers.listed("staging")[0];
    assert_eq!((&listed["state"], &listed["status"]), (&"died".into(), &7.into()));
    servers
        .wt(&["logs", "staging"])
        .ok()
        .prints("$ echo 'OperationalError: no such table'; exit 7\nOperationalError: no such table\n");
    servers.are_gone();
}

#[test]
fn a_server_that_is_not_ready_in_time_is_stopped_and_told() {
    let servers =
        Servers::with("[run.web]\ncommand = \"echo waiting; sleep 1000\"\nport = \"PORT\"\ntimeout = \"1s\"");
    servers.wt(&["up", "-d", "staging"]).code(128).says(&[
        "'web' of 'staging' is not ready after 1s",
        "nothing of it listens on port 8001",
        "waiting",
    ]);
    servers.are_gone();
    assert_eq!(servers.listed("staging")[0]["state"], "failed");
}

#[test]
fn a_server_that_listens_late_is_waited_for_and_one_that_answers_is_ready() {
    let servers = Servers::of_recipe(
        "[port]\nPORT = 8000\nAPI_PORT = 8001\n[run]\n\
         late = \"sleep 0.5; exec python3 -m http.server {{ port }}\"\n\
         [run.asked]\ncommand = \"exec python3 -m http.server {{ ports.API_PORT }}\"\ncwd = \"sub\"\n\
         ready = \"http://127.0.0.1:{{ ports.API_PORT }}/\"\n",
    );
    servers.world.trust();
    servers.add("staging");
    let seen = servers.wt(&["up", "-d", "staging"]).ok();
    assert_eq!(
        timeless(&seen.stdout).matches("ready in …s  http://localhost:").count(),
        2,
        "{}",
        seen.stdout
    );
    let listed = servers.listed("staging");
    assert_eq!(listed[0]["entry"], "asked");
    let port = u16::try_from(listed[0]["port"].as_u64().unwrap()).unwrap();
    assert!(servers.get(port, "/here").contains("in the directory"));
    servers.wt(&["down", "staging"]).ok();
    servers.are_gone();
}

#[test]
fn a_strangers_listener_is_named_and_another_port_is_shown() {
    let servers = Servers::with(&format!("{WEB}\nother = \"python3 -m http.server 8003\""));
    let stranger = TcpListener::bind(("127.0.0.1", servers.port(8001))).unwrap();
    let taken = format!("port 8001 of 'web' of 'staging' is taken by process {}", std::process::id());
    servers.wt(&["up", "-d", "staging"]).code(128).says(&[&taken]);
    drop(stranger);
    servers.are_gone();
    assert_eq!(servers.listed("staging"), Vec::<Value>::new());
    let chooses = Servers::with("[run.web]\ncommand = \"exec python3 -m http.server 8003\"\nport = \"PORT\"");
    let seen = chooses.wt(&["up", "-d", "staging"]).ok();
    assert!(
        seen.stdout.contains("http://localhost:8003 (it has chosen that port; its own is 8001)"),
        "{}",
        seen.stdout
    );
    assert_eq!(chooses.listed("staging")[0]["port"], 8003);
    chooses.wt(&["down", "staging"]).ok();
    chooses.are_gone();
}

#[test]
fn nothing_runs_without_consent() {
    let servers = Servers::without_consent("web = \"touch pwned; python3 -m http.server {{ port }}\"");
    servers.add("staging");
    let asked: [&[&str]; 4] =
        [&["up", "-d", "staging"], &["up", "staging"], &["run", "staging", "web"], &["up", "--all"]];
    for args in asked {
        let seen = servers.wt(args).code(3).says(&["without consent these are left out:", "touch pwned"]);
        assert!(!seen.stderr.contains("hint:"), "{}", seen.stderr);
        assert_eq!(servers.world.pwned(), Vec::<PathBuf>::new(), "{args:?}");
        servers.are_gone();
    }
    servers.world.trust();
    // consent covers the very text
    let recipe = servers.world.read("myproject/.wt.toml").replace("touch pwned", "touch ./pwned");
    servers.world.write("myproject/.wt.toml", &recipe);
    servers.wt(&["up", "-d", "staging"]).code(3);
    assert_eq!(servers.world.pwned(), Vec::<PathBuf>::new());
    servers.are_gone();
}

#[test]
fn the_callers_streams_are_let_go() {
    let servers = Servers::with(WEB);
    // returns only if nobody holds the pipes any more
    let output = servers
        .world
        .command("sh", &servers.world.path("myproject"))
        .args(["-c", "said=$(git wt up -d staging 2>&1); echo \"said: $said\""])
        .output()
        .unwrap();
    let said = servers.slot.back(&servers.world.told(&output.stdout));
    assert!(said.starts_with("said: web  python3 -m http.server 8001  ready in "), "{said}");
    let supervisor = servers.supervisor("web");
    for number in 0..3 {
        let stream = fs::read_link(format!("/proc/{supervisor}/fd/{number}")).unwrap();
        assert_eq!(stream, Path::new("/dev/null"), "{number}");
    }
    // of a session and terminal of its own
    let session = |pid: &str| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = session(&supervisor.to_string());
    let fields: Vec<&str> = fields.rsplit(')').next().unwrap().split_whitespace().collect();
    assert_eq!(fields[3], supervisor.to_string());
    servers.wt(&["down", "staging"]).ok();
    servers.are_gone();
}

#[test]
fn remove_stops_the_servers_first_and_undo_does_not_start_them() {
    let servers = Servers::with(WEB);
    servers.add("other");
    servers.wt(&["up", "--all"]).ok();
    // refused: nothing is stopped
    servers.world.write("myproject-staging/README", "changed\n");
    servers.wt(&["remove", "staging"]).code(128);
    assert!(!servers.is_free(8001));
    servers
        .wt(&["move", "staging", "../elsewhere"])
        .code(128)
        .says(&["'web' of 'staging' runs there", "hint: git wt down staging"]);
    let seen = servers.wt(&["remove", "-f", "-n", "staging"]).ok();
    assert!(seen.stdout.contains("\n  server 'web', which runs\n"), "{}", seen.stdout);
    assert!(!servers.is_free(8001));
    let seen =
        servers.wt(&["remove", "-f", "staging"]).ok().says(&["stopped 'web' of 'staging'\nremoved staging"]);
    assert!(!seen.stderr.contains("note: process"), "{}", seen.stderr);
    assert!(servers.is_free(8001) && !servers.is_free(8002));
    servers.wt(&["undo", "staging"]).ok();
    let listed = servers.listed("staging");
    assert!(matches!(&listed[..], [web] if web["state"] == "stopped"), "{listed:?}");
    // what it has printed is brought back, too
    assert!(servers.wt(&["logs", "staging"]).ok().stdout.contains("http.server"));
    assert!(servers.is_free(8001));
    // a directory that was deleted by hand
    fs::remove_dir_all(servers.world.path("myproject-other")).unwrap();
    servers.wt(&["prune"]).ok().says(&["stopped 'web' of 'other'"]);
    servers.are_gone();
    servers.wt(&["remove", "-fy", "--purge", "staging"]).ok();
    assert!(!servers.world.path("myproject/.git/wt/run").exists());
}

#[test]
fn logs_are_private_small_and_shown_as_they_come() {
    let servers = Servers::with(
        "web = \"python3 -m http.server {{ port }}\"\n\
         noisy = \"head -c 12000000 /dev/zero | tr '\\\\0' 'x' | fold -w 1000; echo; echo the end; sleep 1000\"",
    );
    servers
        .wt(&["logs", "staging"])
        .code(128)
        .says(&["nothing ran in 'staging' so far", "hint: git wt up -d staging"]);
    servers.wt(&["up", "-d", "staging"]).ok();
    until("it has said all", || servers.wt(&["logs", "-n", "1", "staging", "noisy"]).stdout == "the end\n");
    let dir = servers.state_file("noisy").parent().unwrap().to_owned();
    let mut sizes = 0;
    for file in fs::read_dir(&dir).unwrap().flatten() {
        let meta = file.metadata().unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777, 0o600);
        sizes += meta.len();
    }
    assert!(sizes < 10_600_000, "{sizes}");
    servers.get(8001, "/README");
    until("it is logged", || servers.wt(&["logs", "staging"]).stdout.contains("web   | 127.0.0.1"));
    servers
        .wt(&["logs", "staging", "wbe"])
        .code(128)
        .says(&["'wbe' is no server of 'staging'", "there is web, noisy"]);
    servers.wt(&["down", "staging", "-t", "1"]).ok();
    servers.are_gone();
    // ends at once, as all have ended
    servers.wt(&["logs", "-f", "-n", "1", "staging", "noisy"]).ok();
}

#[test]
fn a_changed_environment_is_told() {
    let servers = Servers::with(WEB);
    servers.world.write("myproject-staging/.env", "COLOUR=blue\n");
    servers.wt(&["up", "-d", "staging"]).ok();
    assert_eq!(servers.listed("staging")[0]["restart"], false);
    servers.world.write("myproject-staging/.env", "COLOUR=red\n");
    assert_eq!(servers.listed("staging")[0]["restart"], true);
    let again = servers.wt(&["up", "-d", "staging"]).ok();
    assert!(again.stdout.contains("runs already; its environment has changed since"), "{}", again.stdout);
    let state = fs::read_to_string(servers.state_file("web")).unwrap();
    assert!(!state.contains("blue"));
    servers.wt(&["down"]).ok().says(&["nothing runs in 'myproject'"]);
    servers.wt(&["down", "staging"]).ok();
    servers.are_gone();
}

#[test]
fn up_answers_programs() {
    let servers = Servers::with(&format!("{WEB}\nbad = \"exit 4\""));
    let seen = servers.wt(&["up", "--json", "staging"]).code(128);
    let all: Value = serde_json::from_str(&seen.stdout).unwrap();
    let all = all["servers"].as_array().unwrap();
    assert_eq!(
        (&all[0]["entry"], &all[0]["state"], &all[0]["port"]),
        (&"web".into(), &"ready".into(), &8001.into())
    );
    assert_eq!(
        (&all[1]["entry"], &all[1]["state"], &all[1]["status"]),
        (&"bad".into(), &"died".into(), &4.into())
    );
    assert_eq!((&all[0]["worktree"], &all[0]["already"]), (&"staging".into(), &false.into()));
    let seen = servers.wt(&["down", "--json", "staging"]).ok();
    let all: Value = serde_json::from_str(&seen.stdout).unwrap();
    assert_eq!(all["stopped"], serde_json::json!([{"worktree": "staging", "entry": "web"}]));
    servers.are_gone();
}

#[test]
fn a_single_server_in_the_foreground_keeps_the_terminal() {
    let servers = Servers::without_ports("debug = \"read answer; echo got $answer; sleep 1000\"");
    let Some(mut terminal) = Terminal::open(&servers.world, "bash") else { return };
    terminal.type_in("git wt up staging\r");
    terminal.until(|shown| shown.contains("debug  read answer"));
    until("it is listed", || servers.listed("staging").iter().any(|one| one["state"] != "stopped"));
    terminal.type_in("next\r");
    terminal.until(|shown| shown.contains("got next"));
    servers.wt(&["logs", "staging"]).ok().says(&["'debug' runs on a terminal"]);
    terminal.type_in("\x03");
    let shown = terminal.until(|shown| shown.ends_with("@@ "));
    assert!(!shown.contains("error"), "{shown}");
    assert_eq!(terminal.shows("echo $?"), "130");
    servers.are_gone();
    assert_eq!(servers.listed("staging")[0]["state"], "stopped");
    // from another terminal
    terminal.type_in("git wt up staging\r");
    terminal.until(|shown| shown.contains("debug  read answer"));
    until("it runs", || servers.listed("staging").iter().any(|one| one["state"] == "running"));
    servers.wt(&["down", "staging"]).ok().says(&["stopped 'debug' of 'staging'"]);
    terminal.until(|shown| shown.ends_with("@@ "));
    servers.are_gone();
}

#[test]
fn several_in_the_foreground_are_named_and_end_together() {
    let servers =
        Servers::with(&format!("{WEB}\nends = \"cat; echo nev''er\"\nquick = \"echo quick; exit 5\""));
    let Some(mut terminal) = Terminal::open(&servers.world, "bash") else { return };
    terminal.type_in("git wt up staging\r");
    let shown = terminal.until(|shown| {
        shown.contains("web   | ready in")
            && shown.contains("ends  | running")
            && shown.contains("ended with status 5")
    });
    assert!(shown.contains("quick | quick"), "{shown}");
    // `cat` did not see an end of its input
    assert!(!shown.contains("never"), "{shown}");
    assert!(!servers.is_free(8001));
    terminal.type_in("\x03");
    terminal.until(|shown| shown.ends_with("@@ "));
    servers.are_gone();
    assert!(servers.is_free(8001));
    // killed, it takes its servers along
    let mut command = servers.world.command("git-wt", &servers.world.path("myproject"));
    let up = Stranger(command.args(["up", "staging"]).spawn().unwrap());
    until("it serves", || !servers.is_free(8001));
    drop(up);
    until("they are gone", || servers.processes().is_empty());
}

#[test]
fn run_names_the_servers_and_runs_one() {
    let servers = Servers::with("web = \"echo on {{ port }} $PORT\"\nworker = \"exit 6\"");
    let listed = "web     echo on 8001 $PORT\nworker  exit 6\n";
    servers.wt(&["run", "staging"]).ok().prints(listed);
    servers.wt(&["run", "staging", "web"]).ok().prints("on 8001 8001\n");
    servers.wt(&["run", "staging", "worker"]).code(6);
    let here = |args: &[&str]| servers.wt_in("myproject-staging", args);
    here(&["run"]).ok().prints(listed);
    here(&["run", "web"]).ok().prints("on 8001 8001\n");
    here(&["run", "--", "echo", "yes"]).ok().prints("yes\n");
    here(&["run", "wbe"]).code(128).says(&["'wbe' is not a worktree"]);
    servers
        .wt(&["run", "staging", "wbe"])
        .code(128)
        .says(&["'wbe' is no server of 'staging'", "there is web, worker"]);
    servers.wt(&["run", "staging", "web", "--", "x"]).code(129);
    servers.are_gone();
}

#[test]
fn a_recipe_of_servers_is_checked() {
    let world = World::with_repo();
    for (recipe, what) in [
        ("[run]\n\"a b\" = 'x'\n", "the name of a server has letters"),
        ("[run]\n\"../x\" = 'x'\n", "the name of a server has letters"),
        ("[run.web]\nport = 'PORT'\n", "'run.web' has no 'command'"),
        ("[run.web]\ncommand = 'x'\ncwd = '../other'\n", "it has '..'"),
        ("[run.web]\ncommand = 'x'\nreday = 'http://localhost'\n", "did you mean 'run.web.ready'?"),
        ("[run.web]\ncommand = 'x'\nready = 'http://example.com'\n", "it is no address of this host"),
        (
            "[run.web]\ncommand = 'x'\nready = 'http://localhost.example.com'\n",
            "it is no address of this host",
        ),
        ("[run.web]\ncommand = 'x'\nport = '{{ secret }}'\n", "secret"),
        ("[run.web]\ncommand = 'x'\ntimeout = 'x'\n", "must be a time"),
        ("[run]\nweb = 3\n", "must be a table"),
    ] {
        world.write("myproject/.wt.toml", recipe);
        let seen = world.wt(&["up", "-d"]).code(128);
        assert!(seen.stderr.contains(what), "{recipe}: {}", seen.stderr);
    }
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[run.web]\ncommand = 'x'\nport = 'POTR'\n");
    world.trust();
    world.wt(&["add", "-q", "x"]).ok();
    world.wt(&["up", "-d", "x"]).code(128).says(&["the port of 'web' is 'POTR', which is none"]);
    world.write("myproject/.wt.toml", "");
    world.wt(&["up", "x"]).code(128).says(&["the recipe names no server for 'x'"]);
}

#[test]
fn servers_are_completed_after_worktrees() {
    let servers = Servers::with(&format!("{WEB}\nworker = \"x\"\n[template.t]\nrun.special = \"x\""));
    let offers = |words: &[&str]| {
        let mut command = servers.world.command("git-wt", &servers.world.path("myproject"));
        command.env("GIT_WT_COMPLETE", "raw").env("GIT_WT_COMPLETE_INDEX", words.len().to_string());
        servers.world.see(command.args(["--", "git-wt"]).args(words)).ok().stdout
    };
    for verb in ["up", "down", "logs", "run"] {
        let first = offers(&[verb, ""]);
        let names: Vec<&str> = first.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(names, ["myproject", "staging", "special", "web", "worker"], "{verb}");
        assert_eq!(offers(&[verb, "staging", "w"]), "web\tserver\nworker\tserver\n", "{verb}");
    }
}

#[test]
fn signals_to_a_supervisor_end_its_server() {
    let servers = Servers::without_ports("worker = \"sleep 1000\"");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        servers.wt(&["up", "-d", "staging"]).ok();
        rustix::process::kill_process(servers.supervisor("worker"), signal).unwrap();
        until("it has ended", || servers.processes().is_empty());
        assert_eq!(servers.listed("staging")[0]["state"], "stopped", "{signal:?}");
    }
}

#[test]
fn a_server_in_the_background_goes_on_without_keys_and_ends_with_its_daemon() {
    // `cat` would end at the end of its input; the other one forks and lets its parent end
    let servers =
        Servers::without_ports("keys = \"cat; exit 9\"\ndaemon = \"(sleep 1000 & echo $! >pid) & exit 0\"");
    servers.wt(&["up", "-d", "staging"]).ok();
    let states: Vec<_> = servers.listed("staging").iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["running", "running"]);
    rustix::process::kill_process(servers.world.pid("myproject-staging/pid"), Signal::KILL).unwrap();
    until("the daemon has ended", || servers.listed("staging")[0]["state"] == "died");
    assert_eq!(servers.listed("staging")[1]["state"], "running");
    servers.wt(&["down", "staging"]).ok();
    servers.are_gone();
}

#[test]
fn port_is_set_for_every_server() {
    let servers = Servers::of_recipe(
        "[port]\nPORT = 8000\nAPI_PORT = 8001\n[run]\nfirst = 'echo $PORT $API_PORT >first'\n\
         [run.second]\ncommand = 'echo $PORT >second'\nport = 'API_PORT'\n",
    );
    servers.world.trust();
    servers.add("staging");
    servers.wt(&["run", "staging", "first"]).ok();
    servers.wt(&["run", "staging", "second"]).ok();
    let [first, second] =
        ["first", "second"].map(|name| servers.world.read(format!("myproject-staging/{name}")));
    let (port, api) = first.trim().split_once(' ').unwrap();
    assert_ne!(port, api);
    assert_eq!(second.trim(), api);
}

#[test]
fn what_plain_git_has_removed_is_stopped_by_down_and_a_copy_has_no_servers() {
    let servers = Servers::with(WEB);
    servers.wt(&["up", "-d", "staging"]).ok();
    // a copy of the repository knows of no server
    let [from, to] = ["myproject", "copy"].map(|name| servers.world.path(name));
    let copied = std::process::Command::new("cp").arg("-a").args([&from, &to]).status().unwrap();
    assert!(copied.success());
    servers.wt_in("copy", &["down", "--all"]).ok().says(&["nothing runs in any worktree"]);
    assert!(!servers.is_free(8001));
    let staging = servers.world.path("myproject-staging");
    servers.world.git(&from, &["worktree", "remove", "--force", &staging.to_string_lossy()]);
    assert!(!servers.is_free(8001));
    servers.wt(&["down", "--all"]).ok().says(&["stopped 'web' of 'staging'"]);
    servers.are_gone();
    assert!(!servers.world.path("myproject/.git/wt/run").exists());
}

#[test]
fn links_in_the_place_of_states_and_logs_are_not_followed() {
    let servers = Servers::with(WEB);
    servers.wt(&["up", "-d", "staging"]).ok();
    servers.wt(&["down", "staging"]).ok();
    let (log, kept) = (servers.state_file("web").with_extension("log"), servers.world.path("home/kept"));
    fs::write(&kept, "mine\n").unwrap();
    fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink(&kept, &log).unwrap();
    servers.wt(&["up", "-d", "staging"]).code(128).says(&["it is no regular file"]);
    servers.wt(&["logs", "staging"]).code(128).says(&["it is no regular file"]);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "mine\n");
    let run = servers.world.path("myproject/.git/wt/run");
    fs::rename(&run, servers.world.path("moved")).unwrap();
    std::os::unix::fs::symlink(servers.world.path("moved"), &run).unwrap();
    servers.wt(&["up", "-d", "staging"]).code(128).says(&["is a link, and git-wt makes none there"]);
    servers.are_gone();
}

#[test]
fn what_a_project_visibly_serves_starts_after_consent() {
    let servers = Servers::of_recipe("");
    let main = servers.world.path("myproject");
    servers.world.git(&main, &["rm", "-q", "-f", ".wt.toml"]);
    let env = servers.slot.here("PORT=8000\n");
    servers.world.write("myproject/.env", &env);
    // stands in for Django
    servers.world.write(
        "myproject/manage.py",
        "# from django.core.management import execute_from_command_line\n\
         import os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n\
         assert sys.argv[1] == 'runserver'\n\
         os.execvp('python3', ['python3', '-m', 'http.server', sys.argv[2]])\n",
    );
    servers.world.program("python", "#!/bin/sh\nexec python3 \"$@\"\n");
    servers.world.commit(&main, "django");
    let seen = servers.wt(&["add", "staging"]).ok().says(&["start it: git wt up staging\n"]);
    assert!(!seen.stderr.contains("consent"), "{}", seen.stderr);
    servers.wt(&["up", "-d", "staging"]).code(3).says(&["serve      python manage.py runserver {{ port }}"]);
    servers.are_gone();
    servers.wt(&["trust", "staging", "--yes"]).ok().says(&["serve      python manage.py runserver"]);
    let seen = servers.wt(&["up", "-d", "staging"]).ok();
    assert_eq!(
        timeless(&seen.stdout),
        "server  python manage.py runserver 8001  ready in …s  http://localhost:8001\n"
    );
    servers.wt(&["remove", "staging"]).ok();
    servers.are_gone();
}

#[test]
fn a_server_without_a_port_of_ours_shows_the_one_that_it_has_chosen() {
    let servers = Servers::without_ports("web = \"exec python3 -m http.server 8002\"");
    let seen = servers.wt(&["up", "-d", "staging"]).ok();
    assert_eq!(
        timeless(&seen.stdout),
        "web  exec python3 -m http.server 8002  ready in …s  http://localhost:8002\n"
    );
    servers.wt(&["down", "staging"]).ok();
    servers.are_gone();
}
