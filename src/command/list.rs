//! `git wt list`: the worktrees, where each is, what it serves, and what is unfinished in it.

mod serving;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args as ClapArgs;
use serde::Serialize;

use super::git_mode::at_rest;
use crate::error::Result;
use crate::git::worktrees::{Head, Worktree};
use crate::git::{self, Repo};
use crate::host::file;
use crate::ops::context::Context;
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use crate::text::name::escaped;
use serving::{Listener, Serving};

/// List the worktrees
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Look at no file: names, branches and addresses only
    #[arg(long)]
    pub no_status: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print git's own machine format
    #[arg(long)]
    pub porcelain: bool,
    /// End lines with NUL (with --porcelain)
    #[arg(short = 'z', requires = "porcelain")]
    pub nul: bool,
    /// Show git's own list, with reasons of locks
    #[arg(short, long)]
    pub verbose: bool,
    /// Take --porcelain back
    #[arg(long, hide = true, overrides_with = "porcelain")]
    pub no_porcelain: bool,
    /// Take --verbose back
    #[arg(long, hide = true, overrides_with = "verbose")]
    pub no_verbose: bool,
    /// Take --expire back
    #[arg(long, hide = true, overrides_with = "expire")]
    pub no_expire: bool,
    /// With git's own list: call worktrees prunable that are older than this
    #[arg(long, value_name = "TIME")]
    pub expire: Option<String>,
}

/// Prints the list.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    if args.porcelain || args.verbose || args.expire.is_some() {
        return Err(at_rest(&gits_own(args), &context.repo));
    }
    let worktrees = Worktrees::read(&context.repo)?;
    let trees: Vec<&Worktree> = worktrees.listing.worktrees.iter().collect();
    let statuses = if args.no_status { vec![None; trees.len()] } else { statuses(&trees) };
    let serving = Serving::look(&worktrees);
    let row = |(tree, status): (&&Worktree, _)| Row::of(tree, status, &worktrees, &serving, context);
    let rows: Vec<Row> = trees.iter().zip(statuses).map(row).collect();
    if args.json {
        let text = serde_json::json!({"version": 1, "worktrees": rows}).to_string();
        context.ui.answer(format!("{text}\n").as_bytes())?;
    } else {
        context.ui.print_lines(table(&rows))?;
    }
    let damaged = context.repo.damaged(&worktrees.listing)?;
    for broken in damaged.iter().filter(|broken| !broken.may_be_in_the_making()) {
        context.ui.warn(&format!("git's entry '{}' is damaged: {}", broken.id, broken.why));
        context.ui.hint("git wt doctor --fix");
    }
    Ok(0)
}

/// The options of git's own list.
fn gits_own(args: &Args) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["list".into()];
    words.extend(args.porcelain.then(|| "--porcelain".into()));
    words.extend(args.nul.then(|| "-z".into()));
    words.extend(args.verbose.then(|| "--verbose".into()));
    words.extend(args.expire.as_ref().map(|time| format!("--expire={time}").into()));
    words
}

/// What is not committed in a worktree, and how it stands to its upstream.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Status {
    /// Files with changes, staged or not.
    changed: usize,
    /// Files git does not know.
    untracked: usize,
    /// Lines that are new against HEAD, untracked files' too.
    added: usize,
    /// Lines that are gone against HEAD.
    deleted: usize,
    /// Commits the upstream has not; absent without an upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<usize>,
    /// Commits of the upstream that are missing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<usize>,
}

/// Looks at all worktrees, as many at a time as there are processors.
fn statuses(trees: &[&Worktree]) -> Vec<Option<Status>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![None; trees.len()]);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(trees.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(tree) = trees.get(at) else { break };
                    let status =
                        if tree.missing || tree.head == Head::Bare { None } else { Status::of(tree).ok() };
                    if let Ok(mut found) = found.lock() {
                        found[at] = status;
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_default()
}

impl Status {
    /// Asks git, which takes no lock and writes no index for it.
    pub(super) fn of(tree: &Worktree) -> Result<Self> {
        let root = &tree.path;
        let output = git::looking_at(root)
            .args(["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all"])
            .stdout()?;
        let mut status = Self::default();
        let mut fields = output.split(|b| *b == 0);
        while let Some(field) = fields.next() {
            match field {
                [b'1' | b'u', b' ', ..] => status.changed += 1,
                [b'2', b' ', ..] => {
                    status.changed += 1;
                    // the name it had before
                    fields.next();
                }
                [b'?', b' ', path @ ..] => {
                    status.untracked += 1;
                    for path in git::paths(path) {
                        status.added += lines_of(&root.join(path));
                    }
                }
                [b'#', ..] => status.read_header(&String::from_utf8_lossy(field)),
                _ => {}
            }
        }
        if status.changed > 0 && tree.head.oid().is_some() {
            let numbers =
                git::looking_at(root).args(["diff", "--numstat", "--no-renames", "-z", "HEAD"]).stdout()?;
            for line in numbers.split(|b| *b == 0) {
                let line = String::from_utf8_lossy(line);
                let mut numbers = line.split('\t').map(|number| number.parse().unwrap_or(0));
                status.added += numbers.next().unwrap_or(0);
                status.deleted += numbers.next().unwrap_or(0);
            }
        }
        Ok(status)
    }

    /// Reads `# branch.ab +1 -2`.
    fn read_header(&mut self, line: &str) {
        let Some(numbers) = line.strip_prefix("# branch.ab ") else { return };
        let mut numbers = numbers.split(' ').map(|number| number.trim_start_matches(['+', '-']).parse().ok());
        self.ahead = numbers.next().flatten();
        self.behind = numbers.next().flatten();
    }

    /// In a few characters; nothing where there is nothing to tell.
    pub(super) fn describe(&self) -> String {
        let mut parts = Vec::new();
        if self.added + self.deleted > 0 {
            parts.push(format!("+{} -{}", self.added, self.deleted));
        } else if self.changed > 0 {
            parts.push(format!("{} changed", self.changed));
        } else if self.untracked > 0 {
            parts.push(format!("{} new", self.untracked));
        }
        for (arrow, count) in [("↑", self.ahead), ("↓", self.behind)] {
            if let Some(count @ 1..) = count {
                parts.push(format!("{arrow}{count}"));
            }
        }
        parts.join(" ")
    }
}

/// The number of lines of a text file; 0 for what is binary, huge, or no file.
fn lines_of(path: &Path) -> usize {
    if !path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= file::LARGEST) {
        return 0;
    }
    let bytes = file::read(path).ok().flatten().filter(|bytes| !bytes.contains(&0)).unwrap_or_default();
    let unfinished = usize::from(bytes.last().is_some_and(|last| *last != b'\n'));
    bytes.iter().filter(|b| **b == b'\n').count() + unfinished
}

/// A worktree as it is shown. In JSON absent means not applicable, null asked for but unknown.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    path: String,
    repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    head: Option<String>,
    main: bool,
    current: bool,
    detached: bool,
    bare: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<String>,
    missing: bool,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    ports: std::collections::BTreeMap<String, u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<bool>,
    /// Who listens on `port`: absent where nothing does, null where it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    listener: Option<Listener>,
    /// The same for every variable of `ports` whose port listens.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    listeners: std::collections::BTreeMap<String, Listener>,
    protected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    setup: Option<String>,
    /// The remote that the branch should have been pushed to, and is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_pushed_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

impl Row {
    fn of(
        tree: &Worktree,
        status: Option<Status>,
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
            protected: record.is_some_and(|record| record.protected),
            note: record.and_then(|record| record.note.clone()),
            setup,
            not_pushed_to: record.and_then(|record| not_pushed_to(tree, record, &context.repo)),
            created_at: record.map(|record| record.created.clone()),
            updated_at: record.map(|record| record.updated.clone()),
            status,
        }
    }

    fn branch_cell(&self) -> String {
        if self.bare { "(bare)".into() } else { self.branch.clone().unwrap_or_else(|| "(detached)".into()) }
    }

    fn address_cell(&self) -> String {
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

    fn marks(&self) -> String {
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

/// The remote that `add` could not push a branch to; none once git knows it there, or what it tracks.
fn not_pushed_to(tree: &Worktree, record: &Record, repo: &Repo) -> Option<String> {
    let branch = tree.head.branch().filter(|branch| record.branch.as_ref() == Some(branch))?;
    let remote = record.push.clone()?;
    let there = repo.reference(&format!("refs/remotes/{remote}/{branch}")).is_some();
    (!there && !repo.has_upstream(branch)).then_some(remote)
}

/// Lines the rows up: mark, name, branch, commit, changes, address, path, marks and note.
fn table(rows: &[Row]) -> Vec<String> {
    let cells: Vec<[String; 7]> = rows
        .iter()
        .map(|row| {
            let head = row.head.as_deref().map(|head| head[..7].to_owned()).unwrap_or_default();
            let changes = row.status.as_ref().map(Status::describe).unwrap_or_default();
            let cells = [
                row.name.clone(),
                row.branch_cell(),
                head,
                changes,
                row.address_cell(),
                row.path.clone(),
                row.marks(),
            ];
            // here too, since the widths count what is shown
            cells.map(|cell| escaped(&cell))
        })
        .collect();
    let widths: [usize; 7] = std::array::from_fn(|column| {
        cells.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0)
    });
    let mut lines = Vec::new();
    for (row, cells) in rows.iter().zip(&cells) {
        let mut line = String::from(if row.current { "*" } else { " " });
        for (cell, width) in cells.iter().zip(widths).filter(|(_, width)| *width > 0) {
            line += &format!(" {cell:width$} ");
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}
