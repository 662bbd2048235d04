//! The worktrees as they are shown: git's listing, the records, the changes, and which processes listen.

mod serving;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use serving::{Listener, Serving};

use crate::error::Result;
use crate::git::Repo;
use crate::git::status::Summary;
use crate::git::worktrees::{Head, Worktree};
use crate::ops::context::Context;
use crate::ops::up::{self, EntryState};
use crate::record::Record;
use crate::record::worktrees::Worktrees;

/// A value in a row that may not have been asked for, or may be unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Asked<T> {
    /// Not asked for, or not applicable: absent in JSON.
    Not,
    /// Could not be determined: null in JSON.
    Unknown,
    Known(T),
}

impl<T> Asked<T> {
    fn is_not(&self) -> bool {
        matches!(self, Self::Not)
    }
}

/// Returns a row for each worktree, the main one first; `with_status` also examines their files.
pub fn rows(worktrees: &Worktrees, with_status: bool, context: &Context) -> Vec<Row> {
    let trees: Vec<&Worktree> = worktrees.listing.worktrees.iter().collect();
    let statuses = if with_status { statuses(&trees) } else { trees.iter().map(|_| None).collect() };
    let serving = Serving::look(worktrees);
    let servers = up::states(worktrees, context);
    let mut rows = Vec::new();
    for (tree, status) in trees.into_iter().zip(statuses) {
        let status = match status {
            None => Asked::Not,
            Some(Ok(summary)) => Asked::Known(summary),
            Some(Err(error)) => {
                let (name, error) = (worktrees.name(tree), worktrees.unless_gone(tree, error));
                context
                    .ui
                    .warn(&format!("cannot tell what has changed in '{name}': {}", error.in_one_line()));
                Asked::Unknown
            }
        };
        rows.push(Row {
            run: servers.of(tree).to_vec(),
            ..Row::of(tree, status, worktrees, &serving, context)
        });
    }
    rows
}

/// Examines the files of all worktrees that have any, as many at a time as there are processors.
fn statuses(trees: &[&Worktree]) -> Vec<Option<Result<Summary>>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(trees.iter().map(|_| None).collect::<Vec<_>>());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(trees.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(tree) = trees.get(at) else { break };
                    if tree.missing || tree.head == Head::Bare {
                        continue;
                    }
                    let status = Summary::of(tree);
                    found.lock().expect("no thread panics with it")[at] = Some(status);
                }
            });
        }
    });
    found.into_inner().expect("no thread has panicked with it")
}

/// A worktree as it is shown. In JSON, absent means not applicable, and null means asked for but unknown.
#[derive(Debug, Serialize)]
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
}

impl Row {
    fn of(
        tree: &Worktree,
        status: Asked<Summary>,
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
        let setup = record.and_then(|record| record.unfinished_hook());
        let setup = setup.map(|hook| format!("'{}' {}", hook.command, hook.ended.describe()));
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
            url: port.map(|port| format!("http://localhost:{port}")),
            running: port.map(|_| listener.is_some()),
            listener,
            listeners,
            ports: ports.into_iter().collect(),
            run: Vec::new(),
            protected: record.is_some_and(|record| record.protected),
            note: record.and_then(|record| record.note.clone()),
            setup,
            not_pushed_to: record.and_then(|record| not_pushed_to(tree, record, &context.repo)),
            created_at: record.map(|record| record.created.clone()),
            updated_at: record.map(|record| record.updated.clone()),
            status,
        }
    }

    /// Describes the uncommitted changes, for people.
    pub fn changes_cell(&self) -> String {
        match &self.status {
            Asked::Not => String::new(),
            Asked::Unknown => "?".into(),
            Asked::Known(summary) => summary.describe(),
        }
    }

    pub fn branch_cell(&self) -> String {
        if self.bare { "(bare)".into() } else { self.branch.clone().unwrap_or_else(|| "(detached)".into()) }
    }

    /// Returns the address for people, and which process serves it.
    pub fn address_cell(&self) -> String {
        let Some(url) = &self.url else { return String::new() };
        let mut text = url.clone();
        if let Some(listener) = &self.listener {
            text += &format!(" {}", listener.describe());
        }
        for (name, listener) in &self.listeners {
            let number = self.ports[name];
            if Some(number) != self.port {
                text += &format!(", {name} {number} {}", listener.describe());
            }
        }
        text
    }

    /// Returns further remarks, in words.
    pub fn marks(&self) -> String {
        let mut marks = Vec::new();
        if self.main {
            marks.push("main".to_owned());
        }
        if let Some(reason) = &self.locked {
            marks.push(if reason.is_empty() { "locked".into() } else { format!("locked: {reason}") });
        }
        if self.missing {
            marks.push(if self.locked.is_some() { "missing".into() } else { "missing, prunable".into() });
        }
        if self.protected {
            marks.push("protected".into());
        }
        marks.extend(self.setup.as_ref().map(|setup| format!("setup unfinished: {setup}")));
        marks.extend(self.not_pushed_to.as_ref().map(|_| "not pushed".to_owned()));
        marks.extend(self.note.clone());
        marks.join("; ")
    }
}

/// Returns the remote that `add` could not push a branch to; `None` once the branch is there, or tracks something.
fn not_pushed_to(tree: &Worktree, record: &Record, repo: &Repo) -> Option<String> {
    let branch = tree.head.branch().filter(|branch| record.branch.as_ref() == Some(branch))?;
    let remote = record.push.clone()?;
    let there = repo.reference(&format!("refs/remotes/{remote}/{branch}")).is_some();
    (!there && !repo.has_upstream(branch)).then_some(remote)
}
