//! `git wt unlock`: have git unlock a worktree.

use std::ffi::OsString;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::Result;
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;
use crate::resource::checkout::entries_at_rest;
use crate::shell::complete;

/// Unlock a worktree
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree: name, branch, unique end of a path, path, . (the current one)
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::linked_worktrees))]
    pub target: String,
    /// Options that only git knows, handed on to it
    #[arg(skip)]
    pub passed_on: Vec<OsString>,
}

/// Has git unlock the worktree.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(&args.target)?;
    let git = context.repo.git().args(["worktree", "unlock"]).args(&args.passed_on);
    let _alone = entries_at_rest(&context.repo)?;
    git.arg("--").arg(&tree.path).narrate()
}
