//! `git wt repair`: git mends the links between worktrees and repository; what names their places follows.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::r#move::{follow, hold};
use crate::error::Result;
use crate::git::{Identity, absolute};
use crate::host::claims::{Claims, Owner, Thing};
use crate::host::exec;
use crate::ops::context::Context;
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use crate::resource::checkout::entries_at_rest;

/// Mend the links between worktrees and repository after one was moved by hand
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Where worktrees are now that were moved by hand; the current one if absent
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    pub paths: Vec<PathBuf>,
    /// Say each step
    #[arg(short, long)]
    pub verbose: bool,
    /// Options that only git knows, handed on to it
    #[arg(skip)]
    pub passed_on: Vec<OsString>,
}

/// Has git mend the links, and then the records and claims.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let before = Worktrees::read(&context.repo)?;
    let cwd = std::env::current_dir().unwrap_or_default();
    let paths = args.paths.iter().map(|path| absolute(&cwd, path));
    let git = context.repo.git().args(["worktree", "repair"]).args(&args.passed_on).arg("--").args(paths);
    let alone = entries_at_rest(&context.repo)?;
    let status = git.narrate()?;
    drop(alone);
    follow_all(&before, context)?;
    for record in context.records.own(&context.repo)? {
        let owner = record.owner(&context.repo);
        for thing in misplaced(&record, &owner, &context.claims) {
            context.claims.rebuild(&thing, &owner)?;
        }
    }
    Ok(status)
}

/// What a worktree's claims are on that still say where the repository was before it was moved.
pub fn misplaced(record: &Record, owner: &Owner, claims: &Claims) -> Vec<Thing> {
    let is_misplaced = |thing: &Thing| {
        let claim = claims.find(thing).filter(|claim| claim.is_of(owner));
        let said = claim.and_then(|claim| claim.owner);
        said.is_some_and(|said| Identity::of(&said.common_dir) != Some(record.repository))
    };
    record.claimed().into_iter().filter(is_misplaced).collect()
}

/// Brings along the environments of all worktrees that are elsewhere than `before`, or than their record says.
pub fn follow_all(before: &Worktrees, context: &Context) -> Result<()> {
    let now = Worktrees::read(&context.repo)?;
    for tree in now.listing.worktrees.iter().filter(|tree| !tree.is_main()) {
        let id = tree.id.as_deref().unwrap_or_default();
        let recorded = now.record(tree).map(|record| record.path.clone());
        let from = recorded.or_else(|| before.listing.entry(id).map(|tree| tree.path.clone()));
        if let Some(from) = from.filter(|from| *from != tree.path && !tree.missing) {
            follow(hold(tree, &now, context)?, &from, tree, context)?;
        }
    }
    Ok(())
}
