//! A database for one worktree, of any engine.
//!
//! It is dropped only if three things agree: the record, our claim on its place, and a mark in the database itself.
//! Records and claims hold no passwords.

mod server;
mod sqlite;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::relocation::Relocation;
use super::{Created, Destroyed, Reversible, Site, Unwind};
use crate::error::{Error, Hint, Result};
use crate::host::claims::{Claimed, Claims, Owner, Thing, path_text};
use crate::text::url::ServerEngine;

pub use server::{ServerDatabase, place};
pub use sqlite::{SqliteDatabase, move_back, move_out};

/// The content of a new database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    Empty,
    /// A copy of the main worktree's: the path of an SQLite file, or a name on the same server.
    Main(String),
    /// The result of `pg_restore` on this file.
    Archive(#[serde(with = "path_text")] PathBuf),
    /// The result of the statements in this file.
    #[serde(alias = "dump")]
    Script(#[serde(with = "path_text")] PathBuf),
}

impl Content {
    /// Decides how a server reads a file: SQL goes through its client, anything else is a PostgreSQL archive.
    pub fn of_file(engine: ServerEngine, file: &Path) -> Result<Self> {
        let shown = file.display();
        match (file.extension().and_then(|ending| ending.to_str()), engine) {
            (Some("sql"), _) => Ok(Self::Script(file.to_owned())),
            (Some("gz"), _) => Err(Error::new(format!("'{shown}' is compressed"))
                .because("a new database is filled from SQL, or from an archive of pg_dump")
                .advise("unpack it, and name it without '.gz' in 'from' under [database]")
                .hint(Hint::of("gunzip --keep").name(file))),
            (_, ServerEngine::Mysql) => Err(Error::new(format!("'{shown}' is no script of SQL"))
                .advise("'from' under [database] names one, as in 'seed.sql'")
                .hint("mysqldump DATABASE > seed.sql")),
            (_, ServerEngine::Postgres) => Ok(Self::Archive(file.to_owned())),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Database {
    Sqlite(SqliteDatabase),
    /// One on a PostgreSQL, MySQL or MariaDB server.
    Server(ServerDatabase),
}

impl Database {
    /// Returns what it is called, and where it is if that is not beside the worktree's files.
    pub fn shown(&self) -> String {
        self.describe().trim_start_matches("database ").to_owned()
    }

    /// Returns its place as written in claims, distinct from those of other engines.
    pub fn claimed(&self) -> String {
        match self {
            Self::Sqlite(database) => database.claimed(),
            Self::Server(database) => database.claimed(),
        }
    }

    /// Gives up its place without dropping it.
    pub fn release(&self, claims: &Claims, owner: &Owner) -> Result<()> {
        claims.release_database(&self.claimed(), owner).map(drop)
    }

    /// Whether it is a file below `root`, and so comes and goes with that directory.
    pub fn is_in(&self, root: &Path) -> bool {
        match self {
            Self::Sqlite(database) => database.is_in(root),
            Self::Server(_) => false,
        }
    }

    /// Claims its place again, after that was given up; says whether it is its own now.
    pub fn claim(&self, claims: &Claims, owner: &Owner) -> Result<bool> {
        Ok(matches!(claims.claim_database(&self.claimed(), owner)?, Claimed::Ours))
    }

    /// Whether it contains data, as far as can be told without asking a server.
    pub fn has_data(&self) -> bool {
        match self {
            Self::Sqlite(database) => database.has_data(),
            Self::Server(_) => true,
        }
    }

    /// Claims its new place if it moved with its worktree; returns the old database, to be released once the record
    /// names the new one.
    pub fn follow(&mut self, claims: &Claims, owner: &Owner, moved: &Relocation) -> Result<Option<Self>> {
        match self {
            Self::Sqlite(database) => Ok(database.follow(claims, owner, moved)?.map(Self::Sqlite)),
            Self::Server(_) => Ok(None),
        }
    }

    /// Whether both are a worktree's only database, even if the name differs.
    pub fn is_same_thing(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(a), Self::Sqlite(b)) => a.place == b.place,
            (Self::Server(a), Self::Server(b)) => a.server == b.server,
            _ => false,
        }
    }
}

impl Reversible for Database {
    fn begins_anew(&self) -> bool {
        true
    }

    fn look(&mut self, site: &Site) -> Result<()> {
        match self {
            Self::Sqlite(database) => {
                database.look();
                Ok(())
            }
            Self::Server(database) => database.look(site),
        }
    }

    fn create(&mut self, site: &Site) -> Result<Created> {
        match self {
            Self::Sqlite(database) => database.create_in(site),
            Self::Server(database) => database.create(site),
        }
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        match self {
            Self::Sqlite(database) => database.destroy(site.claims, site.owner),
            Self::Server(database) => database.destroy(site),
        }
    }

    fn claimed(&self) -> Option<Thing> {
        Some(Thing::Database(self.claimed()))
    }

    fn describe(&self) -> String {
        match self {
            Self::Sqlite(database) => database.describe(),
            Self::Server(database) => database.describe(),
        }
    }
}
