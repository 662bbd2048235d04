//! How a worktree goes, whoever asks for it: into the trash or for good, with what was made for it and its record.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Hint, Result};
use crate::git::worktrees::{Head, Listing, Worktree};
use crate::git::{Oid, Repo};
use crate::host::exec::{self, Stoppable};
use crate::host::file;
use crate::ops::context::Context;
use crate::ops::undo;
use crate::record::{LockedRecord, Record, RecordState};
use crate::resource::checkout::put_aside;
use crate::resource::{Database, Destroyed, Resource, Reversible, Unwind};
use crate::text::name::slug;
use crate::trash::{Item, Manifest, Trash};

/// How long the trash keeps what comes into it, unless `wt.keep` says otherwise.
const USUAL: Duration = Duration::from_hours(7 * 24);

/// Returns the commits of a detached HEAD that nothing else leads to, the newest first, with their subjects.
pub fn lone_commits(tree: &Worktree, listing: &Listing, repo: &Repo) -> Result<Vec<String>> {
    let Head::Detached(head) = &tree.head else { return Ok(Vec::new()) };
    let others = listing.worktrees.iter().filter(|other| other.git_dir != tree.git_dir);
    repo.only_from(head, &others.filter_map(|other| other.head.oid()).collect::<Vec<_>>())
}

/// The command that makes a branch at `head`, called like the worktree as far as that is free.
pub fn branch_at(head: &Oid, name: &str, repo: &Repo) -> Hint {
    let name = slug(name);
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    let free = names.into_iter().find(|name| repo.reference(&format!("refs/heads/{name}")).is_none());
    Hint::of("git branch").name(free.unwrap_or(name)).name(head.short())
}

/// Forgets a worktree whose directory is gone, along with what was made for it, and names the commits that nothing else
/// leads to.
pub fn forget_vanished(
    held: Option<LockedRecord>,
    tree: &Worktree,
    name: &str,
    databases: DatabaseFate,
    context: &Context,
) -> Result<()> {
    let commits = lone_commits(tree, &context.repo.worktrees()?, &context.repo)?;
    let waiting = match (&held, databases) {
        (Some(held), DatabaseFate::Wait) => outside(&held.record),
        _ => Vec::new(),
    };
    let how = How { keep: Some(kept_unasked(&context.repo)?), databases };
    let held = held.map(|mut held| {
        held.checkout_for(tree);
        held
    });
    let Some(item) = take_away(held, tree, name, how, context)? else { return Ok(()) };
    let commit = commits.first();
    tell_kept(waiting.into_iter().chain(commit.map(|commit| format!("commit {commit}"))), &item, context);
    if let (Some(_), Some(head)) = (commit, tree.head.oid()) {
        context.ui.hint(branch_at(head, name, &context.repo));
    }
    Ok(())
}

/// The databases that do not go with the directory.
fn outside(record: &Record) -> Vec<String> {
    let databases =
        record.databases().filter(|database| database.has_data() && !database.is_in(&record.path));
    databases.map(Reversible::describe).collect()
}

fn tell_kept(kept: impl Iterator<Item = String>, item: &Item, context: &Context) {
    let kept: Vec<String> = kept.collect();
    if !kept.is_empty() {
        context.ui.say(&format!("kept for {}: {}", item.manifest.days(), kept.join(", ")));
    }
}

/// Forgets a worktree that git knows no more. Databases with data wait in the trash, unless they are to be dropped.
pub fn forget_unbound(held: LockedRecord, drop_databases: bool, context: &Context) -> Result<()> {
    let repo = &context.repo;
    let waiting = outside(&held.record);
    if drop_databases || waiting.is_empty() {
        return finish(held, false, context).map(drop);
    }
    let keep = kept_unasked(repo)?;
    let mut item = Trash::of(repo).begin_without_tree(repo, &held.record, keep)?;
    let how = How { keep: Some(keep), databases: DatabaseFate::Wait };
    match unwind(held, None, None, how, context).and_then(|()| item.keep()) {
        Ok(()) => {
            tell_kept(waiting.into_iter(), &item, context);
            Ok(())
        }
        Err(error) => {
            item.end(repo);
            Err(error)
        }
    }
}

/// How a worktree goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// How long the trash keeps it; it goes for good without that.
    pub keep: Option<Duration>,
    /// What becomes of its databases outside of its directory.
    pub databases: DatabaseFate,
}

/// What becomes of the databases of a worktree that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseFate {
    /// They stay for the one in the trash.
    Wait,
    /// They are dropped.
    Drop,
    /// They stay, and are nobody's.
    Release,
}

/// Takes a worktree away with what was made for it, and its record, if it has one. What fails before the directory has
/// moved leaves all as it was.
pub fn take_away(
    held: Option<LockedRecord>,
    tree: &Worktree,
    name: &str,
    how: How,
    context: &Context,
) -> Result<Option<Item>> {
    let _undisturbed = exec::carry_on();
    let repo = &context.repo;
    let record = held.as_ref().map(|held| &held.record);
    let mut item = if let Some(keep) = how.keep {
        let begin = || Trash::of(repo).begin(repo, tree, name, record, keep);
        Some(match begin() {
            Ok(item) => item,
            // the disk may be full
            Err(_) if context.records.give_up_room() => begin()?,
            Err(error) => {
                let purge = Hint::of("git wt remove --purge").name(name);
                return Err(error.advise("--purge deletes it at once").hint(purge));
            }
        })
    } else {
        None
    };
    let done = match held {
        Some(held) => unwind(held, Some(tree), item.as_mut(), how, context),
        None => match &mut item {
            Some(item) => item.take(repo, tree),
            None => put_aside(repo, tree),
        }
        .and_then(|destroyed| match destroyed {
            Destroyed::Left(why) => Err(Error::new(format!("'{name}' stays")).because(why)),
            Destroyed::Gone | Destroyed::Kept => Ok(()),
        }),
    };
    match (done, item) {
        (Ok(()), item) => Ok(item),
        (Err(error), Some(item)) if item.is_empty() => {
            item.end(repo);
            Err(error)
        }
        (Err(error), _) => Err(error),
    }
}

/// How long the trash keeps what nobody has asked git-wt to remove.
pub fn kept_unasked(repo: &Repo) -> Result<Duration> {
    kept_for(repo).map(|keep| if keep.is_zero() { USUAL } else { keep })
}

/// How long the trash keeps what comes into it: `wt.keep`. Nothing at all means that nothing goes there.
pub fn kept_for(repo: &Repo) -> Result<Duration> {
    let Some(days) = repo.setting("wt.keep") else { return Ok(USUAL) };
    let hours = days.parse::<u32>().map(|days| u64::from(days) * 24).map_err(|_| {
        Error::new(format!("git config wt.keep is '{days}'; it is a number of days"))
            .hint("git config wt.keep 7")
    })?;
    Ok(Duration::from_hours(hours))
}

/// Finishes a removal that was cut short, or takes it back, where the directory had not moved; says which.
pub fn finish(mut held: LockedRecord, keep_db: bool, context: &Context) -> Result<bool> {
    let repo = &context.repo;
    let trash = Trash::of(repo);
    undo::recover(Duration::ZERO, context)?;
    let is_its = |manifest: &Manifest| manifest.record.as_ref().is_some_and(|it| it.id == held.record.id);
    let is_kept = trash.list()?.iter().any(|(_, manifest)| manifest.as_ref().is_ok_and(is_its));
    let listing = repo.worktrees()?;
    if let Some(tree) = held.record.worktree(&listing)
        && !tree.missing
    {
        let owner = held.record.owner(repo);
        held.take_back_removal(RecordState::Ready, &context.claims, &owner)?;
        return Ok(false);
    }
    let databases = match (is_kept, keep_db) {
        (true, _) => DatabaseFate::Wait,
        (_, true) => DatabaseFate::Release,
        (_, false) => DatabaseFate::Drop,
    };
    let how = How { keep: None, databases };
    let tree = held.record.worktree(&listing).cloned();
    unwind(held, tree.as_ref(), None, how, context)?;
    Ok(true)
}

/// Unwinds a worktree's record to its end. Past the moving of the directory a crash is finished, not taken back.
fn unwind(
    mut held: LockedRecord,
    tree: Option<&Worktree>,
    mut item: Option<&mut Item>,
    how: How,
    context: &Context,
) -> Result<()> {
    let repo = &context.repo;
    let owner = held.record.owner(repo);
    if how.databases == DatabaseFate::Release {
        held.record.release_databases(&context.claims, &owner)?;
    }
    let before = held.record.stage;
    held.record.stage = RecordState::Removing;
    match held.write() {
        // on a full disk too, what is deleted at once makes room; killed meanwhile, it is a worktree that has vanished
        Err(error) if how.keep.is_some() => return Err(error),
        _ => {}
    }
    let root = tree.map_or_else(|| held.record.path.clone(), |tree| tree.path.clone());
    // where it was before plain git moved it, if so
    let recorded = held.record.path.clone();
    let is_inside = |database: &Database| database.is_in(&root) || database.is_in(&recorded);
    let site = context.site(&owner, &root);
    let mut has_moved = tree.is_none();
    let mut destroy = |resource: &Resource| match (resource, tree, &mut item) {
        (Resource::Checkout(_), Some(tree), Some(item)) => {
            let taken = item.take(repo, tree)?;
            has_moved = taken == Destroyed::Gone;
            match taken {
                Destroyed::Left(why) => {
                    Err(Error::new(format!("'{}' stays", tree.path.display())).because(why))
                }
                taken => Ok(taken),
            }
        }
        // git has forgotten the worktree: what stands in its place by now is not ours to judge
        (resource, None, _) if resource.is_inside() => Ok(Destroyed::Kept),
        (Resource::Database(database), None, _) if is_inside(database) => {
            database.release(&context.claims, &owner).map(|()| Destroyed::Kept)
        }
        // it lies in the directory that goes, and only its place becomes free
        (Resource::Database(database), ..) if how.keep.is_some() && is_inside(database) => {
            database.release(&context.claims, &owner).map(|()| Destroyed::Kept)
        }
        (Resource::Database(_), ..) if how.databases == DatabaseFate::Wait => Ok(Destroyed::Kept),
        (resource, ..) => {
            let destroyed = resource.destroy(&site, Unwind::Removal)?;
            has_moved |= matches!(resource, Resource::Checkout(_));
            Ok(destroyed)
        }
    };
    let mut report = |resource: &Resource, destroyed: &Destroyed| match destroyed {
        Destroyed::Gone => context.ui.detail(&format!("gone: {}", resource.describe())),
        Destroyed::Kept => context.ui.detail(&format!("kept: {}", resource.describe())),
        Destroyed::Left(why) => context.ui.warn(&format!("left: {why}")),
    };
    let unwound = held.unwind(&mut destroy, &mut report);
    if let Err(error) = unwound {
        if !has_moved {
            held.take_back_removal(before, &context.claims, &owner)?;
        }
        return Err(error);
    }
    held.forget()
}

/// Whether a file of a worktree is what git-wt has made there, and nobody has changed it since.
pub fn is_as_made(resource: &Resource, path: &Path, root: &Path, main: Option<&Path>) -> bool {
    match resource {
        Resource::EnvFile(file) => Path::new(&file.path) == path && file.is_as_written(root),
        Resource::Copy(copy) => copy.path == path && is_same_file(main, root, path),
        Resource::Copies(copies) => copies.has(path) && is_same_file(main, root, path),
        Resource::Link(link) => link.path == path && root.join(path).is_symlink(),
        Resource::Venv(venv) => path.starts_with(&venv.path) && !root.join(&venv.path).is_symlink(),
        Resource::Database(Database::Sqlite(database)) => database.covers(&root.join(path)),
        _ => false,
    }
}

fn is_same_file(main: Option<&Path>, root: &Path, path: &Path) -> bool {
    let Some(main) = main else { return false };
    let (Ok(a), Ok(b)) = (file::open(&main.join(path)), file::open(&root.join(path))) else { return false };
    let length = |file: &File| file.metadata().map(|meta| meta.len()).ok();
    length(&a) == length(&b) && file::are_same(Stoppable(a), Stoppable(b)).unwrap_or(false)
}
