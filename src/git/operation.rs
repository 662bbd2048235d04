//! What git has begun in a worktree and not finished, by the files that it leaves for that.

use std::path::Path;

use serde::Serialize;

use super::Oid;
use crate::host::file::read_small;

/// An operation that waits for the user: to resolve a conflict, to edit a commit, to say good or bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    Rebasing,
    Applying,
    Merging,
    CherryPicking,
    Reverting,
    Bisecting,
}

/// The files, in the order in which `git status` looks for them.
const SIGNS: [(&str, Operation); 7] = [
    ("rebase-merge", Operation::Rebasing),
    ("rebase-apply/applying", Operation::Applying),
    ("rebase-apply", Operation::Rebasing),
    ("MERGE_HEAD", Operation::Merging),
    ("CHERRY_PICK_HEAD", Operation::CherryPicking),
    ("REVERT_HEAD", Operation::Reverting),
    ("BISECT_LOG", Operation::Bisecting),
];

impl Operation {
    /// Returns the operation in progress in the worktree that has this git directory.
    pub fn of(git_dir: &Path) -> Option<Self> {
        SIGNS.into_iter().find(|(sign, _)| git_dir.join(sign).exists()).map(|(_, operation)| operation)
    }

    /// Returns the commit that a branch had before it began to be rebased; meanwhile `HEAD` is on its way.
    pub fn rebased_from(git_dir: &Path) -> Option<Oid> {
        let read = |dir| read_small(&git_dir.join(dir).join("orig-head")).ok();
        let head = read("rebase-merge").or_else(|| read("rebase-apply"))?;
        Oid::parse(String::from_utf8_lossy(&head).trim())
    }

    pub fn describe(self) -> &'static str {
        match self {
            Self::Rebasing => "rebasing",
            Self::Applying => "applying",
            Self::Merging => "merging",
            Self::CherryPicking => "cherry-picking",
            Self::Reverting => "reverting",
            Self::Bisecting => "bisecting",
        }
    }
}
