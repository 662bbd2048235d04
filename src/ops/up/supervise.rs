//! The supervisor of one server: a process of its own, which starts the server, keeps its log, says how far it has come,
//! and ends all of its processes when asked.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::state::{self, Phase, State};
use crate::error::{Error, Explain, Result};
use crate::host::claims::path_text;
use crate::host::exec::listeners::{is_listened_on, listeners, ports_of};
use crate::host::exec::supervisor::{Event, GRACE, Supervisor, Terminal};
use crate::host::exec::tree::{MARKER, ProcessKey};
use crate::host::exec::{self, Program};
use crate::host::http;
use crate::host::log::Log;

/// The variable by which a supervisor learns what to do. It has no secrets.
pub const SPEC: &str = "GIT_WT_UP_SPEC";

/// The status of a process that Ctrl-C has ended.
const CTRL_C: u8 = 130;

/// What a supervisor is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Spec {
    pub state: State,
    #[serde(with = "path_text")]
    pub state_file: PathBuf,
    #[serde(with = "path_text")]
    pub log_file: PathBuf,
    /// The server's directory.
    #[serde(with = "path_text")]
    pub dir: PathBuf,
    /// The address that answers when it is ready.
    pub url: Option<String>,
    /// Whether it may be without its port.
    pub is_presumed: bool,
    /// How long it may take to get ready, in seconds.
    pub timeout: Option<u64>,
    /// Whether it ends with the process that started it.
    pub stops_with_us: bool,
}

/// Runs a server to its end; returns its exit status.
pub fn supervise() -> Result<u8> {
    let spec = exec::variable(SPEC).and_then(|spec| spec.into_string().ok());
    let spec = spec.ok_or_else(|| Error::usage("git-wt starts this by itself, by 'git wt up'"))?;
    let mut spec: Spec = serde_json::from_str(&spec).explain(|| "cannot read what to supervise".into())?;
    spec.state.supervisor = Some(ProcessKey::ours());
    run(&mut spec).inspect_err(|error| {
        let why = std::iter::once(error.what.clone()).chain(error.why.clone()).collect();
        spec.state.reach(Phase::Failed { why, exit: error.exit });
        // nobody hears what fails here
        let _ = state::write(&spec.state_file, &spec.state);
    })
}

fn run(spec: &mut Spec) -> Result<u8> {
    // so that a Ctrl-C in the beginning finds somebody to stop
    let wakeups = Supervisor::prepare()?;
    let terminal = if spec.state.foreground {
        None
    } else {
        Some(Terminal::in_own_session().explain(|| "cannot make a terminal for the server".into())?)
    };
    let keeping = terminal.as_ref().map(|terminal| keep_log(terminal, spec)).transpose()?;
    state::write(&spec.state_file, &spec.state)?;
    let program = Program::in_our_environment("sh").env_remove(SPEC).arg("-c").arg(&spec.state.command);
    let mut server =
        Supervisor::start(program.dir(&spec.dir), terminal.as_ref(), wakeups, spec.stops_with_us)?;
    spec.state.pid = Some(server.pid());
    state::write(&spec.state_file, &spec.state)?;
    let begun = Instant::now();
    let (phase, status) = watch(&mut server, spec)?;
    spec.state.lived = Some(milliseconds(begun.elapsed()));
    // what it has left running in the background ends with it
    let status_at_end = server.end(GRACE);
    drop(terminal);
    if let Some(kept) = keeping {
        const LAST_WORDS: Duration = Duration::from_secs(1);
        let _ = kept.recv_timeout(LAST_WORDS);
    }
    spec.state.reach(match phase {
        // Ctrl-C, or a key of its own, is how a server in the foreground is stopped
        Phase::Died { status: 0 | CTRL_C } if spec.state.foreground => Phase::Stopped,
        phase => phase,
    });
    state::write(&spec.state_file, &spec.state)?;
    Ok(status.or(status_at_end).unwrap_or(0))
}

/// Writes what the server prints to its log; the receiver hears when that is all.
fn keep_log(terminal: &Terminal, spec: &Spec) -> Result<Receiver<()>> {
    let failed = || format!("cannot write '{}'", spec.log_file.display());
    let mut log = Log::open(&spec.log_file).explain(failed)?;
    log.write(heading(&spec.state.command).as_bytes()).explain(failed)?;
    let mut output = terminal.output().explain(|| "cannot share a terminal".into())?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        // a full disk is no reason to let the server wait
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            let _ = log.write(&buffer[..length]);
        }
        let _ = tell.send(());
    });
    Ok(told)
}

/// Returns the line of a log after which a server's output begins.
pub fn heading(command: &str) -> String {
    format!("$ {}\n", command.replace('\n', "\\n"))
}

/// Watches a server until it has ended or is to be ended; returns how, and the status of its first process.
fn watch(server: &mut Supervisor, spec: &mut Spec) -> Result<(Phase, Option<u8>)> {
    let mut observer = Observer::new();
    let mut status = None;
    loop {
        match server.wait(observer.pause()) {
            Event::Asked => return Ok((Phase::Stopped, status)),
            Event::Ended(code) => {
                status = Some(code);
                if code != 0 || server.has_ended() {
                    return Ok((Phase::Died { status: code }, status));
                }
                // it has gone to the background
            }
            Event::OrphanEnded if status.is_some() && server.has_ended() => {
                return Ok((Phase::Died { status: 0 }, status));
            }
            Event::OrphanEnded | Event::Nothing => {}
        }
        let Some(phase) = observer.look(server, spec) else { continue };
        if phase.is_end() {
            return Ok((phase, status));
        }
        spec.state.took = Some(milliseconds(observer.begun.elapsed()));
        spec.state.reach(phase);
        state::write(&spec.state_file, &spec.state)?;
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Looks whether a server is ready.
struct Observer {
    begun: Instant,
    looked: Instant,
    is_settled: bool,
    /// The ports that it listens on, though not its own, and since when.
    others: BTreeSet<u16>,
    others_since: Instant,
}

impl Observer {
    /// How long a server without a port must live to count as running.
    const MOMENT: Duration = Duration::from_secs(1);
    /// How long a server may take to listen on a port that nobody said it has.
    const FOR_PRESUMED: Duration = Duration::from_secs(10);
    /// How long a server must listen on another port only to have chosen it.
    const FOR_ANOTHER: Duration = Duration::from_secs(3);

    fn new() -> Self {
        let now = Instant::now();
        Self { begun: now, looked: now, is_settled: false, others: BTreeSet::new(), others_since: now }
    }

    /// How long to wait for signals before the next look.
    fn pause(&self) -> Option<Duration> {
        const SOON: Duration = Duration::from_millis(30);
        const LATER: Duration = Duration::from_millis(200);
        let is_young = self.begun.elapsed() < Duration::from_secs(5);
        (!self.is_settled).then_some(if is_young { SOON } else { LATER })
    }

    /// Returns what the server has come to, once that is known.
    fn look(&mut self, server: &Supervisor, spec: &Spec) -> Option<Phase> {
        if self.is_settled {
            return None;
        }
        let phase = self.judge(server, spec);
        self.is_settled = phase.is_some();
        phase
    }

    fn judge(&mut self, server: &Supervisor, spec: &Spec) -> Option<Phase> {
        let age = self.begun.elapsed();
        if let Some(url) = &spec.url {
            if http::status_of(url).is_some_and(|status| status < 500) {
                return Some(Phase::Ready { listens: spec.state.port });
            }
        } else if let Some(port) = spec.state.port {
            if let Some(phase) = self.listens(port, server) {
                return Some(phase);
            }
            if spec.is_presumed && age >= Self::FOR_PRESUMED {
                return Some(Phase::Running);
            }
        } else if age >= Self::MOMENT {
            // it may have chosen a port by itself, and by now say so
            let listens = ports_of(&server.tree().pids()).first().copied();
            return Some(listens.map_or(Phase::Running, |port| Phase::Ready { listens: Some(port) }));
        }
        let limit = spec.timeout.filter(|seconds| age >= Duration::from_secs(*seconds));
        limit.map(|seconds| Phase::TimedOut { seconds })
    }

    /// Judges by who listens. All processes are looked at only when somebody does, since there may be many.
    fn listens(&mut self, port: u16, server: &Supervisor) -> Option<Phase> {
        const AT_LEAST: Duration = Duration::from_millis(500);
        if is_listened_on(port) {
            let ours = server.tree().pids();
            let there = listeners(&BTreeSet::from([port]));
            let stranger = there.first().map(|listener| listener.process.clone());
            return Some(match stranger.filter(|_| there.iter().all(|it| !ours.contains(&it.process.pid))) {
                Some(process) => Phase::Taken { pid: process.pid, name: process.name },
                // ours, or that of another user, such as a container's, or on a system that does not tell
                None => Phase::Ready { listens: Some(port) },
            });
        }
        if self.looked.elapsed() < AT_LEAST {
            return None;
        }
        self.looked = Instant::now();
        let others = ports_of(&server.tree().pids());
        if others != self.others {
            (self.others, self.others_since) = (others, Instant::now());
        }
        let another = self.others.first().filter(|_| self.others_since.elapsed() >= Self::FOR_ANOTHER);
        another.map(|another| Phase::Ready { listens: Some(*another) })
    }
}

/// Returns how a supervisor is started for a server.
pub fn program(spec: &Spec, exe: &Path) -> Result<Program> {
    let text = serde_json::to_string(spec).explain(|| "cannot write what to supervise".into())?;
    Ok(Program::new(exe).arg("supervise").env(SPEC, text).env(MARKER, &spec.state.mark))
}
