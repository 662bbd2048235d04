//! `git wt repair`: git mends the links between worktrees and repository, and everything that names their places is
//! updated.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::error::Result;
use crate::git::absolute;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::follow;

/// Mend the links between worktrees and repository after one was moved by hand
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Where worktrees are now that were moved by hand; the current one if absent
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    pub paths: Vec<PathBuf>,
    /// Say each step
    #[arg(short, long)]
    pub verbose: bool,
    /// Options that only git knows, handed on to it
    #[arg(skip)]
    pub passed_on: Vec<OsString>,
}

/// Has git mend the links, then updates the records and claims.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let cwd = std::env::current_dir().unwrap_or_default();
    let paths: Vec<PathBuf> = args.paths.iter().map(|path| absolute(&cwd, path)).collect();
    follow::repair(&paths, &args.passed_on, context)
}
