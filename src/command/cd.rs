//! `git wt cd`: find a worktree, and make the shell go there.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Hint, Result};
use crate::ops::context::Context;
use crate::ops::{add, pick};
use crate::record::worktrees::Worktrees;
use crate::shell::complete;
use crate::ui::picker;

/// Go to a worktree: print its path, and have the shell follow
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Name, branch, unique part of either, unique end of a path, path, - (previous), @ (main); without one, choose
    #[arg(value_name = "WORKTREE", allow_hyphen_values = true, add = ArgValueCompleter::new(complete::worktrees))]
    pub target: Option<String>,
    /// Make it if there is none of that name
    #[arg(short = 'c', long)]
    pub create: bool,
}

/// The exit status if none was picked, as for Ctrl-C.
const CANCELLED: u8 = 130;

/// Prints the path of a worktree and tells the shell to go there.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = match &args.target {
        None if args.create || !picker::can_ask() => {
            return Err(Error::usage("which worktree?").hint("git wt cd NAME").hint("git wt list"));
        }
        None => match pick::one_of(&worktrees)? {
            Some(tree) => tree,
            None => return Ok(CANCELLED),
        },
        Some(target) => match worktrees.find(target) {
            Err(_) if args.create && worktrees.all_meant_by(target).is_empty() => {
                let (path, status) =
                    add::add(&add::request_for(Some(target.as_ref()), &context.repo)?, context)?;
                context.arrive(&path)?;
                return Ok(status);
            }
            _ if args.create => worktrees.find(target)?,
            _ => pick::meant_by(target, &worktrees, &context.repo)?,
        },
    };
    if tree.missing {
        return Err(Error::new(format!("'{}' is missing", tree.path.display()))
            .hint(Hint::of("git wt add").name(worktrees.name(tree)))
            .hint("git wt prune"));
    }
    context.arrive(&tree.path)?;
    Ok(0)
}
