//! Brings back what was removed, shows what can be brought back, and deletes it for good.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::context::Context;
use super::{follow, summary};
use crate::error::{Error, Hint, Result};
use crate::git::status::Status;
use crate::git::worktrees::Worktree;
use crate::host::exec;
use crate::record::worktrees::Worktrees;
use crate::record::{LockedRecord, Record, RecordState, StepState};
use crate::resource::relocation::Relocation;
use crate::resource::{Created, Database, Destroyed, Resource, Unwind};
use crate::text::name::{Name, escaped};
use crate::trash::{Item, Manifest, Phase, Trash};
use crate::ui::{self, Ui};

/// Brings back the worktree of that name that was removed last, or the last one of all. Returns its directory.
pub fn undo(name: Option<&str>, context: &Context) -> Result<PathBuf> {
    let _undisturbed = exec::carry_on();
    let trash = Trash::of(&context.repo);
    let recovered = recover(Duration::ZERO, context)?;
    // one that was cut short is what was asked for
    if let Some((_, path)) = recovered.back.iter().find(|(known, _)| name.is_none_or(|name| name == known)) {
        return Ok(path.clone());
    }
    let id = find(name, &trash)?;
    let Some(mut item) = trash.lock(&id)? else {
        return Err(Error::new("another git-wt is at work on it").hint("git wt undo --list"));
    };
    item.begin_restore(&context.repo)?;
    bring_back(&mut item, context)?;
    let path = item.manifest.path.clone();
    item.end(&context.repo);
    Ok(path)
}

/// What became of items that were cut short.
#[derive(Debug)]
pub struct Recovered {
    /// The names and directories of those that are back.
    pub back: Vec<(String, PathBuf)>,
    /// Whether none is half any more.
    pub all: bool,
}

/// Finishes what was cut short on its way back, and what was on its way to the trash and has arrived there; takes the
/// rest back. What another process works on is left alone, or waited for; what fails is told, and is in nobody's way.
pub fn recover(patience: Duration, context: &Context) -> Result<Recovered> {
    let start = Instant::now();
    let trash = Trash::of(&context.repo);
    let mut recovered = Recovered { back: Vec::new(), all: true };
    for (id, _) in trash.halves(&context.repo)? {
        let mut locked = trash.lock(&id)?;
        // a git that a killed git-wt has started may have it for a moment
        while locked.is_none() && trash.has(&id) && start.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(20));
            locked = trash.lock(&id)?;
        }
        let Some(mut item) = locked else {
            recovered.all &= !trash.has(&id);
            continue;
        };
        let (name, phase) = (item.manifest.name.clone(), item.manifest.phase);
        match recover_item(&mut item, context) {
            Ok(false) => {}
            Ok(true) => {
                if phase == Phase::Restoring {
                    recovered.back.push((name, item.manifest.path.clone()));
                }
                item.end(&context.repo);
            }
            Err(error) => {
                context.ui.warn(&error.in_one_line());
                recovered.all = false;
            }
        }
    }
    Ok(recovered)
}

/// Returns whether the worktree is where it was, or is to be.
fn recover_item(item: &mut Item, context: &Context) -> Result<bool> {
    match item.manifest.phase {
        Phase::Kept | Phase::Deleting => Ok(false),
        Phase::Taking if item.has_arrived() => item.keep().map(|()| false),
        // the record still knows all that was made
        Phase::Taking => item.put_back(&context.repo).map(|()| true),
        Phase::Restoring => bring_back(item, context).map(|()| true),
    }
}

/// Brings a worktree back with its branch and record, and tells. The record comes first, so that nobody finds the
/// worktree without one and gives it another. May be called again after a crash; where nothing can be brought back, all
/// is as it was.
fn bring_back(item: &mut Item, context: &Context) -> Result<()> {
    let (repo, ui) = (&context.repo, context.ui);
    match item.restore_branch(repo) {
        Ok(Some(branch)) => ui.say(&format!("branch '{}' is back at {}", branch.name, branch.oid.short())),
        Ok(None) => {}
        Err(error) => ui.warn(&error.in_one_line()),
    }
    let record = item.manifest.record.clone();
    // plain git may have moved it before, and the record not known
    let from = record.as_ref().map_or_else(|| item.manifest.from.clone(), |record| record.path.clone());
    let mut held = record.map(|record| reserve(record, &from, context)).transpose()?;
    if let Err(error) = item.put_back(repo) {
        if item.has_arrived() {
            held.map(|held| unreserve(held, &from, context)).transpose()?;
            item.keep()?;
        }
        return Err(error);
    }
    tell(&item.manifest, held.as_ref().map(|held| &held.record.name), ui);
    let listing = repo.worktrees()?;
    // if git does not know it, somebody has moved or removed it already
    let Some(tree) = listing.at(&item.manifest.path) else { return Ok(()) };
    if let Some(held) = &mut held {
        claim_databases(held, &from, tree, context)?;
    }
    let outside = held.as_ref().and_then(|held| summary::outside(&held.record));
    follow::follow(held, &from, tree, context)?;
    tell_what_is_back(outside, tree, ui);
    Ok(())
}

/// Says in one line what it has again: what is outside of its directory, and the files that git knows nothing of.
fn tell_what_is_back(outside: Option<String>, tree: &Worktree, ui: Ui) {
    if ui.quiet || tree.missing {
        return;
    }
    let status = Status::of(&tree.path).unwrap_or_default();
    let files = summary::uncommitted((status.changes.len(), status.untracked.len()));
    let told: Vec<String> = outside.into_iter().chain(files).collect();
    if !told.is_empty() {
        ui.say(&format!("  {}", told.join(", ")));
    }
}

/// Claims the databases again, where they are now.
fn claim_databases(held: &mut LockedRecord, from: &Path, tree: &Worktree, context: &Context) -> Result<()> {
    let owner = held.record.owner(&context.repo);
    let moved = Relocation::new(from, &tree.path);
    retain(&mut held.record, context, &mut |resource| match resource {
        Resource::Database(database) if from != tree.path && database.is_in(from) => {
            database.follow(&context.claims, &owner, &moved).map(|_| true)
        }
        Resource::Database(database) => database.claim(&context.claims, &owner),
        _ => Ok(true),
    });
    held.write()
}

/// Says that it is back, under which name, and why it is not as it was.
fn tell(manifest: &Manifest, now: Option<&Name>, ui: Ui) {
    let name = escaped(&manifest.name);
    let renamed = match now {
        Some(now) if now.as_str() != manifest.name => format!(" as {now}"),
        _ => String::new(),
    };
    let place = summary::place(&manifest.path);
    let how = if manifest.path == manifest.from {
        format!(" as it was {}", ago(manifest.removed))
    } else {
        ": its place is taken".into()
    };
    ui.say(&format!("{name} is back{renamed} in {place}{how}"));
    if let (true, Some(branch), Some(head)) = (manifest.detach, &manifest.branch, &manifest.head) {
        ui.say(&format!("note: HEAD is detached at {}: '{branch}' has moved or is in use", head.short()));
    }
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

/// Gives up what was claimed again.
fn unreserve(mut held: LockedRecord, from: &Path, context: &Context) -> Result<()> {
    let owner = held.record.owner(&context.repo);
    let site = context.site(&owner, from);
    let mut destroy = |resource: &Resource| match resource {
        Resource::Port(_) | Resource::FirstPush(_) | Resource::Exclude(_) => {
            resource.destroy(&site, Unwind::Removal)
        }
        _ => Ok(Destroyed::Kept),
    };
    held.unwind(&mut destroy, &mut |_, _| {})?;
    held.forget()
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
    let mut failed = None;
    for (id, _) in chosen {
        let Some(item) = trash.lock(&id)? else { continue };
        let name = escaped(&item.manifest.name);
        match delete(item, context) {
            Ok(()) => context.ui.say(&format!("deleted '{name}' for good")),
            // the others go all the same
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Deletes what has been in the trash long enough. What cannot be deleted stays for the next time.
pub fn expire(context: &Context) -> Result<()> {
    let trash = Trash::of(&context.repo);
    let mut failed = None;
    for id in trash.due()? {
        let done = trash.lock(&id)?.map_or(Ok(()), |item| delete(item, context));
        failed = done.err().or(failed);
    }
    failed.map_or(Ok(()), Err)
}

/// Deletes an item, its databases first: only its own env file knows how to reach them.
fn delete(item: Item, context: &Context) -> Result<()> {
    if item.is_of(&context.repo)?
        && let Some(record) = &item.manifest.record
    {
        let root = item.tree().unwrap_or_else(|| item.manifest.from.clone());
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
