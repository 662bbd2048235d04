//! What `add` makes: local, reversible, all or nothing. Each kind of resource has its own file.
//!
//! `create` fails if the thing already exists, or reports that it was found; `destroy` restores the earlier state, and
//! accepts that the thing is already gone. What we are not sure we made is reported, never deleted. Nothing here prints
//! or asks.

pub mod branch;
pub mod checkout;
pub mod copies;
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
use std::path::{Path, PathBuf};

use relocation::Relocation;
use serde::{Deserialize, Serialize};
use tree::Tree;

use crate::error::Result;
use crate::git::Repo;
use crate::host::claims::{Claims, Owner, Thing};
use crate::ui::Ui;

pub use branch::Branch;
pub use checkout::Checkout;
pub use copies::Copies;
pub use copy::CopiedFile;
pub use database::Database;
pub use env_file::EnvFile;
pub use exclude::Exclude;
pub use first_push::FirstPush;
pub use link::Link;
pub use port::Port;
pub use venv::Venv;

/// How carefully to remove a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwind {
    /// It was made seconds ago by an add that failed: removal may be rough.
    Rollback,
    /// Somebody has worked with it.
    Removal,
}

/// The outcome of `create`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    Made,
    /// It already existed, and is not ours.
    Found,
    /// It was left out, for this reason.
    Skipped(String),
}

/// The outcome of `destroy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destroyed {
    Gone,
    /// It stays, as intended.
    Kept,
    /// It stays, because we are not sure that it is ours; the reason.
    Left(String),
}

/// Where resources are made: the repository, and the worktree they belong to.
pub struct Site<'a> {
    pub repo: &'a Repo,
    /// The claims on ports and databases on this host.
    pub claims: &'a Claims,
    /// The owner of what is made here.
    pub owner: &'a Owner,
    /// The worktree's directory.
    pub root: &'a Path,
    /// The directory that files are copied and linked from.
    pub main: Option<&'a Path>,
    /// Where progress of slow steps is shown.
    pub ui: Ui,
}

/// What every kind of resource can do.
pub trait Reversible {
    /// Notes what exists now, before the record says that the making has begun. Without this, anything half-made that a
    /// crash left is never deleted.
    fn look(&mut self, _: &Site) -> Result<()> {
        Ok(())
    }

    fn create(&mut self, site: &Site) -> Result<Created>;

    /// Lets others use it, once everything is made.
    fn settle(&self, _: &Site) -> Result<()> {
        Ok(())
    }

    /// Removes it.
    fn destroy(&self, site: &Site, unwind: Unwind) -> Result<Destroyed>;

    /// Updates it after its worktree was moved, so that whatever names the old place names the new one. Returns what
    /// the user should know. May be called again after a crash.
    fn follow(&mut self, _: &Site, _: &Relocation) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Whether it is inside the checkout, and so is removed with it. A database does not count, wherever its file is,
    /// since its claim is outside.
    fn is_inside(&self) -> bool {
        false
    }

    /// Whether `destroy` can recognise what a failed `create` left. The other kinds leave nothing, so whatever is there
    /// belongs to somebody else.
    fn knows_its_own(&self) -> bool {
        true
    }

    /// Whether what a crash has left of it is destroyed before it is made anew: nobody uses it before it is noted.
    fn begins_anew(&self) -> bool {
        false
    }

    /// Whether it is made and unmade under the repository lock, because it edits a file that all worktrees share.
    fn needs_repository_lock(&self) -> bool {
        false
    }

    fn claimed(&self) -> Option<Thing> {
        None
    }

    /// Describes it, as in "port 8001 (PORT)".
    fn describe(&self) -> String;
}

/// Anything that belongs to a worktree and is removed with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Resource {
    /// A port, claimed on this host.
    Port(Port),
    Branch(Branch),
    /// A setting for the first push of its branch.
    FirstPush(FirstPush),
    /// A line in `info/exclude`.
    Exclude(Exclude),
    /// The directory and git's entry for it.
    Checkout(Checkout),
    /// Ignored files copied from the main worktree.
    Copies(Copies),
    /// One of them, in records of before.
    Copy(CopiedFile),
    /// A link to something in the main worktree.
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
            Self::Copies(it) => it,
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
            Self::Copies(it) => it,
            Self::Copy(it) => it,
            Self::Link(it) => it,
            Self::Venv(it) => it,
            Self::Database(it) => it,
            Self::EnvFile(it) => it,
        }
    }
}

impl Resource {
    /// Returns the database, if it is one: it may hold data that cannot be restored.
    pub fn database(&self) -> Option<&Database> {
        match self {
            Self::Database(database) => Some(database),
            _ => None,
        }
    }

    /// Returns the path of a thing that is at one: it can vanish, or be there before it is made.
    pub fn place(&self, root: &Path) -> Option<PathBuf> {
        match self {
            Self::Link(link) => Some(root.join(&link.path)),
            Self::Venv(venv) => Some(root.join(&venv.path)),
            Self::Database(Database::Sqlite(database)) => Some(PathBuf::from(&database.place)),
            _ => None,
        }
    }

    /// Whether both mean the same thing in a worktree, even if details differ.
    pub fn is_same_thing(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Port(a), Self::Port(b)) => a.variable == b.variable,
            (Self::Link(a), Self::Link(b)) => a.path == b.path,
            (Self::Exclude(a), Self::Exclude(b)) => a.pattern == b.pattern,
            (Self::Venv(a), Self::Venv(b)) => a.path == b.path,
            (Self::Database(a), Self::Database(b)) => a.is_same_thing(b),
            (Self::EnvFile(a), Self::EnvFile(b)) => a.path == b.path,
            // a worktree has one of each, which keeps its name
            (Self::Branch(_), Self::Branch(_))
            | (Self::FirstPush(_), Self::FirstPush(_))
            | (Self::Copies(_), Self::Copies(_))
            | (Self::Checkout(_), Self::Checkout(_)) => true,
            _ => false,
        }
    }
}

/// Runs something that takes from the main worktree; if there is none, the worktree itself stands in for it.
fn with_trees<T>(site: &Site, run: impl FnOnce(&Tree, &Tree) -> Result<T>) -> Result<T> {
    let own = Tree::open(site.root)?;
    let main = Tree::open(site.main.unwrap_or(site.root))?;
    run(&main, &own)
}

/// Removes something from a worktree that may be gone altogether.
fn in_trees(site: &Site, run: impl FnOnce(&Tree, &Tree) -> Result<Destroyed>) -> Result<Destroyed> {
    if site.root.exists() { with_trees(site, run) } else { Ok(Destroyed::Gone) }
}
