//! `git wt setup`: adopt a worktree, resume failed hooks, bring a drifted environment up to date.

mod post_checkout;
mod preview;

use std::path::Path;
use std::time::Duration;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::environment::Environment;
use crate::environment::guard::Guard;
use crate::error::{Error, Hint, Result};
use crate::git::worktrees::{TOKEN, Worktree};
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::hooks::{self, Outcome, Surroundings};
use crate::plan::{Facts, Pending, Plan, Wish};
use crate::recipe::Recipe;
use crate::recipe::consent::{Action, Kind, Requested};
use crate::record::worktrees::Worktrees;
use crate::record::{Ended, Held, Record, Stage, State, Step};
use crate::resource::{Created, EnvFile, Resource};
use crate::shell::complete;
use crate::ui::Ui;

/// Give a worktree its environment, or finish what failed
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree; the current one if absent
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::worktrees))]
    pub target: Option<String>,
    /// All linked worktrees, also those made by plain git
    #[arg(long, conflicts_with = "target")]
    pub all: bool,
    /// Show what would be made, changed and kept, and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not run the recipe's hooks
    #[arg(long)]
    pub no_hooks: bool,
    /// Run all hooks again, also those that ended well
    #[arg(long)]
    pub again: bool,
    /// Have worktrees made by plain git set up at once, by a post-checkout hook
    #[arg(long, conflicts_with_all = ["target", "all", "dry_run", "uninstall_hook"])]
    pub install_hook: bool,
    /// Take that hook out again
    #[arg(long, conflicts_with_all = ["target", "all", "dry_run"])]
    pub uninstall_hook: bool,
    /// Called by that hook
    #[arg(long, hide = true)]
    pub from_hook: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say each step
    #[arg(short, long)]
    pub verbose: bool,
}

/// Provisions worktrees that exist.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    if args.install_hook {
        return post_checkout::install(context);
    }
    if args.uninstall_hook {
        return post_checkout::uninstall(context);
    }
    if args.from_hook {
        return post_checkout::set_up(args, context);
    }
    let worktrees = Worktrees::read(&context.repo)?;
    if args.all {
        return every_one(args, &worktrees, context);
    }
    let tree = worktrees.find(args.target.as_deref().unwrap_or("."))?;
    if tree.is_main() {
        return Err(Error::new("the main worktree is set up by hand: it is what the others are made from"));
    }
    if tree.missing {
        return Err(Error::new(format!("'{}' is missing", tree.path.display())).hint("git wt prune"));
    }
    one(args, tree, &worktrees, context)
}

/// Goes through all linked worktrees; one that fails does not stop the others. Returns the worst exit status.
fn every_one(args: &Args, worktrees: &Worktrees, context: &Context) -> Result<u8> {
    let mut worst = 0;
    for tree in worktrees.listing.worktrees.iter().filter(|tree| !tree.is_main()) {
        exec::check_stopped()?;
        if tree.missing {
            context.ui.say(&format!("note: '{}' is missing, and left as it is", tree.path.display()));
            continue;
        }
        let status = one(args, tree, worktrees, context).unwrap_or_else(|mut error| {
            error.what = format!("'{}': {}", worktrees.name(tree), error.what);
            context.ui.error(&error);
            error.exit
        });
        worst = worst.max(status);
    }
    Ok(worst)
}

fn one(args: &Args, tree: &Worktree, worktrees: &Worktrees, context: &Context) -> Result<u8> {
    let known = worktrees.readable_record(tree)?;
    if args.dry_run {
        let record = known.cloned().map_or_else(|| fresh(tree, worktrees, context), Ok)?;
        return preview::show(args, record, tree, context);
    }
    let mut held = match known {
        Some(record) => context
            .records
            .hold(&record.id)?
            .ok_or_else(|| Error::new(format!("the record of '{}' has just gone", record.name)))?,
        None => adopt(tree, worktrees, context)?,
    };
    if held.record.stage != Stage::Ready {
        // half made or half removed by one who was killed: there is nothing to finish, only to undo or to end
        let name = &held.record.name;
        return Err(Error::new(format!("the making or removing of '{name}' was cut short"))
            .hint("git wt doctor --fix"));
    }
    let mut pending =
        provision(&mut held, tree, context).map_err(|error| worktrees.unless_gone(tree, error))?;
    if args.again {
        held.record.hooks.clear();
    }
    if args.no_hooks {
        pending.hooks.clear();
    }
    run_hooks(&mut held, &tree.path, &pending, context)
}

/// The record of a worktree that something else has made; it is not written yet.
fn fresh(tree: &Worktree, worktrees: &Worktrees, context: &Context) -> Result<Record> {
    let name = crate::text::name::Name::of_place(&worktrees.name(tree));
    let mut record = Record::new(name, &tree.path, context.repo.identity()?, Vec::new())?;
    record.branch = tree.head.branch().cloned();
    record.stage = Stage::Ready;
    Ok(record)
}

/// Writes a record for a worktree that something else has made.
fn adopt<'a>(tree: &Worktree, worktrees: &Worktrees, context: &'a Context) -> Result<Held<'a>> {
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

/// Makes what the recipe has and the worktree has not; returns what comes after that.
pub fn provision(held: &mut Held, tree: &Worktree, context: &Context) -> Result<Pending> {
    let record = &held.record;
    let recipe = context.recipe_for(record.name.as_str(), tree.head.branch(), record.template.as_deref())?;
    context.ask_for_recipe(&recipe, Some(record))?;
    let lock = context.records.lock()?;
    let pending = note_missing(&mut held.record, tree, context)?;
    drop(lock);
    held.record.protected = recipe.protected;
    disown_strays(&mut held.record, &recipe, context)?;
    let owner = held.record.owner(&context.repo);
    let site = context.site(&owner, &tree.path);
    let ui = context.ui;
    held.make(&site, &mut |resource, created| match created {
        Created::Made => match resource {
            Resource::EnvFile(file) if !file.changes.is_new => tell_changes(file, ui),
            made => ui.say(&made.describe()),
        },
        Created::Found => ui.detail(&format!("{}: there already", resource.describe())),
        Created::Skipped(why) => ui.detail(&format!("no {}: {why}", resource.describe())),
    })?;
    Ok(pending)
}

fn tell_changes(file: &EnvFile, ui: Ui) {
    let changes = &file.changes;
    for (verb, names) in
        [("added", &changes.added), ("changed", &changes.changed), ("kept your own", &changes.kept)]
    {
        if !names.is_empty() {
            ui.say(&format!("{verb} {} in '{}'", names.join(", "), file.path));
        }
    }
}

/// Puts on the record's list what the recipe has and the worktree has not; returns what comes after making it.
fn note_missing(record: &mut Record, tree: &Worktree, context: &Context) -> Result<Pending> {
    let recipe = context.recipe_for(record.name.as_str(), tree.head.branch(), record.template.as_deref())?;
    let wish = Wish { env: true, hooks: true, ..Wish::default() };
    let facts =
        Facts::gather(&context.repo, &wish, &recipe, &context.records, &context.claims, Some(&record.id))?;
    let plan = Plan::environment_of(&record.name, tree, &record.ports(), &recipe, &facts)?;
    for note in &plan.notes {
        context.ui.say(&format!("note: {note}"));
    }
    add_missing(record, plan.resources);
    Ok(plan.pending)
}

/// Puts on the record's list what is not on it; an env file is on it already, but may want new values.
fn add_missing(record: &mut Record, wanted: Vec<Resource>) {
    for resource in wanted {
        let known = record.steps.iter_mut().find(|step| step.resource.is_same_thing(&resource));
        match (known, resource) {
            (Some(step), Resource::EnvFile(wanted)) => {
                if let Resource::EnvFile(file) = &mut step.resource {
                    file.values = wanted.values;
                    file.drawn = wanted.drawn;
                    file.supply(wanted.supplied);
                    file.followers = wanted.followers;
                    file.moved = wanted.moved;
                    file.required = wanted.required;
                    step.state = State::Begun;
                }
            }
            (Some(step), Resource::ServerDatabase(wanted)) => {
                if let Resource::ServerDatabase(database) = &mut step.resource {
                    database.timeout = wanted.timeout;
                }
            }
            (Some(_), _) => {}
            // it goes after the checkout: without it a link counts as a new file
            (None, Resource::Exclude(line)) => {
                record.steps.insert(0, Step { state: State::Planned, resource: Resource::Exclude(line) });
            }
            (None, resource) => record.steps.push(Step { state: State::Planned, resource }),
        }
    }
}

/// Has values of the env file that lead into another worktree set anew: they are no edits to keep.
fn disown_strays(record: &mut Record, recipe: &Recipe, context: &Context) -> Result<()> {
    let worktrees = Worktrees::read(&context.repo)?;
    let Some(tree) = record.worktree(&worktrees.listing) else { return Ok(()) };
    if Guard::of(&context.repo)? == Guard::Off {
        return Ok(());
    }
    let consent = context.consent()?;
    let environment = Environment::of(&context.repo, &tree.path, Some(record), recipe, &consent)?;
    let mut strays = context.watch(tree, &worktrees, recipe, &consent).strays(&environment, &|_| None);
    strays.retain(|stray| stray.has_own);
    for step in &mut record.steps {
        if let Resource::EnvFile(file) = &mut step.resource {
            file.foreign = strays.iter().map(|stray| stray.variable.clone()).collect();
        }
    }
    for stray in strays {
        context.ui.say(&format!("{stray}: set anew"));
    }
    Ok(())
}

/// Asks for consent where it is needed, runs the hooks that are not done, and returns the exit status.
pub fn run_hooks(held: &mut Held, root: &Path, pending: &Pending, context: &Context) -> Result<u8> {
    if hooks::schedule(&mut held.record, &pending.hooks) {
        held.write()?;
    }
    let name = held.record.name.clone();
    let mut waiting = pending.waiting.clone();
    let status = if held.record.unfinished_hook().is_none() {
        0
    } else {
        run_unfinished(held, root, &pending.hooks, &mut waiting, context)?
    };
    if waiting.is_empty() {
        return Ok(status);
    }
    context.tell_waiting(&name, &waiting);
    Ok(Error::HOOK)
}

/// Those of the hooks that are not done and not consented to, as this worktree has their files.
fn not_consented_to(
    record: &Record,
    root: &Path,
    hooks: &[Requested<String>],
    context: &Context,
) -> Result<Vec<Action>> {
    let consent = context.consent()?;
    let mut missing = Vec::new();
    for (hook, run) in hooks.iter().zip(&record.hooks) {
        if run.ended != Ended::Done
            && let Err(action) = consent.command(Kind::Run, hook, root)?
        {
            missing.push(*action);
        }
    }
    Ok(missing)
}

fn run_unfinished(
    held: &mut Held,
    root: &Path,
    hooks: &[Requested<String>],
    waiting: &mut Vec<Action>,
    context: &Context,
) -> Result<u8> {
    let missing = not_consented_to(&held.record, root, hooks, context)?;
    if !context.ask_for(&missing)? {
        waiting.extend(missing);
        return Ok(Error::HOOK);
    }
    let name = held.record.name.clone();
    let consent = context.consent()?;
    let recipe =
        context.recipe_for(name.as_str(), held.record.branch.as_ref(), held.record.template.as_deref())?;
    let environment = Environment::of(&context.repo, root, Some(&held.record), &recipe, &consent)?;
    let ui = context.ui;
    let worktrees = Worktrees::read(&context.repo)?;
    if let Some(tree) = held.record.worktree(&worktrees.listing)
        && let Err(error) = context.guard(&context.watch(tree, &worktrees, &recipe, &consent), &environment)
    {
        ui.error(&error);
        ui.warn("the recipe's hooks were not run");
        return Ok(Error::HOOK);
    }
    let words = context.words(&held.record, root);
    let mut told = |command: &str, took: Option<Duration>| match took {
        None => ui.say(&format!("$ {command}")),
        Some(time) => ui.took(time),
    };
    let log = context.records.log(&held.record.id);
    let limit = recipe.hooks.timeout;
    let surroundings =
        Surroundings { root, environment: &environment, words: &words, consent: &consent, limit, log: &log };
    let failed = match surroundings.run_pending(hooks, held, &mut told)? {
        Outcome::Done => return Ok(0),
        Outcome::Waiting(action) => {
            waiting.push(*action);
            return Ok(Error::HOOK);
        }
        Outcome::Failed(failed) => failed,
    };
    ui.warn(&format!("the hook '{}' {}; the worktree stays", failed.command, failed.ended.describe()));
    if matches!(failed.ended, Ended::TimedOut(_)) {
        ui.say("note: its limit is 'timeout' under [hooks], or wt.hooks.timeout in git config");
    }
    ui.say(&format!("note: its output is in '{}'", log.display()));
    ui.hint(Hint::of("git wt setup").name(name.as_str()));
    Ok(Error::HOOK)
}
