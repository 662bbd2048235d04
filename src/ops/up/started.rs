//! A server that was asked for: started, waited for, and told of.

use std::time::{Duration, Instant};

use super::entries::{self, Servers};
use super::report::EntryState;
use super::state::{Phase, Place, State};
use super::{How, follow, report, spec, supervise};
use crate::error::{Error, Explain, Result};
use crate::host::exec::{self, Apart};
use crate::host::log::Reader;
use crate::recipe::consent::Action;
use crate::text::name::escaped;

/// A server that was asked for.
pub struct Started {
    /// What the user calls its worktree.
    pub worktree: String,
    pub entry: String,
    /// Whether it ran before.
    pub ran_already: bool,
    /// Whether its environment has changed since it was started.
    pub is_outdated: bool,
    pub(super) state: State,
    supervisor: Option<Apart>,
    place: Place,
    /// Whether the worktree's setup is not finished, which may be why a server fails.
    is_unfinished: bool,
    /// Whether its worktree has no other server.
    is_only: bool,
    /// What it prints from now on.
    pub(super) output: Option<Reader>,
}

/// Returns a server that ran before.
pub(super) fn running_already(servers: &Servers, state: State) -> Started {
    let now = servers.fingerprint(&state.entry, &state.mark);
    Started {
        worktree: servers.name.clone(),
        entry: state.entry.clone(),
        ran_already: true,
        is_outdated: now.is_ok_and(|now| now != state.environment),
        state,
        supervisor: None,
        place: servers.place.clone(),
        is_unfinished: false,
        is_only: servers.names().count() == 1,
        output: None,
    }
}

/// Says who has the port of a server.
pub(super) fn taken(entry: &str, worktree: &str, port: u16, by: Option<(u32, String)>) -> Error {
    let by = by.map_or_else(
        || "another user's process".to_owned(),
        |(pid, name)| format!("process {pid} ({})", escaped(&name)),
    );
    Error::new(format!("port {port} of '{entry}' of '{}' is taken by {by}", escaped(worktree)))
}

/// Starts a server's supervisor, and waits until that has taken over.
pub(super) fn start_one(servers: &Servers, entry: &str, how: How) -> Result<Result<Started, Box<Action>>> {
    let mut spec = match spec(servers, entry)? {
        Ok(spec) => spec,
        Err(action) => return Ok(Err(action)),
    };
    spec.stops_with_us = how == How::WithUs;
    let exe = std::env::current_exe().explain(|| "cannot find our own program".into())?;
    let program = servers.program(entry, supervise::program(&spec, &exe)?)?;
    let output =
        Reader::at_end(&spec.log_file).explain(|| format!("cannot read '{}'", spec.log_file.display()))?;
    let mut started = Started {
        worktree: servers.name.clone(),
        entry: entry.to_owned(),
        ran_already: false,
        is_outdated: false,
        state: spec.state,
        supervisor: Some(program.start_apart(spec.stops_with_us)?),
        place: servers.place.clone(),
        is_unfinished: servers.record.is_some_and(|record| record.unfinished_hook().is_some()),
        is_only: servers.names().count() == 1,
        output: Some(output),
    };
    let asked = Instant::now();
    while started.state.supervisor.is_none() {
        if asked.elapsed() > PATIENCE {
            let state = servers.place.state(entry);
            let error = Error::new(format!("the supervisor of '{entry}' does not say how it stands"));
            return Err(error.because(format!("'{}' cannot be read", state.display())));
        }
        if started.has_lost_supervisor() {
            return Err(Error::new(format!("the supervisor of '{entry}' has ended at once")));
        }
        exec::check_stopped()?;
        std::thread::sleep(GLANCE);
        started.look();
    }
    Ok(Ok(started))
}

/// How long a supervisor may take until it has written its state.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait between two looks at a state.
const GLANCE: Duration = Duration::from_millis(10);

impl Started {
    /// Reads how far it has come.
    fn look(&mut self) {
        let now = self.place.find(&self.entry);
        if let Some(now) = now.filter(|now| now.mark == self.state.mark && now.supervisor.is_some()) {
            self.state = now;
        }
    }

    /// Whether the supervisor has ended without a word.
    fn has_lost_supervisor(&mut self) -> bool {
        let has_ended = match &mut self.supervisor {
            Some(supervisor) => supervisor.has_ended(),
            None => !self.state.is_alive(),
        };
        if has_ended {
            // it may have written it just before
            self.look();
        }
        has_ended && !self.state.phase.is_end()
    }

    /// Waits until it is ready; fails if it ends before.
    pub fn wait(&mut self) -> Result<()> {
        while self.state.phase == Phase::Starting {
            exec::check_stopped()?;
            if self.has_lost_supervisor() {
                return Err(self.failure());
            }
            std::thread::sleep(GLANCE);
            self.look();
        }
        if self.state.phase.is_end() { Err(self.failure()) } else { Ok(()) }
    }

    /// Whether it has ended by now.
    pub(super) fn has_ended(&mut self) -> bool {
        self.look();
        self.state.phase.is_end() || self.has_lost_supervisor()
    }

    /// Returns what to tell programs.
    pub fn as_json(&self) -> serde_json::Value {
        let state = EntryState::of(&self.state, self.is_outdated);
        let mut all = serde_json::json!({"worktree": self.worktree, "already": self.ran_already});
        if let (Some(all), Ok(serde_json::Value::Object(state))) =
            (all.as_object_mut(), serde_json::to_value(state))
        {
            all.extend(state);
        }
        all
    }

    /// Returns why it does not run.
    pub(super) fn failure(&self) -> Error {
        let (entry, name) = (escaped(&self.entry), escaped(&self.worktree));
        let after =
            self.state.lived.map(|time| format!(" after {}", report::seconds(time))).unwrap_or_default();
        let mut error = match &self.state.phase {
            Phase::Died { status } => {
                Error::new(format!("'{entry}' of '{name}' ended with status {status}{after}"))
            }
            Phase::TimedOut { seconds } => {
                let error = Error::new(format!(
                    "'{entry}' of '{name}' is not ready after {seconds}s, and was stopped"
                ));
                error.advise(match self.state.port {
                    Some(port) => format!("nothing of it listens on port {port}"),
                    None => "its address does not answer".into(),
                })
            }
            Phase::Taken { pid, name: by } => {
                let port = self.state.port.unwrap_or_default();
                taken(&self.entry, &self.worktree, port, Some((*pid, by.clone())))
            }
            Phase::Stopped => Error::new(format!("'{entry}' of '{name}' was stopped")),
            Phase::Failed { why, exit } => {
                let error = Error::new(format!("cannot start '{entry}' of '{name}'")).exit(*exit);
                why.iter().fold(error, Error::because)
            }
            Phase::Starting | Phase::Ready { .. } | Phase::Running => {
                Error::new(format!("the supervisor of '{entry}' of '{name}' was killed"))
            }
        };
        error = error.quoting(&follow::last_words(&self.place.log(&self.entry), &self.state.command));
        if self.is_unfinished {
            error = error.hint(entries::hint("git wt setup", &self.worktree));
        }
        let hint = entries::hint("git wt logs", &self.worktree);
        error.hint(if self.is_only { hint } else { hint.name(&self.entry) })
    }
}
