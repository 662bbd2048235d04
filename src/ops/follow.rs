//! Updates whatever records a worktree's place after the worktree has moved.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::git;
use crate::git::worktrees::Worktree;
use crate::host::claims::{Claims, Owner, Thing};
use crate::host::file;
use crate::host::identity::Identity;
use crate::ops::context::Context;
use crate::ops::up;
use crate::record::worktrees::Worktrees;
use crate::record::{LockedRecord, Record, RecordState};
use crate::resource::checkout::entries_at_rest;
use crate::resource::relocation::Relocation;
use crate::resource::tree::Tree;
use crate::resource::{Exclude, venv};
use crate::text::name::Name;

/// Where a worktree is to go, and what it is called there if that changes.
pub struct Destination {
    pub path: PathBuf,
    pub name: Option<Name>,
}

/// Has git move a worktree to a place, or into it if that is a directory, and updates its environment. Returns where
/// the worktree is now, and git's exit status.
pub fn relocate(
    tree: &Worktree,
    to: &Destination,
    git_options: &[OsString],
    worktrees: &Worktrees,
    context: &Context,
) -> Result<(Option<PathBuf>, u8)> {
    let mut held = hold(tree, worktrees, context)?;
    // held, so that none is started meanwhile
    up::refuse_running(tree, worktrees.record(tree), &worktrees.name(tree), &context.repo)?;
    let git = context.repo.git().args(["worktree", "move"]).args(git_options);
    let git = git.arg("--").arg(&tree.path).arg(&to.path);
    let go = || {
        let _alone = entries_at_rest(&context.repo)?;
        git.narrate()
    };
    let status = match &mut held {
        Some(held) => held.moving(&to.path, go)?,
        None => go()?,
    };
    if status != 0 {
        return Ok((None, status));
    }
    let Some(moved) = entry(tree, context)? else { return Ok((None, 0)) };
    if let (Some(held), Some(name)) = (&mut held, &to.name) {
        held.record.name = name.clone();
        let owner = held.record.owner(&context.repo);
        for thing in held.record.claimed() {
            context.claims.rebuild(&thing, &owner)?;
        }
        held.write()?;
    }
    follow(held, &tree.path, &moved, context)?;
    Ok((Some(moved.path), 0))
}

/// Has git mend the links of the worktrees now at `paths`, then updates the records and claims. Returns git's exit
/// status.
pub fn repair(paths: &[PathBuf], git_options: &[OsString], context: &Context) -> Result<u8> {
    let before = Worktrees::read(&context.repo)?;
    let git = context.repo.git().args(["worktree", "repair"]).args(git_options).arg("--").args(paths);
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

/// Returns the worktree as git has it now.
fn entry(tree: &Worktree, context: &Context) -> Result<Option<Worktree>> {
    let id = tree.id.as_deref().unwrap_or_default();
    Ok(context.repo.worktrees()?.entry(id).cloned())
}

/// Takes hold of a worktree's record, so that nobody removes the worktree while it is being moved.
pub fn hold<'a>(
    tree: &Worktree,
    worktrees: &Worktrees,
    context: &'a Context,
) -> Result<Option<LockedRecord<'a>>> {
    match worktrees.readable_record(tree)? {
        Some(record) => context.records.hold(&record.id),
        None => Ok(None),
    }
}

/// Updates a worktree's environment after a move from `from` to where it is now.
pub fn follow(held: Option<LockedRecord>, from: &Path, tree: &Worktree, context: &Context) -> Result<()> {
    if tree.missing || from == tree.path {
        return Ok(());
    }
    rehome_others(held.as_ref(), from, tree)?;
    let Some(mut held) = held.filter(|held| held.record.stage == RecordState::Ready) else { return Ok(()) };
    let owner = held.record.owner(&context.repo);
    let site = context.site(&owner, &tree.path);
    for note in held.follow(&site, exclude(tree, context))? {
        context.ui.warn(&note);
    }
    context.ui.detail(&format!("'{}' is at home in '{}'", held.record.name, tree.path.display()));
    Ok(())
}

/// Rehomes environments that no record mentions, under the usual names: our move would break them.
fn rehome_others(held: Option<&LockedRecord>, from: &Path, tree: &Worktree) -> Result<()> {
    let moved = Relocation::new(from, &tree.path);
    let recorded =
        |name: &str| held.is_some_and(|held| held.record.venvs().any(|venv| venv.path == Path::new(name)));
    for name in [".venv", "venv"].into_iter().filter(|name| !recorded(name)) {
        if tree.path.join(name).join("pyvenv.cfg").exists() {
            venv::rehome(&Tree::open(&tree.path)?, Path::new(name), &moved)?;
        }
    }
    Ok(())
}

/// Returns the line that hides the worktree from the main worktree, if it lies inside it and nothing else hides it.
fn exclude(tree: &Worktree, context: &Context) -> Option<Exclude> {
    let main = fs::canonicalize(context.repo.main_root()?).ok()?;
    let real = fs::canonicalize(&tree.path).ok()?;
    let inner = real.strip_prefix(&main).ok()?;
    let is_own = |pattern: &Exclude| {
        let text = file::read_text(&context.repo.common_dir().join("info/exclude")).ok().flatten();
        text.is_some_and(|text| text.lines().any(|line| line == pattern.pattern))
    };
    let exclude = Exclude::of(inner);
    (is_own(&exclude) || !git::is_ignored(&main, inner)).then_some(exclude)
}

/// Updates the environments of all worktrees that are no longer where `before`, or their record, says.
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

/// Returns what a worktree has claimed with claims that still name the repository's place before it was moved.
pub fn misplaced(record: &Record, owner: &Owner, claims: &Claims) -> Vec<Thing> {
    let is_misplaced = |thing: &Thing| {
        let claim = claims.find(thing).filter(|claim| claim.is_of(owner));
        let said = claim.and_then(|claim| claim.owner);
        said.is_some_and(|said| Identity::of(&said.common_dir) != Some(record.repository))
    };
    record.claimed().into_iter().filter(is_misplaced).collect()
}
