//! Gives an existing worktree its environment: adopts it, makes what it lacks, and updates what has drifted.

mod preview;

pub use preview::preview;

use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::environment::guard::{Guard, Stray};
use crate::error::{Error, Result};
use crate::git::worktrees::{TOKEN, Worktree};
use crate::ops::context::Context;
use crate::ops::facts::Gets;
use crate::ops::{hooks, summary};
use crate::plan::{Facts, Pending, Plan};
use crate::record::worktrees::Worktrees;
use crate::record::{LockedRecord, Record, RecordState, Step, StepState};
use crate::resource::env_file::Changes;
use crate::resource::{Created, Database, EnvFile, Resource};
use crate::ui::Ui;

/// What to do with the recipe's hooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Do not run them.
    pub no_hooks: bool,
    /// Run them again even if they ended well before.
    pub again: bool,
}

/// What setting up a worktree has come to.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The exit status of its hooks.
    pub status: u8,
    /// Whether everything was there already, and no hook was to run.
    pub was_done: bool,
}

/// Gives a worktree its environment and runs its hooks.
pub fn set_up(
    tree: &Worktree,
    worktrees: &Worktrees,
    options: Options,
    context: &Context,
) -> Result<Outcome> {
    let mut held = match worktrees.readable_record(tree)? {
        Some(record) => context
            .records
            .hold(&record.id)?
            .ok_or_else(|| Error::new(format!("the record of '{}' has just gone", record.name)))?,
        None => adopt(tree, worktrees, context)?,
    };
    if held.record.stage != RecordState::Ready {
        // somebody was killed while making or removing it: it cannot be set up, only undone or finished
        let name = &held.record.name;
        return Err(Error::new(format!("the making or removing of '{name}' was cut short"))
            .hint("git wt doctor --fix"));
    }
    let (mut pending, has_changed) =
        provision(&mut held, tree, context).map_err(|error| worktrees.unless_gone(tree, error))?;
    if options.again {
        held.record.hooks.clear();
    }
    if options.no_hooks {
        pending.hooks.clear();
    }
    let before = held.record.hooks.clone();
    let status = hooks::run_all(&mut held, &tree.path, &pending, context)?;
    let was_done = status == 0 && !has_changed && held.record.hooks == before && !options.again;
    Ok(Outcome { status, was_done })
}

/// Returns a record, not yet written, of a worktree that something else has made.
fn fresh(tree: &Worktree, worktrees: &Worktrees, context: &Context) -> Result<Record> {
    let name = crate::text::name::Name::of_place(&worktrees.name(tree));
    let mut record = Record::new(name, &tree.path, context.repo.identity()?, Vec::new())?;
    record.branch = tree.head.branch().cloned();
    record.stage = RecordState::Ready;
    Ok(record)
}

/// Writes a record for a worktree that something else has made.
fn adopt<'a>(tree: &Worktree, worktrees: &Worktrees, context: &'a Context) -> Result<LockedRecord<'a>> {
    let record = fresh(tree, worktrees, context)?;
    let lock = context.records.lock()?;
    let now = context.repo.worktrees()?;
    if now
        .worktrees
        .iter()
        .find(|now| now.git_dir == tree.git_dir)
        .is_none_or(|now| now.record != tree.record)
    {
        return Err(Error::new(format!("another git-wt has just changed '{}'", record.name)));
    }
    let held = context.records.begin(record)?;
    crate::host::file::replace_private(&tree.git_dir.join(TOKEN), format!("{}\n", held.record.id).as_bytes())
        .map_err(|cause| {
            Error::new(format!("cannot write to '{}'", tree.git_dir.display())).because(cause)
        })?;
    drop(lock);
    Ok(held)
}

/// Makes what the recipe has and the worktree lacks; returns what to do after that, and whether anything was made or
/// changed.
pub fn provision(held: &mut LockedRecord, tree: &Worktree, context: &Context) -> Result<(Pending, bool)> {
    let record = &held.record;
    let recipe = context.recorded_recipe(record, tree)?;
    context.ask_for_recipe(&recipe, Some(record))?;
    let owner = held.record.owner(&context.repo);
    let site = context.site(&owner, &tree.path);
    ask_for_vanished(held, &tree.path, context)?;
    let lock = context.records.lock()?;
    held.forget_taken_ports(&site)?;
    let pending = note_missing(&mut held.record, tree, context)?;
    held.claim_ports(&site);
    drop(lock);
    held.record.protected = recipe.protected;
    let mut has_changed = false;
    for stray in disown_strays(&mut held.record, context)? {
        context.ui.say(&format!("{stray}: set anew"));
        has_changed = true;
    }
    let ui = context.ui;
    let mut made = Vec::new();
    let mut report = |resource: &Resource, created: &Created| match created {
        _ if matches!(resource, Resource::Copies(copies) if copies.is_empty()) => tell_left_out(resource, ui),
        Created::Made => match resource {
            Resource::EnvFile(file) if !file.changes.is_new => has_changed |= tell_changes(file, ui),
            resource => {
                tell_left_out(resource, ui);
                if ui.verbose {
                    ui.say(&resource.describe());
                }
                made.push(resource.clone());
            }
        },
        Created::Found => ui.detail(&format!("{}: there already", resource.describe())),
        Created::Skipped(why) => ui.detail(&format!("no {}: {why}", resource.describe())),
    };
    ui.spin("making", &String::new, || held.make(&site, &mut report))?;
    if let Some(told) = summary::of(&made).filter(|_| !ui.verbose) {
        ui.say(&format!("{}: {told}", held.record.name));
    }
    Ok((pending, has_changed || !made.is_empty()))
}

fn tell_left_out(resource: &Resource, ui: Ui) {
    if let Resource::Copies(copies) = resource {
        copies.reasons().iter().for_each(|why| ui.detail(why));
    }
}

/// Says what has changed in an env file; returns whether there was anything to say.
fn tell_changes(file: &EnvFile, ui: Ui) -> bool {
    let changes = &*file.changes;
    let gone = "gone from the main worktree, and kept:";
    for (verb, names) in [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("kept your own", &changes.kept),
        (gone, &changes.gone),
    ] {
        if !names.is_empty() {
            ui.say(&format!("{verb} {} in '{}'", names.join(", "), file.path));
        }
    }
    *changes != Changes::default()
}

/// Puts on the record's list what the recipe has and the worktree lacks; returns what to do after making it.
fn note_missing(record: &mut Record, tree: &Worktree, context: &Context) -> Result<Pending> {
    let recipe = context.recorded_recipe(record, tree)?;
    let Context { repo, records, claims, .. } = context;
    let facts = Facts::gather(repo, &recipe, Gets::Environment, records, claims, Some(&record.id))?;
    let plan = Plan::environment_of(&record.name, tree, &record.ports(), &recipe, &facts)?;
    for note in &plan.notes {
        context.ui.say(&format!("note: {note}"));
    }
    add_missing(record, plan.resources, &tree.path);
    Ok(plan.pending)
}

/// Asks whether to make a database again whose file has gone: its data has gone too, maybe for a reason.
fn ask_for_vanished(held: &mut LockedRecord, root: &Path, context: &Context) -> Result<()> {
    for at in 0..held.record.steps.len() {
        let step = &held.record.steps[at];
        if step.resource.database().is_none() || !has_gone(step, root) {
            continue;
        }
        let what = step.resource.describe();
        match context.ask(&format!("{what} has gone; make it again?"))? {
            Some(true) => {
                held.record.steps[at].state = StepState::Planned;
                // what fills it needs consent again, which is judged by the record on disk
                held.write()?;
            }
            Some(false) => {}
            None => context.ui.warn(&format!("{what} has gone; it is made again only after a question")),
        }
    }
    Ok(())
}

/// Whether something that was made has gone from its place.
fn has_gone(step: &Step, root: &Path) -> bool {
    let has_gone = |path: PathBuf| matches!(path.symlink_metadata(), Err(cause) if cause.kind() == NotFound);
    step.state == StepState::Made && step.resource.place(root).is_some_and(has_gone)
}

/// Puts on the record's list what is not on it yet, or has gone; an env file that is on it may still want new values.
fn add_missing(record: &mut Record, wanted: Vec<Resource>, root: &Path) {
    for resource in wanted {
        let known = record.steps.iter_mut().find(|step| step.resource.is_same_thing(&resource));
        match (known, resource) {
            (Some(step), Resource::EnvFile(wanted)) => {
                if let Resource::EnvFile(file) = &mut step.resource {
                    file.from = wanted.from;
                    file.values = wanted.values;
                    file.drawn = wanted.drawn;
                    file.supply(wanted.supplied);
                    file.followers = wanted.followers;
                    file.moved = wanted.moved;
                    file.required = wanted.required;
                    file.from_tracked = wanted.from_tracked;
                    step.state = StepState::Begun;
                }
            }
            (Some(step), Resource::Database(Database::Server(wanted))) => {
                if let Resource::Database(Database::Server(database)) = &mut step.resource {
                    database.timeout = wanted.timeout;
                }
            }
            (Some(step), Resource::Copies(wanted)) => {
                if let Resource::Copies(copies) = &mut step.resource
                    && copies.want(wanted, root)
                {
                    step.state = StepState::Begun;
                }
            }
            (Some(step), Resource::Database(_)) if step.state != StepState::Planned => {}
            (Some(step), wanted) if step.resource.database().is_some() || has_gone(step, root) => {
                *step = Step { state: StepState::Planned, resource: wanted };
            }
            (Some(_), _) => {}
            // goes on the list right after the checkout: without it, a link counts as a new file
            (None, Resource::Exclude(line)) => {
                record.steps.insert(0, Step { state: StepState::Planned, resource: Resource::Exclude(line) });
            }
            (None, resource) => record.steps.push(Step { state: StepState::Planned, resource }),
        }
    }
}

/// Has the values of the env file that lead into another worktree be set anew: they are not edits to keep.
fn disown_strays(record: &mut Record, context: &Context) -> Result<Vec<Stray>> {
    let worktrees = Worktrees::read(&context.repo)?;
    let Some(tree) = record.worktree(&worktrees.listing) else { return Ok(Vec::new()) };
    if Guard::of(&context.repo)? == Guard::Off {
        return Ok(Vec::new());
    }
    let recipe = context.recorded_recipe(record, tree)?;
    let consent = context.consent()?;
    let environment = Environment::of(&context.repo, &tree.path, Some(record), &recipe, &consent)?;
    let mut strays = context.watch(tree, &worktrees, &recipe, &consent).strays(&environment, &|_| None);
    strays.retain(|stray| stray.has_own);
    for step in &mut record.steps {
        if let Resource::EnvFile(file) = &mut step.resource {
            file.foreign = strays.iter().map(|stray| stray.variable.clone()).collect();
        }
    }
    Ok(strays)
}
