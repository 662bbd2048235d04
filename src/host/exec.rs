//! The only door to processes, and to our own environment.
//!
//! Children never inherit variables that point at another worktree (`GIT_DIR`, `VIRTUAL_ENV`, …); `-c` settings are
//! kept. A child's stdout never goes to our stdout, which is for the answer.

mod family;
pub mod listeners;
pub mod occupants;
pub mod supervisor;
pub mod tree;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal};

use crate::error::{Error, Explain, Result};
use crate::host::file::read_proc;
use family::Family;

/// Variables that bind git to one repository or worktree: `git rev-parse --local-env-vars`, without the two for `-c
/// name=value`.
const LOCAL_TO_A_REPOSITORY: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
];

/// Variables that would make a child work in another worktree's Python environment.
const LOCAL_TO_A_VENV: [&str; 7] = [
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "PYTHONHOME",
    "CONDA_PREFIX",
    "UV_PROJECT_ENVIRONMENT",
    "__PYVENV_LAUNCHER__",
    "PIPENV_ACTIVE",
];

/// The shell functions' channels to us, which no child should see.
const CHANNELS: [&str; 2] = ["GIT_WT_CD_FILE", "GIT_WT_PROMPT_CD_FILE"];

/// The signal that asked us to stop, or 0.
static STOPPED_BY: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
/// Whether we are undoing what is half-made, and must not be stopped any more.
static UNDOING: AtomicBool = AtomicBool::new(false);
/// The children that we are waiting for.
static CHILDREN: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Reads a variable of our own environment; an empty one counts as absent.
#[allow(clippy::disallowed_methods, reason = "this is the door")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Makes Ctrl-C and similar signals set a flag, so that what is half-made can be undone, and passes them on to our
/// children and to all their descendants. Signals that we were started to ignore, as by nohup(1), stay ignored.
pub fn watch_signals() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let failed = || "cannot watch for signals".into();
    let ignored = ignored_signals();
    let watched: Vec<_> =
        [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0).collect();
    for &signal in &watched {
        let number = usize::try_from(signal).unwrap_or_default();
        // set in the handler itself, so that it is set before a child that the same Ctrl-C ended is reported
        signal_hook::flag::register_usize(signal, Arc::clone(&STOPPED_BY), number).explain(failed)?;
    }
    let mut signals = signal_hook::iterator::Signals::new(&watched).explain(failed)?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let signal = Signal::from_named_raw(signal).unwrap_or(Signal::TERM);
            // locked to the end: whoever waits for a child continues, and perhaps exits, only when its descendants can
            // continue too
            let children = children();
            // checked after locking: a child of the undoing is never hit, however late the signal is heard
            for child in children.iter().filter(|_| !UNDOING.load(Ordering::SeqCst)) {
                pass_on(signal, *child);
            }
        }
    });
    Ok(())
}

/// Returns the signals that we ignore, as a mask (proc_pid_status(5)); none if the system does not say.
fn ignored_signals() -> u64 {
    let status = read_proc("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn children() -> MutexGuard<'static, Vec<Pid>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes a signal on to a child and all its descendants. The terminal sends Ctrl-C to our process group itself, and a
/// process that gets it twice may take that for impatience.
fn pass_on(signal: Signal, child: Pid) {
    let ours = rustix::process::getpgrp();
    let in_front =
        |terminal: BorrowedFd| rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == ours);
    let is_from_terminal =
        signal == Signal::INT && (in_front(io::stdin().as_fd()) || in_front(io::stderr().as_fd()));
    let (group, others) = Family::held_still(child).split(ours);
    // processes that have left the group get nothing from our terminal
    others.tell(Some(Signal::TERM));
    group.tell(Some(signal).filter(|_| !is_from_terminal));
}

/// Fails with status 128+n once signal n has asked us to stop.
pub fn check_stopped() -> Result<()> {
    match STOPPED_BY.load(Ordering::SeqCst) {
        0 => Ok(()),
        _ if UNDOING.load(Ordering::SeqCst) => Ok(()),
        signal => Err(Error::new("interrupted").exit(u8::try_from(128 + signal).unwrap_or(Error::FATAL))),
    }
}

/// Reads from another reader until a signal asks us to stop.
#[derive(Debug)]
pub struct Stoppable<R>(pub R);

impl<R: Read> Read for Stoppable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check_stopped().map_err(|error| io::Error::other(error.what))?;
        self.0.read(buffer)
    }
}

/// Ends the children that we are waiting for, when nobody needs their answers any more. Only for those that merely read.
pub fn abandon_children() {
    for child in children().iter() {
        Family::held_still(*child).end();
    }
}

/// Stops our whole job, as Ctrl-Z does, until the shell continues it.
pub fn suspend() {
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}

/// Ignores signals while the returned value exists: undoing what is half-made is how we stop.
#[must_use]
pub fn carry_on() -> CarryOn {
    UNDOING.store(true, Ordering::SeqCst);
    CarryOn
}

/// Work that must be finished.
#[derive(Debug)]
pub struct CarryOn;

impl Drop for CarryOn {
    fn drop(&mut self) {
        UNDOING.store(false, Ordering::SeqCst);
    }
}

/// Whether a variable is never passed on to a child.
pub fn is_scrubbed(name: &str) -> bool {
    LOCAL_TO_A_REPOSITORY.iter().chain(&LOCAL_TO_A_VENV).chain(&CHANNELS).any(|known| *known == name)
}

/// A program to be started.
#[derive(Debug)]
pub struct Program {
    command: Command,
    limit: Option<Duration>,
}

/// The stream that a child prints to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How a command with a time limit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Status(u8),
    /// We ended it, because it took too long.
    TimedOut,
}

/// How a child ended, and what it printed.
#[derive(Debug)]
pub struct Output {
    /// Its exit status; 128+n if signal n ended it.
    pub code: u8,
    pub stdout: Vec<u8>,
    /// Its stderr, as text for people.
    pub stderr: String,
    /// Whether it took too long and was ended.
    pub timed_out: bool,
}

impl Output {
    /// Returns the end of its stderr, where failures are usually reported.
    pub fn last_words(&self) -> String {
        let tail: Vec<&str> = self.stderr.trim_end().lines().rev().take(12).collect();
        tail.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl From<std::process::Output> for Output {
    fn from(done: std::process::Output) -> Self {
        Self {
            code: code_of(done.status),
            stdout: done.stdout,
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
            timed_out: false,
        }
    }
}

impl Program {
    /// Returns a program with a scrubbed environment; `name` is looked up on PATH.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(name);
        for name in LOCAL_TO_A_REPOSITORY.iter().chain(&LOCAL_TO_A_VENV).chain(&CHANNELS) {
            command.env_remove(name);
        }
        Self { command, limit: None }
    }

    /// Returns a program with our own environment as it is, which somebody has made for it.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn in_our_environment(name: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(name), limit: None }
    }

    /// Returns git with the repository variables that the user gave us, for git's own command lines.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn git_as_given() -> Self {
        let mut command = Command::new("git");
        for name in CHANNELS {
            command.env_remove(name);
        }
        Self { command, limit: None }
    }

    /// Limits the time it may take to give its output.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets the directory it runs in.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Returns a variable that was set for the program.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        self.command
            .get_envs()
            .find(|(known, _)| *known == name)
            .and_then(|(_, value)| value.map(OsStr::to_owned))
    }

    /// Returns the program's name, for messages.
    fn name(&self) -> String {
        Path::new(self.command.get_program())
            .file_name()
            .unwrap_or(self.command.get_program())
            .to_string_lossy()
            .into_owned()
    }

    /// Runs to the end and captures the output; an exit status other than 0 is not an error here.
    pub fn output(self) -> Result<Output> {
        self.output_from(Stdio::null())
    }

    /// Runs to the end with a file as its stdin.
    pub fn output_of_file(self, input: File) -> Result<Output> {
        self.output_from(Stdio::from(input))
    }

    fn output_from(mut self, input: Stdio) -> Result<Output> {
        let name = self.name();
        self.command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (child, _waiting) = self.spawn()?;
        output_within(child, self.limit).explain(|| format!("cannot wait for '{name}'"))
    }

    /// Runs to the end with `input` on its stdin.
    pub fn output_of(self, input: &[u8]) -> Result<Output> {
        self.output_of_all(input)
    }

    /// Runs to the end with everything from `input` on its stdin; the program may stop reading early.
    pub fn output_of_all(mut self, mut input: impl Read + Send) -> Result<Output> {
        let name = self.name();
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut child, _waiting) = self.spawn()?;
        let mut pipe = child.stdin.take().expect("stdin is piped");
        let limit = self.limit;
        std::thread::scope(|scope| {
            // written by another thread: a child that answers while it still reads must not block us both
            scope.spawn(move || io::copy(&mut input, &mut pipe));
            output_within(child, limit)
        })
        .explain(|| format!("cannot wait for '{name}'"))
    }

    /// Runs to the end with `input` on its stdin and its output on the terminal. Returns its exit status.
    pub fn status_of(mut self, input: &[u8]) -> Result<u8> {
        let name = self.name();
        self.command.stdin(Stdio::piped());
        let (mut child, _waiting) = self.spawn()?;
        // the program may stop reading early
        let _ = child.stdin.take().expect("stdin is piped").write_all(input);
        child.wait().explain(|| format!("cannot wait for '{name}'")).map(code_of)
    }

    /// Runs to the end with its stdout as the stdin of `into`, which runs to its end too; returns how both ended.
    /// `passed` counts the bytes that go from one to the other.
    pub fn output_into(mut self, mut into: Self, passed: &AtomicU64) -> Result<(Output, Output)> {
        let name = self.name();
        let failed = || format!("cannot wait for '{name}'");
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut first, _waiting) = self.spawn()?;
        into.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut second, _also) = into.spawn().inspect_err(|_| end(&mut first))?;
        let (from, to) = (first.stdout.take(), second.stdin.take());
        let (first, second) = std::thread::scope(|scope| {
            // both ends are closed when the copying ends, so that each program notices if the other is gone
            scope.spawn(move || from.zip(to).map(|(from, to)| pour(from, to, passed)));
            let complaints = first.stderr.take();
            let complaints = scope.spawn(|| {
                let mut text = Vec::new();
                complaints.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut text)).map(|_| text)
            });
            let second = second.wait_with_output();
            if second.as_ref().is_ok_and(|done| !done.status.success()) {
                // it may be waiting for something other than its reader, such as a lock
                end(&mut first);
            }
            let stderr = complaints.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
            let first = first
                .wait()
                .and_then(|status| Ok(std::process::Output { status, stdout: Vec::new(), stderr: stderr? }));
            (first, second)
        });
        Ok((first.explain(failed)?.into(), second.explain(failed)?.into()))
    }

    /// Runs to the end and returns its stdout; an exit status other than 0 is an error, with its stderr as the cause.
    pub fn stdout(self) -> Result<Vec<u8>> {
        let name = self.name();
        let output = self.output()?;
        check_stopped()?;
        if output.code == 0 {
            return Ok(output.stdout);
        }
        Err(Error::new(format!("'{name}' ended with status {}", output.code)).quoting(&output.last_words()))
    }

    /// Sends its stdout to our stderr: our stdout is for the answer.
    pub fn narrating(mut self) -> Result<Self> {
        self.command.stdout(Stdio::from(stderr_handle()?));
        Ok(self)
    }

    /// Runs to the end in the foreground, with our stdin and with its stdout on our stderr. Returns its exit status.
    pub fn narrate(self) -> Result<u8> {
        self.narrating()?.status()
    }

    /// Runs to the end with all three of our standard streams. Returns its exit status.
    pub fn status(self) -> Result<u8> {
        self.status_past(&|| true, || ())
    }

    /// Does the same, and calls `then` as soon as `point` returns true or the child has ended.
    pub fn status_past(mut self, point: &dyn Fn() -> bool, then: impl FnOnce()) -> Result<u8> {
        const GLANCE: Duration = Duration::from_micros(500);
        let name = self.name();
        let (mut child, _waiting) = self.spawn()?;
        while !point() && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(GLANCE);
        }
        then();
        child.wait().explain(|| format!("cannot wait for '{name}'")).map(code_of)
    }

    /// Runs to the end, or until the limit, with nothing on stdin; stdout and stderr are given to `on_output` and copied
    /// into `log` as they come.
    pub fn tee(
        mut self,
        log: &mut File,
        limit: Option<Duration>,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Ending> {
        let name = self.name();
        let (mut from, to) = io::pipe().explain(|| "cannot make a pipe".into())?;
        self.command.stdin(Stdio::null());
        self.command.stdout(Stdio::from(to.try_clone().explain(|| "cannot share a pipe".into())?));
        self.command.stderr(Stdio::from(to));
        let (mut child, _waiting) = self.spawn()?;
        // our ends of the pipe are in the command; while they are open, reading would never end
        drop(self);
        let begun = Instant::now();
        let mut ended_by_us = false;
        let mut buffer = [0; 8192];
        loop {
            if !ended_by_us && limit.is_some_and(|limit| begun.elapsed() >= limit) {
                ended_by_us = true;
                Family::held_still(Pid::from_child(&child)).end();
            }
            if !readable(&from) {
                // what it has left running in the background may hold the pipe open for ever
                if matches!(child.try_wait(), Ok(None)) {
                    continue;
                }
                break;
            }
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    on_output(&buffer[..n]);
                    log.write_all(&buffer[..n]).explain(|| "cannot write the log".into())?;
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let status = child.wait().explain(|| format!("cannot wait for '{name}'"))?;
        Ok(if ended_by_us { Ending::TimedOut } else { Ending::Status(code_of(status)) })
    }

    /// Runs to the end with nothing on stdin, perhaps beside other programs. `on_line` gets each line of output as it
    /// comes, with a line break at its end.
    pub fn each_line(mut self, on_line: &(dyn Fn(Stream, &[u8]) + Sync)) -> Result<u8> {
        let name = self.name();
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut child, _waiting) = {
            let mut known = children();
            // start no more programs once we have been asked to stop
            check_stopped()?;
            self.start(&mut known)?
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| lines_of(stdout, &|line| on_line(Stream::Stdout, line)));
            lines_of(stderr, &|line| on_line(Stream::Stderr, line));
        });
        child.wait().explain(|| format!("cannot wait for '{name}'")).map(code_of)
    }

    /// Replaces this process by the program; returns only if that failed.
    pub fn replace(mut self) -> Error {
        let name = self.name();
        let cause = self.command.exec();
        not_started(&name, &cause)
    }

    /// Starts it in the background, detached from the terminal and from our streams.
    pub fn detach(mut self) -> Result<()> {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let name = self.name();
        self.command.spawn().map(drop).map_err(|cause| not_started(&name, &cause))
    }

    /// Starts it in the background with nothing of ours but, where it is to stop with us, a stdin that ends when we do.
    pub fn start_apart(mut self, stops_with_us: bool) -> Result<Apart> {
        let name = self.name();
        let input = if stops_with_us { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        let child = self.command.spawn().map_err(|cause| not_started(&name, &cause))?;
        Ok(Apart(child))
    }

    fn spawn(&mut self) -> Result<(Child, Waiting)> {
        self.start(&mut children())
    }

    /// Starts it; while the second value exists, signals are passed on to it. The caller holds the list, so that no
    /// signal comes between its start and its entry in the list.
    fn start(&mut self, known: &mut Vec<Pid>) -> Result<(Child, Waiting)> {
        let name = self.name();
        let child = self.command.spawn().map_err(|cause| not_started(&name, &cause))?;
        let pid = Pid::from_child(&child);
        known.push(pid);
        Ok((child, Waiting(pid)))
    }
}

/// A program in the background.
#[derive(Debug)]
pub struct Apart(Child);

impl Apart {
    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

/// A child that we are waiting for.
struct Waiting(Pid);

impl Drop for Waiting {
    fn drop(&mut self) {
        children().retain(|child| *child != self.0);
    }
}

/// Waits a moment for something to read, or for the end of the pipe.
fn readable(pipe: &impl AsFd) -> bool {
    const MOMENT: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let mut ends = [PollFd::new(pipe, PollFlags::IN)];
    rustix::event::poll(&mut ends, Some(&MOMENT)).is_ok_and(|ready| ready > 0)
}

fn not_started(name: &str, cause: &io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::NotFound => Error::new(format!("'{name}' was not found on PATH")).exit(127),
        _ => Error::new(format!("cannot start '{name}'")).because(cause).exit(126),
    }
}

/// Waits for a child and its output; a child that takes longer than the limit is ended.
fn output_within(mut child: Child, limit: Option<Duration>) -> io::Result<Output> {
    const GLANCE: Duration = Duration::from_millis(1);
    let Some(limit) = limit else { return child.wait_with_output().map(Output::from) };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let deadline = Instant::now() + limit;
    let (tell, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        let also = tell.clone();
        let stdout = scope.spawn(move || (read_all(stdout), drop(tell)).0);
        let stderr = scope.spawn(move || (read_all(stderr), drop(also)).0);
        // returns early once the child has closed both of its outputs
        let _: Result<(), _> = ended.recv_timeout(limit);
        let mut timed_out = false;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                timed_out = true;
                Family::held_still(Pid::from_child(&child)).end();
                break child.wait()?;
            }
            std::thread::sleep(GLANCE);
        };
        let [stdout, stderr] = [stdout, stderr].map(|it| it.join().expect("a panic ends the process"));
        let done = std::process::Output { status, stdout: stdout?, stderr: stderr? };
        Ok(Output { timed_out, ..done.into() })
    })
}

fn read_all(pipe: Option<impl Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes)).map(|_| bytes)
}

/// Ends a child that is no longer needed.
fn end(child: &mut Child) {
    let _ = child.kill(); // it may have ended already
}

/// Copies one pipe into another until either of them ends.
fn pour(mut from: impl Read, mut to: impl Write, passed: &AtomicU64) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) if to.write_all(&buffer[..length]).is_err() => return,
            Ok(length) => drop(passed.fetch_add(length as u64, Ordering::Relaxed)),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn lines_of(pipe: Option<impl Read>, on_line: &dyn Fn(&[u8])) {
    let Some(pipe) = pipe else { return };
    let mut pipe = io::BufReader::new(pipe);
    let mut line = Vec::new();
    while matches!(pipe.read_until(b'\n', &mut line), Ok(1..)) {
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        on_line(&line);
        line.clear();
    }
}

fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(Error::FATAL)
}

fn stderr_handle() -> Result<OwnedFd> {
    rustix::io::dup(io::stderr()).explain(|| "cannot share stderr".into())
}
