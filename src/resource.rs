//! What `add` makes: local, reversible, all or nothing. What a kind of thing does is in its own file.
//!
//! `create` records what it found and otherwise fails if the thing exists; `destroy` restores that and takes "already
//! gone" for done. What we are not sure we made is reported, never deleted. Nothing here prints or asks.

pub mod branch;
pub mod checkout;
pub mod copy;
pub mod database;
pub mod env_file;
pub mod exclude;
pub mod first_push;
pub mod link;
pub mod mark;
pub mod port;
pub mod relocation;
pub mod tree;
pub mod venv;

use std::ops::{Deref, DerefMut};
use std::path::Path;

use relocation::Relocation;
use serde::{Deserialize, Serialize};
use tree::Tree;

use crate::error::Result;
use crate::git::Repo;
use crate::host::claims::{Claims, Owner, Thing};
use crate::ui::Ui;

pub use branch::Branch;
pub use checkout::Checkout;
pub use copy::CopiedFile;
pub use database::Database;
pub use env_file::EnvFile;
pub use exclude::Exclude;
pub use first_push::FirstPush;
pub use link::Link;
pub use port::Port;
pub use venv::Venv;

/// How gently a thing is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwind {
    /// Made seconds ago by an add that failed: may be rough.
    Rollback,
    /// Somebody has worked with it.
    Removal,
}

/// What became of `create`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    Made,
    /// It was there already, and is not ours.
    Found,
    /// It was left out, for this reason.
    Skipped(String),
}

/// What became of `destroy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destroyed {
    Gone,
    /// It stays, as it should.
    Kept,
    /// It stays, because we are not sure that it is ours; the reason.
    Left(String),
}

/// Where resources are made: the repository, and the worktree they belong to.
pub struct Site<'a> {
    pub repo: &'a Repo,
    /// The host's claims on ports and databases.
    pub claims: &'a Claims,
    /// Whose they are.
    pub owner: &'a Owner,
    /// The worktree's directory.
    pub root: &'a Path,
    /// The directory that files are taken from.
    pub main: Option<&'a Path>,
    /// Who may watch what lasts.
    pub ui: Ui,
}

/// What every kind of thing can do.
pub trait Reversible {
    /// Notes what is there now, before the record says that the making has begun: without it, what a crash left
    /// half made is never deleted.
    fn look(&mut self, _: &Site) -> Result<()> {
        Ok(())
    }

    fn create(&mut self, site: &Site) -> Result<Created>;

    /// Opens it up for others, once all is made.
    fn settle(&self, _: &Site) -> Result<()> {
        Ok(())
    }

    /// Takes it away.
    fn destroy(&self, site: &Site, unwind: Unwind) -> Result<Destroyed>;

    /// Goes along with a worktree that was moved: what names its place names the new one. Returns what the user should
    /// know. May be called again after a crash.
    fn follow(&mut self, _: &Site, _: &Relocation) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Whether it lies in the checkout and so comes and goes with it. The claim of a database lies outside, wherever its
    /// file is.
    fn is_inside(&self) -> bool {
        false
    }

    /// Whether `destroy` can tell what a `create` that failed has left. The others leave nothing, and what stands
    /// there instead is somebody else's.
    fn knows_its_own(&self) -> bool {
        true
    }

    /// Whether it is made and unmade under the repository lock, since it edits a file that all worktrees share.
    fn needs_repository_lock(&self) -> bool {
        false
    }

    fn claimed(&self) -> Option<Thing> {
        None
    }

    /// Says what it is, as in "port 8001 (PORT)".
    fn describe(&self) -> String;
}

/// Anything that belongs to a worktree and is taken back with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Resource {
    /// A port, claimed on this host.
    Port(Port),
    Branch(Branch),
    /// What the first push of its branch does.
    FirstPush(FirstPush),
    /// A line in `info/exclude`.
    Exclude(Exclude),
    /// The directory and git's entry.
    Checkout(Checkout),
    /// An ignored file copied from the main worktree.
    Copy(CopiedFile),
    /// A link to something of the main worktree.
    Link(Link),
    /// A Python environment.
    Venv(Venv),
    #[serde(alias = "server_database")]
    Database(Database),
    EnvFile(EnvFile),
}

impl Deref for Resource {
    type Target = dyn Reversible;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Port(it) => it,
            Self::Branch(it) => it,
            Self::FirstPush(it) => it,
            Self::Exclude(it) => it,
            Self::Checkout(it) => it,
            Self::Copy(it) => it,
            Self::Link(it) => it,
            Self::Venv(it) => it,
            Self::Database(it) => it,
            Self::EnvFile(it) => it,
        }
    }
}

impl DerefMut for Resource {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Port(it) => it,
            Self::Branch(it) => it,
            Self::FirstPush(it) => it,
            Self::Exclude(it) => it,
            Self::Checkout(it) => it,
            Self::Copy(it) => it,
            Self::Link(it) => it,
            Self::Venv(it) => it,
            Self::Database(it) => it,
            Self::EnvFile(it) => it,
        }
    }
}

impl Resource {
    /// The database, if it is one: it may hold data that nothing brings back.
    pub fn database(&self) -> Option<&Database> {
        match self {
            Self::Database(database) => Some(database),
            _ => None,
        }
    }

    /// Whether both stand for one thing of a worktree, though perhaps with other details.
    pub fn is_same_thing(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Port(a), Self::Port(b)) => a.variable == b.variable,
            (Self::Copy(a), Self::Copy(b)) => a.path == b.path,
            (Self::Link(a), Self::Link(b)) => a.path == b.path,
            (Self::Exclude(a), Self::Exclude(b)) => a.pattern == b.pattern,
            (Self::Venv(a), Self::Venv(b)) => a.path == b.path,
            (Self::Database(a), Self::Database(b)) => a.is_same_thing(b),
            (Self::EnvFile(a), Self::EnvFile(b)) => a.path == b.path,
            // a worktree has one of each, and keeps the name it has
            (Self::Branch(_), Self::Branch(_))
            | (Self::FirstPush(_), Self::FirstPush(_))
            | (Self::Checkout(_), Self::Checkout(_)) => true,
            _ => false,
        }
    }
}

/// Runs what takes something from the main worktree; where there is none, the worktree stands for it.
fn with_trees<T>(site: &Site, run: impl FnOnce(&Tree, &Tree) -> Result<T>) -> Result<T> {
    let own = Tree::open(site.root)?;
    let main = Tree::open(site.main.unwrap_or(site.root))?;
    run(&main, &own)
}

/// Takes something out of a worktree that may be gone as a whole.
fn in_trees(site: &Site, run: impl FnOnce(&Tree, &Tree) -> Result<Destroyed>) -> Result<Destroyed> {
    if site.root.exists() { with_trees(site, run) } else { Ok(Destroyed::Gone) }
}
