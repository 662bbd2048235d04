//! Hidden: deletes what `remove` has put aside, in a separate process.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::error::Result;
use crate::resource::checkout::Trash;

/// Delete what was put aside
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The repository's common directory
    pub common_dir: PathBuf,
}

/// Deletes the trash of a repository.
pub fn run(args: &Args) -> Result<u8> {
    Trash::at(&args.common_dir).sweep()?;
    Ok(0)
}
