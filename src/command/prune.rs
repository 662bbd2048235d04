//! `git wt prune`: forget worktrees whose directories are gone.

use clap::Args as ClapArgs;

use crate::error::Result;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::prune::{self, Options};

/// Forget worktrees whose directories are gone, with what was made for them
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Print what would go and stop
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Say what goes
    #[arg(short, long)]
    pub verbose: bool,
    /// Only those whose entries are older than this
    #[arg(long, value_name = "TIME")]
    pub expire: Option<String>,
    /// Take --dry-run back
    #[arg(long, hide = true, overrides_with = "dry_run")]
    pub no_dry_run: bool,
    /// Take --verbose back
    #[arg(long, hide = true, overrides_with = "verbose")]
    pub no_verbose: bool,
    /// Take --expire back
    #[arg(long, hide = true, overrides_with = "expire")]
    pub no_expire: bool,
    /// Drop their databases at once
    #[arg(short = 'y', long)]
    pub yes: bool,
}

/// Prunes entries and records.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let options = Options { dry_run: args.dry_run, expire: args.expire.clone(), drop_databases: args.yes };
    prune::prune(&options, context)?;
    Ok(0)
}
