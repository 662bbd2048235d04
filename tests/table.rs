//! The table of `git wt list` on a terminal: it fits, it is filled in without moving, and `--watch` leaves no trace.

#![allow(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]

use std::fs;
use std::io::Write;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use snapbox::{assert_data_eq, str};
use unicode_width::UnicodeWidthStr;

use crate::ports;
use crate::terminal::{self, PROMPT, Setup, Terminal, read_aside};
use crate::world::World;

/// How long a test waits for what it expects.
const DEADLINE: Duration = Duration::from_secs(20);

/// A program at a terminal of its own.
pub struct Pty {
    child: Box<dyn Child + Send + Sync>,
    input: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    display: vt100::Parser,
    raw: Vec<u8>,
    _master: Box<dyn MasterPty + Send>,
}

impl Pty {
    pub fn open(world: &World, line: &[&str], (rows, cols): (u16, u16), variables: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(line[0]);
        command.args(&line[1..]);
        command.cwd(world.path("myproject"));
        command.env_clear();
        for (name, value) in world.command("git-wt", &world.path("myproject")).get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("TERM", "xterm");
        for (name, value) in variables {
            command.env(name, value);
        }
        let pty =
            native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let child = pty.slave.spawn_command(command).unwrap();
        let input = pty.master.take_writer().unwrap();
        let output = read_aside(pty.master.try_clone_reader().unwrap());
        let display = vt100::Parser::new(rows, cols, 1000);
        Self { child, input, output, display, raw: Vec::new(), _master: pty.master }
    }

    fn list(world: &World, options: &[&str], cols: u16) -> Self {
        Self::open(world, &[&["git-wt", "list"], options].concat(), (30, cols), &[])
    }

    pub fn type_in(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    pub fn shown(&self) -> String {
        let lines: Vec<String> =
            self.display.screen().contents().lines().map(|line| line.trim_end().to_owned()).collect();
        ports::to_spoken(lines.join("\n").trim_end())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.display.process(bytes);
        self.raw.extend(bytes);
    }

    #[track_caller]
    pub fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            match self.output.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
                Ok(more) => self.take(&more),
                Err(cause) => panic!("waited in vain ({cause}): {}", self.shown()),
            }
        }
    }

    #[track_caller]
    pub fn until_shown(&mut self, part: &str) {
        self.until(|pty| pty.shown().contains(part));
    }

    /// Reads to the end; returns the exit status.
    pub fn end(&mut self) -> u32 {
        let code = self.child.wait().unwrap().exit_code();
        // the terminal stays open, since we hold it
        while let Ok(more) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.take(&more);
        }
        code
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.process_id().unwrap()).unwrap()).unwrap()
    }
}

/// Commits all changes in a worktree, two hours ago.
fn commit(world: &World, worktree: &str, subject: &str) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 2 * 3600 - 60;
    let dir = world.path(worktree);
    world.git(&dir, &["add", "--all"]);
    let mut commit = world.command("git", &dir);
    commit.env("GIT_COMMITTER_DATE", format!("{time} +0000")).args(["commit", "--quiet", "-m", subject]);
    world.see(&mut commit).ok();
}

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("line {number}\n")).collect()
}

/// Makes a project with worktrees in every state.
fn shop() -> World {
    let world = World::with_repo();
    let main = world.path("myproject");
    world.write("myproject/.gitignore", ".env\nmedia/\n");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[template.production]\nprotected = true\n");
    world.write("myproject/code", &lines(20));
    commit(&world, "myproject", "first");
    for name in ["old-idea", "fix-login-bug", "feature/user-dashboard"] {
        world.wt(&["add", name]).ok();
    }
    world.wt(&["add", "production", "--path", "../myproject-production", "-b", "release/2.4"]).ok();
    fs::remove_dir_all(world.path("myproject-old-idea")).unwrap();
    world.write("myproject-feature-user-dashboard/dashboard", "new\n");
    commit(&world, "myproject-feature-user-dashboard", "dashboard");
    world.git(&main, &["merge", "--quiet", "--no-ff", "-m", "merge", "feature/user-dashboard"]);
    world.write("myproject/code", &lines(19));
    commit(&world, "myproject", "shorter");
    world.wt(&["add", "staging", "--note", "QA of the new checkout"]).ok();
    world.write("myproject-staging/one", "1\n");
    commit(&world, "myproject-staging", "one");
    world.write("myproject-staging/code", &lines(16));
    world.write("myproject-staging/untracked", &lines(12));
    world.write("myproject-fix-login-bug/code", "another\n");
    commit(&world, "myproject-fix-login-bug", "login");
    let mut rebase = world.command("git", &world.path("myproject-fix-login-bug"));
    rebase.env("GIT_EDITOR", "true").args(["rebase", "--quiet", "main"]);
    assert_ne!(world.see(&mut rebase).code, 0, "there is a conflict");
    world
}

#[test]
fn it_fits_every_terminal() {
    let world = shop();
    let at = |cols| {
        let mut pty = Pty::list(&world, &[], cols);
        assert_eq!(pty.end(), 0);
        // a terminal goes on in the next line when one is full
        assert!((0..30).all(|row| !pty.display.screen().row_wrapped(row)), "{}", pty.shown());
        pty.shown()
    };
    assert_data_eq!(
        at(40),
        str![[r#"
  Name                   Changes
* myproject main
  feature/us…-dashboard
  fix-login-bug          rebasing
  old-idea               missing
  production…elease/2.4
  staging                +12 -3 ?1
"#]]
    );
    assert_data_eq!(
        at(60),
        str![[r#"
  Name                    Changes         Base      Address
* myproject main                                    :8000
  feature/user-dashboard                  merged    :8003
  fix-login-bug           rebasing        ↑1 ↓3     :8002
  old-idea                missing
  production release/2.4                  ↓3        :8004
  staging                 +12 -3 ?1       ↑1        :8005
"#]]
    );
    assert_data_eq!(
        at(80),
        str![[r#"
  Name                    Changes         Base      Address  Age  Note
* myproject main                                    :8000    2h
  feature/user-dashboard                  merged    :8003    2h
  fix-login-bug           rebasing        ↑1 ↓3     :8002    2h
  old-idea                missing                            2h
  production release/2.4                  ↓3        :8004    2h   protected
  staging                 +12 -3 ?1       ↑1        :8005    2h   QA of the ne…
"#]]
    );
    assert_data_eq!(
        at(100),
        str![[r#"
  Name                    Changes         Base      Address  Age  Note
* myproject main                                    :8000    2h
  feature/user-dashboard                  merged    :8003    2h
  fix-login-bug           rebasing        ↑1 ↓3     :8002    2h
  old-idea                missing                            2h
  production release/2.4                  ↓3        :8004    2h   protected
  staging                 +12 -3 ?1       ↑1        :8005    2h   QA of the new checkout
"#]]
    );
    assert_data_eq!(
        at(160),
        str![[r#"
  Name                    Changes         Base      Address                Age  Note
* myproject main                                    http://localhost:8000  2h
  feature/user-dashboard                  merged    http://localhost:8003  2h
  fix-login-bug           rebasing        ↑1 ↓3     http://localhost:8002  2h
  old-idea                missing                                          2h
  production release/2.4                  ↓3        http://localhost:8004  2h   protected
  staging                 +12 -3 ?1       ↑1        http://localhost:8005  2h   QA of the new checkout
"#]]
    );
    for cols in [10, 20, 30, 50, 120, 250] {
        at(cols);
    }
    // without a terminal nothing is shortened, and the columns are as wide as what is in them
    assert_data_eq!(
        world.wt(&["list"]).ok().stdout,
        str![[r#"
  Name                    Changes    Base    Address                Age  Note
* myproject main                             http://localhost:8000  2h
  feature/user-dashboard             merged  http://localhost:8003  2h
  fix-login-bug           rebasing   ↑1 ↓3   http://localhost:8002  2h
  old-idea                missing                                   2h
  production release/2.4             ↓3      http://localhost:8004  2h   protected
  staging                 +12 -3 ?1  ↑1      http://localhost:8005  2h   QA of the new checkout

"#]]
    );
}

#[test]
fn wide_names_are_aligned() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    commit(&world, "myproject", "recipe");
    for (branch, place) in [("日本語", "日本語の作業場所"), ("cafe\u{301}", "cafe\u{301}-cafe\u{301}")]
    {
        let place = world.path(place);
        world.git(
            &world.path("myproject"),
            &["worktree", "add", "--quiet", "-b", branch, place.to_str().unwrap()],
        );
        world.wt(&["setup", branch]).ok();
    }
    for cols in [24, 40, 60, 100] {
        let mut pty = Pty::list(&world, &["--no-status"], cols);
        assert_eq!(pty.end(), 0);
        let shown = pty.shown();
        assert!(shown.lines().all(|line| line.width() < usize::from(cols)), "{cols}: {shown}");
        let columns = |line: &str| line.find(":80").or(line.find("http:")).map(|at| line[..at].width());
        let found: Vec<usize> = shown.lines().filter_map(columns).collect();
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{cols}: {shown}");
        assert!(cols < 40 || shown.contains("日本語の作業場所"), "{cols}: {shown}");
    }
}

#[test]
fn colours_and_links_are_for_terminals_that_take_them() {
    let world = shop();
    let raw = |variables: &[(&str, &str)]| {
        let mut pty = Pty::open(&world, &["git-wt", "list", "--no-status"], (30, 100), variables);
        assert_eq!(pty.end(), 0);
        String::from_utf8(pty.raw).unwrap()
    };
    let plain = raw(&[]);
    assert!(
        plain.contains("\x1b[1mmyproject\x1b[0m") && plain.contains("\x1b[31mproduction\x1b[0m"),
        "{plain:?}"
    );
    assert!(!plain.contains("\x1b]8;;"), "{plain:?}");
    let linked = raw(&[("TERM_PROGRAM", "WezTerm")]);
    let address = format!("\x1b]8;;http://localhost:{0}\x1b\\", ports::host(8000));
    assert!(linked.contains(&address), "{linked:?}");
    for other in [
        &[("TERM_PROGRAM", "WezTerm"), ("TERM", "screen-256color")][..],
        &[("TERM_PROGRAM", "Apple_Terminal")],
        &[("VTE_VERSION", "4000")],
    ] {
        assert!(!raw(other).contains("\x1b]8;;"), "{other:?}");
    }
    let colourless = raw(&[("NO_COLOR", "1")]);
    assert!(!colourless.contains("\x1b[1m") && !colourless.contains("\x1b[31m"), "{colourless:?}");
    assert!(!raw(&[("TERM", "dumb"), ("TERM_PROGRAM", "WezTerm")]).contains('\x1b'));
    let mut list = world.command("git-wt", &world.path("myproject"));
    assert!(
        world.see(list.arg("list").env("CLICOLOR_FORCE", "1")).ok().stdout.contains("\x1b[31mproduction")
    );
}

/// Puts a git into the world that answers `status` in `worktree` only once the file `go` is there.
fn slow_git(world: &World, worktree: &str) {
    let git = World::hosts_git().display();
    let root = world.root();
    let root = root.display();
    world.program(
        "git",
        &format!(
            "#!/bin/sh\ncase \"$*\" in *'{worktree} status'*)\n  echo $$ >{root}/home/waiting\n  \
             while ! test -e {root}/home/go; do sleep 0.05; done;;\nesac\nexec {git} \"$@\"\n"
        ),
    );
}

#[test]
fn names_stand_at_once_and_nothing_moves() {
    let world = shop();
    slow_git(&world, "myproject-staging");
    let mut pty = Pty::list(&world, &[], 100);
    pty.until(|pty| {
        pty.shown().contains("QA of") && pty.shown().contains("rebasing") && pty.shown().contains("2h")
    });
    let before = pty.shown();
    assert!(!before.contains("+12") && !before.contains('…'), "{before}");
    world.write("home/go", "");
    assert_eq!(pty.end(), 0);
    let after = pty.shown();
    assert!(after.contains("+12 -3 ?1"), "{after}");
    assert_eq!(after.lines().count(), before.lines().count(), "{after}");
    for (before, after) in before.lines().zip(after.lines()) {
        let is_filled_in = |(before, after): (char, char)| before == after || before == ' ';
        assert!(before.chars().zip(after.chars()).all(is_filled_in), "{before}\n{after}");
    }
}

#[test]
fn what_takes_too_long_is_not_waited_for() {
    let world = shop();
    slow_git(&world, "myproject-staging");
    let begun = Instant::now();
    let mut pty = Pty::list(&world, &[], 100);
    assert_eq!(pty.end(), 0);
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    let shown = pty.shown();
    let staging = shown.lines().find(|line| line.contains("staging")).unwrap();
    assert!(staging.contains(" …  ") && staging.contains("QA of the new checkout"), "{shown}");
    // nothing is left behind
    let pid = world.pid("home/waiting");
    let deadline = Instant::now() + DEADLINE;
    while test_kill_process(pid).is_ok() {
        assert!(Instant::now() < deadline, "git still waits");
        std::thread::yield_now();
    }
}

#[test]
fn a_list_longer_than_the_terminal_is_shown_whole() {
    let world = shop();
    for name in ["a", "b", "c", "d", "e", "f"] {
        world.wt(&["add", name, "--no-env"]).ok();
    }
    let mut pty = Pty::open(&world, &["git-wt", "list"], (7, 100), &[]);
    assert_eq!(pty.end(), 0);
    pty.display.screen_mut().set_scrollback(1000);
    let mut all = String::new();
    for back in (0..=pty.display.screen().scrollback()).rev() {
        pty.display.screen_mut().set_scrollback(back);
        all += pty.display.screen().contents().lines().next().unwrap_or_default();
        all.push('\n');
    }
    all +=
        &pty.display.screen().contents().lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    let names: Vec<&str> =
        all.lines().skip(1).filter_map(|line| line.get(2..)?.split_whitespace().next()).collect();
    assert_eq!(
        names,
        [
            "myproject",
            "a",
            "b",
            "c",
            "d",
            "e",
            "f",
            "feature/user-dashboard",
            "fix-login-bug",
            "old-idea",
            "production",
            "staging"
        ],
        "{all}"
    );
    assert!(all.contains("+12 -3 ?1") && all.contains("merged"), "{all}");
}

/// Opens `list --watch` between two looks at the terminal's modes.
fn watch(world: &World) -> Pty {
    world.program(
        "around",
        "#!/bin/sh\necho before\nstty -g\nsh -c 'echo $$ >../home/pid; exec git-wt list --watch'\n\
         echo \"ended with $?\"\nstty -g\n",
    );
    let mut pty = Pty::open(world, &["around"], (30, 80), &[]);
    pty.until_shown("q quit");
    pty
}

/// Asserts that the watch has ended with a status, and that the terminal is as it was.
#[track_caller]
fn left(pty: &mut Pty, status: &str) {
    pty.until_shown(&format!("ended with {status}"));
    pty.end();
    let screen = pty.display.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor());
    let shown = pty.shown();
    let lines: Vec<&str> = shown.lines().collect();
    let modes: Vec<&&str> = lines.iter().filter(|line| line.contains(':')).collect();
    assert!(lines[0] == "before" && modes.len() >= 2 && modes[0] == modes[modes.len() - 1], "{shown}");
    assert!(!shown.contains("q quit"), "{shown}");
}

#[test]
fn the_watch_shows_changes_and_leaves_no_trace() {
    let world = shop();
    let index = world.path("myproject/.git/index");
    // git would like to write down that this file is unchanged
    world.write("myproject/code", &lines(19));
    let before = fs::read(&index).unwrap();
    let mut pty = watch(&world);
    assert!(pty.display.screen().alternate_screen() && pty.display.screen().hide_cursor());
    pty.until_shown("+12 -3 ?1");
    world.write("myproject/new-file", "");
    pty.until_shown("?1              ");
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../another"]);
    pty.until_shown("  another");
    assert!(fs::read(&index).unwrap() == before, "the index was written");
    pty.type_in("q");
    left(&mut pty, "0");
}

#[test]
fn every_way_to_end_the_watch_restores_the_terminal() {
    let world = shop();
    let mut pty = watch(&world);
    pty.type_in("\x03");
    left(&mut pty, "0");
    for (signal, status) in [(Signal::INT, "0"), (Signal::TERM, "143"), (Signal::HUP, "129")] {
        let mut pty = watch(&world);
        kill_process(world.pid("home/pid"), signal).unwrap();
        left(&mut pty, status);
    }
    world
        .wt(&["list", "--watch"])
        .code(129)
        .prints("")
        .says(&["--watch needs a terminal", "hint: git wt list"]);
}

#[test]
fn a_stopped_watch_gives_the_terminal_back_and_goes_on() {
    let world = terminal::world();
    let setup = Setup { variables: &[("TERM", "xterm")], ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { return };
    terminal.line("clear");
    terminal.type_in("git wt list --watch\r");
    terminal.until_display(|display| display.contains("q quit") && display.contains(":8001"));
    terminal.type_in("\x1a");
    terminal.until_display(|display| display.contains("Stopped") && !display.contains("q quit"));
    assert!(!terminal.display().contains(":8001"), "{}", terminal.display());
    terminal.type_in("fg\r");
    terminal.until_display(|display| display.contains("q quit") && display.contains(":8001"));
    terminal.type_in("q");
    terminal.until_display(|display| display.trim_end().ends_with(PROMPT.trim_end()));
    assert_eq!(terminal.shows("echo $?"), "0");
}

#[test]
fn nothing_is_drawn_while_nothing_changes() {
    let world = World::with_repo();
    let mut pty = watch(&world);
    // each look starts git, and none of what it finds is new
    let git = World::hosts_git().display();
    let asked = world.path("home/asked");
    world.program("git", &format!("#!/bin/sh\necho >> {}\nexec {git} \"$@\"\n", asked.display()));
    let deadline = Instant::now() + DEADLINE;
    while fs::read(&asked).map_or(0, |asked| asked.len()) < 2 {
        assert!(Instant::now() < deadline, "it does not look again");
        std::thread::yield_now();
    }
    while let Ok(more) = pty.output.try_recv() {
        pty.take(&more);
    }
    let frames = String::from_utf8_lossy(&pty.raw).matches("\x1b[?2026h").count();
    assert!(frames <= 4, "{frames} frames");
    kill_process(pty.pid(), Signal::TERM).unwrap();
    pty.type_in("q");
}

#[test]
fn sizes_are_added_up_with_what_git_ignores() {
    let world = shop();
    fs::create_dir(world.path("myproject-staging/media")).unwrap();
    fs::write(world.path("myproject-staging/media/film"), vec![1; 3_000_000]).unwrap();
    fs::write(world.path("myproject-staging/big"), vec![1; 2_000_000]).unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&world.wt(&["list", "--json", "--size", "--no-status"]).ok().stdout).unwrap();
    let staging =
        json["worktrees"].as_array().unwrap().iter().find(|tree| tree["name"] == "staging").unwrap();
    let [bytes, ignored] = ["bytes", "ignored"].map(|field| staging["size"][field].as_u64().unwrap());
    assert!((5_000_000..5_200_000).contains(&bytes), "{bytes}");
    assert!((3_000_000..3_100_000).contains(&ignored), "{ignored}");
    assert!(staging.get("status").is_none());
    let list = world.wt(&["list", "--size"]).ok().stdout;
    assert!(list.contains("5.0 MB (3.0 MB)") && list.contains("Size (ignored)"), "{list}");
    assert!(!list.contains("trash"), "{list}");
    world.wt(&["remove", "--force", "staging"]).ok();
    let list = world.wt(&["list", "--size"]).ok().stdout;
    assert!(list.ends_with("in the trash: 1 worktree, 5.0 MB\n"), "{list}");
}

#[test]
fn details_are_a_block_each() {
    let world = shop();
    let details = world.wt(&["list", "--verbose"]).ok().stdout;
    let block = details.split("\n  staging\n").nth(1).unwrap();
    let told: Vec<String> =
        block.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let has = |line: &str| assert!(told.iter().any(|told| told.starts_with(line)), "{line}: {details}");
    for line in [
        "path [ROOT]/myproject-staging",
        "branch staging",
        "commit ",
        "changes +12 -3 ?1",
        "base ↑1 (main)",
        "address http://localhost:8005",
        "port 8005 PORT",
        "env file .env",
        "made 20",
        "note QA of the new checkout",
    ] {
        has(line);
    }
    assert!(told.iter().any(|line| line.starts_with("made ") && line.ends_with("from main")), "{details}");
}
