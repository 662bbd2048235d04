//! `git wt list`: what is where, what is running, and that listing changes nothing.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};

use crate::ports;
use crate::world::World;

/// A separate process that holds a listening socket until it is dropped.
struct Server(Child);

impl Server {
    fn start(port: u16, dir: &Path) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let held = OwnedFd::from(socket);
        Self(Command::new("sleep").arg("600").current_dir(dir).stdin(held).spawn().unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn port_of(world: &World, env_file: &str, variable: &str) -> u16 {
    let text = world.read(env_file);
    text.lines().find_map(|line| line.strip_prefix(&format!("{variable}="))).unwrap().parse().unwrap()
}

fn crowd() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 18100\n");
    world.commit(&world.path("myproject"), "recipe");
    world
}

#[test]
fn the_table_says_what_is_where() {
    let world = crowd();
    world.wt(&["add", "staging", "--note", "for the demo"]).ok();
    let port: u16 = world.read("myproject-staging/.env").trim().rsplit('=').next().unwrap().parse().unwrap();
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "--detach", "../detached"]);
    world.git(&world.path("myproject"), &["worktree", "lock", "--reason", "a stick", "../detached"]);
    let _server = Server::start(port, &world.path("myproject-staging"));
    world.write("myproject-staging/README", "hello\nworld\n");
    world.write("myproject-staging/new", "1\n2\n3\n");
    let list = world.wt(&["list"]).ok().stdout.replace(&port.to_string(), "PORT");
    let lines: Vec<String> =
        list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "Name Changes Address Age Note",
            "* myproject main http://localhost:18100 2h",
            "detached detached 2h locked: a stick",
            "staging +4 ?1 http://localhost:PORT ● 2h for the demo",
        ]
    );
    // nothing is examined that was not asked for
    assert!(!world.wt(&["list", "--no-status"]).ok().stdout.contains("+4"));
}

#[test]
#[cfg(target_os = "linux")]
fn who_listens_on_a_port_is_named() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 18150\nAPI_PORT = 18250\n");
    world.commit(&world.path("myproject"), "recipe");
    world.wt(&["add", "a"]).ok();
    world.wt(&["add", "b"]).ok();
    fs::create_dir(world.path("outside")).unwrap();
    fs::create_dir(world.path("myproject-a/deep")).unwrap();
    let port = |name: &str, variable| port_of(&world, &format!("myproject-{name}/.env"), variable);
    let own = Server::start(port("a", "PORT"), &world.path("myproject-a/deep"));
    let neighbour = Server::start(port("a", "API_PORT"), &world.path("myproject-b"));
    let stranger = Server::start(port("b", "PORT"), &world.path("outside"));
    let list = world.wt(&["list", "--no-status"]).ok().stdout;
    for line in [
        format!(
            "  a               http://localhost:{} ●  port {} taken by sleep {} in [ROOT]/myproject-b\n",
            port("a", "PORT"),
            port("a", "API_PORT"),
            neighbour.pid()
        ),
        format!(
            "  b               http://localhost:{0} ●  port {0} taken by sleep {1} in [ROOT]/outside\n",
            port("b", "PORT"),
            stranger.pid()
        ),
    ] {
        assert!(list.contains(&line), "{line}\n{list}");
    }
    let details = world.wt(&["list", "--verbose"]).ok().stdout;
    let running = format!("port      {} PORT, running (sleep {})\n", port("a", "PORT"), own.pid());
    assert!(details.contains(&running), "{running}\n{details}");
    let json: serde_json::Value = serde_json::from_str(&world.wt(&["list", "--json"]).ok().stdout).unwrap();
    let listener = |server: &Server, worktree: serde_json::Value| serde_json::json!({"pid": ports::to_spoken(&server.pid()).parse::<u32>().unwrap(), "name": "sleep", "worktree": worktree});
    let [main, a, b] = [0, 1, 2].map(|at| &json["worktrees"][at]);
    assert!(main.get("listener").is_none() && main.get("listeners").is_none(), "{main}");
    assert_eq!((&a["running"], &a["listener"]), (&true.into(), &listener(&own, "a".into())));
    assert_eq!(a["listeners"]["API_PORT"], listener(&neighbour, "b".into()));
    assert_eq!(b["listener"], listener(&stranger, serde_json::Value::Null));
    assert!(b["listeners"].get("API_PORT").is_none(), "{b}");
}

#[test]
fn looking_changes_no_index_and_loses_no_merge() {
    let world = crowd();
    let repo = world.path("myproject");
    world.write("myproject/a", "1\n2\n3\n");
    world.commit(&repo, "a");
    world.git(&repo, &["switch", "--quiet", "--create", "other"]);
    world.write("myproject/a", "other\n2\n3\n");
    world.commit(&repo, "other");
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.write("myproject/a", "main\n2\n3\n");
    world.commit(&repo, "main");
    let _ = world.command("git", &repo).args(["merge", "--quiet", "other"]).output();
    world.write("myproject/intended", "x\n");
    world.git(&repo, &["add", "--intent-to-add", "intended"]);
    world.write("myproject/partly", "staged\n");
    world.git(&repo, &["add", "partly"]);
    world.write("myproject/partly", "staged\nnot staged\n");
    let look = || {
        let merge = fs::read(repo.join(".git/MERGE_HEAD")).unwrap();
        (fs::read(repo.join(".git/index")).unwrap(), merge, world.read("myproject/partly"))
    };
    let before = look();
    world.wt(&["list"]).ok();
    world.wt(&["list", "--json"]).ok();
    assert!(look() == before, "the index, the merge or a file has changed");
}

#[test]
fn json_has_a_version_and_the_fields() {
    let world = crowd();
    world.wt(&["add", "staging", "--note", "why"]).ok();
    let json: serde_json::Value = serde_json::from_str(&world.wt(&["list", "--json"]).ok().stdout).unwrap();
    assert_eq!(json["version"], 1);
    let staging = &json["worktrees"][1];
    for (field, want) in [("name", "staging"), ("branch", "staging"), ("base", "HEAD"), ("note", "why")] {
        assert_eq!(staging[field], want);
    }
    for field in ["repository", "path", "created_at", "updated_at", "head", "url"] {
        assert!(staging[field].is_string(), "{field}: {staging}");
    }
    assert!(staging["port"].as_u64().is_some_and(|port| port > 18100));
    assert!(json["worktrees"][0].get("port").is_none(), "absent means not applicable");
}

#[test]
fn base_says_what_is_own_what_is_missing_and_what_is_merged() {
    let world = World::with_repo();
    let main = world.path("myproject");
    world.write("myproject/file", "1\n2\n3\n");
    world.commit(&main, "file");
    let commit = |name: &str, file: &str, text: &str| {
        world.write(format!("myproject-{name}/{file}"), text);
        world.commit(&world.path(format!("myproject-{name}")), &format!("{name} {file}"));
    };
    for name in ["fresh", "merged", "squashed", "picked", "open", "alike"] {
        world.wt(&["add", name]).ok();
    }
    for name in ["merged", "squashed", "picked", "open"] {
        commit(name, &format!("{name}-1"), "1\n");
        commit(name, &format!("{name}-2"), "2\n");
    }
    // another change of a file that main changes too
    commit("alike", "file", "one\n2\n3\n");
    world.git(&main, &["merge", "--quiet", "--no-ff", "-m", "merge", "merged"]);
    world.git(&main, &["merge", "--quiet", "--squash", "squashed"]);
    world.commit(&main, "squash");
    world.git(&main, &["cherry-pick", "main..picked"]);
    world.write("myproject/file", "1\n2\nthree\n");
    world.commit(&main, "three");
    // a branch of a branch is compared with that
    world.wt_in("myproject-open", &["add", "child"]).ok();
    commit("child", "child", "1\n");
    let json: serde_json::Value = serde_json::from_str(&world.wt(&["list", "--json"]).ok().stdout).unwrap();
    let compared = |name: &str| {
        let trees = json["worktrees"].as_array().unwrap();
        let compared = &trees.iter().find(|tree| tree["name"] == name).unwrap()["compared"];
        let number = |field: &str| compared[field].as_u64().unwrap();
        let with = compared["with"].as_str().unwrap().to_owned();
        (with, number("ahead"), number("behind"), compared["merged"].as_bool().unwrap())
    };
    let main = || "main".to_owned();
    assert_eq!(compared("fresh"), (main(), 0, 7, false));
    assert_eq!(compared("merged"), (main(), 0, 5, true));
    assert_eq!(compared("squashed"), (main(), 2, 7, true));
    assert_eq!(compared("picked"), (main(), 2, 7, true));
    assert_eq!(compared("open"), (main(), 2, 7, false));
    assert_eq!(compared("alike"), (main(), 1, 7, false));
    assert_eq!(compared("child"), ("open".to_owned(), 1, 0, false));
    assert!(json["worktrees"][0].get("compared").is_none(), "main has no base");
    let list = world.wt(&["list"]).ok().stdout;
    let base = |name: &str| {
        let row = list.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        row.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert!(base("fresh").starts_with("↓7 ") && base("squashed").starts_with("merged "), "{list}");
    assert!(base("alike").starts_with("↑1 ↓7 "), "{list}");
}

#[test]
fn operations_in_progress_are_named() {
    let world = World::with_repo();
    let main = world.path("myproject");
    world.write("myproject/file", "1\n");
    world.commit(&main, "file");
    world.git(&main, &["branch", "other"]);
    world.write("myproject/file", "main\n");
    world.commit(&main, "main");
    world.wt(&["add", "other"]).ok();
    let other = world.path("myproject-other");
    world.write("myproject-other/file", "other\n");
    world.commit(&other, "other");
    let begin =
        |line: &[&str]| drop(world.see(world.command("git", &other).args(line).env("GIT_EDITOR", "true")));
    for (line, abort, word) in [
        (&["rebase", "main"][..], &["rebase", "--abort"][..], "rebasing"),
        (&["rebase", "--apply", "main"], &["rebase", "--abort"], "rebasing"),
        (&["merge", "main"], &["merge", "--abort"], "merging"),
        (&["cherry-pick", "main"], &["cherry-pick", "--abort"], "cherry-picking"),
        (&["revert", "--no-commit", "HEAD"], &["revert", "--abort"], "reverting"),
        (&["bisect", "start"], &["bisect", "reset"], "bisecting"),
    ] {
        begin(line);
        let list = world.wt(&["list"]).ok().stdout;
        let row = list.lines().find(|line| line.starts_with("  other ")).unwrap();
        assert!(row.contains(&format!(" {word} ")), "{line:?}: {list}");
        let json = world.wt(&["list", "--json"]).ok().stdout;
        assert!(json.contains(&format!("\"operation\":\"{word}\"")), "{json}");
        // the work that is on its way is still that of the branch
        assert!(row.contains("↑1 ↓1"), "{line:?}: {list}");
        begin(abort);
    }
}

#[test]
fn an_environment_that_has_drifted_is_told() {
    let world = crowd();
    world.wt(&["add", "staging"]).ok();
    assert!(!world.wt(&["list"]).ok().stdout.contains("drifted"));
    let env = world.read("myproject-staging/.env");
    world.write("myproject-staging/.env", &env.replace("PORT=", "PORT=1"));
    let list = world.wt(&["list"]).ok().stdout;
    assert!(list.lines().any(|line| line.contains("staging") && line.ends_with("  drifted")), "{list}");
    let json: serde_json::Value = serde_json::from_str(&world.wt(&["list", "--json"]).ok().stdout).unwrap();
    assert_eq!(json["worktrees"][1]["drifted"], true);
    // that would mean to read a file of each
    assert!(!world.wt(&["list", "--no-status"]).ok().stdout.contains("drifted"));
}

#[test]
fn what_cannot_be_told_is_not_called_clean() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject/.git/worktrees/myproject-staging/index", "no index");
    let seen = world.wt(&["list"]).ok().says(&["warning: cannot tell what has changed in 'staging': "]);
    let line = seen.stdout.lines().find(|line| line.contains("staging")).unwrap();
    assert_eq!(line.split_whitespace().nth(1), Some("?"), "{line}");
    let json: serde_json::Value = serde_json::from_str(&world.wt(&["list", "--json"]).ok().stdout).unwrap();
    let status = |at: usize| json["worktrees"][at].get("status").cloned();
    assert_eq!(status(1), Some(serde_json::Value::Null));
    assert!(status(0).unwrap().is_object());
}

#[test]
fn porcelain_is_git_s_own() {
    let world = crowd();
    world.wt(&["add", "staging"]).ok();
    let repo = world.path("myproject");
    let odd = world.path("two\nlines and 'quotes'");
    world.git(&repo, &["worktree", "add", "--quiet", "-b", "odd", odd.to_str().unwrap()]);
    world.git(&repo, &["worktree", "lock", "--reason", "one\ntwo", odd.to_str().unwrap()]);
    world.git(&repo, &["worktree", "add", "--quiet", "../gone"]);
    fs::remove_dir_all(world.path("gone")).unwrap();
    for line in [
        &["--porcelain"][..],
        &["--porcelain", "-z"],
        &["--verb", "--expire", "1.day.ago"],
        &["--expire=now"],
    ] {
        let git = world.see(world.command("git", &repo).args(["worktree", "list"]).args(line));
        let us = world.wt(&[&["list"], line].concat());
        assert_eq!((us.stdout, us.stderr, us.code), (git.stdout, git.stderr, git.code));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = crowd();
    let repo = world.path("myproject");
    world.see(world.command("bash", &repo).args(["-c", "set -o pipefail; git wt list | true"])).ok();
}

#[test]
fn odd_names_and_reasons_are_shown_in_one_line_each_and_found() {
    let world = crowd();
    let repo = world.path("myproject");
    for (branch, path) in [("a", "two\nlines"), ("b", "-dash"), ("c", "\u{1b}[31mred"), ("d", " spaces ")] {
        let path = world.path(path);
        world.git(&repo, &["worktree", "add", "--quiet", "-b", branch, path.to_str().unwrap()]);
        assert_eq!(
            world.wt(&["cd", branch]).ok().stdout,
            format!("{}\n", path.display()).replace(&*world.root().to_string_lossy(), "[ROOT]")
        );
    }
    world.git(&repo, &["worktree", "lock", "--reason", "one\ntwo", &world.path("-dash").to_string_lossy()]);
    let list = world.wt(&["list"]).ok().stdout;
    assert_eq!(list.lines().count(), 6, "{list}");
    assert!(!list.contains('\u{1b}') && list.contains("locked: one\\ntwo"), "{list}");
    let json: serde_json::Value = serde_json::from_str(&world.wt(&["list", "--json"]).ok().stdout).unwrap();
    let paths: Vec<&str> =
        json["worktrees"].as_array().unwrap().iter().filter_map(|tree| tree["path"].as_str()).collect();
    assert!(paths.iter().any(|path| path.ends_with("/two\nlines")), "{paths:?}");
}

#[test]
fn git_is_asked_to_look_and_not_to_touch() {
    let world = crowd();
    let log = world.path("home/asked");
    let git = World::hosts_git().display();
    world.program(
        "git",
        &format!(
            "#!/bin/sh\necho \"$* locks=$GIT_OPTIONAL_LOCKS language=$LC_ALL\" >> {}\nexec {git} \"$@\"\n",
            log.display()
        ),
    );
    let mut list = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path("myproject"));
    world.see(list.arg("list").env("LC_ALL", "de_DE.UTF-8")).ok();
    let asked = fs::read_to_string(log).unwrap();
    assert!(
        asked.contains(" status ") && asked.lines().all(|line| line.ends_with(" locks=0 language=C")),
        "{asked}"
    );
    // what prints paths ends them so that no path can be mistaken for two
    let has_paths = |line: &&str| line.contains(" status ") || line.contains(" diff ");
    assert!(asked.lines().filter(has_paths).all(|line| line.contains(" -z")), "{asked}");
}
