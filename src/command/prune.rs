//! `git wt prune`: forget worktrees whose directories are gone.

use std::time::UNIX_EPOCH;

use clap::Args as ClapArgs;

use super::{doctor, remove};
use crate::error::Result;
use crate::git::worktrees::Worktree;
use crate::host::exec;
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;
use crate::resource::Resource;
use crate::resource::checkout::put_aside;

/// Forget worktrees whose directories are gone, with what was made for them
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Print what would go and stop
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Say what goes
    #[arg(short, long)]
    pub verbose: bool,
    /// Only those whose entries are older than this
    #[arg(long, value_name = "TIME")]
    pub expire: Option<String>,
    /// Take --dry-run back
    #[arg(long, hide = true, overrides_with = "dry_run")]
    pub no_dry_run: bool,
    /// Take --verbose back
    #[arg(long, hide = true, overrides_with = "verbose")]
    pub no_verbose: bool,
    /// Take --expire back
    #[arg(long, hide = true, overrides_with = "expire")]
    pub no_expire: bool,
    /// Drop their databases too
    #[arg(short = 'y', long)]
    pub yes: bool,
}

/// Prunes entries and records. A locked worktree stays, and so does one whose disk is absent.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let worktrees = Worktrees::read(&context.repo)?;
    let expire = args.expire.as_deref().map(|time| context.repo.expiry(time)).transpose()?;
    let prunable = |tree: &&Worktree| {
        tree.missing && tree.locked.is_none() && expire.is_none_or(|expire| is_older(tree, expire))
    };
    for tree in worktrees.listing.worktrees.iter().filter(prunable) {
        let name = worktrees.name(tree);
        if let Some(why) = reason_to_keep(tree, args, &worktrees) {
            context.ui.say(&format!("kept '{name}': {why}"));
        } else if args.dry_run {
            context.ui.say(&format!("would prune '{name}': its directory is gone"));
        } else if forget(tree, &worktrees, context)? {
            context.ui.say(&format!("pruned '{name}': its directory is gone"));
        }
    }
    if !args.dry_run {
        doctor::forget_unbound(args.yes, context)?;
    }
    Ok(0)
}

fn reason_to_keep(tree: &Worktree, args: &Args, worktrees: &Worktrees) -> Option<String> {
    let record = match worktrees.readable_record(tree) {
        Ok(record) => record,
        Err(error) => return Some(error.in_one_line()),
    };
    if is_disk_absent(tree) {
        Some(format!("the disk of '{}' seems to be absent", tree.path.display()))
    } else if !args.yes && record.is_some_and(|record| record.databases().any(Resource::has_data)) {
        Some("it has a database; git wt prune --yes drops it".into())
    } else {
        None
    }
}

/// Forgets a worktree whose directory is gone, with what was made for it; says whether it is still gone.
pub fn forget(tree: &Worktree, worktrees: &Worktrees, context: &Context) -> Result<bool> {
    let held = match worktrees.readable_record(tree)? {
        Some(record) => context.records.hold(&record.id)?,
        None => None,
    };
    // while git moves one, it is gone for a moment
    let now = context.repo.worktrees()?;
    if !now.worktrees.iter().any(|now| now.git_dir == tree.git_dir && now.missing) {
        return Ok(false);
    }
    match held {
        Some(mut held) => {
            held.checkout_for(tree);
            remove::take_back(held, &tree.path, false, context)?;
        }
        None => drop(put_aside(&context.repo, tree)?),
    }
    Ok(true)
}

/// Whether a worktree was last used before a time, in seconds since 1970; git goes by its index.
fn is_older(tree: &Worktree, expire: u64) -> bool {
    let written = std::fs::metadata(tree.git_dir.join("index")).and_then(|index| index.modified());
    let since_1970 = written.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since_1970.is_none_or(|age| age.as_secs() <= expire)
}

/// Whether the directory that a missing worktree lay in is missing too.
pub fn is_disk_absent(tree: &Worktree) -> bool {
    tree.path.parent().is_some_and(|parent| !parent.exists())
}
