//! `git wt undo`: bring back what was removed.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCandidates;

use crate::error::Result;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::undo;
use crate::shell::complete;

/// Bring back a worktree that was removed
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Its name; the one that was removed last if absent
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(complete::removed))]
    pub name: Option<String>,
    /// Show what can be brought back, and stop
    #[arg(short, long, conflicts_with_all = ["name", "empty"])]
    pub list: bool,
    /// Delete it for good, or, without a name, all that was removed
    #[arg(long)]
    pub empty: bool,
}

/// Brings a worktree back and prints its directory.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let name = args.name.as_deref();
    if args.list {
        context.ui.print_lines(undo::list(context)?)?;
        return Ok(0);
    }
    if args.empty {
        undo::empty(name, context)?;
        return Ok(0);
    }
    let path = undo::undo(name, context)?;
    context.print_path(&path)?;
    Ok(0)
}
