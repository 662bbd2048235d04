//! `git wt doctor`: report what is broken or belongs elsewhere, and repair it with `--fix`.

use clap::Args as ClapArgs;

use crate::error::Result;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::mend::{self, Options};
use crate::ui::Ui;

/// Look for what is broken: records, claims, entries; with --fix repair it
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Repair what is found
    #[arg(long)]
    pub fix: bool,
    /// Drop the databases of worktrees that are gone at once; forget those of repositories that are gone
    #[arg(short = 'y', long, requires = "fix")]
    pub yes: bool,
}

impl Args {
    fn options(&self) -> Options {
        Options { fix: self.fix, drop_databases: self.yes }
    }
}

/// Examines the repository; the exit status is 1 if something remains broken.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    mend::examine(args.options(), context)
}

/// Examines what needs no repository: this user's claims on this host, and the programs.
pub fn run_outside(args: &Args, ui: Ui) -> Result<u8> {
    mend::examine_host(args.options(), ui)
}
