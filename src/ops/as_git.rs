//! Worktrees added and changed the way git does it, by git itself; their environments follow, or are removed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::git::{Repo, absolute, version};
use crate::host::exec::{self, Program};
use crate::ops::context::Context;
use crate::ops::{add, follow, hooks, mend, provision, rollback, up};
use crate::plan::Pending;
use crate::record::worktrees::Worktrees;
use crate::record::{LockedRecord, Record};
use crate::resource::checkout::entries_at_rest;
use crate::resource::{Checkout, Resource};
use crate::text::name::Name;

/// Returns `git worktree`, with the repository variables as they were given.
pub fn worktree() -> Program {
    Program::git_as_given().arg("worktree")
}

/// Becomes `git worktree ARGS` once no git started by a git-wt is writing an entry: git dies of a half-written one.
pub fn at_rest(args: &[OsString], repo: &Repo) -> Error {
    let used = repo.common_dir().join("wt").is_dir();
    let alone = used.then(|| entries_at_rest(repo).ok()).flatten();
    if let Some(alone) = &alone {
        // the git that we become keeps the lock until it ends
        let _ = rustix::io::fcntl_setfd(alone, rustix::io::FdFlags::empty());
    }
    worktree().args(args).replace()
}

/// Has git change worktrees; their environments follow, or are removed.
pub fn change(args: &[OsString], context: &Context) -> Result<u8> {
    let before = Worktrees::read(&context.repo)?;
    let verb = args[0].to_string_lossy();
    let mut words = args[1..].iter().filter(|word| !word.as_bytes().starts_with(b"-"));
    let target = words.next().and_then(|word| word.to_str()).filter(|_| ["move", "remove"].contains(&&*verb));
    // keeps other git-wt processes from changing what git is changing
    let held = match target.map(|word| before.find(word)) {
        Some(Ok(tree)) => follow::hold(tree, &before, context)?,
        _ => None,
    };
    let moves = ["move", "repair"].contains(&&*verb);
    let alone = moves.then(|| entries_at_rest(&context.repo)).transpose()?;
    let status = worktree().args(args).status()?;
    drop((held, alone));
    if moves {
        follow::follow_all(&before, context)?;
    } else if status == 0 {
        mend::forget_unbound(false, context)?;
        if verb != "lock" && verb != "unlock" {
            up::stop_deserted(&context.repo)?;
        }
    }
    Ok(status)
}

/// Adds as git does: git gets the arguments byte for byte, and its output goes where it would without us.
pub fn add(path: &Path, no_checkout: bool, args: &[OsString], context: &Context) -> Result<u8> {
    version::require()?;
    exec::watch_signals()?;
    if path.as_os_str().is_empty() {
        // with an empty path git 2.47 dies and leaves a branch behind, and git 2.55 deletes the current directory
        return Err(Error::new("the path is empty"));
    }
    let path = absolute(&std::env::current_dir().unwrap_or_default(), path);
    if context.repo.worktrees()?.at(&path).is_some_and(|tree| !tree.missing) {
        // git either refuses this or knows better; either way there is nothing for us to record
        return Err(worktree().arg("add").args(args).replace());
    }
    let name = Name::of_place(&path.file_name().unwrap_or(OsStr::new("")).to_string_lossy());
    let checkout = Checkout::as_given(&path, args.to_vec());
    let record = Record::new(name, &path, context.repo.identity()?, vec![Resource::Checkout(checkout)])?;
    let lock = context.records.lock()?;
    let mut held = context.records.begin(record)?;
    drop(lock);
    let made = match add::make(&path, &Pending::default(), &mut held, context) {
        Ok(made) => made,
        Err(failure) => {
            let status = failure.error.exit;
            rollback::roll_back(held, context)?;
            return Ok(status);
        }
    };
    if !no_checkout {
        apply_recipe(&mut held, &path, context)?;
    }
    Ok(made.post_checkout)
}

/// Applies a recipe only if somebody wrote one; nothing is detected here.
fn apply_recipe(held: &mut LockedRecord, path: &Path, context: &Context) -> Result<()> {
    let listing = context.repo.worktrees()?;
    let Some(tree) = listing.at(path) else { return Ok(()) };
    held.record.branch = tree.head.branch().cloned();
    if !context.recipe()?.configured() {
        return held.write();
    }
    let (pending, _) = provision::provision(held, tree, context)?;
    hooks::run_all(held, &tree.path, &pending, context).map(drop)
}
