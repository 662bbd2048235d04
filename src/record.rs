//! The record on disk makes undoing possible: it lists what `add` made for a worktree, written before each thing is
//! made.
//!
//! Rollback of a failed add, `remove`, and repair after a crash are one function, [`LockedRecord::unwind`], which walks
//! the list backwards. Records live in `<common git dir>/wt/records`, survive SIGKILL, and hold no secrets.

mod store;
mod unwind;
pub mod worktrees;

pub use store::{Damaged, Lock, Records};
pub use unwind::LockedRecord;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::git::Repo;
use crate::git::worktrees::{Listing, Worktree};
use crate::host::claims::{Claim, Claims, Owner, Thing, path_text};
use crate::host::identity::Identity;
use crate::resource::{Database, EnvFile, Port, Resource, Venv};
use crate::text::name::{BranchName, Name, slug};

/// The format that this version writes; a record in a newer format is left alone.
const VERSION: u32 = 1;

/// How far the making of a listed thing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Does not exist: not made yet, left out, or undone.
    Planned,
    /// Being made: may exist, in whole or in part.
    Begun,
    Made,
}

/// One thing on the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    pub state: StepState,
    #[serde(flatten)]
    pub resource: Resource,
}

/// Where a worktree is in its life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// Being made: a crash now means that it is undone.
    Adding,
    /// Made: hooks may still fail, but the worktree stays.
    Ready,
    /// Being removed: a crash now means that the removal is finished.
    Removing,
}

/// How a hook of the recipe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookStatus {
    /// Not run yet, or not allowed to run.
    Pending,
    Done,
    Failed(u8),
    /// Stopped by us after this many seconds.
    TimedOut(u64),
}

impl HookStatus {
    /// Describes it, as in "ended with status 7".
    pub fn describe(self) -> String {
        match self {
            Self::Pending => "has not run".into(),
            Self::Done => "is done".into(),
            Self::Failed(status) => format!("ended with status {status}"),
            Self::TimedOut(seconds) => format!("timed out after {seconds} s"),
        }
    }
}

/// A path, as written in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Destination(#[serde(with = "path_text")] pub PathBuf);

/// A setup hook and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    pub command: String,
    pub ended: HookStatus,
}

/// What is known about a worktree that git-wt made or adopted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Its id, which is also the name of its file.
    pub id: String,
    /// What the user calls the worktree.
    pub name: Name,
    /// The branch it was made with; git knows what is checked out now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchName>,
    /// Where it was made; git knows where it is now.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// Where it is being moved: if git is killed halfway, we have to find it ourselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// The common directory it was made in: a copy of a repository owns nothing that belongs to the original.
    pub repository: Identity,
    /// What its new branch started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The local branch that this was, which `HEAD` does not say later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_branch: Option<BranchName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The template that the user asked for by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The remote to which the branch has yet to be pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<String>,
    /// Whether the recipe marks it as protected.
    #[serde(default)]
    pub protected: bool,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When the record was last written, RFC 3339.
    pub updated: String,
    pub stage: RecordState,
    /// What was made, in order.
    pub steps: Vec<Step>,
    /// The setup hooks, in order.
    #[serde(default)]
    pub hooks: Vec<HookRun>,
}

impl Record {
    /// Returns a record of things yet to be made.
    pub fn new(name: Name, path: &Path, repository: Identity, resources: Vec<Resource>) -> Result<Self> {
        let now = now();
        let steps =
            resources.into_iter().map(|resource| Step { state: StepState::Planned, resource }).collect();
        Ok(Self {
            version: VERSION,
            id: format!("{}-{}", slug(name.as_str()), crate::host::random::hex(12)?),
            name,
            branch: None,
            path: path.to_owned(),
            destination: None,
            repository,
            base: None,
            base_branch: None,
            note: None,
            template: None,
            push: None,
            protected: false,
            created: now.clone(),
            updated: now,
            stage: RecordState::Adding,
            steps,
            hooks: Vec::new(),
        })
    }

    /// Returns the owner of this record's ports and databases.
    pub fn owner(&self, repo: &Repo) -> Owner {
        Owner {
            record: self.id.clone(),
            name: self.name.as_str().to_owned(),
            common_dir: repo.common_dir().to_owned(),
            dev: self.repository.dev,
            ino: self.repository.ino,
        }
    }

    pub fn made(&self) -> impl Iterator<Item = &Resource> {
        self.steps.iter().filter(|step| step.state == StepState::Made).map(|step| &step.resource)
    }

    /// Returns the ports and their variables.
    pub fn ports(&self) -> Vec<(String, u16)> {
        self.steps
            .iter()
            .filter_map(|step| match &step.resource {
                Resource::Port(port) => Some((port.variable.clone(), port.number)),
                _ => None,
            })
            .collect()
    }

    pub fn databases(&self) -> impl Iterator<Item = &Database> {
        self.made().filter_map(Resource::database)
    }

    pub fn server_database(&self) -> Option<String> {
        self.databases().find_map(|database| match database {
            Database::Server(database) => Some(database.name.clone()),
            Database::Sqlite(_) => None,
        })
    }

    /// Returns the Python environments that have been made.
    pub fn venvs(&self) -> impl Iterator<Item = &Venv> {
        self.made().filter_map(|resource| match resource {
            Resource::Venv(venv) => Some(venv),
            _ => None,
        })
    }

    /// Releases the databases: they stay, and belong to nobody.
    pub fn release_databases(&mut self, claims: &Claims, owner: &Owner) -> Result<()> {
        for database in self.steps.iter().filter_map(|step| step.resource.database()) {
            database.release(claims, owner)?;
        }
        self.steps.retain(|step| step.resource.database().is_none());
        Ok(())
    }

    /// Takes over the identity of a damaged record, and what the claims still say about it.
    pub fn rebuild(&mut self, id: &str, tree: Option<&Worktree>, claims: &[Claim]) {
        id.clone_into(&mut self.id);
        self.stage = RecordState::Ready;
        self.branch = tree.and_then(|tree| tree.head.branch().cloned());
        let ports = claims.iter().filter_map(|claim| match claim.thing {
            Thing::Port(number) => Some(Port { variable: "PORT".into(), number }),
            Thing::Database(_) => None,
        });
        let made = ports.map(|port| Step { state: StepState::Made, resource: Resource::Port(port) });
        self.steps = made.collect();
    }

    /// Returns what is on its list and claimed on this host.
    pub fn claimed(&self) -> Vec<Thing> {
        self.steps.iter().filter_map(|step| step.resource.claimed()).collect()
    }

    pub fn env_files(&self) -> impl Iterator<Item = &EnvFile> {
        self.made().filter_map(|resource| match resource {
            Resource::EnvFile(file) => Some(file),
            _ => None,
        })
    }

    /// Returns the first setup hook that has not ended well.
    pub fn unfinished_hook(&self) -> Option<&HookRun> {
        self.hooks.iter().find(|hook| hook.ended != HookStatus::Done)
    }

    /// Returns its worktree among those registered with git.
    pub fn worktree<'a>(&self, listing: &'a Listing) -> Option<&'a Worktree> {
        listing.worktrees.iter().find(|tree| tree.record.as_deref() == Some(&self.id))
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
