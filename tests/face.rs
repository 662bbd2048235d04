//! What users see: each verb once in normal use, and once refused.
//!
//! A test types lines into a terminal and compares all that it shows: stdout as it is, lines of stderr after `2> `, and
//! an exit status other than 0 after `? `. `SNAPSHOTS=overwrite cargo test face` rewrites the screens.

#![allow(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]

use std::path::Path;

use snapbox::{Data, assert_data_eq, str};

use crate::world::World;

/// Makes the repository `myproject` with an env file.
fn project() -> World {
    let world = World::with_repo();
    world.write("myproject/.env", "PORT=8000\nDEBUG=1\n");
    world
}

/// Makes the same with a worktree `staging`.
fn with_staging() -> World {
    let world = project();
    world.wt(&["add", "staging"]).ok();
    world
}

/// Types lines in `myproject`, each in a new shell, and compares what the terminal shows.
#[track_caller]
fn shows(world: &World, lines: &[&str], screen: impl Into<Data>) {
    let mut seen = String::new();
    for line in lines {
        seen += &format!("$ {line}\n");
        seen += &typed(world, line);
    }
    assert_data_eq!(seen.trim_end(), screen.into().raw());
}

/// Returns what the terminal shows for one line.
fn typed(world: &World, line: &str) -> String {
    let seen = world.see(world.command("sh", &world.path("myproject")).args(["-c", line]));
    let mut shown = String::new();
    for line in seen.stderr.lines() {
        shown += format!("2> {line}").trim_end();
        shown.push('\n');
    }
    shown += &seen.stdout;
    if seen.code != 0 {
        shown += &format!("? {}\n", seen.code);
    }
    steady(&shown)
}

/// Puts names in place of what differs between hosts: the programs' paths, git's version, object ids, durations.
fn steady(shown: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_git-wt")).canonicalize().unwrap();
    let shown = shown.replace(&*binary.to_string_lossy(), "[GIT-WT]");
    let is_id = |word: &str| word.len() == 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let is_time = |word: &str| word.contains('.') && word.strip_suffix('s').is_some_and(is_number);
    let mut steady = String::new();
    for line in shown.split_inclusive('\n') {
        if line.starts_with("git version ") {
            steady += "git version [VERSION]\n";
            continue;
        }
        // a word including the blank or line break after it
        for word in line.split_inclusive([' ', '\n']) {
            let id = word.trim_end().trim_matches(['(', ')']);
            steady += &match () {
                () if is_id(id) => word.replace(id, "[OID]"),
                () if is_time(id) => word.replace(id, "[TIME]"),
                () => word.to_owned(),
            };
        }
    }
    steady
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

#[test]
fn every_verb_is_here() {
    for verb in git_wt::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let typed = format!("\n$ git wt {}", verb.get_name());
        assert!(include_str!("face.rs").contains(&typed), "no screen of '{}'", verb.get_name());
    }
}

#[test]
fn wt_alone() {
    let world = with_staging();
    shows(
        &world,
        &["git wt", "cd .. && git wt", "git wt stage"],
        str![[r#"
$ git wt
  Name            Address                Age
* myproject main  http://localhost:8000  2h
  staging         http://localhost:8001  2h
$ cd .. && git wt
2> error: not a git repository (or any of the parent directories): .git
? 128
$ git wt stage
2> error: unrecognized subcommand 'stage'
2>
2> Usage: git wt [COMMAND]
2>
2> For more information, try '--help'.
? 129
"#]],
    );
}

#[test]
fn wt_version() {
    shows(
        &project(),
        &["git wt --version", "git wt --verson"],
        str![[r#"
$ git wt --version
git-wt 0.1.0 ([GIT-WT])
git version [VERSION]
$ git wt --verson
2> error: unexpected argument '--verson' found
2>
2>   tip: a similar argument exists: '--version'
2>
2> Usage: git wt --version
2>
2> For more information, try '--help'.
? 129
"#]],
    );
}

#[test]
fn wt_short_help() {
    shows(
        &project(),
        &["git wt -h"],
        str![[r#"
$ git wt -h
git worktree, with an environment of its own for each worktree

Usage: git wt [COMMAND]

Commands:
  add         Make a worktree with its own environment
  cd          Go to a worktree: print its path, and have the shell follow [alias: switch]
  list        List the worktrees [alias: ls]
  remove      Remove worktrees with all that was made for them [alias: rm]
  undo        Bring back a worktree that was removed
  setup       Give a worktree its environment, or finish what failed
  env         Show a worktree's variables and where each came from
  run         Run a command in a worktree's directory and environment
  up          Start the servers of a worktree: the commands under [run] in .wt.toml
  down        Stop the servers of a worktree
  logs        Show what the servers of a worktree have printed
  prune       Forget worktrees whose directories are gone
  trust       Show what a repository asks for that needs your consent, and remember it
  init        Look at the project and write a commented .wt.toml
  lock        Lock a worktree against pruning, moving and removing
  unlock      Unlock a worktree
  move        Move a worktree, with its port, database, links and a venv that works at the new place
  repair      Mend the links between worktrees and repository after one was moved by hand
  shell-init  Print the shell functions that make cd, the prompt and completion work
  doctor      Look for what is broken: records, claims, entries; with --fix repair it
  help        Show the manual of git wt or of one verb

Options:
  -h, --help     Print help (see more with '--help')
  -V, --version  Print version

'git wt help VERB' shows a verb's manual. 'git wt --help' is git's own, and
needs the man page: git wt shell-init --install
"#]],
    );
}

#[test]
fn add() {
    let lines = ["git wt add staging", "git wt add staging", "git wt add feature..login"];
    shows(
        &project(),
        &lines,
        str![[r#"
$ git wt add staging
2> staging: new branch from main ([OID]) in ../myproject-staging
2>   port 8001, .env
2> ready in 1.0s: http://localhost:8001
2> hint: cd -- [ROOT]/myproject-staging
[ROOT]/myproject-staging
$ git wt add staging
2> error: 'staging' is already used by worktree at '[ROOT]/myproject-staging'
2> hint: cd -- [ROOT]/myproject-staging
2> hint: git wt add --detach staging
? 128
$ git wt add feature..login
2> error: 'feature..login' is not a valid branch name: it has '..'
2> hint: git wt add feature-login
? 128
"#]],
    );
}

#[test]
fn cd() {
    shows(
        &with_staging(),
        &["git wt cd staging", "git wt cd stagng", "git wt cd production"],
        str![[r#"
$ git wt cd staging
2> hint: cd -- [ROOT]/myproject-staging
[ROOT]/myproject-staging
$ git wt cd stagng
2> error: 'stagng' is not a worktree; did you mean 'staging'?
? 128
$ git wt cd production
2> error: 'production' is not a worktree
2> hint: git wt list
? 128
"#]],
    );
}

#[test]
fn list() {
    let world = with_staging();
    world.write("myproject-staging/new", "");
    shows(
        &world,
        &["git wt list", "git wt list --sort"],
        str![[r#"
$ git wt list
  Name            Changes  Address                Age
* myproject main           http://localhost:8000  2h
  staging         ?1       http://localhost:8001  2h
$ git wt list --sort
2> error: unexpected argument '--sort' found
2>
2> Usage: git wt list [OPTIONS]
2>
2> For more information, try '--help'.
? 129
"#]],
    );
}

#[test]
fn remove() {
    let world = with_staging();
    world.write("myproject-staging/new", "");
    let lines = ["git wt remove staging", "git wt remove --force staging", "git wt remove staging"];
    shows(
        &world,
        &lines,
        str![[r#"
$ git wt remove staging
2> error: 'staging' has modified or untracked files; -f removes it with them
2> caused by: ?? new
2> hint: git wt remove -f staging
? 128
$ git wt remove --force staging
2> removed staging; branch 'staging' stays ([OID])
2> kept for 7 days: 1 untracked file
2> hint: git wt undo staging
$ git wt remove staging
2> error: 'staging' is not a worktree
2> hint: git wt list
? 128
"#]],
    );
}

#[test]
fn undo() {
    let world = with_staging();
    world.write("myproject-staging/new", "");
    let lines =
        ["git wt undo", "git wt remove --quiet --force staging", "git wt undo", "git wt undo staging"];
    shows(
        &world,
        &lines,
        str![[r#"
$ git wt undo
2> error: there is nothing to bring back
? 128
$ git wt remove --quiet --force staging
$ git wt undo
2> staging is back in ../myproject-staging as it was just now
2>   port 8001, 1 untracked file
[ROOT]/myproject-staging
$ git wt undo staging
2> error: 'staging' was not removed, or is gone for good
2> hint: git wt undo --list
? 128
"#]],
    );
}

#[test]
fn setup() {
    let lines = [
        "git worktree add -q -b staging ../myproject-staging",
        "git wt setup staging",
        "git wt setup staging",
        "git wt setup",
    ];
    shows(
        &project(),
        &lines,
        str![[r#"
$ git worktree add -q -b staging ../myproject-staging
$ git wt setup staging
2> myproject-staging: port 8001, .env
$ git wt setup staging
2> myproject-staging: nothing to do
$ git wt setup
2> error: the main worktree is set up by hand: it is what the others are made from
? 128
"#]],
    );
}

#[test]
fn env() {
    shows(
        &with_staging(),
        &["git wt env staging", "git wt env production"],
        str![[r#"
$ git wt env staging
PORT=8001  # .env
DEBUG=1    # .env
$ git wt env production
2> error: 'production' is not a worktree
2> hint: git wt list
? 128
"#]],
    );
}

#[test]
fn run() {
    let lines = ["git wt run staging -- printenv PORT", "git wt run staging -- serve", "git wt run staging"];
    shows(
        &with_staging(),
        &lines,
        str![[r#"
$ git wt run staging -- printenv PORT
8001
$ git wt run staging -- serve
2> error: 'serve' was not found on PATH
? 127
$ git wt run staging
2> error: the recipe names no server for 'staging'; write 'web = "COMMAND"' under '[run]' in '.wt.toml'
? 128
"#]],
    );
}

#[test]
fn up_down_and_logs() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[run]\nweb = \"echo 'no such table: auth_user'; exit 1\"\n");
    world.wt(&["trust", "--yes"]).ok();
    let lines = [
        "git wt add staging",
        "git wt up -d staging",
        "git wt up staging",
        "git wt up -d staging db",
        "git wt logs staging",
        "git wt logs",
        "git wt down staging",
        "git wt down stagin",
    ];
    shows(
        &world,
        &lines,
        str![[r#"
$ git wt add staging
2> staging: new branch from main ([OID]) in ../myproject-staging
2> start it: git wt up staging
2> hint: cd -- [ROOT]/myproject-staging
[ROOT]/myproject-staging
$ git wt up -d staging
2> error: 'web' of 'staging' ended with status 1 after [TIME]
2> caused by: no such table: auth_user
2> hint: git wt logs staging
? 128
$ git wt up staging
2> web  echo 'no such table: auth_user'; exit 1
no such table: auth_user
? 1
$ git wt up -d staging db
2> error: 'db' is no server of 'staging'; there is web
? 128
$ git wt logs staging
$ echo 'no such table: auth_user'; exit 1
no such table: auth_user
$ git wt logs
2> error: nothing ran in 'myproject' so far
2> hint: git wt up -d myproject
? 128
$ git wt down staging
2> nothing runs in 'staging' that 'git wt up' has started
$ git wt down stagin
2> error: 'stagin' is not a worktree; did you mean 'staging'?
? 128
"#]],
    );
}

#[test]
fn prune() {
    let lines = [
        "rm -r ../myproject-staging",
        "git wt list",
        "git wt prune --dry-run",
        "git wt prune",
        "git wt list",
        "git wt prune staging",
    ];
    shows(
        &with_staging(),
        &lines,
        str![[r#"
$ rm -r ../myproject-staging
$ git wt list
  Name            Changes  Address                Age
* myproject main           http://localhost:8000  2h
  staging         missing                         2h
$ git wt prune --dry-run
2> would prune 'staging': its directory is gone
$ git wt prune
2> pruned 'staging': its directory is gone
$ git wt list
  Name            Age
* myproject main  2h
$ git wt prune staging
2> error: unexpected argument 'staging' found
2>
2> Usage: git wt prune [OPTIONS]
2>
2> For more information, try '--help'.
? 129
"#]],
    );
}

#[test]
fn trust() {
    let world = project();
    world.write("myproject/.wt.toml", "[hooks]\nsetup = [\"make assets\"]\n");
    let lines = ["git wt trust", "git wt trust --yes", "git wt trust"];
    shows(
        &world,
        &lines,
        str![[r#"
$ git wt trust
2> this repository asks for, with the files that consent covers:
2>   run        make assets
2> hash 11f69d726736852ba5fbb85cb669607d
2> error: there is no terminal to ask on
2> caused by: a person has to agree
? 128
$ git wt trust --yes
2> this repository asks for, with the files that consent covers:
2>   run        make assets
2> trusted; you are asked again when one of these, or a file that it names, changes
$ git wt trust
2> nothing waits for your consent
2> hash 11f69d726736852ba5fbb85cb669607d
"#]],
    );
}

#[test]
fn init() {
    shows(
        &project(),
        &["git wt init", "git wt init", "cat .wt.toml"],
        str![[r#"
$ git wt init
2> found env file (.env): port PORT (8000)
2> wrote '[ROOT]/myproject/.wt.toml': read it, change it, commit it
$ git wt init
2> error: '[ROOT]/myproject/.wt.toml' exists already
2> hint: git wt init --dry-run
? 128
$ cat .wt.toml
# what a worktree of this repository gets: 'git wt add NAME' makes it
# found here:
#   env file (.env): port PORT (8000)

# path = "../{{ repo }}-{{ name | slug }}"    # relative to the main worktree
# base = "default"                            # new branches begin at the remote's default branch, not at HEAD
# copy = ["config/local.yml"]                 # ignored files to copy, instead of .env.local and the like
# link = ["media"]                            # paths that are links to the main worktree's

# the main worktree's ports; each other worktree gets the next that are free
[port]
PORT = 8000

# variables of the env file; its other lines stay as they are
# [env]
# file = ".env"
# SECRET_KEY = "{{ secret }}"

# a python environment of its own
# [venv]
# path = ".venv"
# python = "python3"

# a database of its own; only the name in the url of the main worktree's changes
# [database]
# variable = "DATABASE_URL"
# from = "empty"

# run in a new worktree, in its environment, after 'git wt trust'
# [hooks]
# setup = ["make setup"]

# what serves the project: git wt up NAME
# [run]
# server = "make serve"

# [template.production]                       # over the above, for a worktree or branch of that name
# match = ["production", "release/*"]
# protected = true                            # red, asked before it goes; git wt init --push-guard guards its pushes
# env.DEBUG = "false"
"#]],
    );
}

#[test]
fn lock() {
    let lines =
        ["git wt lock staging --reason demo", "git wt lock staging", "git wt list", "git wt remove staging"];
    shows(
        &with_staging(),
        &lines,
        str![[r#"
$ git wt lock staging --reason demo
$ git wt lock staging
2> fatal: '[ROOT]/myproject-staging' is already locked, reason: demo
? 128
$ git wt list
  Name            Address                Age  Note
* myproject main  http://localhost:8000  2h
  staging         http://localhost:8001  2h   locked: demo
$ git wt remove staging
2> error: 'staging' is locked: demo
2> hint: git wt unlock [ROOT]/myproject-staging
2> hint: git wt remove -f -f staging
? 128
"#]],
    );
}

#[test]
fn unlock() {
    let lines = ["git wt lock staging", "git wt unlock staging", "git wt unlock staging"];
    shows(
        &with_staging(),
        &lines,
        str![[r#"
$ git wt lock staging
$ git wt unlock staging
$ git wt unlock staging
2> fatal: '[ROOT]/myproject-staging' is not locked
? 128
"#]],
    );
}

#[test]
fn r#move() {
    let lines = [
        "git wt move staging ../preview",
        "git wt list",
        "git wt move myproject ../elsewhere",
        "git wt move production ../elsewhere",
    ];
    shows(
        &with_staging(),
        &lines,
        str![[r#"
$ git wt move staging ../preview
$ git wt list
  Name            Address                Age  Note
* myproject main  http://localhost:8000  2h
  staging         http://localhost:8001  2h   in ../preview
$ git wt move myproject ../elsewhere
2> fatal: '[ROOT]/myproject' is a main working tree
? 128
$ git wt move production ../elsewhere
2> error: 'production' is not a worktree
2> hint: git wt list
? 128
"#]],
    );
}

#[test]
fn repair() {
    let lines = [
        "mv ../myproject-staging ../preview",
        "git wt repair ../preview",
        "git wt list",
        "git wt repair ../nowhere",
    ];
    shows(
        &with_staging(),
        &lines,
        str![[r#"
$ mv ../myproject-staging ../preview
$ git wt repair ../preview
2> repair: gitdir incorrect: [ROOT]/myproject/.git/worktrees/myproject-staging/gitdir
$ git wt list
  Name            Address                Age  Note
* myproject main  http://localhost:8000  2h
  staging         http://localhost:8001  2h   in ../preview
$ git wt repair ../nowhere
2> error: not a valid path: [ROOT]/nowhere
? 1
"#]],
    );
}

#[test]
fn shell_init() {
    let lines = ["SHELL=/bin/bash git wt shell-init", "git wt shell-init tcsh"];
    shows(
        &project(),
        &lines,
        str![[r#"
$ SHELL=/bin/bash git wt shell-init
2> hint: git wt shell-init --install
2> or add this line to '[ROOT]/home/.bashrc', and open a new shell:
eval "$(git-wt shell-init bash)"
$ git wt shell-init tcsh
2> error: invalid value 'tcsh' for '[SHELL]'
2>   [possible values: bash, zsh, fish, nu, powershell]
2>
2>   tip: a similar value exists: 'zsh'
2>
2> For more information, try '--help'.
? 129
"#]],
    );
}

#[test]
fn doctor() {
    let lines = ["git wt doctor", "rm -r ../myproject-staging", "git wt doctor", "git wt doctor --fix"];
    shows(
        &with_staging(),
        &lines,
        str![[r#"
$ git wt doctor
2> this is git-wt 0.1.0, '[GIT-WT]'
2> nothing is broken
$ rm -r ../myproject-staging
$ git wt doctor
2> problem: the directory of 'staging' is gone
2> this is git-wt 0.1.0, '[GIT-WT]'
? 1
$ git wt doctor --fix
2> fixed: the directory of 'staging' is gone
2> this is git-wt 0.1.0, '[GIT-WT]'
2> nothing is broken
"#]],
    );
}

#[test]
fn help() {
    shows(
        &project(),
        &["git wt help unlock", "git wt help switch | head -n 3", "git wt help stage"],
        str![[r#"
$ git wt help unlock
Unlock a worktree

Usage: git wt unlock <WORKTREE>

Arguments:
  <WORKTREE>
          Worktree: name, branch, unique end of a path, path, . (the current one)

Options:
  -h, --help
          Print help
$ git wt help switch | head -n 3
Go to a worktree: print its path, and have the shell follow

Usage: git wt cd [OPTIONS] [WORKTREE]
$ git wt help stage
2> error: no verb 'stage'
2> hint: git wt help
? 129
"#]],
    );
}
