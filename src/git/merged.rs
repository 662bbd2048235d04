//! Whether the commits of a branch exist elsewhere, so that they survive when the branch is deleted.

use super::{Oid, RemoteBranch, Repo};
use crate::error::Result;
use crate::host::exec::{Output, Program};
use crate::text::name::BranchName;

/// How a branch's work has reached another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    Into(String),
    /// The other branch has its changes: rebased, or squashed into one commit.
    AsChanges(String),
}

impl Repo {
    /// Finds out where the work of `branch` is kept: in its upstream (unless that is deleted too), in the default
    /// branch of a remote or here, or in what the main worktree has checked out. `None` if it is nowhere else.
    pub fn merged(&self, branch: &BranchName, upstream_goes: bool) -> Result<Option<Merged>> {
        let places = self.places_for(branch, upstream_goes)?;
        for (name, place) in &places {
            if self.ask(&["merge-base", "--is-ancestor", &branch.full(), place.as_str()])?.code == 0 {
                return Ok(Some(Merged::Into(name.clone())));
            }
        }
        for (name, place) in &places {
            if has_changes(&|| self.git(), &branch.full(), place)? {
                return Ok(Some(Merged::AsChanges(name.clone())));
            }
        }
        Ok(None)
    }

    /// Whether nothing has been committed to `branch` since it was made, as far as its reflog goes back.
    pub fn has_never_moved(&self, branch: &BranchName) -> bool {
        let log = ["reflog", "show", "--format=%gs", "-2", &branch.full()];
        let log = self.ask(&log).map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        log.is_ok_and(|log| log.lines().count() == 1 && log.starts_with("branch: Created"))
    }

    /// Returns where the work of a branch may be kept: the name and commit of each place, listed once.
    fn places_for(&self, branch: &BranchName, upstream_goes: bool) -> Result<Vec<(String, Oid)>> {
        let upstream = self.upstream(branch)?;
        let default = self.default_branch();
        let mut names: Vec<String> = Vec::new();
        names.extend(upstream.iter().filter(|_| !upstream_goes).map(RemoteBranch::short));
        names.extend(default.iter().map(RemoteBranch::short));
        names.extend(default.map(|remote| remote.branch));
        names.extend(self.worktrees()?.main().head.branch().map(|branch| branch.as_str().to_owned()));
        names.retain(|name| {
            name != branch.as_str()
                && !(upstream_goes && upstream.as_ref().is_some_and(|gone| gone.short() == *name))
        });
        names.dedup();
        Ok(names.into_iter().filter_map(|name| self.commit(&name).map(|oid| (name, oid))).collect())
    }

    /// Returns the remote branch that a branch tracks, if it is known here.
    pub fn upstream(&self, branch: &BranchName) -> Result<Option<RemoteBranch>> {
        let output = self.ask(&["for-each-ref", "--format=%(upstream:short)", &branch.full()])?;
        Ok(self.remote_branch(String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// Returns the newest twenty commits that are reachable only from `head`, from no branch, tag or remote and none of
    /// `others`, with their subjects.
    pub fn only_from(&self, head: &Oid, others: &[&Oid]) -> Result<Vec<String>> {
        let others = others.iter().map(|oid| format!("^{oid}"));
        let log = ["log", "--format=%h %s", "--max-count=20", head.as_str()];
        let git = self.git().args(log).args(others).args(["--not", "--branches", "--tags", "--remotes"]);
        let commits = git.stdout()?;
        Ok(String::from_utf8_lossy(&commits).lines().map(str::to_owned).collect())
    }

    fn ask(&self, args: &[&str]) -> Result<Output> {
        self.git().args(args).output()
    }
}

/// Whether `place` has the changes of `head` in other commits: one for one, or all in a single one.
pub fn has_changes(git: &dyn Fn() -> Program, head: &str, place: &Oid) -> Result<bool> {
    let ask = |args: &[&str]| git().args(args).output();
    // git cherry passes over merge commits, in which conflicts have been resolved
    let merges = ask(&["rev-list", "--merges", "--max-count=1", &format!("{place}..{head}")])?;
    let has_none = merges.code == 0 && merges.stdout.is_empty();
    let each = ask(&["cherry", place.as_str(), head])?;
    if has_none && each.code == 0 && !each.stdout.split(|b| *b == b'\n').any(|line| line.starts_with(b"+")) {
        return Ok(true);
    }
    let base = ask(&["merge-base", place.as_str(), head])?;
    let Some(base) = Oid::parse(String::from_utf8_lossy(&base.stdout).trim()) else { return Ok(false) };
    // no program that the configuration names for showing changes is run
    let plain = ["-p", "--no-ext-diff", "--no-textconv"];
    let whole = ask(&[&["diff-tree"][..], &plain, &[base.as_str(), head]].concat())?;
    let since = format!("{base}..{place}");
    let log = ["--no-merges", "--format=commit %H", "--max-count=1000", &since];
    let theirs = ask(&[&["log"][..], &plain, &log].concat())?;
    let ids = |patches: &[u8]| -> Result<Vec<String>> {
        let ids = git().args(["patch-id", "--stable"]).output_of(patches)?.stdout;
        let ids = String::from_utf8_lossy(&ids).into_owned();
        Ok(ids.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect())
    };
    // commits are still commits even if together they change nothing
    match ids(&whole.stdout)?.first() {
        Some(ours) => Ok(ids(&theirs.stdout)?.contains(ours)),
        None => Ok(false),
    }
}
