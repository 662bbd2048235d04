//! Runs the recipe's hooks: arbitrary commands of the user's, after the commit point.
//!
//! A failed hook keeps the worktree; the record says which one, and `setup` resumes there.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
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
use crate::text::name::escaped;
use crate::ui::{Ui, short_time};

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
    pub ui: Ui,
    /// How many columns the longest of the commands takes.
    pub width: usize,
}

impl Surroundings<'_> {
    /// Runs the hooks that have not ended well, in order, and stops at the first that fails or has no consent. The
    /// record has them in the same order.
    pub fn run_pending(&self, hooks: &[Requested<String>], held: &mut LockedRecord) -> Result<Outcome> {
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
            held.record.hooks[at].ended = self.run(&command, &mut log)?;
            held.write()?;
            exec::check_stopped().map_err(|mut stopped| {
                let name = &held.record.name;
                stopped.what = format!("interrupted in '{}'; '{name}' stays, set up so far", hook.wanted());
                stopped.hint(Hint::of("git wt setup").name(name.as_str()))
            })?;
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

    /// Runs one hook, and says how long it took. Its output is kept in the log; it is shown as it comes with `-v`, and its
    /// end is shown if the hook fails.
    pub fn run(&self, command: &Granted<String>, log: &mut File) -> Result<HookStatus> {
        let command = self.words.render_command(command.get())?;
        let step = padded(&command, self.width);
        if self.ui.verbose {
            self.ui.say(&format!("$ {command}"));
        }
        let begun = Instant::now();
        log.write_all(format!("$ {command}\n").as_bytes()).explain(|| self.unwritten())?;
        let shell = Program::new("sh").arg("-c").arg(&command).dir(self.root);
        let said = Mutex::new(Said::default());
        let said = || said.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hear = |bytes: &[u8]| {
            if self.ui.verbose { self.ui.relay(bytes) } else { said().hear(bytes) }
        };
        let work = || self.environment.apply(shell).tee(log, self.limit, &mut hear);
        let ending = self.ui.spin(&step, &|| said().last().to_owned(), work)?;
        let ended = match ending {
            Ending::Status(0) => HookStatus::Done,
            Ending::Status(status) => HookStatus::Failed(status),
            Ending::TimedOut => HookStatus::TimedOut(self.limit.unwrap_or_default().as_secs()),
        };
        if self.ui.verbose {
            self.ui.took(begun.elapsed());
        } else {
            self.ui.say(&format!("  {step}  {}", short_time(begun.elapsed())));
        }
        if ended != HookStatus::Done && !self.ui.quiet {
            said().lines.iter().for_each(|line| self.ui.tell(&format!("{line}\n")));
        }
        Ok(ended)
    }
}

/// The end of what a hook has printed.
#[derive(Debug, Default)]
struct Said {
    lines: VecDeque<String>,
    /// Whether the last line is not complete.
    is_open: bool,
}

impl Said {
    /// How many lines are kept, and how much of each.
    const MOST: (usize, usize) = (20, 1000);

    fn hear(&mut self, bytes: &[u8]) {
        for part in String::from_utf8_lossy(bytes).split_inclusive('\n') {
            if !std::mem::replace(&mut self.is_open, !part.ends_with('\n')) {
                self.lines.push_back(String::new());
            }
            if let Some(line) = self.lines.back_mut() {
                // what draws a bar writes the same line again and again
                let part = part.trim_end_matches(['\r', '\n']);
                match part.rsplit_once('\r') {
                    Some((_, part)) => part.clone_into(line),
                    None => line.extend(part.chars().take(Self::MOST.1.saturating_sub(line.len()))),
                }
            }
            if self.lines.len() > Self::MOST.0 {
                self.lines.pop_front();
            }
        }
    }

    /// Returns the last line that says anything.
    fn last(&self) -> &str {
        self.lines.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty()).unwrap_or_default()
    }
}

/// The columns that a command takes at most in the line about it.
const LONGEST: usize = 52;

/// Returns a command with the blanks after it, or as much of it as there is room for.
fn padded(command: &str, width: usize) -> String {
    let command = escaped(command);
    if command.chars().count() > LONGEST {
        return command.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    format!("{command:width$}")
}

/// Returns how many columns the longest of the commands takes.
fn width(commands: &[Requested<String>]) -> usize {
    let widths = commands.iter().map(|command| escaped(command.wanted()).chars().count());
    widths.max().unwrap_or(0).min(LONGEST)
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
    let words = context.words(&held.record, held.record.branch.as_ref(), root);
    let log = context.records.log(&held.record.id);
    let limit = recipe.hooks.timeout;
    let surroundings = Surroundings {
        root,
        environment: &environment,
        words: &words,
        consent: &consent,
        limit,
        log: &log,
        ui,
        width: width(hooks),
    };
    let failed = match surroundings.run_pending(hooks, held)? {
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
        let (words, log) = (context.words_in(record, tree), context.records.log(&record.id));
        let (root, limit) = (&tree.path, recipe.hooks.timeout);
        let surroundings = Surroundings {
            root,
            environment: &environment,
            words: &words,
            consent: &consent,
            limit,
            log: &log,
            ui: context.ui,
            width: width(&recipe.hooks.teardown),
        };
        let mut log = surroundings.new_log()?;
        for hook in &recipe.hooks.teardown {
            let Ok(command) = consent.command(Kind::RunAtRemoval, hook, root)? else {
                let hook = hook.wanted();
                context.ui.warn(&format!("the teardown hook '{hook}' was not run without your consent"));
                continue;
            };
            let ended = surroundings.run(&command, &mut log)?;
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
