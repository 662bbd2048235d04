//! Hidden: judges a push for the pre-push hook.

use clap::Args as ClapArgs;

use crate::error::Result;
use crate::ops::context::Context;
use crate::ops::push_guard;

/// Judge a push from the current worktree, as a pre-push hook is told of it
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {}

/// Refuses to push anything but the protected worktree's own branch.
pub fn run(_: &Args, context: &Context) -> Result<u8> {
    push_guard::judge(context)
}
