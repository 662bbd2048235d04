//! `git wt down`: stop the servers of worktrees.

use std::time::Duration;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Result};
use crate::git::worktrees::Worktree;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::up::{self, Stopped, entries};
use crate::record::worktrees::Worktrees;
use crate::shell::complete;
use crate::text::name::escaped;

/// Stop the servers of a worktree
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree, the current one if absent; then servers, all if absent
    #[arg(value_name = "WORKTREE|SERVER", add = ArgValueCompleter::new(complete::servers))]
    pub targets: Vec<String>,
    /// Stop those of all worktrees, the main one too
    #[arg(long, conflicts_with = "targets")]
    pub all: bool,
    /// How long they have to end by themselves; 10 seconds if absent
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let time = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| "it is no number of seconds".into())
}

fn tell(stopped: &[Stopped], context: &Context) {
    for Stopped { worktree, entry } in stopped {
        context.ui.say(&format!("stopped '{entry}' of '{worktree}'"));
    }
}

/// Stops servers, and says which.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let worktrees = Worktrees::read(&context.repo)?;
    let wanted: Vec<(&Worktree, Vec<String>)> = if args.all {
        worktrees.listing.worktrees.iter().map(|tree| (tree, Vec::new())).collect()
    } else {
        vec![entries::meant(&args.targets, &worktrees, context)?]
    };
    let mut all = Vec::new();
    let mut status = 0;
    for (tree, names) in &wanted {
        match up::stop(tree, names, args.timeout, &worktrees, context) {
            Ok(stopped) => {
                tell(&stopped, context);
                all.extend(stopped);
            }
            Err(error) if args.all => {
                context.ui.error(&error);
                status = Error::FATAL;
            }
            Err(error) => return Err(error),
        }
    }
    if args.all {
        let stopped = up::stop_deserted(&context.repo)?;
        tell(&stopped, context);
        all.extend(stopped);
    }
    if all.is_empty() && status == 0 {
        let place = match wanted.as_slice() {
            [(tree, _)] if !args.all => format!("'{}'", escaped(&worktrees.name(tree))),
            _ => "any worktree".into(),
        };
        context.ui.say(&format!("nothing runs in {place} that 'git wt up' has started"));
    }
    if args.json {
        let text = serde_json::json!({"version": 1, "stopped": all}).to_string();
        context.ui.answer(format!("{text}\n").as_bytes())?;
    }
    Ok(status)
}
