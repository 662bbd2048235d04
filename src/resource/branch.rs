//! The branch of a new worktree. It is deleted again only if it is still at the commit where we made it.

use serde::{Deserialize, Serialize};

use super::{Created, Destroyed, Reversible, Site, Unwind};
use crate::error::{Error, Result};
use crate::git::{Oid, RemoteBranch, Repo};
use crate::text::name::BranchName;

/// A local branch that `add` creates or, with `-B`, resets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Branch {
    pub name: BranchName,
    /// The commit it starts at.
    pub oid: Oid,
    /// The commit it was at before `-B` reset it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Oid>,
    /// Its upstream, as `REMOTE/BRANCH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

impl Branch {
    /// Returns a branch to be created at `oid`.
    pub fn new(name: BranchName, oid: Oid) -> Self {
        Self { name, oid, was: None, upstream: None }
    }

    /// Returns a branch to be created where a remote branch is, tracking it.
    pub fn tracking(name: BranchName, remote: &RemoteBranch) -> Self {
        Self { upstream: Some(remote.short()), ..Self::new(name, remote.oid.clone()) }
    }

    /// Creates or resets the branch; fails if a branch that did not exist has appeared meanwhile.
    fn create_in(&self, repo: &Repo) -> Result<Created> {
        let git = repo.git().args(["branch", "--no-track", "--quiet"]);
        let git = if self.was.is_some() { git.arg("--force") } else { git };
        let _alone = super::checkout::entries_at_rest(repo)?;
        let output = git.arg("--end-of-options").arg(self.name.as_str()).arg(self.oid.as_str()).output()?;
        if output.code != 0 {
            crate::host::exec::check_stopped()?;
            return Err(self.refusal(repo, &output.stderr));
        }
        Ok(Created::Made)
    }

    /// Sets the branch's upstream. The caller holds the repository lock: git takes `config.lock` and does not wait for
    /// it.
    pub fn set_upstream(&self, repo: &Repo) -> Result<()> {
        let Some(upstream) = &self.upstream else { return Ok(()) };
        let flag = format!("--set-upstream-to={upstream}");
        // 1: it could not write the configuration, because another git has locked it
        let output = repo.patiently(1, &["branch", "--quiet", &flag, self.name.as_str()])?;
        if output.code == 0 {
            return Ok(());
        }
        Err(Error::new(format!("cannot have '{}' track '{upstream}'", self.name)).quoting(&output.stderr))
    }

    fn refusal(&self, repo: &Repo, stderr: &str) -> Error {
        let error = Error::new(format!("cannot create the branch '{}'", self.name)).quoting(stderr);
        let mut parts: Vec<&str> = self.name.as_str().split('/').collect();
        while parts.pop().is_some() && !parts.is_empty() {
            let prefix = parts.join("/");
            if repo.reference(&format!("refs/heads/{prefix}")).is_some() {
                return error
                    .because(format!("a branch '{prefix}' exists, so no branch can be below '{prefix}/'"));
            }
        }
        error
    }

    /// Undoes the branch after a failed add: deletes it, or puts it back, if it is still where we put it. A worktree
    /// that has been in use leaves its branch behind.
    fn destroy_in(&self, repo: &Repo, unwind: Unwind) -> Result<Destroyed> {
        let now = repo.branch(&self.name);
        match (now, unwind) {
            (None, _) => return Ok(Destroyed::Gone),
            (Some(_), Unwind::Removal) => return Ok(Destroyed::Kept),
            (Some(now), Unwind::Rollback) if now != self.oid => {
                return Ok(Destroyed::Left(format!("branch '{}' has moved to {}", self.name, now.short())));
            }
            (Some(_), Unwind::Rollback) => {}
        }
        // removal goes ahead even if the lock cannot be taken
        let _alone = super::checkout::entries_at_rest(repo).ok();
        if let Some(holder) = repo.worktrees()?.holder(&self.name) {
            let place = holder.path.display();
            return Ok(Destroyed::Left(format!("branch '{}' is checked out at '{place}' by now", self.name)));
        }
        let full = self.name.full();
        if let Some(was) = &self.was {
            repo.git().args(["update-ref", &full, was.as_str(), self.oid.as_str()]).stdout()?;
        } else {
            repo.git().args(["update-ref", "-d", &full, self.oid.as_str()]).stdout()?;
            if self.upstream.is_some() {
                // 128: there is no such section any more; 255: another git has locked the file
                let section = format!("branch.{}", self.name);
                repo.patiently(255, &["config", "--local", "--remove-section", &section])?;
            }
        }
        Ok(Destroyed::Gone)
    }
}

impl Reversible for Branch {
    fn create(&mut self, site: &Site) -> Result<Created> {
        self.create_in(site.repo)
    }

    fn destroy(&self, site: &Site, unwind: Unwind) -> Result<Destroyed> {
        self.destroy_in(site.repo, unwind)
    }

    fn knows_its_own(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        match &self.upstream {
            Some(upstream) => format!("branch '{}' tracking '{upstream}'", self.name),
            None => format!("branch '{}' at {}", self.name, self.oid.short()),
        }
    }
}
