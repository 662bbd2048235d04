//! `git wt move`: git moves the directory, and everything that names its place is updated.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Result};
use crate::git::absolute;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::follow;
use crate::record::worktrees::Worktrees;
use crate::resource::relocation::Relocation;
use crate::shell::complete;

/// Move a worktree, with its port, database, links and a venv that works at the new place
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree: name, branch, unique end of a path, path, . (the current one)
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::linked_worktrees))]
    pub target: String,
    /// The new path; into it, if it is a directory that exists
    #[arg(value_name = "NEW-PATH", value_hint = clap::ValueHint::DirPath)]
    pub destination: PathBuf,
    /// Move it though its new place is registered; twice: though it is locked
    #[arg(short = 'f', long, action = clap::ArgAction::Count)]
    pub force: u8,
    /// Take --force back
    #[arg(long, hide = true, overrides_with = "force")]
    pub no_force: bool,
    /// Say each step
    #[arg(short, long)]
    pub verbose: bool,
    /// Options that only git knows, handed on to it
    #[arg(skip)]
    pub passed_on: Vec<OsString>,
}

/// Moves a worktree; the shell follows if it is inside. Prints nothing, as git does.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(&args.target)?;
    if args.destination.as_os_str().is_empty() {
        return Err(Error::new("the new path is empty"));
    }
    let cwd = std::env::current_dir().unwrap_or_default();
    let force = (0..args.force).map(|_| "--force".into());
    let options: Vec<OsString> = force.chain(args.passed_on.iter().cloned()).collect();
    let destination = absolute(&cwd, &args.destination);
    let (now, status) = follow::relocate(tree, &destination, &options, &worktrees, context)?;
    if let Some(now) = now.and_then(|now| Relocation::new(&tree.path, &now).of(&cwd)) {
        context.lead(&now)?;
    }
    Ok(status)
}
