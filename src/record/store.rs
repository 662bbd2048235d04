//! The records of a repository on disk, their locks, and the lock of the repository.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::{LockedRecord, Record, VERSION};
use crate::error::{Error, Explain, Result};
use crate::git::Repo;
use crate::host::file;

/// What is wrong with a record in a newer format.
const NEWER: &str = "it was written by a newer git-wt";

/// A file that gives a removal the room to write when the disk is full: manifest, pins, records.
const ROOM: &str = "room";
const ROOM_BYTES: usize = 128 << 10;

/// A record file that cannot be read.
#[derive(Debug, Clone)]
pub struct Damaged {
    /// The record's id, taken from the file's name.
    pub id: String,
    pub why: String,
    /// Whether it is intact but was written by a newer git-wt, which may mend it; we may not.
    pub newer: bool,
}

/// The part of a record that every version of git-wt writes.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// All records of a repository.
#[derive(Debug)]
pub struct Records {
    dir: PathBuf,
}

/// The repository lock, held while choosing and writing, but never while a slow child works. Released when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Records {
    /// Returns the records of a repository; creates nothing yet.
    pub fn of(repo: &Repo) -> Self {
        Self { dir: repo.common_dir().join("wt") }
    }

    pub(super) fn file(&self, id: &str, kind: &str) -> PathBuf {
        self.dir.join("records").join(format!("{id}.{kind}"))
    }

    /// Returns the file that keeps the output of a worktree's hooks.
    pub fn log(&self, id: &str) -> PathBuf {
        self.file(id, "log")
    }

    /// Takes the repository lock, waiting for others to release it. The kernel releases it when a process dies.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.dir.join("lock");
        let failed = || format!("cannot lock '{}'", path.display());
        file::make_private_dir(&self.dir, "records").explain(failed)?;
        let file = file::open_private(File::options().create(true).append(true), &path).explain(failed)?;
        file::lock(&file, failed)?;
        Ok(Lock { _file: file })
    }

    /// Reads all records; returns the damaged ones separately.
    pub fn all(&self) -> Result<(Vec<Record>, Vec<Damaged>)> {
        let dir = self.dir.join("records");
        let failed = || format!("cannot read '{}'", dir.display());
        let (mut records, mut damaged) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(&dir) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok((records, damaged)),
            entries => entries.explain(failed)?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.explain(failed)?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            ids.extend(id.filter(|id| !id.starts_with('.')).map(str::to_owned));
        }
        let parsed = crate::host::file::read_each(&ids, |id| self.parse(id));
        for (id, parsed) in ids.into_iter().zip(parsed) {
            match parsed {
                Ok(Some(record)) => records.push(record),
                Ok(None) => {}
                Err(error) => {
                    damaged.push(Damaged {
                        id,
                        why: error.why.join(": "),
                        newer: error.why.iter().any(|why| why == NEWER),
                    });
                }
            }
        }
        records.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        Ok((records, damaged))
    }

    /// Reads the repository's own records. Those in a copied repository belong to the original, and their ports,
    /// databases and worktrees are not ours to touch.
    pub fn own(&self, repo: &Repo) -> Result<Vec<Record>> {
        Ok(self.own_and_damaged(repo)?.0)
    }

    /// Reads the same, and the records that cannot be read.
    pub fn own_and_damaged(&self, repo: &Repo) -> Result<(Vec<Record>, Vec<Damaged>)> {
        let here = repo.identity()?;
        let (mut records, damaged) = self.all()?;
        records.retain(|record| record.repository == here);
        Ok((records, damaged))
    }

    /// Reads one record; `None` when there is no such file.
    pub fn find(&self, id: &str) -> Result<Option<Record>> {
        // the id comes from a file in the repository: it must not lead out of the directory
        if id.is_empty() || id.contains('/') || id.starts_with('.') {
            return Ok(None);
        }
        self.parse(id)
    }

    fn parse(&self, id: &str) -> Result<Option<Record>> {
        let path = self.file(id, "json");
        let failed = || format!("the record '{}' is damaged", path.display());
        let bytes = match crate::host::file::read_small(&path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.explain(failed)?,
        };
        let parsed = serde_json::from_slice::<Record>(&bytes);
        // a newer record may contain what we cannot read
        let version = match &parsed {
            Ok(record) => record.version,
            Err(_) => serde_json::from_slice::<Versioned>(&bytes).map_or(0, |written| written.version),
        };
        if version > VERSION {
            let error = Error::new(format!("the record '{}' is not ours to change", path.display()));
            return Err(error.because(NEWER));
        }
        let record = parsed.explain(failed)?;
        if record.id != id {
            return Err(Error::new(failed()).because(format!("it calls itself '{}'", record.id)));
        }
        Ok(Some(record))
    }

    /// Gives up the room that is kept for removals; returns whether there was any.
    pub fn give_up_room(&self) -> bool {
        fs::remove_file(self.dir.join(ROOM)).is_ok()
    }

    /// Takes hold of a new record and writes it; this never waits, since the id is new.
    pub fn begin(&self, record: Record) -> Result<LockedRecord<'_>> {
        file::keep_room(&self.dir.join(ROOM), ROOM_BYTES);
        let file = self.try_hold(&record.id)?.ok_or_else(|| busy(&record.name.to_string()))?;
        let mut held = LockedRecord { records: self, file: Arc::new(file), record };
        held.write()?;
        Ok(held)
    }

    /// Takes hold of an existing record, which it reads again under its lock; `None` if the record is gone by now.
    ///
    /// Every process that makes or unmakes a part of it holds its lock, even a git whose parent was killed.
    pub fn hold(&self, id: &str) -> Result<Option<LockedRecord<'_>>> {
        if self.find(id)?.is_none() {
            return Ok(None);
        }
        let file = self.try_hold(id)?.ok_or_else(|| busy(id))?;
        let Some(record) = self.find(id)? else {
            let _ = fs::remove_file(self.file(id, "lock"));
            return Ok(None);
        };
        Ok(Some(LockedRecord { records: self, file: Arc::new(file), record }))
    }

    /// Takes hold of an existing record, waiting up to `patience` for a child of a killed git-wt to end.
    pub fn hold_patiently(
        &self,
        id: &str,
        patience: std::time::Duration,
    ) -> Result<Option<LockedRecord<'_>>> {
        let start = std::time::Instant::now();
        loop {
            match self.hold(id) {
                Err(_) if start.elapsed() < patience => {
                    crate::host::exec::check_stopped()?;
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                held => return held,
            }
        }
    }

    /// Locks a record's lock file; `None` if another process holds it.
    ///
    /// The file exists only while somebody works on the record. If a daemon left behind by a hook has inherited the
    /// lock, it holds a file that no longer exists, and nobody waits for it.
    fn try_hold(&self, id: &str) -> Result<Option<File>> {
        let path = self.file(id, "lock");
        let failed = || format!("cannot lock '{}'", path.display());
        loop {
            let file =
                file::open_private(File::options().create(true).append(true), &path).explain(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => return Ok(None),
                Err(fs::TryLockError::Error(cause)) => return Err(Error::new(failed()).because(cause)),
            }
            let ours = file.metadata().explain(failed)?;
            let there = fs::metadata(&path);
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok(Some(file));
            }
            // its last holder deleted it between our open and our lock: lock the new one
        }
    }

    /// Replaces a damaged record, which is kept aside for inspection.
    pub fn rewrite(&self, record: Record) -> Result<()> {
        let lock = self.try_hold(&record.id)?.ok_or_else(|| busy(&record.id))?;
        let aside = self.dir.join("damaged").join(format!("{}.json", record.id));
        file::make_private_dir(&self.dir, "damaged")
            .and_then(|()| file::read_small(&self.file(&record.id, "json")))
            .and_then(|bytes| file::replace_private(&aside, &bytes))
            .explain(|| format!("cannot keep the damaged record '{}'", record.id))?;
        LockedRecord { records: self, file: Arc::new(lock), record }.write()
    }

    /// Deletes all files of a record.
    pub fn delete(&self, id: &str) -> Result<()> {
        let json = self.file(id, "json");
        for path in [crate::host::file::aside(&json), self.file(id, "log"), json] {
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(cause).explain(|| format!("cannot delete '{}'", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes what a killed process left behind: everything of a record that does not exist yet or no longer exists,
    /// and the working files of one that does.
    pub fn sweep(&self) -> Result<()> {
        let Ok(entries) = fs::read_dir(self.dir.join("records")) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let id = name.trim_start_matches('.').split('.').next().unwrap_or_default();
            let json = self.file(id, "json");
            if json.exists() && !name.starts_with('.') && !name.ends_with(".lock") {
                continue;
            }
            // whoever holds the lock is working, and may be about to write the record
            if let Some(_lock) = self.try_hold(id)? {
                if json.exists() {
                    let _ = fs::remove_file(crate::host::file::aside(&json));
                } else {
                    self.delete(id)?;
                }
                let _ = fs::remove_file(self.file(id, "lock"));
            }
        }
        Ok(())
    }
}

fn busy(name: &str) -> Error {
    Error::new(format!("another git-wt is working on '{name}'")).hint("git wt doctor")
}
