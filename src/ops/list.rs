//! The worktrees as they are shown: what is known at once, and what is found out by examining their files and commits.

mod base;
pub mod details;
pub mod examine;
mod place;
mod serving;
pub mod size;
pub mod table;

use serde::Serialize;
use serving::{Listener, Serving};

use crate::environment::drift::has_drifted;
use crate::git::Repo;
use crate::git::divergence::Divergence;
use crate::git::operation::Operation;
use crate::git::status::Summary;
use crate::git::worktrees::{Head, Worktree};
use crate::ops::context::Context;
use crate::ops::up::{self, EntryState};
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use examine::Finding;
use size::Size;

/// A value in a row that may not have been asked for, or may be unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Asked<T> {
    /// Not asked for, or not applicable: absent in JSON.
    Not,
    /// Not found out yet: null in JSON, like what never will be.
    Pending,
    /// Could not be determined: null in JSON.
    Unknown,
    Known(T),
}

impl<T> Asked<T> {
    fn is_not(&self) -> bool {
        matches!(self, Self::Not)
    }

    /// Returns the value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    fn pending_if(asked: bool) -> Self {
        if asked { Self::Pending } else { Self::Not }
    }
}

/// What is to be found out besides what is known at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// What is uncommitted, and how the commits compare with those of the base.
    pub status: bool,
    /// How much room the files take.
    pub size: bool,
}

/// Returns a row for each worktree, the main one first. What is wanted besides is pending.
pub fn rows(worktrees: &Worktrees, wanted: Wanted, context: &Context) -> Vec<Row> {
    let recipe = context.recipe().ok();
    let mains_port = place::port_of_main(worktrees, recipe.as_ref(), context);
    let serving = Serving::look(worktrees, mains_port);
    let servers = up::states(worktrees, context);
    let places = place::Places::of(recipe.as_ref(), context);
    let mut rows: Vec<Row> = worktrees
        .listing
        .worktrees
        .iter()
        .map(|tree| Row::of(tree, wanted, worktrees, &serving, context))
        .collect();
    for (row, tree) in rows.iter_mut().zip(&worktrees.listing.worktrees) {
        row.run = servers.of(tree).to_vec();
        row.elsewhere = places.unusual(tree, worktrees);
        if wanted.status && !tree.missing {
            row.drifted = worktrees.record(tree).and_then(|record| {
                let recipe = places.recipe(tree, Some(record), record.name.as_str())?;
                Some(has_drifted(record, &recipe, &tree.path, &context.words_in(record, tree)))
            });
        }
        if tree.is_main() {
            row.address = mains_port;
            row.listening = mains_port.and_then(|port| serving.on(port, tree));
        }
    }
    rows
}

/// The commit that is checked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownCommit {
    /// When it was committed, RFC 3339.
    pub committed_at: String,
    pub subject: String,
    /// The same time, in seconds since 1970.
    #[serde(skip)]
    pub committed: i64,
}

/// How the commits compare with those of the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The branch that it is compared with.
    pub with: String,
    #[serde(flatten)]
    pub divergence: Divergence,
    /// Whether the changes need not be compared any more.
    #[serde(skip)]
    pub is_all: bool,
}

/// A worktree as it is shown. In JSON, absent means not applicable, and null means asked for but unknown.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub path: String,
    pub repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    pub head: Option<String>,
    pub main: bool,
    pub current: bool,
    pub detached: bool,
    pub bare: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    pub missing: bool,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub ports: std::collections::BTreeMap<String, u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
    /// The process that listens on `port`: absent if there is none, null if that cannot be determined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<Listener>,
    /// The same for each variable of `ports` whose port has a listener.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub listeners: std::collections::BTreeMap<String, Listener>,
    /// The servers that `up` has started here, also those that have ended since.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<EntryState>,
    pub protected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// The remote that the branch should have been pushed to but was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_pushed_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    #[serde(skip_serializing_if = "Asked::is_not")]
    pub status: Asked<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    #[serde(skip_serializing_if = "Asked::is_not")]
    pub compared: Asked<Compared>,
    #[serde(skip_serializing_if = "Asked::is_not")]
    pub commit: Asked<ShownCommit>,
    #[serde(skip_serializing_if = "Asked::is_not")]
    pub size: Asked<Size>,
    /// Whether its environment is not what the recipe wants, or not as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drifted: Option<bool>,
    /// The port of its address: its own, or the one that the main worktree has always had.
    #[serde(skip)]
    pub address: Option<u16>,
    /// Who listens there.
    #[serde(skip)]
    pub listening: Option<Listener>,
    /// Where it is, if that is not where the recipe would put it.
    #[serde(skip)]
    pub elsewhere: Option<String>,
    /// What its setup waits for, in few words.
    #[serde(skip)]
    pub unfinished: Option<String>,
}

impl Row {
    fn of(
        tree: &Worktree,
        wanted: Wanted,
        worktrees: &Worktrees,
        serving: &Serving,
        context: &Context,
    ) -> Self {
        let record = worktrees.record(tree);
        let ports = record.map(Record::ports).unwrap_or_default();
        let port = ports.first().map(|(_, number)| *number);
        let listening =
            ports.iter().filter_map(|(name, port)| Some((name.clone(), serving.on(*port, tree)?)));
        let listeners = listening.collect();
        let listener = port.and_then(|port| serving.on(port, tree));
        let unfinished = record.and_then(|record| record.unfinished_hook());
        let has_files = !tree.missing && tree.head != Head::Bare;
        Self {
            name: worktrees.name(tree),
            path: tree.path.to_string_lossy().into_owned(),
            repository: context.repo.common_dir().to_string_lossy().into_owned(),
            branch: tree.head.branch().map(|branch| branch.as_str().to_owned()),
            base: record.and_then(|record| record.base.clone()),
            head: tree.head.oid().map(|oid| oid.as_str().to_owned()),
            main: tree.is_main(),
            current: worktrees.is_current(tree),
            detached: matches!(tree.head, Head::Detached(_)),
            bare: tree.head == Head::Bare,
            locked: tree.locked.clone(),
            missing: tree.missing,
            port,
            url: port.map(url),
            running: port.map(|_| listener.is_some()),
            address: port,
            listening: listener.clone(),
            listener,
            listeners,
            ports: ports.into_iter().collect(),
            run: Vec::new(),
            protected: record.is_some_and(|record| record.protected),
            note: record.and_then(|record| record.note.clone()),
            setup: unfinished.map(|hook| format!("'{}' {}", hook.command, hook.ended.describe())),
            unfinished: unfinished.map(details::unfinished),
            not_pushed_to: record.and_then(|record| not_pushed_to(tree, record, &context.repo)),
            created_at: record.map(|record| record.created.clone()),
            updated_at: record.map(|record| record.updated.clone()),
            status: Asked::pending_if(wanted.status && has_files),
            operation: None,
            compared: Asked::Not,
            commit: Asked::pending_if(wanted.status && tree.head.oid().is_some()),
            size: Asked::pending_if(wanted.size && has_files),
            drifted: None,
            elsewhere: None,
        }
    }

    /// Whether something is still to be found out.
    pub fn is_pending(&self) -> bool {
        self.status == Asked::Pending
            || self.compared == Asked::Pending
            || self.compared.known().is_some_and(|compared| !compared.is_all)
            || self.commit == Asked::Pending
            || self.size == Asked::Pending
    }

    /// Takes over what an older row of the same worktree says, until it is found out again.
    pub fn keep_what_is_pending(&mut self, old: &Self) {
        fn keep<T: Clone + PartialEq>(place: &mut Asked<T>, old: &Asked<T>) {
            if *place == Asked::Pending {
                place.clone_from(old);
            }
        }
        keep(&mut self.status, &old.status);
        keep(&mut self.compared, &old.compared);
        keep(&mut self.commit, &old.commit);
        keep(&mut self.size, &old.size);
        self.operation = old.operation;
    }

    /// Takes what was found out; returns a warning if that failed.
    pub fn take(&mut self, finding: Finding) -> Option<String> {
        fn known<T>(place: &mut Asked<T>, found: crate::error::Result<T>) -> Option<String> {
            match found {
                Ok(value) => *place = Asked::Known(value),
                Err(error) => {
                    *place = Asked::Unknown;
                    return Some(error.in_one_line());
                }
            }
            None
        }
        let (what, why) = match finding {
            Finding::Status(operation, status) => {
                self.operation = operation;
                ("what has changed in", known(&mut self.status, status))
            }
            Finding::Merged(merged) => {
                if let Asked::Known(compared) = &mut self.compared {
                    compared.divergence.merged = merged.as_ref().is_ok_and(|merged| *merged);
                    compared.is_all = true;
                }
                ("whether the base has the changes of", merged.err().map(|error| error.in_one_line()))
            }
            Finding::Compared(compared) => ("how far the base is from", known(&mut self.compared, compared)),
            Finding::Commit(commit) => ("when the last commit was made in", known(&mut self.commit, commit)),
            Finding::Size(size) => ("the size of", known(&mut self.size, size)),
        };
        why.map(|why| format!("cannot tell {what} '{}': {why}", self.name))
    }
}

/// Returns the address of what listens on a port of ours.
fn url(port: u16) -> String {
    format!("http://localhost:{port}")
}

/// Returns the remote that `add` could not push a branch to; `None` once the branch is there, or tracks something.
fn not_pushed_to(tree: &Worktree, record: &Record, repo: &Repo) -> Option<String> {
    let branch = tree.head.branch().filter(|branch| record.branch.as_ref() == Some(branch))?;
    let remote = record.push.clone()?;
    let there = repo.reference(&format!("refs/remotes/{remote}/{branch}")).is_some();
    (!there && !repo.has_upstream(branch)).then_some(remote)
}
