//! What the first push of a new branch does: it pushes to the same name on the remote, and sets that as the upstream.
//!
//! Git has a setting for this, `push.autoSetupRemote` (2.37), but none for a single branch. So the repository's
//! configuration includes a one-line file while the branch is checked out. If we wrote the upstream down before it
//! exists, `git status` would call it gone, and scripts that delete branches with a lost upstream would delete this
//! one.

use serde::{Deserialize, Serialize};

use super::{Created, Destroyed, Reversible, Site, Unwind};
use crate::error::{Error, Explain, Result};
use crate::git::{PUSH_SETTINGS, Repo};
use crate::text::name::BranchName;

/// The content of the included file.
const SETTINGS: &[u8] = b"[push]\n\tautoSetupRemote = true\n";

/// The first push of a branch that has no upstream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FirstPush {
    pub branch: BranchName,
    /// Where it goes, as far as is known now: git determines it anew when it pushes.
    pub remote: String,
}

impl FirstPush {
    fn key(&self) -> String {
        format!("includeIf.onbranch:{}.path", self.branch)
    }

    /// Makes git include the setting. The caller holds the repository lock.
    fn create_in(&self, repo: &Repo) -> Result<Created> {
        if repo.setting(&self.key()).is_some_and(|path| path == PUSH_SETTINGS) {
            return Ok(Created::Found);
        }
        let file = repo.common_dir().join(PUSH_SETTINGS);
        if !file.exists() {
            // readable by all: another user's git in this repository dies if it cannot read an included file
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

    /// Removes the setting again. The caller holds the repository lock.
    fn destroy_in(&self, repo: &Repo) -> Result<Destroyed> {
        let unset = ["config", "--local", "--fixed-value", "--unset-all", &self.key(), PUSH_SETTINGS];
        match repo.patiently(255, &unset)?.code {
            // 5: there is no such setting
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
