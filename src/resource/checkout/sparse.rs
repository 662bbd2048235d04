//! The cone of a sparse checkout (git-sparse-checkout(1)): set only in the new worktree, before any file is written.

use std::path::Path;

use super::entries_at_rest;
use crate::error::{Error, Result};
use crate::git::{Oid, Repo, hooks};
use crate::host::exec::{self, Program};

/// Sets the cone of a worktree that has no files yet. Git keeps it in settings of that worktree, which a setting of the
/// whole repository enables (extensions.worktreeConfig); only one process at a time may write that.
pub(super) fn set_cone(repo: &Repo, root: &Path, cone: &[String]) -> Result<()> {
    let _alone = entries_at_rest(repo)?;
    let git = || Program::new("git").arg("-C").arg(root).arg("sparse-checkout");
    // in two steps, because older gits do not know `set --cone`
    git().args(["init", "--cone"]).stdout()?;
    let done = git().args(["set", "--stdin"]).output_of(format!("{}\n", cone.join("\n")).as_bytes())?;
    exec::check_stopped()?;
    if done.code == 0 {
        return Ok(());
    }
    Err(Error::new(format!("git does not take the cone '{}'", cone.join("', '")))
        .quoting(&done.stderr)
        .advise("'sparse' in the recipe is a list of directories"))
}

/// Writes the files of the cone and runs the user's post-checkout hook, both as `git worktree add` does; returns the
/// hook's exit status.
pub(super) fn write_files(root: &Path, head: &Oid) -> Result<u8> {
    let git = Program::new("git").arg("-C").arg(root);
    git.args(["reset", "--hard", "--quiet", "--no-recurse-submodules"]).stdout()?;
    let hook = hooks::path_of(root, "post-checkout")?;
    if rustix::fs::access(&hook, rustix::fs::Access::EXEC_OK).is_err() {
        return Ok(0);
    }
    let nothing = "0".repeat(head.as_str().len());
    Program::new(hook).args([&nothing, head.as_str(), "1"]).dir(root).narrate()
}
