//! `remove --keep-db`: databases that stay for good, those of the worktree's own directory beside its place.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::worktrees::Worktree;
use crate::host::file;
use crate::record::Record;
use crate::resource::database::{move_back, move_out};
use crate::resource::relocation::Relocation;
use crate::resource::{Database, Reversible};

/// How a file begins that SQLite has written.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Databases that stay.
#[derive(Debug, Default)]
pub struct Kept {
    /// Where each file was, and is.
    moved: Vec<(PathBuf, PathBuf)>,
    /// Each database, where it is now.
    pub databases: Vec<String>,
}

impl Kept {
    /// Moves the databases of a worktree out of its directory. If one cannot be moved, all are where they were.
    pub fn move_out(tree: &Worktree, record: Option<&Record>) -> Result<Self> {
        let mut kept = Self::default();
        for database in record.into_iter().flat_map(Record::databases) {
            let Database::Sqlite(file) = database else {
                kept.databases.push(database.describe());
                continue;
            };
            let place = now_at(Path::new(&file.place), tree, record);
            if !fs::symlink_metadata(&place).is_ok_and(|found| found.is_symlink() || found.len() > 0) {
                continue;
            }
            if !place.starts_with(&tree.path) {
                kept.databases.push(database.describe());
                continue;
            }
            match move_out(&place, &tree.path) {
                Ok(moved) => {
                    let to = moved.first().map_or(place, |(_, to)| to.clone());
                    kept.databases.push(format!("database '{}'", to.display()));
                    kept.moved.extend(moved);
                }
                Err(error) => {
                    kept.move_back()?;
                    return Err(error);
                }
            }
        }
        Ok(kept)
    }

    /// Moves the files back to where they were.
    pub fn move_back(&self) -> Result<()> {
        move_back(&self.moved)
    }
}

/// Where a file of a worktree is now: plain git may have moved the worktree since the record was written.
fn now_at(place: &Path, tree: &Worktree, record: Option<&Record>) -> PathBuf {
    let moved = record.map(|record| Relocation::new(&record.path, &tree.path));
    moved.and_then(|moved| moved.of(place)).unwrap_or_else(|| place.to_owned())
}

/// Whether a file of a worktree belongs to one of its databases.
pub fn keeps(path: &Path, tree: &Worktree, record: Option<&Record>) -> bool {
    let recorded = record.map_or_else(|| tree.path.join(path), |record| record.path.join(path));
    record.into_iter().flat_map(Record::databases).any(|database| match database {
        Database::Sqlite(file) => file.covers(&tree.path.join(path)) || file.covers(&recorded),
        Database::Server(_) => false,
    })
}

/// Refuses to delete an SQLite database that git-wt has not made, and so cannot keep.
pub fn refuse_others(data: &[PathBuf], tree: &Worktree, record: Option<&Record>) -> Result<()> {
    let is_other = |path: &&PathBuf| !keeps(path, tree, record) && begins_as_sqlite(&tree.path.join(path));
    match data.iter().find(is_other) {
        Some(path) => Err(Error::new(format!(
            "git-wt has not made the database '{}', and does not keep it",
            path.display()
        ))
        .advise("move it out of the worktree first")),
        None => Ok(()),
    }
}

fn begins_as_sqlite(path: &Path) -> bool {
    let mut start = [0; SQLITE.len()];
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    is_file && file::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *SQLITE
}
