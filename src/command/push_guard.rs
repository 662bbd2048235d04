//! Hidden: judges a push, as the pre-push hook is told of it.

use clap::Args as ClapArgs;

use crate::error::Result;
use crate::ops::context::Context;
use crate::ops::push_guard;

/// Judge a push from the current worktree, as a pre-push hook is told of it
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {}

/// Refuses what is not the protected worktree's own branch.
pub fn run(_: &Args, context: &Context) -> Result<u8> {
    push_guard::judge(context)
}
