//! Which branch a worktree's work is compared with.

use std::collections::HashMap;

use crate::git::worktrees::Worktree;
use crate::git::{Oid, Repo};
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use crate::text::name::BranchName;

/// Finds the base of each worktree, and looks up each branch only once.
pub struct Bases<'a> {
    repo: &'a Repo,
    /// For worktrees of which nothing is recorded: the branch that the others come from.
    usual: Option<String>,
    known: HashMap<String, Option<Oid>>,
}

impl<'a> Bases<'a> {
    pub fn of(worktrees: &Worktrees, repo: &'a Repo) -> Self {
        let mut bases = Self { repo, usual: None, known: HashMap::new() };
        bases.usual = bases.find_usual(worktrees);
        bases
    }

    /// Returns the full name of the branch that a worktree was started from, and where it is now; `None` if it is the
    /// one that is checked out there, or is gone.
    pub fn base(&mut self, tree: &Worktree, record: Option<&Record>) -> Option<(String, Oid)> {
        let recorded = record.and_then(|record| self.recorded(record));
        let full = recorded.or_else(|| self.usual.clone())?;
        if tree.head.branch().is_some_and(|branch| branch.full() == full) {
            return None;
        }
        self.look_up(&full).map(|oid| (full, oid))
    }

    fn recorded(&mut self, record: &Record) -> Option<String> {
        if let Some(branch) = &record.base_branch {
            return Some(branch.full()).filter(|full| self.look_up(full).is_some());
        }
        let base = record.base.as_deref().filter(|base| !["HEAD", "default"].contains(base))?;
        let names = ["refs/heads/", "refs/remotes/"].map(|prefix| format!("{prefix}{base}"));
        names.into_iter().find(|full| self.look_up(full).is_some())
    }

    /// The default branch, as it is here or on the remote, or what is usually called so, or what the main worktree has.
    fn find_usual(&mut self, worktrees: &Worktrees) -> Option<String> {
        let mut names = Vec::new();
        if let Some(remote) = self.repo.default_branch() {
            names.push(format!("refs/heads/{}", remote.branch));
            names.push(format!("refs/remotes/{}", remote.short()));
        }
        let configured = self.repo.setting("init.defaultBranch");
        let usual = configured.into_iter().chain(["main", "master"].map(str::to_owned));
        names.extend(usual.map(|name| format!("refs/heads/{name}")));
        names.extend(worktrees.listing.main().head.branch().map(BranchName::full));
        names.into_iter().find(|full| self.look_up(full).is_some())
    }

    fn look_up(&mut self, full: &str) -> Option<Oid> {
        if let Some(known) = self.known.get(full) {
            return known.clone();
        }
        let found = self.repo.reference(full);
        self.known.insert(full.to_owned(), found.clone());
        found
    }
}

/// Returns a branch's name as git shows it.
pub fn short(full: &str) -> &str {
    full.strip_prefix("refs/heads/").or_else(|| full.strip_prefix("refs/remotes/")).unwrap_or(full)
}
