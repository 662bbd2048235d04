//! Servers that run: started in the foreground or the background, watched until they are ready, stopped, and listed.
//!
//! Each server has a supervisor, a process of its own, which lives as long as the server does.

pub mod entries;
mod follow;
mod report;
mod started;
mod state;
mod stop;
mod supervise;
pub mod tmux;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::{Error, Explain, Result};
use crate::git::worktrees::Worktree;
use crate::host::exec::listeners::{is_listened_on, listeners};
use crate::host::exec::supervisor::GRACE;
use crate::host::exec::{self, Program};
use crate::host::random;
use crate::ops::context::Context;
use crate::recipe::consent::Action;
use crate::record::worktrees::Worktrees;
use crate::record::{LockedRecord, RecordState};
use crate::text::name::{Name, escaped};

use entries::Servers;
pub use follow::{Logs, follow, logs};
pub use report::{Columns, EntryState, states};
pub use started::Started;
use started::{running_already, start_one, taken};
use state::State;
pub use stop::{Stopped, forget, processes, refuse_running, running, stop, stop_all, stop_deserted, sweep};
use supervise::Spec;
pub use supervise::supervise;

/// How servers are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// In the background, beyond our end.
    Detached,
    /// In the background, but they stop when we do.
    WithUs,
}

/// What came of the wish to start servers.
pub enum Outcome {
    Started(Vec<Started>),
    /// The user has not consented to these, and nothing was started.
    Waiting(Vec<Action>),
}

/// Starts servers of a worktree in the background; those that run already stay.
pub fn start(
    tree: &Worktree,
    names: &[String],
    how: How,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Outcome> {
    let mut servers = Servers::of(tree, worktrees, context)?;
    let entries = servers.chosen(names)?;
    let held = hold(&servers, context)?;
    let lock = servers.place.lock()?;
    let mut started = Vec::new();
    let (running, wanted): (Vec<String>, Vec<String>) = entries
        .iter()
        .cloned()
        .partition(|entry| servers.place.find(entry).is_some_and(|state| state.is_alive()));
    let waiting = consented(&mut servers, &wanted, context)?;
    if !waiting.is_empty() {
        return Ok(Outcome::Waiting(waiting));
    }
    if !wanted.is_empty() {
        servers.guard(worktrees, context)?;
        for entry in &wanted {
            // what a killed supervisor has left behind would be in the way
            if let Some(before) = servers.place.find(entry) {
                stop::end_leftovers(&before, GRACE)?;
            }
            refuse_taken_port(&servers, entry)?;
        }
    }
    for entry in entries {
        if running.contains(&entry) {
            started.extend(servers.place.find(&entry).map(|state| running_already(&servers, state)));
            continue;
        }
        match start_one(&servers, &entry, how)? {
            Ok(server) => started.push(server),
            Err(action) => {
                // changed since it was shown: what was started stays, and this one waits
                context.tell_waiting_for(
                    "git wt up",
                    &Name::of_place(&servers.name),
                    std::slice::from_ref(&*action),
                );
                break;
            }
        }
    }
    drop((lock, held));
    Ok(Outcome::Started(started))
}

/// Becomes the supervisor of one server, which gets our terminal and our streams; returns only if it cannot.
pub fn become_server(
    tree: &Worktree,
    entry: &str,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Outcome> {
    let mut servers = Servers::of(tree, worktrees, context)?;
    let entry = entry.to_owned();
    servers.chosen(std::slice::from_ref(&entry))?;
    if let Some(state) = servers.place.find(&entry).filter(State::is_alive) {
        return Ok(Outcome::Started(vec![running_already(&servers, state)]));
    }
    let waiting = consented(&mut servers, std::slice::from_ref(&entry), context)?;
    if !waiting.is_empty() {
        return Ok(Outcome::Waiting(waiting));
    }
    servers.guard(worktrees, context)?;
    let held = hold(&servers, context)?;
    let lock = servers.place.lock()?;
    if let Some(state) = servers.place.find(&entry) {
        if state.is_alive() {
            return Ok(Outcome::Started(vec![running_already(&servers, state)]));
        }
        stop::end_leftovers(&state, GRACE)?;
    }
    refuse_taken_port(&servers, &entry)?;
    let mut spec = match spec(&servers, &entry)? {
        Ok(spec) => spec,
        Err(action) => return Ok(Outcome::Waiting(vec![*action])),
    };
    spec.state.foreground = true;
    let exe = std::env::current_exe().explain(|| "cannot find our own program".into())?;
    let program = servers.program(&entry, supervise::program(&spec, &exe)?)?;
    let url = spec.state.port.map(|port| format!("  http://localhost:{port}")).unwrap_or_default();
    context.ui.say(&format!("{entry}  {}{url}", spec.state.command));
    // written before the lock is released, so that nobody else starts it
    spec.state.supervisor = Some(exec::tree::ProcessKey::ours());
    state::write(&spec.state_file, &spec.state)?;
    drop((lock, held));
    Err(program.replace())
}

/// Runs one server's command in place of us, with nothing around it.
pub fn run_one(
    tree: &Worktree,
    entry: &str,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Vec<Action>> {
    let mut servers = Servers::of(tree, worktrees, context)?;
    let entry = entry.to_owned();
    servers.chosen(std::slice::from_ref(&entry))?;
    let waiting = consented(&mut servers, std::slice::from_ref(&entry), context)?;
    if !waiting.is_empty() {
        return Ok(waiting);
    }
    servers.guard(worktrees, context)?;
    let command = match servers.grant(&entry)? {
        Ok(granted) => servers.command(&granted)?,
        Err(action) => return Ok(vec![*action]),
    };
    let program = servers.program(&entry, Program::new("sh").arg("-c").arg(command))?;
    Err(worktrees.unless_gone(tree, program.replace()))
}

/// Returns the names and commands of a worktree's servers.
pub fn list_entries(
    tree: &Worktree,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Vec<(String, String)>> {
    let servers = Servers::of(tree, worktrees, context)?;
    let names = servers.chosen(&[])?;
    names.into_iter().map(|name| Ok((name.clone(), servers.shown(&name)?))).collect()
}

/// Returns the names of the servers that are meant: all of them, if none is named.
pub fn chosen(
    tree: &Worktree,
    names: &[String],
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Vec<String>> {
    Servers::of(tree, worktrees, context)?.chosen(names)
}

/// Whether the servers of a worktree must be handled with care.
pub fn is_protected(tree: &Worktree, worktrees: &Worktrees, context: &Context) -> Result<bool> {
    Ok(Servers::of(tree, worktrees, context)?.is_protected())
}

/// Asks for consent where needed; returns what has none.
fn consented(servers: &mut Servers, entries: &[String], context: &Context) -> Result<Vec<Action>> {
    let missing = servers.not_consented_to(entries)?;
    if missing.is_empty() {
        return Ok(missing);
    }
    if !context.ask_for(&missing)? {
        return Ok(missing);
    }
    servers.refresh(context)?;
    Ok(Vec::new())
}

/// Takes hold of the worktree's record, so that nobody removes the worktree meanwhile.
fn hold<'a>(servers: &Servers, context: &'a Context) -> Result<Option<LockedRecord<'a>>> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let Some(record) = servers.record else { return Ok(None) };
    let held = context.records.hold_patiently(&record.id, PATIENCE)?;
    if held.as_ref().is_none_or(|held| held.record.stage != RecordState::Ready) {
        let error = Error::new(format!("'{}' is being made or removed", escaped(&servers.name)));
        return Err(error.hint("git wt list"));
    }
    Ok(held)
}

/// Refuses to start a server whose port somebody else has.
fn refuse_taken_port(servers: &Servers, entry: &str) -> Result<()> {
    let Some(port) = servers.readiness(entry)?.port.filter(|port| is_listened_on(*port)) else {
        return Ok(());
    };
    let by = listeners(&BTreeSet::from([port])).into_iter().next().map(|listener| listener.process);
    Err(taken(entry, &servers.name, port, by.map(|process| (process.pid, process.name))))
}

/// Returns what the supervisor of a server is to do, if the user has consented to the command.
fn spec(servers: &Servers, entry: &str) -> Result<Result<Spec, Box<Action>>> {
    // checked only now: the command's files may have changed
    let granted = match servers.grant(entry)? {
        Ok(granted) => granted,
        Err(action) => return Ok(Err(action)),
    };
    let readiness = servers.readiness(entry)?;
    let mark = random::hex(32)?;
    let environment = servers.fingerprint(entry, &mark)?;
    let mut state = State::new(entry, &servers.name, &servers.command(&granted)?, mark, environment);
    state.port = readiness.port;
    state.repository = servers.place.repository();
    Ok(Ok(Spec {
        state,
        state_file: servers.place.state(entry),
        log_file: servers.place.log(entry),
        dir: servers.tree.path.clone(),
        url: readiness.url,
        is_presumed: readiness.is_presumed,
        timeout: readiness.timeout.map(|limit| limit.as_secs()),
        stops_with_us: false,
    }))
}
