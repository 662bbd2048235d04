//! Forgets worktrees whose directories are gone, along with what was made for them.

use std::time::UNIX_EPOCH;

use crate::error::Result;
use crate::git::worktrees::Worktree;
use crate::ops::context::Context;
use crate::ops::mend;
use crate::ops::take_away::{self, DatabaseFate};
use crate::ops::up;
use crate::record::worktrees::Worktrees;
use crate::resource::checkout::renamed_to;

/// What to prune, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only say what would be pruned.
    pub dry_run: bool,
    /// Keep those used after this time, in the form that git accepts.
    pub expire: Option<String>,
    /// Drop their databases too.
    pub drop_databases: bool,
}

/// Prunes entries and records. A locked worktree stays, and so does one whose disk is not mounted.
pub fn prune(options: &Options, context: &Context) -> Result<()> {
    let worktrees = Worktrees::read(&context.repo)?;
    let expire = options.expire.as_deref().map(|time| context.repo.expiry(time)).transpose()?;
    let prunable = |tree: &&Worktree| {
        tree.missing && tree.locked.is_none() && expire.is_none_or(|expire| is_older(tree, expire))
    };
    for tree in worktrees.listing.worktrees.iter().filter(prunable) {
        let name = worktrees.name(tree);
        if let Some(why) = reason_to_keep(tree, &worktrees) {
            context.ui.say(&format!("kept '{name}': {why}"));
        } else if options.dry_run {
            context.ui.say(&format!("would prune '{name}': its directory is gone"));
        } else if forget(tree, &worktrees, options.drop_databases, context)? {
            context.ui.say(&format!("pruned '{name}': its directory is gone"));
        }
    }
    if !options.dry_run {
        mend::forget_unbound(options.drop_databases, context)?;
    }
    Ok(())
}

fn reason_to_keep(tree: &Worktree, worktrees: &Worktrees) -> Option<String> {
    if let Err(error) = worktrees.readable_record(tree) {
        return Some(error.in_one_line());
    }
    if is_disk_absent(tree) {
        Some(format!("the disk of '{}' seems to be absent", tree.path.display()))
    } else {
        let place = renamed_to(tree)?;
        Some(format!("it was moved to '{}'; git wt repair has git know it", place.display()))
    }
}

/// Forgets a worktree whose directory is gone, along with what was made for it; returns whether it was still gone.
pub fn forget(
    tree: &Worktree,
    worktrees: &Worktrees,
    drop_databases: bool,
    context: &Context,
) -> Result<bool> {
    let held = match worktrees.readable_record(tree)? {
        Some(record) => context.records.hold(&record.id)?,
        None => None,
    };
    // a worktree is briefly gone while git moves it
    let now = context.repo.worktrees()?;
    if !now.worktrees.iter().any(|now| now.git_dir == tree.git_dir && now.missing) {
        return Ok(false);
    }
    let name = worktrees.name(tree);
    for stopped in up::stop_all(tree, worktrees.record(tree), &name, &context.repo)? {
        context.ui.say(&format!("stopped '{}' of '{name}'", stopped.entry));
    }
    let databases = if drop_databases { DatabaseFate::Drop } else { DatabaseFate::Wait };
    take_away::forget_vanished(held, tree, &name, databases, context)?;
    up::forget(tree, worktrees.record(tree), &context.repo);
    Ok(true)
}

/// Whether a worktree was last used before a time, in seconds since 1970; like git, this looks at its index.
fn is_older(tree: &Worktree, expire: u64) -> bool {
    let written = std::fs::metadata(tree.git_dir.join("index")).and_then(|index| index.modified());
    let since_1970 = written.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since_1970.is_none_or(|age| age.as_secs() <= expire)
}

/// Whether the parent directory of a missing worktree is missing too.
pub fn is_disk_absent(tree: &Worktree) -> bool {
    tree.path.parent().is_some_and(|parent| !parent.exists())
}
