//! Hidden: deletes what was put aside, and what has been in the trash long enough, in a process of its own.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::error::{Explain, Result};
use crate::git::Repo;
use crate::ops::context::Context;
use crate::ops::undo;
use crate::resource::checkout::Discarded;
use crate::shell::channel::Channel;
use crate::ui::Ui;

/// Delete what was put aside
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The repository's common directory
    pub common_dir: PathBuf,
}

/// Deletes the trash of a repository.
pub fn run(args: &Args) -> Result<u8> {
    Discarded::at(&args.common_dir).sweep()?;
    std::env::set_current_dir(&args.common_dir)
        .explain(|| format!("cannot enter '{}'", args.common_dir.display()))?;
    let ui = Ui { quiet: true, verbose: false };
    undo::expire(&Context::with(Repo::discover()?, ui, Channel::default())?)?;
    Ok(0)
}
