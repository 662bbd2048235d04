//! What a supervisor needs of the system: a terminal for its server, and all processes that descend from it.
//!
//! On Linux an orphan of the server becomes our child, so that none is lost however it forks.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Winsize};

use super::tree::Tree;
use super::{Program, STOPPED_BY, not_started};
use crate::error::{Explain, Result};

/// How long a process has to end by itself.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long to wait for processes that were killed.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// A terminal at which nobody types.
#[derive(Debug)]
pub struct Terminal {
    ours: OwnedFd,
    servers: OwnedFd,
}

impl Terminal {
    /// Leaves the caller's session and terminal for a new one.
    pub fn in_own_session() -> io::Result<Self> {
        rustix::process::setsid()?;
        let ours = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC)?;
        rustix::pty::grantpt(&ours)?;
        rustix::pty::unlockpt(&ours)?;
        let name = rustix::pty::ptsname(&ours, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let servers = rustix::fs::open(name, flags, Mode::empty())?;
        rustix::process::ioctl_tiocsctty(&servers)?;
        let mut modes = rustix::termios::tcgetattr(&servers)?;
        // the output is kept as the server writes it
        modes.output_modes.remove(OutputModes::OPOST);
        modes.local_modes.remove(LocalModes::ECHO);
        rustix::termios::tcsetattr(&servers, OptionalActions::Now, &modes)?;
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&servers, size)?;
        Ok(Self { ours, servers })
    }

    /// Returns what the server prints.
    pub fn output(&self) -> io::Result<impl Read + Send + use<>> {
        Ok(std::fs::File::from(self.ours.try_clone()?))
    }

    /// Gives the server the terminal's foreground: outside of it, a program that reads keys is stopped.
    fn give_to(&self, group: Pid) {
        let _ = rustix::termios::tcsetpgrp(&self.servers, group);
        let _ = rustix::process::kill_process_group(group, Signal::CONT);
    }
}

/// What a supervisor has been waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Nothing within the time.
    Nothing,
    /// The server's first process ended with this status, or was ended by signal n: 128+n.
    Ended(u8),
    /// A process that the server had left behind has ended.
    OrphanEnded,
    /// Somebody asks us to stop.
    Asked,
}

/// What the kernel says about our children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Children {
    /// This has happened to one of them.
    One(Event),
    Running,
    None,
}

/// A server and all its processes.
#[derive(Debug)]
pub struct Supervisor {
    child: Pid,
    wakeups: UnixStream,
    /// Whether our stdin, where nothing comes, ends with whoever has started us.
    stops_with_stdin: bool,
    /// Whether Ctrl-C on the terminal is the server's to deal with.
    shares_terminal: bool,
}

impl Supervisor {
    /// Hears signals from now on, and adopts orphans.
    pub fn prepare() -> Result<UnixStream> {
        use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
        let failed = || "cannot watch for signals".into();
        #[cfg(target_os = "linux")]
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .explain(|| "cannot adopt orphans".into())?;
        let (ours, theirs) = UnixStream::pair().explain(failed)?;
        ours.set_nonblocking(true).explain(failed)?;
        for signal in [SIGTERM, SIGHUP, SIGINT] {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, Arc::clone(&STOPPED_BY), number).explain(failed)?;
        }
        for signal in [SIGTERM, SIGHUP, SIGINT, SIGCHLD] {
            let end = theirs.try_clone().explain(failed)?;
            signal_hook::low_level::pipe::register(signal, end).explain(failed)?;
        }
        Ok(ours)
    }

    /// Starts the server, at its own terminal or at ours.
    pub fn start(
        mut program: Program,
        terminal: Option<&Terminal>,
        wakeups: UnixStream,
        stops_with_stdin: bool,
    ) -> Result<Self> {
        let name = program.name();
        if let Some(terminal) = terminal {
            let end =
                || terminal.servers.try_clone().map(Stdio::from).explain(|| "cannot share a terminal".into());
            program.command.stdin(end()?).stdout(end()?).stderr(end()?).process_group(0);
        }
        let child = program.command.spawn().map_err(|cause| not_started(&name, &cause))?;
        let child = Pid::from_child(&child);
        if let Some(terminal) = terminal {
            terminal.give_to(child);
        }
        Ok(Self { child, wakeups, stops_with_stdin, shares_terminal: terminal.is_none() })
    }

    pub fn pid(&self) -> i32 {
        self.child.as_raw_nonzero().get()
    }

    /// Waits for something to happen.
    pub fn wait(&mut self, at_most: Option<Duration>) -> Event {
        let deadline = at_most.map(|time| Instant::now() + time);
        loop {
            if let Children::One(event) = self.reap() {
                return event;
            }
            if self.is_asked() {
                return Event::Asked;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Event::Nothing;
            }
            if self.sleep(left) {
                return Event::Asked;
            }
        }
    }

    /// Whether a signal asks us to stop. Ctrl-C on a terminal that we share is for the server.
    fn is_asked(&self) -> bool {
        let by = STOPPED_BY.load(Ordering::SeqCst);
        let is_keys = self.shares_terminal
            && by == usize::try_from(signal_hook::consts::SIGINT).unwrap_or_default()
            && rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
        if is_keys {
            STOPPED_BY.store(0, Ordering::SeqCst);
        }
        by != 0 && !is_keys
    }

    /// Takes notice of one child that has ended.
    fn reap(&self) -> Children {
        let (pid, status) = match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(ended)) => ended,
            Err(Errno::CHILD) => return Children::None,
            Ok(None) | Err(_) => return Children::Running,
        };
        if pid != self.child {
            return Children::One(Event::OrphanEnded);
        }
        let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
        Children::One(Event::Ended(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
    }

    /// Whether no process of the server is left, once its first one has ended. The kernel knows: a look at all processes
    /// may miss one that has just been forked.
    pub fn has_ended(&self) -> bool {
        loop {
            match self.reap() {
                Children::None => return true,
                Children::Running => return false,
                Children::One(_) => {}
            }
        }
    }

    /// Sleeps until a signal comes; returns whether our stdin has ended.
    fn sleep(&mut self, at_most: Option<Duration>) -> bool {
        let time = at_most.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let stdin = io::stdin();
        let mut ends = vec![PollFd::from_borrowed_fd(self.wakeups.as_fd(), PollFlags::IN)];
        if self.stops_with_stdin {
            ends.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
        }
        let ready = rustix::event::poll(&mut ends, time.as_ref());
        let has_ended = ready.is_ok() && ends.get(1).is_some_and(|end| !end.revents().is_empty());
        let _ = self.wakeups.read(&mut [0; 64]);
        has_ended
    }

    /// Returns the server's processes.
    pub fn tree(&self) -> Tree {
        Tree::below_us()
    }

    /// Ends all processes of the server: asks them, and kills those that do not end in time. Returns the status of
    /// the first process if it ended meanwhile.
    pub fn end(&mut self, grace: Duration) -> Option<u8> {
        const GLANCE: Duration = Duration::from_millis(20);
        let asked_at = Instant::now();
        let mut asked = Tree::default();
        let mut status = None;
        loop {
            match self.reap() {
                Children::One(Event::Ended(code)) => status = Some(code),
                Children::One(_) => {}
                Children::None => return status,
                Children::Running if asked_at.elapsed() > grace + AFTER_KILL => return status,
                Children::Running => self.nap(GLANCE),
            }
            let tree = self.tree();
            if asked_at.elapsed() >= grace {
                tree.kill();
            }
            let new = tree.without(&asked);
            new.ask_to_end();
            asked.extend(new);
        }
    }

    fn nap(&mut self, time: Duration) {
        let wakes = self.stops_with_stdin;
        // it has ended already, perhaps, and would not let us sleep
        self.stops_with_stdin = false;
        self.sleep(Some(time));
        self.stops_with_stdin = wakes;
    }
}
