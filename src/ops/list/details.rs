//! All that is known about each worktree, in a block of its own.

use crate::ops::list::Row;
use crate::ops::list::table::ago;
use crate::record::worktrees::Worktrees;
use crate::record::{HookRun, HookStatus, Record};
use crate::resource::Resource;

/// Says in few words what the setup of a worktree waits for.
pub fn unfinished(hook: &HookRun) -> String {
    match hook.ended {
        HookStatus::Pending => format!("setup unfinished: {}", hook.command),
        HookStatus::Failed(_) | HookStatus::Done => format!("setup failed: {}", hook.command),
        HookStatus::TimedOut(_) => format!("setup {}: {}", hook.ended.describe(), hook.command),
    }
}

/// Returns the lines of one worktree: its name, then what is known, one thing a line.
pub fn block(row: &Row, worktrees: &Worktrees) -> Vec<(String, String)> {
    let tree = worktrees.listing.worktrees.iter().find(|tree| tree.path.to_string_lossy() == row.path);
    let record = tree.and_then(|tree| worktrees.record(tree));
    let mut lines: Vec<(&str, String)> = vec![("path", row.path.clone())];
    lines.extend(row.branch.as_ref().map(|branch| ("branch", branch.clone())));
    lines.extend(row.head.as_ref().map(|head| ("commit", commit(row, head))));
    let changes = row.changes();
    if !changes.is_empty() {
        lines.push(("changes", changes.join(" ")));
    }
    if let Some(compared) = row.compared.known() {
        let told = compared.divergence.describe();
        let told = if told.is_empty() { "nothing new".into() } else { told };
        lines.push(("base", format!("{told} ({})", compared.with)));
    }
    lines.extend(row.size.known().map(|size| ("size", size.describe())));
    lines.extend(row.address.map(|port| ("address", address(port, row))));
    lines.extend(ports(row));
    lines.extend(row.run.iter().map(|server| ("server", server.describe())));
    lines.extend(record.into_iter().flat_map(things));
    lines.extend(record.map(|record| ("made", made(record))));
    lines.extend(record.into_iter().flat_map(hooks));
    lines.extend(row.needs().into_iter().map(|need| ("state", need)));
    lines.extend(row.note.as_ref().map(|note| ("note", note.clone())));
    lines.into_iter().map(|(what, told)| (what.to_owned(), told)).collect()
}

fn commit(row: &Row, head: &str) -> String {
    let short = &head[..7];
    match row.commit.known() {
        Some(commit) => format!("{short} {} ({})", commit.subject, ago(commit.committed)),
        None => short.to_owned(),
    }
}

fn address(port: u16, row: &Row) -> String {
    let listener = row.listening.as_ref().map(|listener| format!(", {}", listener.describe()));
    super::url(port) + &listener.unwrap_or_default()
}

/// Each port by its variable, and who listens there.
fn ports(row: &Row) -> Vec<(&'static str, String)> {
    let ports = row.ports.iter().map(|(name, port)| match row.listeners.get(name) {
        Some(listener) => ("port", format!("{port} {name}, {}", listener.describe())),
        None => ("port", format!("{port} {name}")),
    });
    ports.collect()
}

/// The databases, and the other things that were made for it.
fn things(record: &Record) -> Vec<(&'static str, String)> {
    let databases = record.databases().map(|database| ("database", database.shown()));
    let files = record.made().filter_map(|made| match made {
        Resource::EnvFile(file) => Some(("env file", file.path.clone())),
        Resource::Venv(venv) => Some(("venv", venv.path.to_string_lossy().into_owned())),
        _ => None,
    });
    databases.chain(files).collect()
}

fn made(record: &Record) -> String {
    let from = record.base_branch.as_ref().map(ToString::to_string).or_else(|| record.base.clone());
    let from = from.map(|base| format!(" from {base}")).unwrap_or_default();
    let template = record.template.as_ref().map(|it| format!(", template {it}")).unwrap_or_default();
    let time = record.created.replace('T', " ").replace('Z', " UTC");
    format!("{time}{from}{template}")
}

fn hooks(record: &Record) -> Vec<(&'static str, String)> {
    record.hooks.iter().map(|hook| ("hook", format!("{} {}", hook.command, hook.ended.describe()))).collect()
}
