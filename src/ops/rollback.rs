//! Takes back an add that failed or was killed. What it made seconds ago is deleted; where somebody has written into it
//! meanwhile, it goes to the trash.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::status::{Status, unlike_head};
use crate::git::worktrees::Worktree;
use crate::host::exec;
use crate::host::file::aside;
use crate::ops::context::Context;
use crate::ops::take_away::{DatabaseFate, How, is_as_made, kept_unasked, take_away};
use crate::record::{LockedRecord, Record, RecordState, StepState};
use crate::resource::checkout::{bind, is_linked};
use crate::resource::{Database, Destroyed, Resource, Unwind};

/// Undoes what was made and returns the error, which then reports that.
pub fn undo(held: LockedRecord, mut error: Error, context: &Context) -> Error {
    match roll_back(held, context) {
        Ok((undone, left)) => {
            error.undone = undone.into();
            for why in left {
                error = error.because(format!("left: {why}"));
            }
        }
        Err(failed) => {
            error = error.because(format!("could not undo all of it: {}", failed.in_one_line()));
            error = error.hint("git wt doctor --fix");
        }
    }
    error
}

/// Unwinds an unfinished add; returns what was undone and what had to be left.
pub fn roll_back(mut held: LockedRecord, context: &Context) -> Result<(Vec<String>, Vec<String>)> {
    let _undisturbed = exec::carry_on();
    let repo = &context.repo;
    let listing = repo.worktrees()?;
    if let Some(tree) = held.record.worktree(&listing).filter(|tree| is_linked(&tree.path, tree)) {
        let written = written(tree, &held.record, context)?;
        if !written.is_empty() {
            return Ok((Vec::new(), vec![keep(held, tree, &written, context)?]));
        }
    }
    let owner = held.record.owner(repo);
    let root = held.record.path.clone();
    let site = context.site(&owner, &root);
    let mut undone = Vec::new();
    held.record.stage = RecordState::Adding;
    let left = held.unwind(
        &mut |resource| resource.destroy(&site, Unwind::Rollback),
        &mut |resource, destroyed| {
            if *destroyed == Destroyed::Gone {
                undone.push(resource.describe());
            }
        },
    )?;
    held.forget()?;
    Ok((undone, left))
}

/// Puts an unfinished worktree into the trash; returns why.
fn keep(mut held: LockedRecord, tree: &Worktree, written: &[PathBuf], context: &Context) -> Result<String> {
    let name = held.record.name.to_string();
    held.record.steps.retain(|step| step.state != StepState::Planned);
    let how = How { keep: Some(kept_unasked(&context.repo)?), databases: DatabaseFate::Wait };
    bind(tree, &held.record.id)?;
    take_away(Some(held), tree, &name, how, context)?;
    let shown: Vec<String> = written.iter().take(3).map(|path| format!("'{}'", path.display())).collect();
    let more = if written.len() > shown.len() { " and more" } else { "" };
    Ok(format!("'{name}' in the trash: {}{more} was written meanwhile", shown.join(", ")))
}

/// Files in an unfinished worktree that git-wt has not made, or not so.
fn written(tree: &Worktree, record: &Record, context: &Context) -> Result<Vec<PathBuf>> {
    let root = &tree.path;
    let mut found = if tree.git_dir.join("index").exists() {
        let Status { changes, untracked, ignored, .. } = Status::of_each_file(root)?;
        changes.into_iter().map(|change| change.path).chain(untracked).chain(ignored).collect()
    } else {
        unlike_head(root)?
    };
    let is_ours = |path: &PathBuf| {
        record.steps.iter().any(|step| match step.state {
            StepState::Planned => false,
            StepState::Begun => is_from(&step.resource, path, root),
            StepState::Made => is_as_made(&step.resource, path, root, context.main.as_deref()),
        })
    };
    found.retain(|path| !is_ours(path));
    Ok(found)
}

/// Whether a file may come from a resource that is half made.
fn is_from(resource: &Resource, path: &Path, root: &Path) -> bool {
    let is_at = |place: &Path| path == place || path == aside(place);
    match resource {
        Resource::EnvFile(file) => is_at(Path::new(&file.path)),
        Resource::Copy(copy) => is_at(&copy.path),
        Resource::Copies(copies) => copies.has(path),
        Resource::Link(link) => is_at(&link.path),
        Resource::Venv(venv) => path.starts_with(&venv.path),
        Resource::Database(Database::Sqlite(database)) => database.covers(&root.join(path)),
        _ => false,
    }
}
