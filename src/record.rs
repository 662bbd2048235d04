//! The record on disk is the undo: what `add` made for a worktree, written before each thing is made.
//!
//! Rollback of a failed add, `remove`, and repair after a crash are one function, [`LockedRecord::unwind`], which walks the
//! list backwards. Records live in `<common git dir>/wt/records`, survive SIGKILL, and hold no secrets.

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

/// The format written by this version; a record of a newer one is left alone.
const VERSION: u32 = 1;

/// How far a thing on the list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not there: not made yet, left out, or taken back.
    Planned,
    /// Being made: may be there, whole or in part.
    Begun,
    Made,
}

/// One thing on the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// How far it is.
    pub state: StepState,
    #[serde(flatten)]
    pub resource: Resource,
}

/// Where a worktree is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// Being made: a crash here is undone.
    Adding,
    /// Made: hooks may still fail, the worktree stays.
    Ready,
    /// Being removed: a crash here is finished.
    Removing,
}

/// How a hook of the recipe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookStatus {
    /// Not run yet, or not allowed to.
    Pending,
    Done,
    Failed(u8),
    /// By our hand, since it took longer than these seconds.
    TimedOut(u64),
}

impl HookStatus {
    /// Says how, as in "ended with status 7".
    pub fn describe(self) -> String {
        match self {
            Self::Pending => "has not run".into(),
            Self::Done => "is done".into(),
            Self::Failed(status) => format!("ended with status {status}"),
            Self::TimedOut(seconds) => format!("timed out after {seconds} s"),
        }
    }
}

/// A path in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Destination(#[serde(with = "path_text")] pub PathBuf);

/// A setup hook and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    pub command: String,
    pub ended: HookStatus,
}

/// What is known of a worktree that git-wt made or adopted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Its id, also the name of its file.
    pub id: String,
    /// What the user calls the worktree.
    pub name: Name,
    /// The branch it was made with; what is checked out now is git's to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchName>,
    /// Where it was made; where it is now is git's to say.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// Where it is being moved: a git that is killed in the middle leaves it to us to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// The common directory it was made in: a copy of a repository owns nothing of the original's.
    pub repository: Identity,
    /// What a new branch was started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The template that was asked for by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The remote that the branch is yet to be pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<String>,
    /// Whether the recipe calls it protected.
    #[serde(default)]
    pub protected: bool,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When the record was last written, RFC 3339.
    pub updated: String,
    /// Where it is in its life.
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

    /// Who owns this record's ports and databases.
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

    /// The ports and their variables.
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

    /// The Python environments that are there.
    pub fn venvs(&self) -> impl Iterator<Item = &Venv> {
        self.made().filter_map(|resource| match resource {
            Resource::Venv(venv) => Some(venv),
            _ => None,
        })
    }

    /// Lets go of the databases: they stay, and are nobody's.
    pub fn release_databases(&mut self, claims: &Claims, owner: &Owner) -> Result<()> {
        for database in self.steps.iter().filter_map(|step| step.resource.database()) {
            database.release(claims, owner)?;
        }
        self.steps.retain(|step| step.resource.database().is_none());
        Ok(())
    }

    /// Takes over the identity of a damaged record, and what the claims still tell of it.
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

    /// What on its list is claimed on this host.
    pub fn claimed(&self) -> Vec<Thing> {
        self.steps.iter().filter_map(|step| step.resource.claimed()).collect()
    }

    pub fn env_files(&self) -> impl Iterator<Item = &EnvFile> {
        self.made().filter_map(|resource| match resource {
            Resource::EnvFile(file) => Some(file),
            _ => None,
        })
    }

    /// The first setup hook that has not ended well.
    pub fn unfinished_hook(&self) -> Option<&HookRun> {
        self.hooks.iter().find(|hook| hook.ended != HookStatus::Done)
    }

    /// Its worktree among those git has registered.
    pub fn worktree<'a>(&self, listing: &'a Listing) -> Option<&'a Worktree> {
        listing.worktrees.iter().find(|tree| tree.record.as_deref() == Some(&self.id))
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
