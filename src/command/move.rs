//! `git wt move`: git moves the directory, and everything that names its place is updated.

use std::ffi::OsString;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Result};
use crate::git::absolute;
use crate::host::exec;
use crate::ops::add;
use crate::ops::context::Context;
use crate::ops::follow::{self, Destination};
use crate::plan::What;
use crate::record::worktrees::Worktrees;
use crate::resource::relocation::Relocation;
use crate::shell::complete;

/// Move a worktree, with its port, database, links and a venv that works at the new place
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree: name, branch, unique end of a path, path, . (the current one)
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::linked_worktrees))]
    pub target: String,
    /// Beginning with / ./ ../ or ~, the new path (into it, if it is a directory that exists); else a new name
    #[arg(value_name = "NAME|PATH", value_hint = clap::ValueHint::DirPath)]
    pub destination: OsString,
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
    if args.destination.is_empty() {
        return Err(Error::new("the new place is empty"));
    }
    let cwd = std::env::current_dir().unwrap_or_default();
    let force = (0..args.force).map(|_| "--force".into());
    let options: Vec<OsString> = force.chain(args.passed_on.iter().cloned()).collect();
    let to = match add::what(&args.destination, &context.repo)? {
        What::Path(path) => Destination { path: absolute(&cwd, &path), name: None },
        What::Name(name) => add::place_of(tree, &name, &worktrees, context)?,
    };
    let (now, status) = follow::relocate(tree, &to, &options, &worktrees, context)?;
    if let Some(now) = now.and_then(|now| Relocation::new(&tree.path, &now).of(&cwd)) {
        context.lead(&now)?;
    }
    Ok(status)
}
