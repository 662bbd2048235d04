//! Stops servers: asks their supervisors, and ends what a killed supervisor has left behind. Nothing is ever sent to a
//! process that is not of the server's tree.

use std::fs;
use std::time::{Duration, Instant};

use super::entries;
use super::state::{Phase, Place, State, write};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::git::worktrees::Worktree;
use crate::host::exec;
use crate::host::exec::supervisor::GRACE;
use crate::host::exec::tree::{ProcessKey, Tree};
use crate::ops::context::Context;
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use crate::text::name::escaped;
use crate::trash::Trash;

/// How long to wait beyond the time that a server has to end.
const MARGIN: Duration = Duration::from_secs(6);
const GLANCE: Duration = Duration::from_millis(10);

/// A server that was stopped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Stopped {
    pub worktree: String,
    pub entry: String,
}

/// Stops servers of a worktree, or all of them; returns those that ran.
pub fn stop(
    tree: &Worktree,
    names: &[String],
    grace: Option<Duration>,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Vec<Stopped>> {
    let place = Place::of(&context.repo, tree, worktrees.record(tree));
    let known = place.states();
    // a name that never ran here is checked against the recipe
    let unknown: Vec<String> =
        names.iter().filter(|name| known.iter().all(|state| state.entry != **name)).cloned().collect();
    if !unknown.is_empty() {
        super::chosen(tree, &unknown, worktrees, context)?;
    }
    stop_states(&place, &worktrees.name(tree), grace, &|state| {
        names.is_empty() || names.contains(&state.entry)
    })
}

/// Stops all servers of a worktree.
pub fn stop_all(tree: &Worktree, record: Option<&Record>, name: &str, repo: &Repo) -> Result<Vec<Stopped>> {
    stop_states(&Place::of(repo, tree, record), name, None, &|_| true)
}

/// Forgets the servers of a worktree, and their logs.
pub fn forget(tree: &Worktree, record: Option<&Record>, repo: &Repo) {
    Place::of(repo, tree, record).forget();
}

/// Returns the process ids of all servers of a worktree.
pub fn processes(tree: &Worktree, record: Option<&Record>, repo: &Repo) -> Vec<u32> {
    let running = Place::of(repo, tree, record).states().into_iter().filter(State::is_alive);
    let keys = running.filter_map(|state| state.supervisor);
    keys.flat_map(|key| {
        let supervisor = key.pid.unsigned_abs();
        Tree::below_key(&key).pids().into_iter().chain([supervisor])
    })
    .collect()
}

/// Returns the names of the servers of a worktree that run.
pub fn running(tree: &Worktree, record: Option<&Record>, repo: &Repo) -> Vec<String> {
    let running = Place::of(repo, tree, record).states().into_iter().filter(State::is_alive);
    running.map(|state| state.entry).collect()
}

/// Refuses to go on while servers of a worktree run: they would go on in a directory that is no longer there.
pub fn refuse_running(tree: &Worktree, record: Option<&Record>, name: &str, repo: &Repo) -> Result<()> {
    let entries: Vec<String> =
        running(tree, record, repo).into_iter().map(|entry| format!("'{entry}'")).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let error = Error::new(format!("{} of '{}' runs there", entries.join(", "), escaped(name)));
    Err(error.hint(entries::hint("git wt down", name)))
}

fn stop_states(
    place: &Place,
    worktree: &str,
    grace: Option<Duration>,
    wanted: &dyn Fn(&State) -> bool,
) -> Result<Vec<Stopped>> {
    if place.states().is_empty() {
        return Ok(Vec::new());
    }
    // whoever starts servers here has done so before we look
    let _lock = place.lock()?;
    let states: Vec<State> = place.states().into_iter().filter(wanted).collect();
    let mut asked = Vec::new();
    for state in states.into_iter().filter(|state| !state.phase.is_end()) {
        let is_asked = state.is_alive() && state.supervisor.as_ref().is_some_and(ProcessKey::ask_to_end);
        asked.push((state, is_asked));
    }
    let mut stopped = Vec::new();
    for (state, is_asked) in asked {
        let had_left = if is_asked { end_supervised(&state, grace)? } else { false };
        let had_left = end_leftovers(&state, grace.unwrap_or(GRACE))? || had_left;
        note_end(place, state.clone())?;
        if is_asked || had_left {
            stopped.push(Stopped { worktree: worktree.to_owned(), entry: state.entry });
        }
    }
    Ok(stopped)
}

/// Waits until a supervisor that was asked has ended its server and itself. After `grace`, or if the supervisor does not
/// do its work, what is left of the server is killed.
fn end_supervised(state: &State, grace: Option<Duration>) -> Result<bool> {
    let Some(supervisor) = &state.supervisor else { return Ok(false) };
    let begun = Instant::now();
    let patience = grace.unwrap_or(GRACE + MARGIN);
    while supervisor.is_alive() {
        let waited = begun.elapsed();
        if waited >= patience {
            Tree::below_key(supervisor).kill();
        }
        if waited >= patience + MARGIN {
            return Err(unended(state, Tree::below_key(supervisor).pids().first().copied()));
        }
        std::thread::sleep(GLANCE);
    }
    Ok(true)
}

/// Ends the processes that carry the mark of a server whose supervisor is gone; returns whether there were any.
pub(super) fn end_leftovers(state: &State, grace: Duration) -> Result<bool> {
    if state.is_alive() {
        return Ok(false);
    }
    let mut left = Tree::marked(&state.mark);
    if left.is_empty() {
        return Ok(false);
    }
    let begun = Instant::now();
    left.ask_to_end();
    while !left.is_empty() {
        exec::check_stopped()?;
        if begun.elapsed() >= grace {
            left.kill();
        }
        if begun.elapsed() >= grace + MARGIN {
            return Err(unended(state, left.pids().first().copied()));
        }
        std::thread::sleep(GLANCE);
        left = Tree::marked(&state.mark);
    }
    Ok(true)
}

fn unended(state: &State, pid: Option<u32>) -> Error {
    let pid = pid.map_or_else(|| "its supervisor".into(), |pid| format!("process {pid}"));
    Error::new(format!("{pid} of '{}' of '{}' does not end", state.entry, escaped(&state.worktree)))
}

/// Writes that a server has ended, where its supervisor could not.
fn note_end(place: &Place, mut state: State) -> Result<()> {
    let is_noted = place.find(&state.entry).is_none_or(|now| now.phase.is_end() || now.mark != state.mark);
    if is_noted {
        return Ok(());
    }
    state.reach(Phase::Stopped);
    write(&place.state(&state.entry), &state)
}

/// Stops the servers of worktrees that are gone, as those that plain git has removed.
pub fn stop_deserted(repo: &Repo) -> Result<Vec<Stopped>> {
    let worktrees = Worktrees::read(repo)?;
    let mut stopped = Vec::new();
    for place in deserted(&worktrees, repo) {
        for state in place.states() {
            let is_it = |other: &State| other.entry == state.entry;
            stopped.extend(stop_states(&place, &state.worktree, None, &is_it)?);
        }
        place.forget();
    }
    Ok(stopped)
}

/// Deletes what is known of servers of worktrees that are gone, if none of them runs any more.
pub fn sweep(worktrees: &Worktrees, repo: &Repo) {
    let has_ended = |place: &Place| place.states().iter().all(|state| !state.is_alive());
    for place in deserted(worktrees, repo).into_iter().filter(has_ended) {
        place.forget();
    }
}

/// Returns the places of servers whose worktrees are gone.
fn deserted(worktrees: &Worktrees, repo: &Repo) -> Vec<Place> {
    let trees = worktrees.listing.worktrees.iter();
    let mut known: Vec<Place> = trees.map(|tree| Place::of(repo, tree, worktrees.record(tree))).collect();
    // what is brought back has its logs
    let removed = Trash::of(repo).list().unwrap_or_default().into_iter();
    let records = removed.filter_map(|(_, manifest)| Some(manifest.ok()?.record?.id));
    known.extend(records.map(|id| Place::at(repo, &id)));
    let entries = fs::read_dir(repo.common_dir().join("wt/run")).into_iter().flatten().flatten();
    let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let keys = dirs.filter_map(|entry| entry.file_name().into_string().ok());
    keys.filter(|key| known.iter().all(|place| !place.has(key))).map(|key| Place::at(repo, &key)).collect()
}
