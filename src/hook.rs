//! Running the recipe's hooks: arbitrary commands of the user's, after the commit point.
//!
//! A failed hook keeps the worktree; the record says which one, and `setup` resumes there.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::environment::Environment;
use crate::error::{Explain, Result};
use crate::exec::{self, Program};
use crate::recipe::{HookCommand, Words};
use crate::record::{Ended, Held, HookRun, Record, Records};

/// Puts the hooks of a recipe on a record: what ended well before stays done, as far as the list is the same.
/// Returns whether that changed the record.
pub fn schedule(record: &mut Record, commands: &[HookCommand]) -> bool {
    let done = record
        .hooks
        .iter()
        .zip(commands)
        .take_while(|(run, command)| run.ended == Ended::Done && run.command == command.text)
        .count();
    let ended = |at| if at < done { Ended::Done } else { Ended::Pending };
    let hooks: Vec<HookRun> = commands
        .iter()
        .enumerate()
        .map(|(at, command)| HookRun { command: command.text.clone(), ended: ended(at) })
        .collect();
    let changed = hooks != record.hooks;
    record.hooks = hooks;
    changed
}

/// Runs the hooks that have not ended well, in order, and stops at the first that fails: it is returned. `told` hears of
/// each when it begins, and again with its time when it has ended.
///
/// Their output goes to stderr and is kept in the worktree's log.
pub fn run_pending(
    held: &mut Held,
    records: &Records,
    root: &Path,
    environment: &Environment,
    words: &Words,
    told: &mut dyn FnMut(&str, Option<Duration>),
) -> Result<Option<HookRun>> {
    let path = records.log(&held.record.id);
    let failed = || format!("cannot write '{}'", path.display());
    let mut log = File::create(&path).explain(failed)?;
    for at in 0..held.record.hooks.len() {
        if held.record.hooks[at].ended == Ended::Done {
            continue;
        }
        let command = words.render_command(&held.record.hooks[at].command)?;
        told(&command, None);
        let begun = Instant::now();
        std::io::Write::write_all(&mut log, format!("$ {command}\n").as_bytes()).explain(failed)?;
        let status = shell(&command, root, environment).tee(&mut log)?;
        told(&command, Some(begun.elapsed()));
        held.record.hooks[at].ended = if status == 0 { Ended::Done } else { Ended::Failed(status) };
        held.write()?;
        exec::check_stopped()?;
        if status != 0 {
            return Ok(Some(held.record.hooks[at].clone()));
        }
    }
    Ok(None)
}

/// A command line for `sh`, in a worktree and its environment.
pub fn shell(command: &str, root: &Path, environment: &Environment) -> Program {
    environment.apply(Program::new("sh").arg("-c").arg(command).dir(root))
}
