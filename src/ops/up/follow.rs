//! What servers print: shown as it comes, and read again from their logs.

use std::path::Path;
use std::time::Duration;

use super::state::{Phase, Place, State};
use super::{Started, entries};
use crate::error::{Error, Explain, Result};
use crate::git::worktrees::Worktree;
use crate::host::exec;
use crate::host::log::Reader;
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;
use crate::text::name::escaped;
use crate::ui;

const GLANCE: Duration = Duration::from_millis(50);

/// Shows what servers print, with the name before each line, until all have ended or we are asked to stop. Returns the
/// status of the first that failed.
pub fn follow(servers: &mut [Started], context: &Context) -> Result<u8> {
    let width = servers.iter().map(|server| server.entry.len()).max().unwrap_or(0);
    let mut told = vec![false; servers.len()];
    let mut ended = vec![false; servers.len()];
    let mut status = 0;
    while ended.contains(&false) {
        exec::check_stopped()?;
        for (at, server) in servers.iter_mut().enumerate() {
            if ended[at] {
                continue;
            }
            // looked at before its output is read, so that nothing comes after the last look
            ended[at] = server.has_ended();
            show_lines(server, width, ended[at], context)?;
            if let (false, false, Some(line)) = (told[at], ended[at], server.readiness()) {
                told[at] = true;
                context.ui.say(&format!("{:width$} | {line}", server.entry));
            }
            if ended[at] {
                let error = server.failure();
                context.ui.say(&format!("{:width$} | {}", server.entry, error.what));
                let code = match server.state.phase {
                    Phase::Died { status } => status,
                    Phase::Stopped => 0,
                    _ => error.exit,
                };
                status = if status == 0 { code } else { status };
            }
        }
        std::thread::sleep(GLANCE);
    }
    Ok(status)
}

fn show_lines(server: &mut Started, width: usize, at_end: bool, context: &Context) -> Result<()> {
    let Some(output) = &mut server.output else { return Ok(()) };
    let lines = output.lines(at_end).explain(|| unread(&server.entry))?;
    show_each(&format!("{:width$} | ", server.entry), &lines.concat(), context)
}

/// What to show of the logs of a worktree's servers.
#[derive(Debug, Clone)]
pub struct Logs {
    /// These servers only, if any is named.
    pub entries: Vec<String>,
    /// The last lines only.
    pub lines: Option<usize>,
    /// Goes on until all have ended.
    pub follow: bool,
}

/// Shows the logs of a worktree's servers.
pub fn logs(tree: &Worktree, wanted: &Logs, worktrees: &Worktrees, context: &Context) -> Result<()> {
    let place = Place::of(&context.repo, tree, worktrees.record(tree));
    let states = states(&place, tree, wanted, worktrees, context)?;
    let width = states.iter().map(|state| state.entry.len()).max().unwrap_or(0);
    let prefix = |state: &State| {
        if states.len() > 1 { format!("{:width$} | ", state.entry) } else { String::new() }
    };
    let mut readers = Vec::new();
    for state in &states {
        if state.foreground && state.is_alive() {
            context.ui.say(&format!("note: '{}' runs on a terminal, where its output is", state.entry));
        }
        let (reader, text) =
            Reader::open(&place.log(&state.entry), wanted.lines).explain(|| unread(&state.entry))?;
        show_each(&prefix(state), &text, context)?;
        readers.push(reader);
    }
    let mut has_ended = !wanted.follow;
    while !has_ended {
        has_ended = states.iter().all(|state| place.find(&state.entry).is_none_or(|now| !now.is_alive()));
        for (state, reader) in states.iter().zip(&mut readers) {
            let lines = reader.lines(has_ended).explain(|| unread(&state.entry))?;
            show_each(&prefix(state), &lines.concat(), context)?;
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}

fn unread(entry: &str) -> String {
    format!("cannot read the log of '{entry}'")
}

/// Shows lines, each after a prefix.
fn show_each(prefix: &str, text: &[u8], context: &Context) -> Result<()> {
    let text = String::from_utf8_lossy(text);
    text.lines().try_for_each(|line| context.ui.show(&format!("{prefix}{line}\n")))
}

/// Returns the servers whose logs are wanted.
fn states(
    place: &Place,
    tree: &Worktree,
    wanted: &Logs,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Vec<State>> {
    let known = place.states();
    let never_ran: Vec<String> = wanted
        .entries
        .iter()
        .filter(|name| known.iter().all(|state| state.entry != **name))
        .cloned()
        .collect();
    if !never_ran.is_empty() {
        super::chosen(tree, &never_ran, worktrees, context)?;
    }
    let name = worktrees.name(tree);
    let states: Vec<State> = known
        .into_iter()
        .filter(|state| wanted.entries.is_empty() || wanted.entries.contains(&state.entry))
        .collect();
    if states.is_empty() {
        let what = never_ran.first().map_or("nothing".to_owned(), |entry| format!("'{entry}'"));
        let what = if never_ran.is_empty() { what } else { format!("{what} never") };
        let error = Error::new(format!("{what} ran in '{}' so far", escaped(&name)));
        return Err(error.hint(entries::hint("git wt up -d", &name)));
    }
    Ok(states)
}

/// Returns the last lines that a server has printed.
pub(super) fn last_words(log: &Path, command: &str) -> String {
    const LINES: usize = 12;
    let Ok((_, text)) = Reader::open(log, Some(200)) else { return String::new() };
    let text = String::from_utf8_lossy(&text).into_owned();
    let heading = super::supervise::heading(command);
    let own = text.rsplit_once(&heading).map_or(&*text, |(_, own)| own);
    let own = ui::without_colours(own);
    let lines: Vec<&str> = own.trim_end().lines().map(str::trim_end).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
