//! Where git looks for its hooks.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Repo, absolute, looking_at, one_line};
use crate::error::Result;
use crate::host::exec;
use crate::host::file::{self, make_shared_dir, real_in_part};
use crate::text::tilde;

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

/// Returns the repository's own directory for hooks, which git uses where `core.hooksPath` does not say otherwise.
pub fn own_dir(repo: &Repo) -> PathBuf {
    repo.common_dir().join("hooks")
}

/// Returns the directory that `core.hooksPath` names for all worktrees of a repository.
pub fn shared_dir(repo: &Repo) -> Option<PathBuf> {
    let path = repo.setting("core.hooksPath")?;
    let home = exec::variable("HOME").map(PathBuf::from);
    Some(tilde::expanded(OsStr::new(&path), home.as_deref())).filter(|path| path.is_absolute())
}

/// Describes what all worktrees share and what leads into the one at `root`: once that is gone, it does not work.
pub fn leading_into(repo: &Repo, root: &Path) -> Vec<String> {
    if let Some(dir) = shared_dir(repo) {
        let is_inside = real_in_part(&dir).starts_with(real_in_part(root));
        return is_inside.then(|| format!("core.hooksPath '{}'", dir.display())).into_iter().collect();
    }
    let entries = std::fs::read_dir(own_dir(repo)).into_iter().flatten().flatten();
    let hooks = entries.map(|entry| entry.path()).filter(|path| path.extension() != Some("sample".as_ref()));
    let mut names: Vec<String> = hooks
        .filter(|hook| leads_into(hook, root))
        .map(|hook| format!("the hook '{}'", hook.display()))
        .collect();
    names.sort();
    names
}

/// Whether a hook is a link to something below `root`, or names it.
fn leads_into(hook: &Path, root: &Path) -> bool {
    if let Ok(target) = std::fs::read_link(hook) {
        let dir = hook.parent().unwrap_or(hook);
        return real_in_part(&absolute(dir, &target)).starts_with(real_in_part(root));
    }
    let text = file::read(hook).ok().flatten().unwrap_or_default();
    let named = root.as_os_str().as_bytes();
    let ends_there =
        |rest: &[u8]| !rest.first().is_some_and(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
    (0..text.len()).any(|at| text[at..].strip_prefix(named).is_some_and(ends_there))
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
