//! How far a worktree's commits are from those of the branch that it was started from.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::merged::has_changes;
use super::{Oid, looking_at, paths};
use crate::error::{Error, Result};
use crate::host::exec::Program;
use crate::host::file;

/// Up to how many own commits, and commits of the other branch, the changes are compared.
const FEW: usize = 100;
const MANY: usize = 1000;

/// How the commits compare with those of another branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// Commits that only the worktree has.
    pub ahead: usize,
    /// Commits that only the other branch has.
    pub behind: usize,
    /// Whether there was work, and the other branch has all of it: as commits, or as the same changes.
    pub merged: bool,
}

impl Divergence {
    /// Counts the commits in the worktree at `root`. `has_worked` tells whether anything was committed there at all; it
    /// is asked only when there is no other sign of it.
    pub fn of(root: &Path, head: &Oid, base: &Oid, has_worked: impl FnOnce() -> bool) -> Result<Self> {
        let (ahead, behind) = if head == base { (0, 0) } else { count(root, head, base)? };
        Ok(Self { ahead, behind, merged: ahead == 0 && has_worked() })
    }

    /// Whether the work may have reached the other branch in other commits: rebased, or squashed into one.
    pub fn may_be_merged(self) -> bool {
        !self.merged && matches!((self.ahead, self.behind), (1..=FEW, 1..=MANY))
    }

    /// Describes it in a few characters; empty if there is nothing to tell.
    pub fn describe(self) -> String {
        if self.merged {
            return "merged".into();
        }
        let parts = [("↑", self.ahead), ("↓", self.behind)].into_iter().filter(|(_, count)| *count > 0);
        parts.map(|(arrow, count)| format!("{arrow}{count}")).collect::<Vec<_>>().join(" ")
    }
}

/// Whether the other branch has the changes in other commits, which takes much longer than to count them.
pub fn is_merged(root: &Path, head: &Oid, base: &Oid) -> Result<bool> {
    static KNOWN: Known<bool> = Known::new(BTreeMap::new());
    once(&KNOWN, head, base, || {
        let changed = |from: &Oid, to: &Oid| -> Result<HashSet<PathBuf>> {
            let range = format!("{from}...{to}");
            let options = ["--name-only", "--no-renames", "--no-ext-diff", "-z"];
            let names = local(root).arg("diff").args(options).args([&range, "--"]).stdout()?;
            Ok(paths(&names).into_iter().collect())
        };
        // most branches are not merged, and this is the quickest way to know; where objects are missing, as in a
        // partial clone, nothing is known, and the counts stand
        let (Ok(ours), Ok(theirs)) = (changed(base, head), changed(head, base)) else { return Ok(false) };
        Ok(ours.is_subset(&theirs) && has_changes(&|| local(root), head.as_str(), base)?)
    })
}

/// What is known of two commits: they never change, and somebody may watch.
type Known<T> = Mutex<BTreeMap<(String, String), T>>;

fn once<T: Copy>(known: &Known<T>, head: &Oid, base: &Oid, find: impl FnOnce() -> Result<T>) -> Result<T> {
    let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
    let pair = (head.as_str().to_owned(), base.as_str().to_owned());
    if let Some(known) = lock().get(&pair) {
        return Ok(*known);
    }
    let found = find()?;
    lock().insert(pair, found);
    Ok(found)
}

/// Returns git for a look that fetches nothing: where objects are missing, they are not worth the network.
fn local(root: &Path) -> Program {
    looking_at(root).env("GIT_NO_LAZY_FETCH", "1")
}

fn count(root: &Path, head: &Oid, base: &Oid) -> Result<(usize, usize)> {
    static KNOWN: Known<(usize, usize)> = Known::new(BTreeMap::new());
    once(&KNOWN, head, base, || counted(root, head, base))
}

fn counted(root: &Path, head: &Oid, base: &Oid) -> Result<(usize, usize)> {
    let range = format!("{base}...{head}");
    let counted = local(root).args(["rev-list", "--left-right", "--count", &range, "--"]).stdout()?;
    let counted = String::from_utf8_lossy(&counted);
    let mut numbers = counted.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(behind)), Some(Ok(ahead))) => Ok((ahead, behind)),
        _ => Err(Error::new("cannot understand what git rev-list says").because(counted.trim())),
    }
}

/// Whether a branch's log tells of commits made on it, not only of its making and of moves to other commits.
pub fn has_worked(log: &Path) -> bool {
    let log = file::read_small(log).unwrap_or_default();
    String::from_utf8_lossy(&log).lines().any(|line| {
        let message = line.split_once('\t').map_or("", |(_, message)| message);
        // what is rebased was committed before
        let is_work = ["commit", "cherry-pick", "revert", "am", "merge", "pull"]
            .iter()
            .any(|word| message.starts_with(word));
        is_work && !message.ends_with("Fast-forward")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_described_in_a_few_characters() {
        let of = |ahead, behind, merged| Divergence { ahead, behind, merged }.describe();
        assert_eq!(of(0, 0, false), "");
        assert_eq!(of(3, 0, false), "↑3");
        assert_eq!(of(1, 7, false), "↑1 ↓7");
        assert_eq!(of(2, 7, true), "merged");
    }

    #[test]
    fn only_commits_are_work() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut text = String::new();
        for (message, worked) in [
            ("branch: Created from main", false),
            ("merge main: Fast-forward", false),
            ("pull: Fast-forward", false),
            ("reset: moving to HEAD~1", false),
            ("commit (amend): better", true),
        ] {
            text += &format!("{0} {0} A <a@x> 1 +0000\t{message}\n", "1".repeat(40));
            file::replace(&log, text.as_bytes()).unwrap();
            assert_eq!(has_worked(&log), worked, "{message}");
        }
        assert!(!has_worked(&dir.path().join("none")));
    }
}
