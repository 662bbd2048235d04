//! What the first push of a new branch does: it goes to the same name on the remote, and sets that as the upstream.
//!
//! git has a setting for it, `push.autoSetupRemote` (2.37), but none for one branch alone: so the repository's
//! configuration includes a file of one line while the branch is checked out. An upstream that is written down before
//! it exists would have `git status` say that it is gone, and scripts delete the branch that lost it.

use serde::{Deserialize, Serialize};

use super::{Created, Destroyed, Reversible, Site, Unwind};
use crate::error::{Error, Explain, Result};
use crate::git::{PUSH_SETTINGS, Repo};
use crate::text::name::BranchName;

/// How git's configuration is told of it.
const SETTINGS: &[u8] = b"[push]\n\tautoSetupRemote = true\n";

/// The first push of a branch that has no upstream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FirstPush {
    pub branch: BranchName,
    /// Where it goes, as far as is known now: git looks itself.
    pub remote: String,
}

impl FirstPush {
    fn key(&self) -> String {
        format!("includeIf.onbranch:{}.path", self.branch)
    }

    /// Has git include the setting. The caller holds the repository lock.
    fn create_in(&self, repo: &Repo) -> Result<Created> {
        if repo.setting(&self.key()).is_some_and(|path| path == PUSH_SETTINGS) {
            return Ok(Created::Found);
        }
        let file = repo.common_dir().join(PUSH_SETTINGS);
        if !file.exists() {
            // not with what is ours alone: a git of another user of the repository dies of a file that it cannot read
            crate::host::file::replace_public(&file, SETTINGS)
                .explain(|| format!("cannot write '{}'", file.display()))?;
        }
        // 255: another git has locked the file
        let output = repo.patiently(255, &["config", "--local", "--add", &self.key(), PUSH_SETTINGS])?;
        if output.code == 0 {
            return Ok(Created::Made);
        }
        Err(Error::new(format!("cannot configure the first push of '{}'", self.branch))
            .quoting(&output.stderr))
    }

    /// Takes the setting back. The caller holds the repository lock.
    fn destroy_in(&self, repo: &Repo) -> Result<Destroyed> {
        let unset = ["config", "--local", "--fixed-value", "--unset-all", &self.key(), PUSH_SETTINGS];
        match repo.patiently(255, &unset)?.code {
            // 5: there is none
            0 | 5 => Ok(Destroyed::Gone),
            _ => Ok(Destroyed::Left(format!("the setting '{}' of '.git/config'", self.key()))),
        }
    }
}

impl Reversible for FirstPush {
    fn create(&mut self, site: &Site) -> Result<Created> {
        self.create_in(site.repo)
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        self.destroy_in(site.repo)
    }

    fn knows_its_own(&self) -> bool {
        false
    }

    fn needs_repository_lock(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("upstream '{}/{}', set by the first push", self.remote, self.branch)
    }
}
