//! The recipe's hooks: their output is kept, they end in time, and none of their processes outlives a git-wt that is
//! stopped.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process, test_kill_process};

use crate::world::{World, is_here};

/// A hook line that starts a process which leaves the process group, and waits until it runs.
const LEAVES: &str =
    "setsid sh -c 'echo $$ > \"$HOME/left\"; exec sleep 600' & until [ -s \"$HOME/left\" ]; do :; done;";

fn configured(hooks: &[(&str, &str)]) -> World {
    let world = World::with_repo();
    for (key, value) in hooks {
        world.git(&world.path("myproject"), &["config", "--add", &format!("wt.hooks.{key}"), value]);
    }
    world
}

/// Puts setsid(1) into the world, since macOS lacks it; perl is on macOS and on every Debian.
fn has_setsid(world: &World) -> bool {
    world.program("setsid", "#!/usr/bin/perl\nuse POSIX;\nPOSIX::setsid();\nexec @ARGV;\n");
    is_here("/usr/bin/perl", Path::new("/usr/bin/perl").exists())
}

/// Asserts that the process whose id is in the file ends.
#[track_caller]
fn ends(world: &World, file: &str) {
    let pid = world.pid(file);
    let deadline = Instant::now() + Duration::from_secs(20);
    // it stays a zombie if nobody waits for it, as in a container without an init
    let is_a_zombie = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
    };
    let lives = || test_kill_process(pid).is_ok() && !is_a_zombie();
    while lives() {
        assert!(Instant::now() < deadline, "process {} lives on", pid.as_raw_nonzero());
        std::thread::yield_now();
    }
    std::fs::remove_file(world.path(file)).unwrap();
}

#[test]
fn what_a_hook_prints_is_shown_and_kept() {
    let world = configured(&[("setup", "echo one; echo two >&2; exit 7")]);
    let seen = world.wt(&["add", "staging"]).code(3).prints("[ROOT]/myproject-staging\n").says(&[
        "one\ntwo\nwarning: the hook 'echo one; echo two >&2; exit 7' ended with status 7; the worktree stays\n",
        "hint: git wt setup staging",
        "note: its output is in '[ROOT]/myproject/.git/wt/records/staging-",
    ]);
    let log = seen
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("note: its output is in '[ROOT]/")?.strip_suffix('\''));
    assert_eq!(world.read(log.unwrap()), "$ echo one; echo two >&2; exit 7\none\ntwo\n");
    assert!(world.wt(&["list"]).ok().stdout.contains("setup failed: echo one; echo two >&2; exit 7\n"));
}

#[test]
fn a_hook_that_takes_too_long_is_ended_with_all_that_it_started() {
    let world = configured(&[("setup", &format!("{LEAVES} echo waiting; sleep 600"))]);
    if !has_setsid(&world) {
        return;
    }
    world.write("myproject/.wt.toml", "[hooks]\ntimeout = \"1s\"\n");
    world.wt(&["add", "staging"]).code(3).prints("[ROOT]/myproject-staging\n").says(&[
        "waiting\n",
        "timed out after 1 s; the worktree stays",
        "hint: git wt setup staging",
    ]);
    ends(&world, "home/left");
    assert!(world.wt(&["list"]).ok().stdout.contains("setup timed out after 1 s: "));
    // it resumes at the failed hook; the user's own limit overrides the file's
    world.git(&world.path("myproject"), &["config", "wt.hooks.timeout", "0"]);
    world.git(&world.path("myproject"), &["config", "wt.hooks.setup", "echo done"]);
    world.wt(&["setup", "-v", "staging"]).ok().says(&["done\n"]);
    for nonsense in ["soon", "30", "-1s", "1.5h"] {
        world.git(&world.path("myproject"), &["config", "wt.hooks.timeout", nonsense]);
        world.wt(&["add", "more"]).code(128).says(&["is not a time, as in '30m'"]);
    }
}

#[test]
fn what_a_hook_leaves_running_does_not_hold_the_add() {
    let world = configured(&[("setup", "sleep 600 & echo $! > \"$HOME/server\"")]);
    world.wt(&["add", "staging"]).ok();
    let pid = world.pid("home/server");
    kill_process(pid, Signal::TERM).unwrap();
    ends(&world, "home/server");
}

#[test]
fn a_git_wt_that_is_stopped_stops_what_its_hooks_have_started() {
    for (signal, status) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let world = configured(&[("setup", &format!("{LEAVES} kill -{signal} $PPID; while :; do :; done"))]);
        if !has_setsid(&world) {
            return;
        }
        world.wt(&["add", "staging"]).code(status);
        ends(&world, "home/left");
        assert!(world.wt(&["list"]).ok().stdout.contains("setup failed: "));
        world.wt(&["doctor"]).ok();
    }
}

#[test]
fn what_nohup_ignores_is_ignored() {
    let world = configured(&[("setup", "kill -HUP $PPID; echo on")]);
    let seen = world
        .see(world.command("nohup", &world.path("myproject")).args(["git", "wt", "add", "-v", "staging"]));
    assert!(seen.code == 0 && seen.stderr.contains("on\n"), "{seen:#?}");
}

#[test]
fn a_teardown_that_fails_or_hangs_keeps_no_worktree() {
    let world = configured(&[("teardown", "echo bye; exit 7"), ("teardown", "sleep 600"), ("timeout", "1s")]);
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "staging"]).ok().says(&[
        "bye\n",
        "warning: the hook 'echo bye; exit 7' ended with status 7",
        "warning: the hook 'sleep 600' timed out after 1 s",
        "removed staging",
    ]);
    world.wt(&["add", "more"]).ok();
    let seen = world.wt(&["remove", "--no-hooks", "more"]).ok();
    assert!(!seen.stderr.contains("bye"), "{seen:?}");
}

#[test]
fn a_removal_that_is_stopped_in_a_teardown_names_the_way_without() {
    let world = configured(&[("teardown", "kill -TERM $PPID; while :; do :; done")]);
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "staging"]).code(143).says(&["hint: git wt remove --no-hooks staging"]);
    assert!(world.path("myproject-staging").exists());
    world.wt(&["remove", "--no-hooks", "staging"]).ok();
}

#[test]
fn a_signal_reaches_the_commands_of_all_worktrees() {
    for signal in ["TERM", "INT", "HUP"] {
        let world = World::with_repo();
        world.wt(&["add", "staging"]).ok();
        let script = format!(
            "trap 'echo told; exit 9' {signal}; echo > \"$HOME/up-${{PWD##*/}}\"; \
             [ -e \"$HOME/up-myproject\" ] && [ -e \"$HOME/up-myproject-staging\" ] && kill -{signal} $PPID; \
             while :; do sleep 1; done"
        );
        let seen = world.wt(&["run", "--all", "--", "sh", "-c", &script]).code(9);
        assert_eq!(seen.stdout.matches("| told").count(), 2, "{signal}: {seen:?}");
    }
}

#[test]
fn the_environment_resolves_every_variable_of_a_command() {
    let line = "npm install && npm run dev -- --port $PORT --origin http://localhost:${PORT}";
    let world = configured(&[("setup", line)]);
    world.program("npm", "#!/bin/sh\necho npm \"$@\"\n");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    let resolved =
        |port: u16| format!("npm install\nnpm run dev -- --port {port} --origin http://localhost:{port}\n");
    world.wt(&["add", "-v", "a"]).ok().says(&[&resolved(8001)]);
    world.wt(&["add", "-v", "b"]).ok().says(&[&resolved(8002)]);
    world.wt(&["run", "b", "--", "sh", "-c", line]).ok().prints(&resolved(8002));
}
