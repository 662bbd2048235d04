//! Where git looks for its hooks.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{absolute, looking_at, one_line};
use crate::error::Result;
use crate::host::file::make_shared_dir;

/// Whose hooks git runs, as `core.hooksPath` has it.
pub struct Setting {
    /// The directory is the user's, for many repositories.
    pub is_for_all: bool,
    /// Each worktree has a directory of its own for hooks.
    pub is_inside_worktree: bool,
}

impl Setting {
    /// Asks in the worktree at `root`.
    pub fn of(root: &Path) -> Result<Self> {
        let found = looking_at(root).args(["config", "--show-scope", "--get", "core.hooksPath"]).output()?;
        let found = String::from_utf8_lossy(&found.stdout);
        let is_inside = |(_, dir): (_, &str)| !dir.starts_with(['/', '~', '%']);
        Ok(Self {
            is_for_all: found.starts_with("global") || found.starts_with("system"),
            is_inside_worktree: found.split_once('\t').is_some_and(is_inside),
        })
    }
}

/// The file of a hook for the worktree at `root`, be it there or not.
pub fn path_of(root: &Path, hook: &str) -> Result<PathBuf> {
    let found = looking_at(root).args(["rev-parse", "--git-path", &format!("hooks/{hook}")]).stdout()?;
    Ok(absolute(root, Path::new(OsStr::from_bytes(one_line(&found)))))
}

/// Writes a hook that is not there yet.
pub fn write_new(path: &Path, script: &str) -> io::Result<()> {
    make_shared_dir(path.parent().unwrap_or(path))?;
    let mut file = File::options().write(true).create_new(true).mode(0o755).open(path)?;
    file.write_all(script.as_bytes())
}
