//! `git wt logs`: show what the servers of a worktree have printed.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::Result;
use crate::ops::context::Context;
use crate::ops::up::{self, Logs, entries};
use crate::record::worktrees::Worktrees;
use crate::shell::complete;

/// Show what the servers of a worktree have printed
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree, the current one if absent; then servers, all if absent
    #[arg(value_name = "WORKTREE|SERVER", add = ArgValueCompleter::new(complete::servers))]
    pub targets: Vec<String>,
    /// Go on until the servers have ended
    #[arg(short, long)]
    pub follow: bool,
    /// The last lines only
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub lines: Option<usize>,
}

/// Prints the logs.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let (tree, entries) = entries::meant(&args.targets, &worktrees, context)?;
    let wanted = Logs { entries, lines: args.lines, follow: args.follow };
    up::logs(tree, &wanted, &worktrees, context)?;
    Ok(0)
}
