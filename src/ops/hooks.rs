//! Runs the recipe's hooks: arbitrary commands of the user's, after the commit point.
//!
//! A failed hook keeps the worktree; the record says which one, and `setup` resumes there.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::environment::Environment;
use crate::error::{Error, Explain, Hint, Result};
use crate::git::worktrees::Worktree;
use crate::host::exec::{self, Ending, Program};
use crate::host::file;
use crate::ops::context::{Context, Ignored};
use crate::plan::Pending;
use crate::recipe::Words;
use crate::recipe::consent::{Action, Consent, Granted, Kind, Requested};
use crate::record::worktrees::Worktrees;
use crate::record::{HookRun, HookStatus, LockedRecord, Record};

/// Puts the hooks of a recipe on a record. Those that ended well stay done, up to the first one that differs. Returns
/// whether that changed the record.
pub fn schedule(record: &mut Record, commands: &[Requested<String>]) -> bool {
    let done = record
        .hooks
        .iter()
        .zip(commands)
        .take_while(|(run, command)| run.ended == HookStatus::Done && run.command == *command.wanted())
        .count();
    let ended = |at| if at < done { HookStatus::Done } else { HookStatus::Pending };
    let hooks: Vec<HookRun> = commands
        .iter()
        .enumerate()
        .map(|(at, command)| HookRun { command: command.wanted().clone(), ended: ended(at) })
        .collect();
    let changed = hooks != record.hooks;
    record.hooks = hooks;
    changed
}

/// How the hooks of a worktree ended.
#[derive(Debug)]
pub enum Outcome {
    /// All of them ended well.
    Done,
    /// This one failed.
    Failed(HookRun),
    /// The user has not consented to this one.
    Waiting(Box<Action>),
}

/// Where and how hooks run.
pub struct Surroundings<'a> {
    pub root: &'a Path,
    pub environment: &'a Environment,
    /// The words that their templates may use.
    pub words: &'a Words,
    /// What the user has consented to.
    pub consent: &'a Consent,
    /// How long each hook may take.
    pub limit: Option<Duration>,
    pub log: &'a Path,
}

impl Surroundings<'_> {
    /// Runs the hooks that have not ended well, in order, and stops at the first that fails or has no consent. The
    /// record has them in the same order. `report` is called for each when it begins, and again with its duration when
    /// it has ended.
    pub fn run_pending(
        &self,
        hooks: &[Requested<String>],
        held: &mut LockedRecord,
        report: &mut dyn FnMut(&str, Option<Duration>),
    ) -> Result<Outcome> {
        let mut log = self.new_log()?;
        for (at, hook) in hooks.iter().enumerate() {
            if held.record.hooks[at].ended == HookStatus::Done {
                continue;
            }
            // checked only now: the hook before may have changed the files that this one runs
            let command = match self.consent.command(Kind::Run, hook, self.root)? {
                Ok(command) => command,
                Err(action) => return Ok(Outcome::Waiting(action)),
            };
            held.record.hooks[at].ended = self.run(&command, &mut log, report)?;
            held.write()?;
            exec::check_stopped()?;
            if held.record.hooks[at].ended != HookStatus::Done {
                return Ok(Outcome::Failed(held.record.hooks[at].clone()));
            }
        }
        Ok(Outcome::Done)
    }

    /// Starts a new, empty log.
    pub fn new_log(&self) -> Result<File> {
        file::open_private(File::options().create(true).write(true).truncate(true), self.log)
            .explain(|| self.unwritten())
    }

    fn unwritten(&self) -> String {
        format!("cannot write '{}'", self.log.display())
    }

    /// Runs one hook. Its output goes to stderr and is kept in the log.
    pub fn run(
        &self,
        command: &Granted<String>,
        log: &mut File,
        report: &mut dyn FnMut(&str, Option<Duration>),
    ) -> Result<HookStatus> {
        let command = self.words.render_command(command.get())?;
        report(&command, None);
        let begun = Instant::now();
        log.write_all(format!("$ {command}\n").as_bytes()).explain(|| self.unwritten())?;
        let shell = Program::new("sh").arg("-c").arg(&command).dir(self.root);
        let ending = self.environment.apply(shell).tee(log, self.limit)?;
        report(&command, Some(begun.elapsed()));
        Ok(match ending {
            Ending::Status(0) => HookStatus::Done,
            Ending::Status(status) => HookStatus::Failed(status),
            Ending::TimedOut => HookStatus::TimedOut(self.limit.unwrap_or_default().as_secs()),
        })
    }
}

/// Asks for consent where needed, runs the hooks that are not done, and returns the exit status.
pub fn run_all(held: &mut LockedRecord, root: &Path, pending: &Pending, context: &Context) -> Result<u8> {
    if schedule(&mut held.record, &pending.hooks) {
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

/// Returns the hooks that are neither done nor consented to, judged by this worktree's files.
pub fn not_consented_to(
    record: &Record,
    root: &Path,
    hooks: &[Requested<String>],
    context: &Context,
) -> Result<Vec<Action>> {
    let unfinished = hooks.iter().zip(&record.hooks).filter(|(_, run)| run.ended != HookStatus::Done);
    context.consent()?.missing_commands(Kind::Run, unfinished.map(|(hook, _)| hook), root)
}

fn run_unfinished(
    held: &mut LockedRecord,
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
    let recipe = context.recipe_for(
        name.as_str(),
        held.record.branch.as_ref(),
        held.record.template.as_deref(),
        Ignored::AskGit,
    )?;
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
    let mut report = |command: &str, took: Option<Duration>| match took {
        None => ui.say(&format!("$ {command}")),
        Some(time) => ui.took(time),
    };
    let log = context.records.log(&held.record.id);
    let limit = recipe.hooks.timeout;
    let surroundings =
        Surroundings { root, environment: &environment, words: &words, consent: &consent, limit, log: &log };
    let failed = match surroundings.run_pending(hooks, held, &mut report)? {
        Outcome::Done => return Ok(0),
        Outcome::Waiting(action) => {
            waiting.push(*action);
            return Ok(Error::HOOK);
        }
        Outcome::Failed(failed) => failed,
    };
    ui.warn(&format!("the hook '{}' {}; the worktree stays", failed.command, failed.ended.describe()));
    if matches!(failed.ended, HookStatus::TimedOut(_)) {
        ui.say("note: its limit is 'timeout' under [hooks], or wt.hooks.timeout in git config");
    }
    ui.say(&format!("note: its output is in '{}'", log.display()));
    ui.hint(Hint::of("git wt setup").name(name.as_str()));
    Ok(Error::HOOK)
}

/// Runs the teardown hooks that the user trusts. A failing one does not stop the removal.
pub fn run_teardown(held: &LockedRecord, tree: &Worktree, context: &Context) {
    let record = &held.record;
    let torn_down = || -> Result<()> {
        let recipe = context.recorded_recipe(record, tree)?;
        if recipe.hooks.teardown.is_empty() {
            return Ok(());
        }
        let consent = context.consent()?;
        let environment = Environment::of(&context.repo, &tree.path, Some(record), &recipe, &consent)?;
        let worktrees = Worktrees::read(&context.repo)?;
        context.guard(&context.watch(tree, &worktrees, &recipe, &consent), &environment)?;
        let (words, log) = (context.words(record, &tree.path), context.records.log(&record.id));
        let (root, limit) = (&tree.path, recipe.hooks.timeout);
        let surroundings = Surroundings {
            root,
            environment: &environment,
            words: &words,
            consent: &consent,
            limit,
            log: &log,
        };
        let mut report = |command: &str, took: Option<Duration>| match took {
            None => context.ui.say(&format!("$ {command}")),
            Some(time) => context.ui.took(time),
        };
        let mut log = surroundings.new_log()?;
        for hook in &recipe.hooks.teardown {
            let Ok(command) = consent.command(Kind::RunAtRemoval, hook, root)? else {
                let hook = hook.wanted();
                context.ui.warn(&format!("the teardown hook '{hook}' was not run without your consent"));
                continue;
            };
            let ended = surroundings.run(&command, &mut log, &mut report)?;
            exec::check_stopped()?;
            if ended != HookStatus::Done {
                context.ui.warn(&format!("the hook '{}' {}", hook.wanted(), ended.describe()));
            }
        }
        Ok(())
    };
    if let Err(error) = torn_down() {
        context.ui.warn(&error.in_one_line());
    }
}
