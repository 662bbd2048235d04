//! `git wt run`: run a command in a worktree's directory and environment.

use std::ffi::OsString;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Result};
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::run;
use crate::record::worktrees::Worktrees;
use crate::shell::complete;

/// Run a command in a worktree's directory and environment
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Worktree
    #[arg(value_name = "WORKTREE", required_unless_present = "all", add = ArgValueCompleter::new(complete::worktrees))]
    pub target: Option<String>,
    /// Run it in all worktrees at once, the main one too
    #[arg(long, conflicts_with = "target")]
    pub all: bool,
    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true, num_args = 1.., value_hint = clap::ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}

/// Becomes the command, whose exit status is then ours.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let Some(target) = &args.target else {
        // signals are passed on to the commands, which all get time to stop
        exec::watch_signals()?;
        return Ok(run::run_in_all(&args.command, &worktrees, context));
    };
    let tree = worktrees.find(target)?;
    if tree.missing {
        return Err(Error::new(format!("'{}' is missing", tree.path.display())).hint("git wt prune"));
    }
    let failed = run::prepare(&args.command, tree, &worktrees, context)?.replace();
    Err(worktrees.unless_gone(tree, failed))
}
