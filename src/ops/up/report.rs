//! What is said about servers: to people in columns, to programs as JSON.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Serialize;

use super::Started;
use super::entries::Servers;
use super::state::{Phase, Place, State};
use crate::git::worktrees::Worktree;
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;

/// How a server stands. In JSON, absent means not applicable, and null means unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryState {
    pub entry: String,
    /// `starting`, `ready`, `running`, `stopped`, `died` or `failed`.
    pub state: &'static str,
    /// When it was started, or when it ended, RFC 3339.
    pub since: String,
    /// The port that it listens on, or should listen on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The process id of its command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Its exit status; null if nobody knows it, since its supervisor was killed or the machine has restarted.
    #[serde(skip_serializing_if = "ExitStatus::is_none")]
    pub status: ExitStatus,
    /// Whether the worktree's environment has changed since it was started.
    pub restart: bool,
}

/// How a server ended, if it ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ExitStatus {
    /// It runs, or it was ended: absent in JSON.
    None,
    /// Null in JSON.
    Unknown,
    Known(u8),
}

impl ExitStatus {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl EntryState {
    pub(super) fn of(state: &State, restart: bool) -> Self {
        let is_alive = state.is_alive();
        let (word, status) = match &state.phase {
            Phase::Starting | Phase::Ready { .. } | Phase::Running if !is_alive => {
                ("died", ExitStatus::Unknown)
            }
            Phase::Starting => ("starting", ExitStatus::None),
            Phase::Ready { .. } => ("ready", ExitStatus::None),
            Phase::Running => ("running", ExitStatus::None),
            Phase::Stopped => ("stopped", ExitStatus::None),
            Phase::Died { status } => ("died", ExitStatus::Known(*status)),
            Phase::TimedOut { .. } | Phase::Taken { .. } | Phase::Failed { .. } => {
                ("failed", ExitStatus::None)
            }
        };
        let port = match state.phase {
            Phase::Ready { listens } => listens,
            _ => state.port,
        };
        Self {
            entry: state.entry.clone(),
            state: word,
            since: state.ended.clone().unwrap_or_else(|| state.started.clone()),
            port,
            url: state.url().filter(|_| is_alive),
            pid: state.pid.filter(|_| is_alive),
            status,
            restart: restart && is_alive,
        }
    }
}

impl EntryState {
    /// Whether it ended by itself.
    pub fn has_died(&self) -> bool {
        self.state == "died"
    }

    /// Describes it, as in "web ready since 2026-01-02 03:04:05 UTC".
    pub fn describe(&self) -> String {
        let since = self.since.replace('T', " ").replace('Z', " UTC");
        format!("{} {} since {since}", self.entry, self.state)
    }

    /// What a person should do about it, if anything, as a note in the list.
    pub fn need(&self) -> Option<String> {
        let Self { entry, state, .. } = self;
        match (*state, self.status) {
            ("died", ExitStatus::Known(status)) => Some(format!("{entry} died with status {status}")),
            ("died" | "failed", _) => Some(format!("{entry} {state}")),
            _ if self.restart => Some(format!("restart {entry}")),
            _ => None,
        }
    }
}

/// The servers of all worktrees, as far as any was ever started.
#[derive(Debug, Default)]
pub struct States(HashMap<PathBuf, Vec<EntryState>>);

/// Looks at the servers of all worktrees. Where none was ever started, that costs one look at a directory.
pub fn states(worktrees: &Worktrees, context: &Context) -> States {
    if !context.repo.common_dir().join("wt/run").is_dir() {
        return States::default();
    }
    let trees = worktrees.listing.worktrees.iter();
    States(trees.map(|tree| (tree.git_dir.clone(), states_of(tree, worktrees, context))).collect())
}

impl States {
    /// Returns the servers of one worktree, by name.
    pub fn of(&self, tree: &Worktree) -> &[EntryState] {
        self.0.get(&tree.git_dir).map_or(&[], Vec::as_slice)
    }
}

/// Returns the servers of one worktree that were ever started, by name.
fn states_of(tree: &Worktree, worktrees: &Worktrees, context: &Context) -> Vec<EntryState> {
    let place = Place::of(&context.repo, tree, worktrees.record(tree));
    let states = place.states();
    // the environment is read only where something runs in it
    let servers = states.iter().any(State::is_alive).then(|| Servers::of(tree, worktrees, context).ok());
    let has_changed = |state: &State| {
        let now = servers.as_ref()?.as_ref()?.fingerprint(&state.entry, &state.mark).ok()?;
        Some(now != state.environment)
    };
    states.iter().map(|state| EntryState::of(state, has_changed(state).unwrap_or(false))).collect()
}

/// How wide the columns of several servers are.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    worktree: usize,
    entry: usize,
    command: usize,
}

/// The most that is shown of a command.
const COMMAND: usize = 48;

impl Columns {
    /// Returns columns as wide as these servers need; the worktree is shown only if there is more than one.
    pub fn of(servers: &[Started]) -> Self {
        let widest = |of: &dyn Fn(&Started) -> usize| servers.iter().map(of).max().unwrap_or(0);
        let worktrees: std::collections::BTreeSet<&str> =
            servers.iter().map(|server| server.worktree.as_str()).collect();
        Self {
            worktree: if worktrees.len() > 1 { widest(&|server| server.worktree.chars().count()) } else { 0 },
            entry: widest(&|server| server.entry.len()),
            command: widest(&|server| shortened(&server.state.command).chars().count()),
        }
    }

    /// Returns the line of one server.
    pub fn line(self, server: &Started) -> String {
        let mut line = match self.worktree {
            0 => String::new(),
            width => format!("{:width$}  ", server.worktree),
        };
        let state = server.readiness().unwrap_or_else(|| "starting".into());
        let (entry, command) = (self.entry, self.command);
        line += &format!("{:entry$}  {:command$}  {state}", server.entry, shortened(&server.state.command));
        line
    }
}

fn shortened(command: &str) -> String {
    let command = command.replace('\n', " ");
    if command.chars().count() <= COMMAND {
        return command;
    }
    command.chars().take(COMMAND - 1).chain(['…']).collect()
}

impl Started {
    /// Describes how it stands, once it is ready: `ready in 1.9s  http://localhost:8001`.
    pub(super) fn readiness(&self) -> Option<String> {
        let how = match (&self.state.phase, self.state.took, self.ran_already) {
            (Phase::Ready { .. } | Phase::Running, _, true) => "runs already".into(),
            (Phase::Ready { .. }, Some(took), false) => format!("ready in {}", seconds(took)),
            (Phase::Running, _, false) => "running".into(),
            (Phase::Starting, _, true) => "is starting".into(),
            _ => return None,
        };
        let url = self.state.url().map(|url| format!("  {url}")).unwrap_or_default();
        let chose = match (&self.state.phase, self.state.port) {
            (Phase::Ready { listens: Some(port) }, Some(own)) if *port != own => {
                format!(" (it has chosen that port; its own is {own})")
            }
            _ => String::new(),
        };
        let outdated = if self.is_outdated { "; its environment has changed since" } else { "" };
        Some(format!("{how}{outdated}{url}{chose}"))
    }
}

/// Formats a time for people: `1.9s`.
pub(super) fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds / 100;
    if tenths < 1000 { format!("{}.{}s", tenths / 10, tenths % 10) } else { format!("{}s", tenths / 10) }
}
