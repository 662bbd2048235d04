//! `git wt list`: the worktrees, where each is, what it serves, and what is uncommitted in it.

use std::ffi::OsString;

use clap::Args as ClapArgs;

use crate::error::Result;
use crate::ops::as_git;
use crate::ops::context::Context;
use crate::ops::list::{self, Row};
use crate::record::worktrees::Worktrees;
use crate::text::name::escaped;

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
        return Err(as_git::at_rest(&gits_own(args), &context.repo));
    }
    let worktrees = Worktrees::read(&context.repo)?;
    let rows = list::rows(&worktrees, !args.no_status, context);
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

/// Returns the options for git's own list.
fn gits_own(args: &Args) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["list".into()];
    words.extend(args.porcelain.then(|| "--porcelain".into()));
    words.extend(args.nul.then(|| "-z".into()));
    words.extend(args.verbose.then(|| "--verbose".into()));
    words.extend(args.expire.as_ref().map(|time| format!("--expire={time}").into()));
    words
}

/// Aligns the rows in columns: mark, name, branch, commit, changes, address, path, marks and note.
fn table(rows: &[Row]) -> Vec<String> {
    let cells: Vec<[String; 7]> = rows
        .iter()
        .map(|row| {
            let head = row.head.as_deref().map(|head| head[..7].to_owned()).unwrap_or_default();
            let cells = [
                row.name.clone(),
                row.branch_cell(),
                head,
                row.changes_cell(),
                row.address_cell(),
                row.path.clone(),
                row.marks(),
            ];
            // escaped here too, since the column widths are those of the text as shown
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
