//! git's own interface, to the byte, for scripts and other programs: `GIT_WT_MODE=git` or `git config wt.mode git`.
//!
//! What changes something still goes through our plan, record and lock; everything else becomes `git worktree`.

use std::ffi::{OsStr, OsString};

use crate::error::Error;
use crate::exec::{self, Program};
use crate::git::Repo;

/// Whether git's own interface is asked for.
pub fn is_on(repo: Option<&Repo>) -> bool {
    match exec::variable("GIT_WT_MODE") {
        Some(mode) => mode == "git",
        None => repo.and_then(|repo| repo.setting("wt.mode")).is_some_and(|mode| mode == "git"),
    }
}

/// Becomes `git worktree VERB ARGS`, with the repository variables as they were given.
pub fn pass_through(verb: &OsStr, args: &[OsString]) -> Error {
    Program::git_as_given().arg("worktree").arg(verb).args(args).replace()
}
