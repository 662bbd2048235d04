//! `git wt list`: the worktrees, what is going on in each, and where it serves.

mod watch;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;

use crate::error::Result;
use crate::host::exec;
use crate::ops::as_git;
use crate::ops::context::Context;
use crate::ops::list::examine::{self, Finding, Findings};
use crate::ops::list::{self, Row, Wanted, details, size, table};
use crate::record::worktrees::Worktrees;
use crate::ui::live::{self, Live};

/// How long a list on a terminal waits for what is still unknown.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long findings are gathered before they are shown.
const GLANCE: Duration = Duration::from_millis(30);

/// List the worktrees
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Look at no file and no commit: names, addresses and notes only
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
    /// Show all that is known of each: path, commit, ports, databases, hooks
    #[arg(short, long)]
    pub verbose: bool,
    /// Show the list anew whenever something changes, until q or Ctrl-C
    #[arg(long, conflicts_with_all = ["json", "porcelain", "verbose", "expire"])]
    pub watch: bool,
    /// Show how much room each takes, and what is in the trash
    #[arg(long)]
    pub size: bool,
    /// Take --porcelain back
    #[arg(long, hide = true, overrides_with = "porcelain")]
    pub no_porcelain: bool,
    /// Take --verbose back
    #[arg(long, hide = true, overrides_with = "verbose")]
    pub no_verbose: bool,
    /// Take --expire back
    #[arg(long, hide = true, overrides_with = "expire")]
    pub no_expire: bool,
    /// Show git's own list, which calls worktrees prunable that are older than this
    #[arg(long, value_name = "TIME")]
    pub expire: Option<String>,
}

/// Prints the list.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    if args.porcelain || args.expire.is_some() {
        return Err(as_git::at_rest(&gits_own(args), &context.repo));
    }
    let wanted = Wanted { status: !args.no_status, size: args.size };
    if args.watch {
        return watch::run(wanted, context);
    }
    let worktrees = Worktrees::read(&context.repo)?;
    let mut rows = list::rows(&worktrees, wanted, context);
    let findings = examine::begin(&mut rows, &worktrees, wanted, context);
    let is_complete = args.json || args.verbose || live::size().is_none();
    let warnings = if is_complete {
        findings.iter().filter_map(|(at, finding)| rows[at].take(finding)).collect()
    } else {
        show_on_terminal(&mut rows, findings, context)?
    };
    if args.json {
        let text = serde_json::json!({"version": 1, "worktrees": rows}).to_string();
        context.ui.answer(format!("{text}\n").as_bytes())?;
    } else if args.verbose {
        context.ui.print_lines(blocks(&rows, &worktrees))?;
    } else if is_complete {
        let table = table::of(&rows, false);
        context.ui.answer(live::painted(&table.lines(&table.layout(None))).as_bytes())?;
    }
    if args.size && !args.json {
        context.ui.print_lines(size::of_trash(&context.repo)?)?;
    }
    for warning in warnings {
        context.ui.warn(&warning);
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

/// Shows the table, fitted to the terminal. Names stand at once, and the rest is filled in as it comes, without moving
/// what stands; what comes late is not waited for. Returns the warnings.
fn show_on_terminal(rows: &mut [Row], findings: Findings, context: &Context) -> Result<Vec<String>> {
    let deadline = Instant::now() + PATIENCE;
    let mut warnings = Vec::new();
    let mut lines = live::is_possible().then(Live::new);
    let mut is_over = !rows.iter().any(Row::is_pending);
    let mut fitted = None;
    loop {
        let table = table::of(rows, !is_over);
        let columns = live::size().map(|(_, columns)| columns);
        if fitted.as_ref().is_none_or(|(width, _)| *width != columns) {
            fitted = Some((columns, table.layout(columns)));
        }
        let Some((_, layout)) = &fitted else { continue };
        let shown = table.lines(layout);
        // the header never changes
        let settled = 1 + rows.iter().take_while(|row| is_over || !row.is_pending()).count();
        match &mut lines {
            Some(lines) => lines.draw(&shown, settled),
            None if is_over => context.ui.answer(live::painted(&shown).as_bytes())?,
            None => {}
        }
        if is_over {
            break;
        }
        is_over = !gather(rows, &findings, deadline, &mut warnings);
    }
    drop(findings);
    if rows.iter().any(Row::is_pending) {
        exec::abandon_children();
    }
    Ok(warnings)
}

/// Takes the findings of a moment; returns false if there will be no more, or none in time.
fn gather(rows: &mut [Row], findings: &Findings, deadline: Instant, warnings: &mut Vec<String>) -> bool {
    let mut take = |(at, finding): (usize, Finding)| warnings.extend(rows[at].take(finding));
    let Ok(first) = findings.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
        return false;
    };
    take(first);
    let moment = (Instant::now() + GLANCE).min(deadline);
    while let Ok(next) = findings.recv_timeout(moment.saturating_duration_since(Instant::now())) {
        take(next);
    }
    true
}

/// Returns a block of lines for each worktree.
fn blocks(rows: &[Row], worktrees: &Worktrees) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        let mark = if row.current { "* " } else { "  " };
        lines.push(format!("{mark}{}", row.name));
        let told = details::block(row, worktrees);
        lines.extend(told.into_iter().map(|(what, told)| format!("    {what:9} {told}")));
    }
    lines
}
