//! `git wt lock`: have git lock a worktree against pruning, moving and removing.

use std::ffi::OsString;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::Result;
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;
use crate::resource::checkout::entries_at_rest;
use crate::shell::complete;

/// Lock a worktree against pruning, moving and removing
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree: name, branch, unique end of a path, path, . (the current one)
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::linked_worktrees))]
    pub target: String,
    /// Why, shown by list
    #[arg(long, value_name = "TEXT", overrides_with = "reason")]
    pub reason: Option<String>,
    /// Take --reason back
    #[arg(long, hide = true, overrides_with = "reason")]
    pub no_reason: bool,
    /// Options that only git knows, handed on to it
    #[arg(skip)]
    pub passed_on: Vec<OsString>,
}

/// Has git lock the worktree.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(&args.target)?;
    let reason = args.reason.iter().map(|reason| format!("--reason={reason}"));
    let git = context.repo.git().args(["worktree", "lock"]).args(reason).args(&args.passed_on);
    let _alone = entries_at_rest(&context.repo)?;
    git.arg("--").arg(&tree.path).narrate()
}
