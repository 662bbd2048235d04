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

/// Whose hooks git runs, according to `core.hooksPath`.
pub struct Setting {
    /// Whether the directory is the user's, for many repositories.
    pub is_for_all: bool,
    /// Whether each worktree has its own directory for hooks.
    pub is_inside_worktree: bool,
}

impl Setting {
    /// Reads the setting in the worktree at `root`.
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

/// Returns the path of a hook for the worktree at `root`, whether it exists or not.
pub fn path_of(root: &Path, hook: &str) -> Result<PathBuf> {
    let found = looking_at(root).args(["rev-parse", "--git-path", &format!("hooks/{hook}")]).stdout()?;
    Ok(absolute(root, Path::new(OsStr::from_bytes(one_line(&found)))))
}

/// Writes a hook that does not exist yet.
pub fn write_new(path: &Path, script: &str) -> io::Result<()> {
    make_shared_dir(path.parent().unwrap_or(path))?;
    let mut file = File::options().write(true).create_new(true).mode(0o755).open(path)?;
    file.write_all(script.as_bytes())
}
