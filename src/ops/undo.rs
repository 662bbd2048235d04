//! Brings back what was removed, shows what can be brought back, and deletes it for good.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::context::Context;
use super::follow;
use crate::error::{Error, Hint, Result};
use crate::host::exec;
use crate::record::worktrees::Worktrees;
use crate::record::{LockedRecord, Record, RecordState, StepState};
use crate::resource::relocation::Relocation;
use crate::resource::{Created, Database, Resource, Unwind};
use crate::text::name::{Name, escaped};
use crate::trash::{Item, Manifest, Phase, Trash};
use crate::ui;

/// Brings back the worktree of that name that was removed last, or the last one of all. Returns its directory.
pub fn undo(name: Option<&str>, context: &Context) -> Result<PathBuf> {
    let _undisturbed = exec::carry_on();
    let (repo, trash) = (&context.repo, Trash::of(&context.repo));
    recover(Duration::ZERO, context)?;
    let id = find(name, &trash)?;
    let Some(mut item) = trash.lock(&id)? else {
        return Err(Error::new("another git-wt is at work on it").hint("git wt undo --list"));
    };
    let manifest = item.manifest.clone();
    if let Some(branch) = &manifest.deleted_branch {
        match branch.restore(repo) {
            Ok(true) => {
                context.ui.say(&format!("branch '{}' is back at {}", branch.name, branch.oid.short()));
            }
            Ok(false) => {}
            Err(error) => context.ui.warn(&error.in_one_line()),
        }
    }
    item.begin_restore()?;
    bring_back(&mut item, context)?;
    let path = item.manifest.path.clone();
    let worktrees = Worktrees::read(repo)?;
    let now = worktrees.listing.at(&path).map_or_else(|| manifest.name.clone(), |tree| worktrees.name(tree));
    let name = escaped(&manifest.name);
    let renamed = if now == manifest.name { String::new() } else { format!(" as '{}'", escaped(&now)) };
    let taken = if path == manifest.from { "" } else { ": its place is taken" };
    context.ui.say(&format!("'{name}' is back{renamed} in '{}'{taken}", path.display()));
    if let (true, Some(branch), Some(head)) = (item.manifest.detach, &manifest.branch, &manifest.head) {
        context
            .ui
            .say(&format!("note: HEAD is detached at {}: '{branch}' has moved or is in use", head.short()));
    }
    item.end(repo);
    Ok(path)
}

/// Finishes what was cut short on its way back, and what was on its way to the trash and has arrived there; takes the
/// rest back. What another process works on is left alone, or waited for; returns whether nothing is half any more.
pub fn recover(patience: Duration, context: &Context) -> Result<bool> {
    let start = Instant::now();
    let mut all = true;
    let (repo, trash) = (&context.repo, Trash::of(&context.repo));
    for (id, _) in trash.halves()? {
        let mut locked = trash.lock(&id)?;
        // a git that a killed git-wt has started may have it for a moment
        while locked.is_none() && trash.has(&id) && start.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(20));
            locked = trash.lock(&id)?;
        }
        let Some(mut item) = locked else {
            all &= !trash.has(&id);
            continue;
        };
        match item.manifest.phase {
            Phase::Kept | Phase::Deleting => continue,
            Phase::Taking if item.has_arrived() => {
                item.keep()?;
                continue;
            }
            // the record still knows all that was made
            Phase::Taking => item.put_back(repo)?,
            Phase::Restoring => bring_back(&mut item, context)?,
        }
        item.end(repo);
    }
    Ok(all)
}

/// Brings a worktree back with its record. The record comes first, so that nobody finds the worktree without one and
/// gives it another. May be called again after a crash.
fn bring_back(item: &mut Item, context: &Context) -> Result<()> {
    let Some(record) = item.manifest.record.clone() else { return item.put_back(&context.repo) };
    // plain git may have moved it before, and the record not known
    let from = record.path.clone();
    let mut held = reserve(record, &from, context)?;
    item.put_back(&context.repo)?;
    let listing = context.repo.worktrees()?;
    // if git does not know it, somebody has moved or removed it already
    let Some(tree) = listing.at(&item.manifest.path) else { return Ok(()) };
    let owner = held.record.owner(&context.repo);
    let moved = Relocation::new(&from, &tree.path);
    retain(&mut held.record, context, &mut |resource| match resource {
        Resource::Database(database) if from != tree.path && database.is_in(&from) => {
            database.follow(&context.claims, &owner, &moved).map(|_| true)
        }
        Resource::Database(database) => database.claim(&context.claims, &owner),
        _ => Ok(true),
    });
    held.write()?;
    follow::follow(Some(held), &from, tree, context)
}

/// Claims again what lies outside of the directory, as far as it is free, and begins the record.
fn reserve<'a>(mut record: Record, from: &Path, context: &'a Context) -> Result<LockedRecord<'a>> {
    let records = &context.records;
    record.stage = RecordState::Ready;
    record.name = free_name(&record, context)?;
    record.steps.iter_mut().for_each(|step| step.state = StepState::Made);
    let owner = record.owner(&context.repo);
    let site = context.site(&owner, from);
    let lock = records.lock()?;
    retain(&mut record, context, &mut |resource| match resource {
        Resource::Port(_) | Resource::FirstPush(_) | Resource::Exclude(_) => {
            resource.create(&site).map(|created| created == Created::Made)
        }
        _ => Ok(true),
    });
    // a removal that was killed may have left it
    let held = match records.hold(&record.id)? {
        Some(mut held) => {
            held.record = record;
            held.write()?;
            held
        }
        None => records.begin(record)?,
    };
    drop(lock);
    Ok(held)
}

/// Keeps on the record what is still to be had, and names the rest.
fn retain(record: &mut Record, context: &Context, is_ours: &mut dyn FnMut(&mut Resource) -> Result<bool>) {
    let mut lost = Vec::new();
    record.steps.retain_mut(|step| {
        let is_ours = is_ours(&mut step.resource).unwrap_or(false);
        if !is_ours {
            lost.push(step.resource.describe());
        }
        is_ours
    });
    if !lost.is_empty() {
        context.ui.say(&format!("note: somebody else has it by now: {}", lost.join(", ")));
        context.ui.hint(Hint::of("git wt setup").name(record.name.as_str()));
    }
}

/// The record's name, or the next one that no other worktree has.
fn free_name(record: &Record, context: &Context) -> Result<Name> {
    let worktrees = Worktrees::read(&context.repo)?;
    let others = worktrees.listing.worktrees.iter().filter(|other| other.record.as_ref() != Some(&record.id));
    let taken: Vec<String> = others.map(|other| worktrees.name(other)).collect();
    let wanted = record.name.as_str();
    let names = std::iter::once(wanted.to_owned()).chain((2..).map(|number| format!("{wanted}-{number}")));
    let free = names.into_iter().find(|name| !taken.contains(name));
    Ok(Name::of_place(&free.unwrap_or_default()))
}

/// Lines of what can be brought back: name, when it was removed, how long it stays, its size, where it was.
pub fn list(context: &Context) -> Result<Vec<String>> {
    let trash = Trash::of(&context.repo);
    let mut cells = Vec::new();
    for (id, manifest) in trash.list()? {
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                context.ui.warn(&error.in_one_line());
                continue;
            }
        };
        let size = match trash.directory(&id, &manifest) {
            Some(tree) => ui::bytes(size(&tree)),
            None => "no directory".into(),
        };
        cells.push([
            escaped(&manifest.name),
            format!("removed {}", ago(manifest.removed)),
            format!("until {}", day(manifest.until)),
            size,
            escaped(&manifest.from.display().to_string()),
        ]);
    }
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    Ok(cells.iter().map(line).collect())
}

/// Deletes what was removed under that name, or all of it, for good, with its databases.
pub fn empty(name: Option<&str>, context: &Context) -> Result<()> {
    let trash = Trash::of(&context.repo);
    recover(Duration::ZERO, context)?;
    let is_meant = |manifest: &Result<Manifest>| match (name, manifest) {
        (Some(name), manifest) => manifest.as_ref().is_ok_and(|manifest| manifest.name == name),
        (None, _) => true,
    };
    let chosen: Vec<_> = trash.list()?.into_iter().filter(|(_, manifest)| is_meant(manifest)).collect();
    if name.is_some() && chosen.is_empty() {
        return Err(not_there(name));
    }
    for (id, _) in chosen {
        if let Some(item) = trash.lock(&id)? {
            let name = escaped(&item.manifest.name);
            delete(item, context)?;
            context.ui.say(&format!("deleted '{name}' for good"));
        }
    }
    Ok(())
}

/// Deletes what has been in the trash long enough. What cannot be deleted stays for the next time.
pub fn expire(context: &Context) -> Result<()> {
    let trash = Trash::of(&context.repo);
    for id in trash.due()? {
        if let Some(item) = trash.lock(&id)? {
            delete(item, context)?;
        }
    }
    Ok(())
}

/// Deletes an item, its databases first: only its own env file knows how to reach them.
fn delete(item: Item, context: &Context) -> Result<()> {
    if item.is_of(&context.repo)?
        && let (Some(record), Some(root)) = (&item.manifest.record, item.tree())
    {
        let owner = record.owner(&context.repo);
        let site = context.site(&owner, &root);
        let outside = |database: &&Database| !database.is_in(&record.path);
        for database in record.databases().filter(outside) {
            Resource::Database(database.clone()).destroy(&site, Unwind::Removal)?;
        }
    }
    item.delete(&context.repo)
}

fn find(name: Option<&str>, trash: &Trash) -> Result<String> {
    let is_meant = |manifest: &Manifest| match name {
        Some(name) => manifest.name == name,
        None => !manifest.missing,
    };
    let is_there = |manifest: &Manifest| is_meant(manifest) && manifest.phase == Phase::Kept;
    let found = trash.list()?.into_iter().find(|(_, manifest)| manifest.as_ref().is_ok_and(is_there));
    found.map(|(id, _)| id).ok_or_else(|| not_there(name))
}

fn not_there(name: Option<&str>) -> Error {
    match name {
        Some(name) => Error::new(format!("'{}' was not removed, or is gone for good", escaped(name)))
            .hint("git wt undo --list"),
        None => Error::new("there is nothing to bring back"),
    }
}

/// The bytes of all files below a directory.
fn size(dir: &Path) -> u64 {
    let mut total = 0;
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => dirs.push(entry.path()),
                Ok(found) => total += found.len(),
                Err(_) => {}
            }
        }
    }
    total
}

fn ago(time: u64) -> String {
    let age = (UNIX_EPOCH + Duration::from_millis(time)).elapsed().unwrap_or_default().as_secs();
    let (number, unit) = match age {
        0..60 => return "just now".into(),
        60..3600 => (age / 60, "minute"),
        3600..86_400 => (age / 3600, "hour"),
        _ => (age / 86_400, "day"),
    };
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}

fn day(time: u64) -> String {
    let time = i64::try_from(time).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    time.map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
