//! Running the recipe's hooks: arbitrary commands of the user's, after the commit point.
//!
//! A failed hook keeps the worktree; the record says which one, and `setup` resumes there.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::environment::Environment;
use crate::error::{Explain, Result};
use crate::host::exec::{self, Ending, Program};
use crate::host::file;
use crate::recipe::Words;
use crate::recipe::consent::{Action, Consent, Granted, Kind, Requested};
use crate::record::{Ended, Held, HookRun, Record};

/// Puts the hooks of a recipe on a record: what ended well before stays done, as far as the list is the same.
/// Returns whether that changed the record.
pub fn schedule(record: &mut Record, commands: &[Requested<String>]) -> bool {
    let done = record
        .hooks
        .iter()
        .zip(commands)
        .take_while(|(run, command)| run.ended == Ended::Done && run.command == *command.wanted())
        .count();
    let ended = |at| if at < done { Ended::Done } else { Ended::Pending };
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
    /// All of them well.
    Done,
    /// With this one, which did not.
    Failed(HookRun),
    /// With this one, which the user has not consented to.
    Waiting(Box<Action>),
}

/// Where hooks run, and how.
pub struct Surroundings<'a> {
    /// The worktree.
    pub root: &'a Path,
    /// Its environment.
    pub environment: &'a Environment,
    /// What they may speak of.
    pub words: &'a Words,
    /// What the user has consented to.
    pub consent: &'a Consent,
    /// How long each may take.
    pub limit: Option<Duration>,
    /// The worktree's log.
    pub log: &'a Path,
}

impl Surroundings<'_> {
    /// Runs those of the hooks that have not ended well, in order, and stops at the first that fails or is not consented
    /// to. The record has them in the same order. `told` hears of each when it begins, and again with its time when it has
    /// ended.
    pub fn run_pending(
        &self,
        hooks: &[Requested<String>],
        held: &mut Held,
        told: &mut dyn FnMut(&str, Option<Duration>),
    ) -> Result<Outcome> {
        let mut log = self.new_log()?;
        for (at, hook) in hooks.iter().enumerate() {
            if held.record.hooks[at].ended == Ended::Done {
                continue;
            }
            // only now: the hook before may have changed what this one runs
            let command = match self.consent.command(Kind::Run, hook, self.root)? {
                Ok(command) => command,
                Err(action) => return Ok(Outcome::Waiting(action)),
            };
            held.record.hooks[at].ended = self.run(&command, &mut log, told)?;
            held.write()?;
            exec::check_stopped()?;
            if held.record.hooks[at].ended != Ended::Done {
                return Ok(Outcome::Failed(held.record.hooks[at].clone()));
            }
        }
        Ok(Outcome::Done)
    }

    /// Begins the log anew.
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
        told: &mut dyn FnMut(&str, Option<Duration>),
    ) -> Result<Ended> {
        let command = self.words.render_command(command.get())?;
        told(&command, None);
        let begun = Instant::now();
        log.write_all(format!("$ {command}\n").as_bytes()).explain(|| self.unwritten())?;
        let shell = Program::new("sh").arg("-c").arg(&command).dir(self.root);
        let ending = self.environment.apply(shell).tee(log, self.limit)?;
        told(&command, Some(begun.elapsed()));
        Ok(match ending {
            Ending::Status(0) => Ended::Done,
            Ending::Status(status) => Ended::Failed(status),
            Ending::TimedOut => Ended::TimedOut(self.limit.unwrap_or_default().as_secs()),
        })
    }
}
