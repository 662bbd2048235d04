//! Takes back an add that failed or was killed. What it made seconds ago is deleted; where somebody has written into it
//! meanwhile, it goes to the trash.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::hidden::Hidden;
use crate::git::status::{Status, unlike_head};
use crate::git::submodules::{self, Places};
use crate::git::worktrees::Worktree;
use crate::host::exec;
use crate::host::file::{self, aside};
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
    // what is in no file: commits, hidden edits, references, and all that is in a submodule
    let modules = tree.git_dir.join("modules");
    let has_more = has_moved(tree)?
        || has_file(&tree.git_dir.join("refs"))
        || !submodules::unpushed(&modules, &context.repo.common_dir().join("modules"))?.is_empty()
        || has_hidden(root)?;
    if has_more && found.is_empty() {
        found.push(PathBuf::from("."));
    }
    Ok(found)
}

/// Whether there is any file below a directory.
fn has_file(dir: &Path) -> bool {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => has_file(&entry.path()),
        _ => true,
    })
}

/// Whether HEAD has moved since it was made: git begins its reflog with where it stands.
fn has_moved(tree: &Worktree) -> Result<bool> {
    let log = tree.git_dir.join("logs").join("HEAD");
    let text = file::read(&log)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_move = |line: &str| {
        let mut oids = line.split(' ');
        let (old, new) = (oids.next().unwrap_or_default(), oids.next().unwrap_or_default());
        old != new && old.bytes().any(|b| b != b'0')
    };
    Ok(text.lines().any(is_move))
}

/// Whether anything has been written where git does not look: into a submodule, ignored or not, or past its eyes.
fn has_hidden(root: &Path) -> Result<bool> {
    let places = Places::of(root)?;
    for path in &places.cloned {
        let Status { changes, untracked, ignored, .. } = Status::of_each_file(&root.join(path))?;
        if !(changes.is_empty() && untracked.is_empty() && ignored.is_empty()) {
            return Ok(true);
        }
    }
    Ok(!Hidden::of(root, &places, &[])?.edits.is_empty())
}

/// Whether a file may come from a resource that is half made.
fn is_from(resource: &Resource, path: &Path, root: &Path) -> bool {
    let is_at = |place: &Path| path == place || path == aside(place) || is_half(path, place);
    match resource {
        Resource::EnvFile(file) => is_at(Path::new(&file.path)),
        Resource::Copy(copy) => is_at(&copy.path),
        Resource::Copies(copies) => copies.paths().any(|copy| is_at(copy)),
        Resource::Link(link) => is_at(&link.path),
        Resource::Venv(venv) => path.starts_with(&venv.path),
        Resource::Database(Database::Sqlite(database)) => {
            let path = root.join(path);
            database.covers(&path) || is_half(&path, Path::new(&database.place))
        }
        _ => false,
    }
}

/// Whether `path` is written beside `place`, to be renamed when it is whole.
fn is_half(path: &Path, place: &Path) -> bool {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    path.parent() == place.parent() && name(path).starts_with(&format!(".{}.git-wt-", name(place)))
}
