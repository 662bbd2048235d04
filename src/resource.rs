//! What `add` makes: local, reversible, all or nothing. One list, one `match`.
//!
//! `create` records what it found and otherwise fails if the thing exists; `destroy` restores that and takes "already
//! gone" for done. What we are not sure we made is reported, never deleted. Nothing here prints or asks.

pub mod branch;
pub mod checkout;
pub mod copy;
pub mod database;
pub mod database_name;
pub mod env_file;
pub mod exclude;
pub mod first_push;
pub mod link;
pub mod mark;
pub mod port;
pub mod relocation;
pub mod server_database;
pub mod tree;
pub mod venv;

use std::path::Path;

use relocation::Relocation;
use serde::{Deserialize, Serialize};
use tree::Tree;

use crate::error::Result;
use crate::git::{Repo, is_ignored};
use crate::host::claims::{Claims, Owner};
use crate::ui::Ui;

pub use branch::Branch;
pub use checkout::Checkout;
pub use copy::CopiedFile;
pub use database::Database;
pub use database_name::DatabaseName;
pub use env_file::EnvFile;
pub use exclude::Exclude;
pub use first_push::FirstPush;
pub use link::Link;
pub use port::Port;
pub use server_database::ServerDatabase;
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
    /// It is there, and ours.
    Made,
    /// It was there already, and is not ours.
    Found,
    /// It was left out, for this reason.
    Skipped(String),
}

/// What became of `destroy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destroyed {
    /// It is gone, or was never there.
    Gone,
    /// It stays, as it should.
    Kept,
    /// It stays, because we are not sure that it is ours; the reason.
    Left(String),
}

/// Where resources are made: the repository, and the worktree they belong to.
pub struct Site<'a> {
    /// The repository.
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

/// Anything that belongs to a worktree and is taken back with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Resource {
    /// A port, claimed on this host.
    Port(Port),
    /// The worktree's branch.
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
    /// A database in a file.
    Database(Database),
    /// A database on a server.
    ServerDatabase(ServerDatabase),
    /// The name of a database on a server.
    DatabaseName(DatabaseName),
    /// The env file.
    EnvFile(EnvFile),
}

impl Resource {
    /// Notes what is there now, before the record says that the making has begun: without it, what a crash left
    /// half made is never deleted.
    pub fn look(&mut self, site: &Site) -> Result<()> {
        match self {
            Self::Copy(copy) => copy.look(&Tree::open(site.root)?),
            Self::Link(link) => link.look(&Tree::open(site.root)?),
            Self::Venv(venv) => venv.look(&Tree::open(site.root)?),
            Self::Checkout(checkout) => {
                checkout.look();
                Ok(())
            }
            Self::Database(database) => {
                database.look();
                Ok(())
            }
            // the server itself tells later what was made half
            Self::ServerDatabase(_)
            | Self::Port(_)
            | Self::Branch(_)
            | Self::FirstPush(_)
            | Self::Exclude(_)
            | Self::DatabaseName(_)
            | Self::EnvFile(_) => Ok(()),
        }
    }

    /// Makes it.
    pub fn create(&mut self, site: &Site) -> Result<Created> {
        match self {
            Self::Port(port) => port.create(site.claims, site.owner),
            Self::Branch(branch) => branch.create(site.repo),
            Self::FirstPush(push) => push.create(site.repo),
            Self::Exclude(exclude) => exclude.create(site.repo),
            Self::Checkout(checkout) => checkout.create(site.repo, &site.owner.record),
            Self::Copy(copy) => with_trees(site, |main, own| {
                // another branch ignores other files, and what it does not ignore is one `git add` from a push
                if matches!(own.kind(&copy.path), Ok(None)) && !is_ignored(site.root, &copy.path) {
                    return Ok(Created::Skipped("git does not ignore it there".into()));
                }
                // a file that cannot be copied is no reason to be without a worktree
                copy.create(main, own).or_else(|error| Ok(Created::Skipped(error.in_one_line())))
            }),
            Self::Link(link) => with_trees(site, |main, own| {
                // it would be untracked, and git would refuse to remove the worktree
                if matches!(own.kind(&link.path), Ok(None)) && !is_ignored(site.root, &link.path) {
                    let pattern = link.path.display();
                    let why = format!(
                        "git does not ignore a link there; a line '{pattern}' in .gitignore does, '{pattern}/' does not"
                    );
                    return Ok(Created::Skipped(why));
                }
                link.create(main, own)
            }),
            Self::Venv(venv) => with_trees(site, |main, own| venv.create(site.repo, main, own)),
            Self::Database(database) => {
                // as with copies: it has main's data
                if let Some(inside) = database.copied_into(site.root)
                    && !is_ignored(site.root, inside)
                {
                    return Ok(Created::Skipped("git does not ignore it there".into()));
                }
                let worktree = Tree::open(site.root)?;
                let how_far = database.how_far(site.owner);
                site.ui.watch(&how_far, || database.create(&worktree, site.claims, site.owner))
            }
            Self::ServerDatabase(database) => database.create(site),
            Self::DatabaseName(name) => name.create(site.claims, site.owner),
            Self::EnvFile(file) => file.create(site.root),
        }
    }

    /// Opens it up for others, once all is made.
    pub fn settle(&self, site: &Site) -> Result<()> {
        match self {
            Self::Checkout(checkout) => checkout.settle(site.repo),
            _ => Ok(()),
        }
    }

    /// Takes it away.
    pub fn destroy(&self, site: &Site, unwind: Unwind) -> Result<Destroyed> {
        match self {
            Self::Port(port) => port.destroy(site.claims, site.owner),
            Self::Branch(branch) => branch.destroy(site.repo, unwind),
            Self::FirstPush(push) => push.destroy(site.repo),
            Self::Exclude(exclude) => exclude.destroy(site.repo),
            Self::Checkout(checkout) => checkout.destroy(site.repo, &site.owner.record, unwind),
            Self::Copy(copy) => in_trees(site, |main, own| copy.destroy(main, own)),
            Self::Link(link) => in_trees(site, |main, own| link.destroy(main, own)),
            Self::Venv(venv) => in_trees(site, |_, own| venv.destroy(own)),
            Self::Database(database) => database.destroy(site.claims, site.owner),
            Self::ServerDatabase(database) => database.destroy(site),
            Self::DatabaseName(name) => name.destroy(site.claims, site.owner),
            Self::EnvFile(file) => file.destroy(site.root),
        }
    }

    /// Goes along with a worktree that was moved: what names its place names the new one. Returns what the user should
    /// know. May be called again after a crash.
    pub fn follow(&mut self, site: &Site, moved: &Relocation) -> Result<Vec<String>> {
        match self {
            Self::Checkout(checkout) => site.root.clone_into(&mut checkout.path),
            Self::Link(link) => with_trees(site, |main, own| link.follow(main, own))?,
            Self::Venv(venv) => venv.follow(&Tree::open(site.root)?, moved)?,
            Self::EnvFile(file) => {
                return file.follow(site.root, moved);
            }
            // a line in a file that all worktrees share: the record replaces it under the repository lock
            Self::Exclude(_)
            // a database's claim changes in two steps, with the record written between them
            | Self::Database(_)
            | Self::ServerDatabase(_)
            | Self::DatabaseName(_)
            | Self::Port(_)
            | Self::Branch(_)
            | Self::FirstPush(_)
            | Self::Copy(_) => {}
        }
        Ok(Vec::new())
    }

    /// Whether it lies in the checkout and so comes and goes with it.
    pub fn is_inside(&self) -> bool {
        match self {
            Self::Copy(_) | Self::Link(_) | Self::Venv(_) | Self::EnvFile(_) => true,
            // its claim lies outside, wherever its file is
            Self::Database(_)
            | Self::ServerDatabase(_)
            | Self::DatabaseName(_)
            | Self::Port(_)
            | Self::Branch(_)
            | Self::FirstPush(_)
            | Self::Exclude(_)
            | Self::Checkout(_) => false,
        }
    }

    /// Whether `destroy` can tell what a `create` that failed has left. The others leave nothing, and what stands
    /// there instead is somebody else's.
    pub fn knows_its_own(&self) -> bool {
        match self {
            Self::Branch(_) | Self::FirstPush(_) | Self::Exclude(_) | Self::EnvFile(_) => false,
            Self::Port(_)
            | Self::Checkout(_)
            | Self::Copy(_)
            | Self::Link(_)
            | Self::Venv(_)
            | Self::Database(_)
            | Self::ServerDatabase(_)
            | Self::DatabaseName(_) => true,
        }
    }

    /// Whether it is a database, which may hold data that nothing brings back.
    pub fn is_database(&self) -> bool {
        matches!(self, Self::Database(_) | Self::ServerDatabase(_))
    }

    /// Whether it is a database that has anything in it, as far as can be told without asking a server.
    pub fn has_data(&self) -> bool {
        match self {
            Self::Database(database) => database.has_data(),
            Self::ServerDatabase(_) => true,
            _ => false,
        }
    }

    /// Whether it is made and unmade under the repository lock, since it edits a file that all worktrees share.
    pub fn needs_repository_lock(&self) -> bool {
        matches!(self, Self::FirstPush(_) | Self::Exclude(_))
    }

    /// Whether both stand for one thing of a worktree, though perhaps with other details.
    pub fn is_same_thing(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Port(a), Self::Port(b)) => a.variable == b.variable,
            (Self::Copy(a), Self::Copy(b)) => a.path == b.path,
            (Self::Link(a), Self::Link(b)) => a.path == b.path,
            (Self::Exclude(a), Self::Exclude(b)) => a.pattern == b.pattern,
            (Self::Venv(a), Self::Venv(b)) => a.path == b.path,
            (Self::Database(a), Self::Database(b)) => a.place == b.place,
            (Self::ServerDatabase(a), Self::ServerDatabase(b)) => a.server == b.server,
            (Self::EnvFile(a), Self::EnvFile(b)) => a.path == b.path,
            // a worktree has one of each, and keeps the name it has
            (Self::Branch(_), Self::Branch(_))
            | (Self::FirstPush(_), Self::FirstPush(_))
            | (Self::Checkout(_), Self::Checkout(_))
            | (Self::DatabaseName(_), Self::DatabaseName(_)) => true,
            _ => false,
        }
    }

    /// Says what it is, as in "port 8001 (PORT)".
    pub fn describe(&self) -> String {
        match self {
            Self::Port(port) => format!("port {} ({})", port.number, port.variable),
            Self::Branch(branch) => match &branch.upstream {
                Some(upstream) => format!("branch '{}' tracking '{upstream}'", branch.name),
                None => format!("branch '{}' at {}", branch.name, branch.oid.short()),
            },
            Self::FirstPush(push) => {
                format!("upstream '{}/{}', set by the first push", push.remote, push.branch)
            }
            Self::Exclude(exclude) => format!("'{}' in .git/info/exclude", exclude.pattern),
            Self::Checkout(checkout) if checkout.sparse.is_empty() => {
                format!("worktree '{}'", checkout.path.display())
            }
            Self::Checkout(checkout) => {
                format!("worktree '{}' with {} alone", checkout.path.display(), checkout.sparse.join(", "))
            }
            Self::Copy(copy) => format!("copy of '{}'", copy.path.display()),
            Self::Link(link) => format!("link to '{}'", link.path.display()),
            Self::Venv(venv) => format!("venv '{}'", venv.path.display()),
            Self::Database(database) => database.describe(),
            Self::ServerDatabase(database) => database.describe(),
            Self::DatabaseName(name) => {
                format!("database name '{}'", crate::text::name::escaped(&name.place))
            }
            Self::EnvFile(file) => {
                let names = file.values.iter().chain(&file.followers).map(|(name, _)| name.as_str());
                match names.collect::<Vec<_>>().as_slice() {
                    [] => format!("env file '{}'", file.path),
                    names => format!("env file '{}' with {}", file.path, names.join(", ")),
                }
            }
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
