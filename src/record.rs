//! The record on disk is the undo: what `add` made for a worktree, written before each thing is made.
//!
//! Rollback of a failed add, `remove`, and repair after a crash are one function, [`Held::unwind`], which walks the
//! list backwards. Records live in `<common git dir>/wt/records`, survive SIGKILL, and hold no secrets.

pub mod worktrees;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::git::worktrees::{Listing, Worktree};
use crate::git::{Identity, Repo};
use crate::host::claims::{Claim, Claims, Owner, Thing, path_text};
use crate::host::file;
use crate::resource::relocation::Relocation;
use crate::resource::{Care, Checkout, Created, Destroyed, EnvFile, Exclude, Port, Resource, Site, Venv};
use crate::text::name::{Branch, Name, random_hex, slug};

/// The format written by this version; a record of a newer one is left alone.
const VERSION: u32 = 1;

/// What is wrong with such a record.
const NEWER: &str = "it was written by a newer git-wt";

/// How far a thing on the list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not there: not made yet, left out, or taken back.
    Planned,
    /// Being made: may be there, whole or in part.
    Begun,
    /// There, and ours.
    Made,
}

/// One thing on the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// How far it is.
    pub state: State,
    /// What it is.
    #[serde(flatten)]
    pub resource: Resource,
}

/// Where a worktree is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
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
pub enum Ended {
    /// Not run yet, or not allowed to.
    Pending,
    /// With status 0.
    Done,
    /// With this status.
    Failed(u8),
    /// By our hand, since it took longer than these seconds.
    TimedOut(u64),
}

impl Ended {
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
    /// The command.
    pub command: String,
    /// How it ended.
    pub ended: Ended,
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
    pub branch: Option<Branch>,
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
    /// The user's note.
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
    pub stage: Stage,
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
        let steps = resources.into_iter().map(|resource| Step { state: State::Planned, resource }).collect();
        Ok(Self {
            version: VERSION,
            id: format!("{}-{}", slug(name.as_str()), random_hex(12)?),
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
            stage: Stage::Adding,
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

    /// The things that are there.
    pub fn made(&self) -> impl Iterator<Item = &Resource> {
        self.steps.iter().filter(|step| step.state == State::Made).map(|step| &step.resource)
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

    /// The databases that are there.
    pub fn databases(&self) -> impl Iterator<Item = &Resource> {
        self.made().filter(|resource| resource.is_database())
    }

    /// The name of its database on a server.
    pub fn server_database(&self) -> Option<String> {
        self.made().find_map(|resource| match resource {
            Resource::ServerDatabase(database) => Some(database.name.clone()),
            Resource::DatabaseName(name) => name.place.rsplit('/').next().map(str::to_owned),
            _ => None,
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
        for step in &self.steps {
            match &step.resource {
                Resource::Database(database) => database.release(claims, owner)?,
                Resource::ServerDatabase(database) => database.release(claims, owner)?,
                _ => {}
            }
        }
        self.steps.retain(|step| !step.resource.is_database());
        Ok(())
    }

    /// Takes over the identity of a damaged record, and what the claims still tell of it.
    pub fn rebuild(&mut self, id: &str, tree: Option<&Worktree>, claims: &[Claim]) {
        id.clone_into(&mut self.id);
        self.stage = Stage::Ready;
        self.branch = tree.and_then(|tree| tree.head.branch().cloned());
        let ports = claims.iter().filter_map(|claim| match claim.thing {
            Thing::Port(number) => Some(Port { variable: "PORT".into(), number }),
            Thing::Database(_) => None,
        });
        let made = ports.map(|port| Step { state: State::Made, resource: Resource::Port(port) });
        self.steps = made.collect();
    }

    /// What on its list is claimed on this host.
    pub fn claimed(&self) -> Vec<Thing> {
        let thing = |step: &Step| match &step.resource {
            Resource::Port(port) => Some(Thing::Port(port.number)),
            Resource::Database(database) => Some(Thing::Database(database.claimed())),
            Resource::ServerDatabase(database) => Some(Thing::Database(database.claimed())),
            Resource::DatabaseName(name) => Some(Thing::Database(name.place.clone())),
            _ => None,
        };
        self.steps.iter().filter_map(thing).collect()
    }

    /// The env files that are there.
    pub fn env_files(&self) -> impl Iterator<Item = &EnvFile> {
        self.made().filter_map(|resource| match resource {
            Resource::EnvFile(file) => Some(file),
            _ => None,
        })
    }

    /// The first setup hook that has not ended well.
    pub fn unfinished_hook(&self) -> Option<&HookRun> {
        self.hooks.iter().find(|hook| hook.ended != Ended::Done)
    }

    /// Its worktree among those git has registered.
    pub fn worktree<'a>(&self, listing: &'a Listing) -> Option<&'a Worktree> {
        listing.worktrees.iter().find(|tree| tree.record.as_deref() == Some(&self.id))
    }
}

/// A record file that cannot be read.
#[derive(Debug, Clone)]
pub struct Damaged {
    /// The record's id, from the file's name.
    pub id: String,
    /// What is wrong.
    pub why: String,
    /// Whether it is whole, and only written by a newer git-wt: that one may mend it, we may not.
    pub newer: bool,
}

/// As much of a record as every version of git-wt writes.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// All records of a repository.
#[derive(Debug)]
pub struct Records {
    dir: PathBuf,
}

/// What has become of the repository that a claim belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is where it was.
    There,
    /// The directory around it is there, on its disk, and has it no more.
    Gone,
    /// Something else may be the matter, such as a disk that is not mounted.
    Unknown,
}

impl Fate {
    /// Looks for the repository of an owner.
    pub fn of(owner: &Owner) -> Self {
        if Identity::of(&owner.common_dir) == Some(Identity { dev: owner.dev, ino: owner.ino }) {
            return Self::There;
        }
        let root = owner.common_dir.parent().filter(|_| owner.common_dir.ends_with(".git"));
        let root = root.unwrap_or(&owner.common_dir);
        let is_absent =
            fs::symlink_metadata(root).is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound);
        let around = root.parent().and_then(Identity::of);
        if is_absent && around.is_some_and(|around| around.dev == owner.dev) {
            Self::Gone
        } else {
            Self::Unknown
        }
    }
}

/// The repository lock: held to choose and to write, never while a slow child works. Released when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Records {
    /// The records of a repository; nothing is created yet.
    pub fn of(repo: &Repo) -> Self {
        Self { dir: repo.common_dir().join("wt") }
    }

    fn file(&self, id: &str, kind: &str) -> PathBuf {
        self.dir.join("records").join(format!("{id}.{kind}"))
    }

    /// Where a worktree's hooks leave what they print.
    pub fn log(&self, id: &str) -> PathBuf {
        self.file(id, "log")
    }

    /// Takes the repository lock, waiting for others. The kernel releases it when a process dies.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.dir.join("lock");
        let failed = || format!("cannot lock '{}'", path.display());
        file::make_private_dir(&self.dir, "records").explain(failed)?;
        let file = file::open_private(File::options().create(true).append(true), &path).explain(failed)?;
        file.lock().explain(failed)?;
        Ok(Lock { _file: file })
    }

    /// Reads all records, the damaged ones aside.
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

    /// Reads the records that are this repository's own. Those of a copied repository are the original's: their
    /// ports, databases and worktrees are not ours to touch.
    pub fn own(&self, repo: &Repo) -> Result<Vec<Record>> {
        Ok(self.own_and_damaged(repo)?.0)
    }

    /// The same, and with them those that cannot be read.
    pub fn own_and_damaged(&self, repo: &Repo) -> Result<(Vec<Record>, Vec<Damaged>)> {
        let here = repo.identity()?;
        let (mut records, damaged) = self.all()?;
        records.retain(|record| record.repository == here);
        Ok((records, damaged))
    }

    /// Reads one record; `None` when there is no such file.
    pub fn find(&self, id: &str) -> Result<Option<Record>> {
        // an id comes from a file in the repository: it must not lead out of the directory
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
        // a newer one may have what we cannot read
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

    /// Starts working on a record, which it writes; waits for nobody, since its id is new.
    pub fn begin(&self, record: Record) -> Result<Held<'_>> {
        let file = self.try_hold(&record.id)?.ok_or_else(|| busy(&record.name.to_string()))?;
        let mut held = Held { records: self, file: Arc::new(file), record };
        held.write()?;
        Ok(held)
    }

    /// Takes hold of an existing record, read anew under its lock; `None` when it is gone by now.
    ///
    /// Its lock is held by every process that makes or unmakes a part of it: also by a git whose parent was killed.
    pub fn hold(&self, id: &str) -> Result<Option<Held<'_>>> {
        if self.find(id)?.is_none() {
            return Ok(None);
        }
        let file = self.try_hold(id)?.ok_or_else(|| busy(id))?;
        let Some(record) = self.find(id)? else {
            let _ = fs::remove_file(self.file(id, "lock"));
            return Ok(None);
        };
        Ok(Some(Held { records: self, file: Arc::new(file), record }))
    }

    /// Takes hold of an existing record, waiting at most `patience` for a child of a killed git-wt to end.
    pub fn hold_patiently(&self, id: &str, patience: std::time::Duration) -> Result<Option<Held<'_>>> {
        let start = std::time::Instant::now();
        loop {
            match self.hold(id) {
                Err(_) if start.elapsed() < patience => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                held => return held,
            }
        }
    }

    /// Locks a record's lock file; `None` when another process holds it.
    ///
    /// The file exists only while somebody works. So a daemon that a hook left behind, and that inherited the lock,
    /// holds a file that is no longer there, and nobody waits for it.
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
            // deleted by its last holder between open and lock: take the new one
        }
    }

    /// Writes a record in place of a damaged one, which is kept where it can be looked at.
    pub fn rewrite(&self, record: Record) -> Result<()> {
        let lock = self.try_hold(&record.id)?.ok_or_else(|| busy(&record.id))?;
        let aside = self.dir.join("damaged").join(format!("{}.json", record.id));
        file::make_private_dir(&self.dir, "damaged")
            .and_then(|()| file::read_small(&self.file(&record.id, "json")))
            .and_then(|bytes| file::replace_private(&aside, &bytes))
            .explain(|| format!("cannot keep the damaged record '{}'", record.id))?;
        Held { records: self, file: Arc::new(lock), record }.write()
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

    /// Deletes what a process left behind that was killed: all of a record that is not there yet or any more, and
    /// what was only for the work on one that is.
    pub fn sweep(&self) -> Result<()> {
        let Ok(entries) = fs::read_dir(self.dir.join("records")) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let id = name.trim_start_matches('.').split('.').next().unwrap_or_default();
            let json = self.file(id, "json");
            if json.exists() && !name.starts_with('.') && !name.ends_with(".lock") {
                continue;
            }
            // whoever holds the lock is at work, and may be about to write the record
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

/// A record whose lock we hold.
#[derive(Debug)]
pub struct Held<'a> {
    records: &'a Records,
    file: Arc<File>,
    /// What it says.
    pub record: Record,
}

impl Held<'_> {
    /// Writes the record.
    pub fn write(&mut self) -> Result<()> {
        self.record.updated = now();
        let path = self.records.file(&self.record.id, "json");
        let mut bytes = serde_json::to_vec_pretty(&self.record).explain(|| "cannot write a record".into())?;
        bytes.push(b'\n');
        file::replace_private(&path, &bytes).explain(|| format!("cannot write '{}'", path.display()))
    }

    /// Deletes the record: nothing of it is left to undo.
    pub fn forget(self) -> Result<()> {
        self.records.delete(&self.record.id)
    }

    /// Makes what is not there yet, in order; `told` hears of each thing. Stops at the first failure.
    pub fn make(&mut self, site: &Site, told: &mut dyn FnMut(&Resource, &Created)) -> Result<()> {
        let _inherited = Inherited::by_children(self.file.clone())?;
        let mut made = Vec::new();
        for at in 0..self.record.steps.len() {
            if self.record.steps[at].state == State::Made {
                continue;
            }
            made.push(at);
            crate::host::exec::check_stopped()?;
            self.record.steps[at].resource.look(site)?;
            self.record.steps[at].state = State::Begun;
            self.write()?;
            let shared = self.record.steps[at].resource.needs_repository_lock();
            let lock = if shared { Some(self.records.lock()?) } else { None };
            let created = self.record.steps[at].resource.create(site);
            drop(lock);
            let step = &mut self.record.steps[at];
            let created = created.inspect_err(|_| {
                if !step.resource.knows_its_own() {
                    step.state = State::Planned;
                }
            })?;
            step.state = if created == Created::Made { State::Made } else { State::Planned };
            told(&step.resource, &created);
            if let (Created::Made, Resource::Database(database)) = (created, &step.resource) {
                let database = database.clone();
                self.write()?;
                database.settle(site.owner)?;
            }
        }
        for at in made {
            self.record.steps[at].resource.settle(site)?;
        }
        // what was found or left out is no part of the undo
        self.record.steps.retain(|step| step.state == State::Made);
        self.record.stage = Stage::Ready;
        self.write()
    }

    /// Takes back everything that is or may be there, last first; returns what had to be left, with the reasons.
    ///
    /// What lies in the checkout goes with it, whole or not at all.
    pub fn unwind(
        &mut self,
        site: &Site,
        care: Care,
        told: &mut dyn FnMut(&Resource, &Destroyed),
    ) -> Result<Vec<String>> {
        let _inherited = Inherited::by_children(self.file.clone())?;
        let has_checkout =
            self.record.steps.iter().any(|step| matches!(step.resource, Resource::Checkout(_)));
        let mut left = Vec::new();
        for at in (0..self.record.steps.len()).rev() {
            let step = &self.record.steps[at];
            if step.state == State::Planned || (has_checkout && step.resource.is_inside()) {
                continue;
            }
            let lock = if step.resource.needs_repository_lock() { Some(self.records.lock()?) } else { None };
            let destroyed = step.resource.destroy(site, care)?;
            drop(lock);
            if let Destroyed::Left(why) = &destroyed {
                left.push(why.clone());
            }
            told(&step.resource, &destroyed);
            self.record.steps[at].state = State::Planned;
            self.write()?;
        }
        Ok(left)
    }

    /// Brings along what names the worktree's place, after it went from the recorded one to `site.root`, where `hidden`
    /// keeps it out of a worktree around it. Returns what the user should know. May be called again after a crash.
    pub fn follow(&mut self, site: &Site, hidden: Option<Exclude>) -> Result<Vec<String>> {
        let moved = Relocation::new(&self.record.path, site.root);
        let mut told = Vec::new();
        for at in 0..self.record.steps.len() {
            let step = &mut self.record.steps[at];
            if step.state != State::Made {
                continue;
            }
            let given_up = match &mut step.resource {
                Resource::Database(database) => database.follow(site.claims, site.owner, &moved)?,
                resource => {
                    told.extend(resource.follow(site, &moved)?);
                    None
                }
            };
            self.write()?;
            if let Some(before) = given_up {
                before.release(site.claims, site.owner)?;
            }
        }
        self.hide(hidden, site.repo)?;
        site.root.clone_into(&mut self.record.path);
        self.record.destination = None;
        self.write()?;
        Ok(told)
    }

    /// Has git move the worktree to or into `destination` by running `go`; whatever is killed, the record tells where it
    /// went, and repair waits for a git that still moves.
    pub fn moving<T>(&mut self, destination: &Path, go: impl FnOnce() -> Result<T>) -> Result<T> {
        let _inherited = Inherited::by_children(self.file.clone())?;
        self.record.destination = Some(Destination(destination.to_owned()));
        self.write()?;
        go()
    }

    /// Exchanges the line in `info/exclude` for this one, or none.
    fn hide(&mut self, wanted: Option<Exclude>, repo: &Repo) -> Result<()> {
        let _lock = self.records.lock()?;
        let mut wanted = wanted;
        for at in (0..self.record.steps.len()).rev() {
            let Resource::Exclude(there) = &self.record.steps[at].resource else { continue };
            if there.is_of_link() {
                continue;
            }
            if wanted.as_ref().is_some_and(|wanted| wanted.pattern == there.pattern) {
                wanted = None;
                continue;
            }
            there.destroy(repo)?;
            self.record.steps.remove(at);
        }
        let Some(exclude) = wanted else { return Ok(()) };
        self.record.steps.push(Step { state: State::Begun, resource: Resource::Exclude(exclude.clone()) });
        self.write()?;
        match exclude.create(repo)? {
            Created::Made => self.record.steps.last_mut().expect("just pushed").state = State::Made,
            // somebody else's line
            Created::Found | Created::Skipped(_) => drop(self.record.steps.pop()),
        }
        Ok(())
    }

    /// The checkout on the list; one is put on it for a worktree that was adopted.
    pub fn checkout_for(&mut self, tree: &Worktree) {
        if self.record.steps.iter().any(|step| matches!(step.resource, Resource::Checkout(_))) {
            return;
        }
        let checkout = Resource::Checkout(Checkout::registered(tree));
        self.record.steps.insert(0, Step { state: State::Made, resource: checkout });
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // the lock file goes before the lock: see `try_hold`
        let _ = fs::remove_file(self.records.file(&self.record.id, "lock"));
    }
}

/// While this lives, children inherit the lock, so that repair waits for a git that still writes.
struct Inherited(Arc<File>);

impl Inherited {
    fn by_children(lock: Arc<File>) -> Result<Self> {
        rustix::io::fcntl_setfd(&lock, rustix::io::FdFlags::empty())
            .explain(|| "cannot share a lock".into())?;
        Ok(Self(lock))
    }
}

impl Drop for Inherited {
    fn drop(&mut self) {
        let _ = rustix::io::fcntl_setfd(&self.0, rustix::io::FdFlags::CLOEXEC);
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
