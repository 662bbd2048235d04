//! A sandbox for the real binary: it has its own home, state directory and repositories, and nothing of the host's.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Once, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::{hints, ports};

/// Skips a test and says why; with `CI` set, no test may be skipped.
#[track_caller]
fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

/// Whether what a test needs is installed. If not, the test is skipped and says so; with `CI` set, everything must be
/// installed.
#[track_caller]
pub fn is_here(what: &str, found: bool) -> bool {
    if !found {
        skip(&format!("{what} is not installed"));
    }
    found
}

/// Whether a test may do what only root can. With `CI` set, such tests must be run by root.
#[track_caller]
pub fn is_root(to_do: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip(&format!("only root can {to_do}"));
    }
    is_root
}

/// A small disk that is gone with this.
pub struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// Mounts one; `None`, with a word, where that is not allowed.
    pub fn mounted(at: &'a Path, size: &str) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(at).output();
        let is_mounted = mount.is_ok_and(|output| output.status.success());
        if !is_mounted {
            eprintln!("skipped: no file system can be mounted here");
        }
        is_mounted.then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

/// Keeps ignored signals from being inherited. Tests started with `&` in a script, or by nohup(1), ignore signals, and
/// so would all programs that they start. A handler that does nothing has the same effect, and is not inherited. Only
/// Linux tells which signals are ignored.
fn pass_on_no_ignored_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(mask.trim(), 16).unwrap();
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        if ignored >> (signal - 1) & 1 == 1 {
            signal_hook::flag::register(signal, Arc::default()).unwrap();
        }
    }
}

/// A text in the user's own files that must be shown nowhere.
pub const SECRET: &str = "SECRET-7f3a91";

/// A temporary world.
pub struct World {
    dir: TempDir,
    since: Instant,
}

impl Drop for World {
    /// Adds a line `MODULE SECONDS` to the file that `GIT_WT_TEST_TIMES` names.
    fn drop(&mut self) {
        let Some(file) = std::env::var_os("GIT_WT_TEST_TIMES") else { return };
        let thread = std::thread::current();
        let module = thread.name().and_then(|test| test.split("::").next()).unwrap_or("?");
        let line = format!("{module} {:.3}\n", self.since.elapsed().as_secs_f64());
        let log = fs::File::options().create(true).append(true).open(file);
        log.and_then(|mut log| log.write_all(line.as_bytes())).unwrap();
    }
}

/// How to kill a program: alone, or with its group.
pub type Kill = fn(Pid, Signal) -> rustix::io::Result<()>;

/// Waits until a program has ended along with everything that holds its output. If that takes too long, it is killed,
/// and its output up to then is returned as an error.
pub fn ended_within(time: Duration, child: Child, kill: Kill) -> Result<Output, Output> {
    let pid = Pid::from_child(&child);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait_with_output().unwrap()));
    told.recv_timeout(time).map_err(|_| {
        let _ = kill(pid, Signal::KILL);
        told.recv_timeout(Duration::from_mins(1)).expect("what it has started ends")
    })
}

/// Returns the wanted paths below a directory, sorted; nothing below a path that is not wanted. Links are not followed,
/// and what is deleted meanwhile is left out.
pub fn below(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = entries.filter(|path| wanted(path)).collect();
    paths.sort();
    let with_inside = |path: PathBuf| {
        let inside = if path.is_symlink() { Vec::new() } else { below(&path, wanted) };
        std::iter::once(path).chain(inside)
    };
    paths.into_iter().flat_map(with_inside).collect()
}

/// Everything in a world, or in part of it; if two differ, only the differences are shown.
#[derive(PartialEq, Eq)]
pub struct Everything(Vec<String>);

impl Everything {
    /// Asserts that the world is as it was.
    #[track_caller]
    pub fn is_still(&self, now: &Self, when: &str) {
        let difference = self.difference(now);
        assert!(difference.is_none(), "{when}\n{}", difference.unwrap());
    }

    /// Returns what is missing now, and what is new.
    pub fn difference(&self, now: &Self) -> Option<String> {
        let missing: Vec<_> = self.0.iter().filter(|line| !now.0.contains(line)).collect();
        let new: Vec<_> = now.0.iter().filter(|line| !self.0.contains(line)).collect();
        (!missing.is_empty() || !new.is_empty()).then(|| format!("missing: {missing:#?}\nnew: {new:#?}"))
    }
}

/// What a command showed.
#[derive(Debug)]
pub struct Seen {
    /// Its stdout, with the world's directory as `[ROOT]`.
    pub stdout: String,
    /// Its stderr, likewise.
    pub stderr: String,
    /// Its exit status.
    pub code: i32,
}

impl Seen {
    /// Asserts that it succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// Asserts the exit status.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that stderr contains each of these.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            let part = &*ports::to_spoken(part);
            assert!(self.stderr.contains(part), "stderr has no {part:?}: {self:#?}");
        }
        self
    }

    /// Asserts the whole of stdout.
    #[track_caller]
    pub fn prints(self, stdout: &str) -> Self {
        assert_eq!(self.stdout, stdout, "{self:#?}");
        self
    }
}

impl World {
    /// Makes an empty world.
    pub fn new() -> Self {
        Self::in_dir(&std::env::temp_dir())
    }

    /// Makes an empty world that is never written to a disk, if the system has a place for that: creating and deleting
    /// many small files is several times as fast there.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::in_dir(memory) } else { Self::new() }
    }

    fn in_dir(dir: &Path) -> Self {
        static FIRST: Once = Once::new();
        FIRST.call_once(pass_on_no_ignored_signals);
        let dir = tempfile::Builder::new().prefix("wt").tempdir_in(dir).unwrap();
        let world = Self { dir, since: Instant::now() };
        for name in ["home", "state", "run", "bin"] {
            fs::create_dir(world.path(name)).unwrap();
        }
        // with the mode the system gives it: fish does not trust one with another mode, and makes its own in /tmp
        fs::set_permissions(world.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
        world.write(
            "home/.gitconfig",
            "[user]\n\tname = Tester\n\temail = tester@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n",
        );
        world
    }

    /// Makes a world with a repository `myproject` of one commit.
    pub fn with_repo() -> Self {
        let world = Self::new();
        world.repo("myproject");
        world
    }

    /// Makes a repository with one commit.
    pub fn repo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.git(&self.root(), &["init", "--quiet", name]);
        self.write(format!("{name}/README"), "hello\n");
        self.write(format!("{name}/.gitignore"), ".env\n.env.*\n.venv/\n*.sqlite3\nmedia/\nnode_modules/\n");
        self.commit(&path, "first");
        path
    }

    /// Commits everything in a worktree.
    pub fn commit(&self, worktree: &Path, message: &str) {
        self.git(worktree, &["add", "--all"]);
        self.git(worktree, &["commit", "--quiet", "--message", message]);
    }

    /// Returns the world's directory, as the kernel names it.
    pub fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    /// Returns a path in the world.
    pub fn path(&self, rel: impl AsRef<Path>) -> PathBuf {
        let rel = rel.as_ref();
        self.root().join(rel.to_str().map_or_else(|| rel.into(), |rel| PathBuf::from(ports::to_host(rel))))
    }

    /// Writes a file, including its parent directories; ports in it become the host's.
    pub fn write(&self, rel: impl AsRef<Path>, text: &str) {
        let path = self.path(rel);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, ports::to_host(text)).unwrap();
    }

    /// Reads a file, with the host's ports translated to the test's.
    #[track_caller]
    pub fn read(&self, rel: impl AsRef<Path>) -> String {
        let path = self.path(rel);
        let text = fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
        ports::to_spoken(&text)
    }

    /// Reads a process id that a program of the world has written down, without translating it as a port.
    #[track_caller]
    pub fn pid(&self, rel: impl AsRef<Path>) -> Pid {
        let text = fs::read_to_string(self.path(rel)).unwrap();
        text.trim().parse().ok().and_then(Pid::from_raw).unwrap_or_else(|| panic!("no process: {text:?}"))
    }

    /// Consents to everything that the recipe of `myproject` asks for.
    #[track_caller]
    pub fn trust(&self) {
        self.wt(&["trust", "--yes"]).ok();
    }

    /// Puts a program into the world, before all others on PATH.
    pub fn program(&self, name: &str, script: &str) {
        self.write(format!("bin/{name}"), script);
        fs::set_permissions(self.path(format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Puts a uv into the world that makes only the minimum of a venv, and then runs `then`.
    pub fn fake_uv(&self, then: &str) {
        let make =
            "for venv; do :; done\nmkdir -p \"$venv/bin\"\necho 'home = /usr/bin' >\"$venv/pyvenv.cfg\"";
        self.program("uv", &format!("#!/bin/sh\n{make}\n{then}\n"));
    }

    /// Returns the git of this run, for programs of this world that stand in for it: that of `GIT_WT_TEST_GIT`, or else
    /// the first on the PATH of every world.
    pub fn hosts_git() -> &'static Path {
        static GIT: LazyLock<PathBuf> = LazyLock::new(|| {
            let asked = std::env::var_os("GIT_WT_TEST_GIT").map(PathBuf::from);
            let places = ["/usr/local/bin/git", "/usr/bin/git", "/bin/git"].map(PathBuf::from);
            asked
                .into_iter()
                .chain(places)
                .find(|path| path.exists())
                .expect("git on the PATH of every world")
        });
        &GIT
    }

    /// Returns a directory that contains only that git.
    pub fn gits_dir() -> &'static Path {
        static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
            let name: String = World::hosts_git().to_string_lossy().replace('/', "-");
            let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("only{name}"));
            fs::create_dir_all(&dir).unwrap();
            // another run may have made it already
            let _ = std::os::unix::fs::symlink(World::hosts_git(), dir.join("git"));
            assert_eq!(fs::read_link(dir.join("git")).unwrap(), World::hosts_git());
            dir
        });
        &DIR
    }

    /// Whether the git of this run is of this version or later; if not, says what is skipped.
    pub fn git_is(major: u32, minor: u32, needed_for: &str) -> bool {
        static VERSION: LazyLock<(u32, u32)> = LazyLock::new(|| {
            let output = Command::new(World::hosts_git()).arg("--version").output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let mut numbers =
                text.split(' ').nth(2).unwrap().split('.').map(|number| number.parse().unwrap());
            (numbers.next().unwrap(), numbers.next().unwrap())
        });
        let is_there = *VERSION >= (major, minor);
        if !is_there {
            eprintln!("skipped: {needed_for} needs git {major}.{minor}, this is {}.{}", VERSION.0, VERSION.1);
        }
        is_there
    }

    /// Returns a command of this world.
    pub fn command(&self, program: impl AsRef<OsStr>, dir: &Path) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_git-wt")).parent().unwrap();
        let own = self.path("bin");
        let git = Self::gits_dir();
        let path = [
            own.as_os_str(),
            binary.as_os_str(),
            git.as_os_str(),
            OsStr::new("/usr/local/bin:/usr/bin:/bin"),
        ];
        let mut command = Command::new(program);
        command
            .current_dir(dir)
            .env_clear()
            .env("PATH", path.join(OsStr::new(":")))
            .env("HOME", self.path("home"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("GIT_WT_PORT_NOTICES", self.path("run/notices"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TEMPLATE_DIR", "")
            .env("GIT_CEILING_DIRECTORIES", self.root())
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Returns a program's output in the terms of tests: the world's directory as `[ROOT]`, the test's ports, and commits
    /// made two hours ago, and one second for each step.
    pub fn told(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).replace(&*self.root().to_string_lossy(), "[ROOT]");
        steady_times(&steady_ages(&ports::to_spoken(&text)))
    }

    /// Runs a command and returns what it showed.
    #[must_use = "how did it end?"]
    #[track_caller]
    pub fn see(&self, command: &mut Command) -> Seen {
        let output = command.output().unwrap();
        // git's own hints are prose
        let is_gits =
            command.get_program() == "git" && command.get_args().next().is_some_and(|arg| arg != "wt");
        if is_gits { self.shown_by(&output) } else { self.seen(&output) }
    }

    /// Returns what a command that has ended showed. Each hint must be a command.
    #[track_caller]
    pub fn seen(&self, output: &Output) -> Seen {
        let seen = self.shown_by(output);
        hints::are_commands(&seen.stderr.replace("[ROOT]", "/home/you"));
        seen
    }

    fn shown_by(&self, output: &Output) -> Seen {
        let (stdout, stderr) = (self.told(&output.stdout), self.told(&output.stderr));
        Seen { stdout, stderr, code: output.status.code().unwrap_or(-1) }
    }

    /// Runs `git wt` in a directory.
    #[must_use = "how did it end?"]
    #[track_caller]
    pub fn wt_in(&self, dir: impl AsRef<Path>, args: &[&str]) -> Seen {
        let dir = self.path(dir);
        self.see(self.command("git", &dir).arg("wt").args(args.iter().map(|arg| ports::to_host(arg))))
    }

    /// Runs `git wt` in the repository `myproject`.
    #[must_use = "how did it end?"]
    #[track_caller]
    pub fn wt(&self, args: &[&str]) -> Seen {
        self.wt_in("myproject", args)
    }

    /// Runs git, which must succeed, and returns its output.
    #[track_caller]
    pub fn git(&self, dir: &Path, args: &[&str]) -> String {
        let output = self.command("git", dir).args(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Waits until what was removed has been deleted in the background.
    pub fn swept(&self) {
        self.swept_in("myproject");
    }

    /// Does the same in another repository.
    pub fn swept_in(&self, repository: &str) {
        let trash = self.path(repository).join(".git/wt/trash");
        let deadline = Instant::now() + Duration::from_secs(20);
        while trash.exists() && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }

    /// Returns everything that must be as before once all is undone: files, references, configuration, entries,
    /// records, claims. Logs of references and git's own caches are left out.
    pub fn everything(&self) -> Everything {
        let passing = [
            "/objects",
            "/logs",
            "ORIG_HEAD",
            "/wt/lock",
            "/wt/room",
            "/wt-push",
            "/wt/entries.lock",
            "/index",
            "COMMIT_EDITMSG",
            "FETCH_HEAD",
            "run/fish_universal_variables.notifier",
        ];
        // directories that stay once they exist, and mean nothing while they are empty
        let scaffold = [
            "/notices",
            "/wt",
            "/wt/records",
            "/wt/removed",
            "state/git-wt",
            "/ports",
            "/databases",
            "/refs/heads",
        ];
        // a shell's history and caches do not count
        let home = self.path("home");
        let ends = |path: &Path, ends: &[&str]| ends.iter().any(|end| path.to_string_lossy().ends_with(end));
        let paths = below(&self.root(), &|path| path != home && !ends(path, &passing));
        self.told_of(paths.iter().filter(|path| !(path.is_dir() && ends(path, &scaffold))))
    }

    /// Returns everything in some directories of the world, except what is not wanted and what is below that.
    pub fn everything_in(&self, dirs: &[&str], wanted: &dyn Fn(&Path) -> bool) -> Everything {
        let paths: Vec<_> = dirs.iter().flat_map(|dir| below(&self.path(dir), wanted)).collect();
        self.told_of(paths.iter())
    }

    /// Returns a line for each of these paths: its mode, and its content or the target of the link.
    fn told_of<'a>(&self, paths: impl Iterator<Item = &'a PathBuf>) -> Everything {
        let root = self.root();
        let lines = paths.filter_map(|path| {
            let rel = path.strip_prefix(&root).unwrap().display();
            // it may have been deleted since
            let meta = fs::symlink_metadata(path).ok()?;
            let mode = meta.permissions().mode() & 0o7777;
            if meta.is_dir() {
                return Some(format!("{rel}/ {mode:o}"));
            }
            if meta.is_symlink() {
                return Some(format!("{rel} -> {}", fs::read_link(path).ok()?.display()));
            }
            if !meta.is_file() {
                return Some(format!("{rel} is no regular file"));
            }
            let mut bytes = fs::read(path).ok()?;
            if path.ends_with("packed-refs") {
                // git's own text in the file, which some versions leave even if the file is otherwise empty
                bytes = bytes
                    .split_inclusive(|byte| *byte == b'\n')
                    .filter(|line| !line.starts_with(b"#"))
                    .flatten()
                    .copied()
                    .collect();
                if bytes.is_empty() {
                    return None;
                }
            }
            let mut text = String::from_utf8_lossy(&bytes).into_owned();
            if path.parent().is_some_and(|dir| dir.ends_with("wt/records")) {
                // when it was last written is no part of what it says
                text = text.split_inclusive('\n').filter(|line| !line.contains("\"updated\": ")).collect();
            }
            Some(format!("{rel} {mode:o} = {text}"))
        });
        Everything(lines.collect())
    }

    /// Returns the files called `pwned`, which a hostile repository's commands leave wherever they run.
    pub fn pwned(&self) -> Vec<PathBuf> {
        let all = below(&self.root(), &|_| true);
        all.into_iter().filter(|path| path.ends_with("pwned") && !path.is_dir()).collect()
    }
}

/// Puts the same age into all tables of `git wt list`, since the commits of tests get older every day.
pub fn steady_ages(text: &str) -> String {
    // the column and its width, in the table that a line belongs to
    let mut ages: Option<(usize, usize)> = None;
    let mut steady = String::new();
    for line in text.split_inclusive('\n') {
        let column = line.find("  Age").filter(|_| line.starts_with("  Name")).map(|at| at + 2);
        if let Some(column) = column {
            let row = text.split_inclusive('\n').skip_while(|row| *row != line).nth(1).unwrap_or_default();
            let age: String = row.chars().skip(column).take_while(|c| c.is_alphanumeric()).collect();
            ages = Some((column, age.len().max(3)));
        }
        match ages.filter(|_| line.starts_with("  ") || line.starts_with("* ")) {
            Some((column, width)) => {
                let begin: String = line.chars().take(column).collect();
                let rest: String = line.chars().skip(column + width).collect();
                let age =
                    match (begin.chars().count() < column || line.chars().nth(column) == Some(' '), &rest) {
                        (true, _) => "   ",
                        _ if begin.starts_with("  Name") => "Age",
                        _ => "2h ",
                    };
                let line = begin + age + rest.trim_end();
                steady += line.trim_end();
                steady.push('\n');
            }
            None => {
                ages = None;
                steady += line;
            }
        }
    }
    steady
}

/// Puts the same duration into all lines that say how long something took.
pub fn steady_times(text: &str) -> String {
    let is_time = |word: &str| {
        word.strip_suffix('s').is_some_and(|number| {
            number.starts_with(|c: char| c.is_ascii_digit())
                && number.chars().all(|c| c.is_ascii_digit() || c == '.')
        })
    };
    let mut steady = String::new();
    for line in text.split_inclusive('\n') {
        let (said, end) = line.strip_suffix('\n').map_or((line, ""), |said| (said, "\n"));
        let ready = said.strip_prefix("ready in ").map(|rest| rest.split_once(':').unwrap_or((rest, "")));
        let step = said.rsplit_once("  ").filter(|(step, time)| step.starts_with("  ") && is_time(time));
        match (ready, step) {
            (Some((time, address)), _) if is_time(time) => {
                let colon = if address.is_empty() { "" } else { ":" };
                steady += &format!("ready in 1.0s{colon}{address}");
            }
            (_, Some((step, _))) => steady += &format!("{step}  1.0s"),
            _ => steady += said,
        }
        steady += end;
    }
    steady
}
