//! `git wt run`: run a command, or one of the recipe's servers, in a worktree's directory and environment.

use std::ffi::OsString;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Result};
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::up::entries;
use crate::ops::{run, up};
use crate::record::worktrees::Worktrees;
use crate::shell::complete;
use crate::text::name::Name;

/// Run a command in a worktree's directory and environment
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Worktree; the current one if absent
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::servers))]
    pub target: Option<String>,
    /// One of its servers, as the recipe names them; they are listed if it is absent, and no command given
    #[arg(value_name = "SERVER", conflicts_with_all = ["command", "all"], add = ArgValueCompleter::new(complete::servers))]
    pub entry: Option<String>,
    /// Run it in all worktrees at once, the main one too
    #[arg(long, conflicts_with = "target")]
    pub all: bool,
    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required_if_eq("all", "true"), num_args = 1.., value_hint = clap::ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}

/// Becomes the command, whose exit status is then ours.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    if args.all {
        // signals are passed on to the commands, which all get time to stop
        exec::watch_signals()?;
        return Ok(run::run_in_all(&args.command, &worktrees, context));
    }
    if args.command.is_empty() {
        return run_entry(args, &worktrees, context);
    }
    let tree = worktrees.find(args.target.as_deref().unwrap_or("."))?;
    if tree.missing {
        return Err(Error::new(format!("'{}' is missing", tree.path.display())).hint("git wt prune"));
    }
    let failed = run::prepare(&args.command, tree, &worktrees, context)?.replace();
    Err(worktrees.unless_gone(tree, failed))
}

/// Becomes one of a worktree's servers, or lists them.
fn run_entry(args: &Args, worktrees: &Worktrees, context: &Context) -> Result<u8> {
    let words: Vec<String> = args.target.iter().chain(&args.entry).cloned().collect();
    let (tree, entries) = entries::meant(&words, worktrees, context)?;
    match entries.as_slice() {
        [] => {
            let entries = up::list_entries(tree, worktrees, context)?;
            let width = entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            context
                .ui
                .print_lines(entries.iter().map(|(name, command)| format!("{name:width$}  {command}")))?;
            Ok(0)
        }
        [entry] => {
            let waiting = up::run_one(tree, entry, worktrees, context)?;
            context.tell_waiting_for("git wt up", &Name::of_place(&worktrees.name(tree)), &waiting);
            Ok(Error::HOOK)
        }
        _ => Err(Error::usage("one server at a time")),
    }
}
