//! What was removed and can be brought back.
//!
//! An item has a worktree's directory, git's entry and the record as they were, in `<common git dir>/wt/removed/ID`; a
//! directory on another file system waits beside its old place instead. Taking and bringing back are two renames each,
//! and the manifest says which way they go: a crash between them is finished or taken back by the next git-wt.

mod pins;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Hint, Result};
use crate::git::worktrees::Worktree;
use crate::git::{Oid, Repo};
use crate::host::claims::path_text;
use crate::host::identity::Identity;
use crate::host::{file, mounts, random};
use crate::record::Record;
use crate::resource::Destroyed;
use crate::resource::checkout::{delete_empty_entries, delete_tree, entries_at_rest, refuse_removal};
use crate::text::name::{BranchName, escaped, slug};

/// The name of a directory that waits beside its old place.
const BESIDE: &str = ".git-wt-removed-";

/// The reflog of a branch that was deleted with its worktree.
const BRANCH_LOG: &str = "branch.log";

/// Which way an item goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Into the trash. Cut short, it is taken back.
    Taking,
    /// It lies there.
    Kept,
    /// Back to its place. Cut short, it is finished.
    Restoring,
    /// For good. What is left of it is not brought back.
    Deleting,
}

/// What an item says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// The worktree's name.
    pub name: String,
    /// Where it was.
    #[serde(with = "path_text")]
    pub from: PathBuf,
    /// The same, or, while it is brought back, where it goes.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// The name of git's entry, if git still had one.
    pub entry: Option<String>,
    /// The branch that was checked out.
    pub branch: Option<BranchName>,
    /// The commit that was checked out.
    pub head: Option<Oid>,
    /// Whether it is brought back with its HEAD at that commit, and not on the branch.
    #[serde(default)]
    pub detach: bool,
    /// The branch that was deleted with it.
    #[serde(default)]
    pub deleted_branch: Option<DeletedBranch>,
    /// The repository that it was removed from: a copy of that has a copy of its trash.
    pub repository: Identity,
    /// Whether its directory was gone already.
    pub missing: bool,
    /// Whether its directory waits beside its old place, since that is on another file system.
    #[serde(default)]
    pub beside: bool,
    /// When it was removed, in milliseconds since 1970.
    pub removed: u64,
    /// When it may go, likewise.
    pub until: u64,
    /// Which way it goes.
    pub phase: Phase,
    /// The record, if there was one.
    pub record: Option<Record>,
}

/// A branch that was deleted with its worktree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeletedBranch {
    pub name: BranchName,
    /// Where it stood.
    pub oid: Oid,
    /// What git's configuration said of it, such as its upstream: the last words of `branch.NAME.…`, and their values.
    pub settings: Vec<(String, String)>,
}

impl Manifest {
    fn new(name: &str, path: &Path, repository: Identity, keep: Duration) -> Self {
        let removed = now();
        Self {
            name: name.to_owned(),
            from: path.to_owned(),
            path: path.to_owned(),
            entry: None,
            branch: None,
            head: None,
            detach: false,
            deleted_branch: None,
            repository,
            missing: true,
            beside: false,
            removed,
            until: removed.saturating_add(milliseconds(keep)),
            phase: Phase::Taking,
            record: None,
        }
    }

    /// Whether it tells of this repository, and not of one that this is a copy of. Places and databases of that are its
    /// own; and a repository may come from a stranger, with its trash.
    pub fn is_of(&self, repo: &Repo) -> Result<bool> {
        Ok(self.repository == repo.identity()?)
    }

    /// How long it is kept, in words.
    pub fn days(&self) -> String {
        match self.until.saturating_sub(self.removed) / (24 * 60 * 60 * 1000) {
            1 => "1 day".into(),
            days => format!("{days} days"),
        }
    }
}

impl DeletedBranch {
    /// Looks at a branch before it goes.
    pub fn of(repo: &Repo, name: &BranchName, oid: &Oid) -> Self {
        let its = format!("branch.{name}.");
        let settings = repo.settings("branch").into_iter().filter_map(|(key, value)| {
            let variable = key.strip_prefix(&its).filter(|variable| !variable.contains('.'))?;
            Some((variable.to_owned(), value))
        });
        Self { name: name.clone(), oid: oid.clone(), settings: settings.collect() }
    }

    /// Makes it again, unless somebody else has by now; says whether it did. Git goes on with the reflog that it finds.
    fn restore(&self, repo: &Repo, kept_log: &Path) -> Result<bool> {
        if repo.branch(&self.name).is_some() {
            return Ok(false);
        }
        let log = log_of(repo, &self.name);
        if !is_there(&log)
            && let Ok(bytes) = file::read_small(kept_log)
            && let Some(dir) = log.parent()
        {
            let _ = file::make_shared_dir(dir).and_then(|()| file::replace(&log, &bytes));
        }
        let (name, oid) = (self.name.as_str(), self.oid.as_str());
        repo.git().args(["branch", "--no-track", "--quiet", "--", name, oid]).stdout()?;
        for (variable, value) in &self.settings {
            repo.patiently(
                255,
                &["config", "--local", "--add", &format!("branch.{name}.{variable}"), value],
            )?;
        }
        Ok(true)
    }
}

/// All that was removed from a repository and is still there.
#[derive(Debug)]
pub struct Trash {
    dir: PathBuf,
}

/// One removed worktree, locked: nobody else brings it back or deletes it meanwhile.
#[derive(Debug)]
pub struct Item {
    dir: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    _lock: File,
}

impl Trash {
    /// The trash of a repository; nothing is created yet.
    pub fn of(repo: &Repo) -> Self {
        Self::at(repo.common_dir())
    }

    /// The trash of a repository known by its common directory.
    pub fn at(common_dir: &Path) -> Self {
        Self { dir: common_dir.join("wt").join("removed") }
    }

    /// Begins to remove a worktree: what nothing else leads to is pinned, and the manifest written.
    pub fn begin(
        &self,
        repo: &Repo,
        tree: &Worktree,
        name: &str,
        record: Option<&Record>,
        keep: Duration,
    ) -> Result<Item> {
        let manifest = Manifest {
            entry: tree.id.clone(),
            branch: tree.head.branch().cloned(),
            head: tree.head.oid().cloned(),
            missing: tree.missing,
            record: record.cloned(),
            ..Manifest::new(name, &tree.path, repo.identity()?, keep)
        };
        let item = self.item(manifest)?;
        pins::pin(repo, tree, &item.id()).inspect_err(|_| item.forget())?;
        Ok(item)
    }

    /// Begins to forget a worktree that git knows no more: what is left of it outside of its directory waits for its
    /// time.
    pub fn begin_without_tree(&self, repo: &Repo, record: &Record, keep: Duration) -> Result<Item> {
        let manifest = Manifest {
            branch: record.branch.clone(),
            record: Some(record.clone()),
            ..Manifest::new(record.name.as_str(), &record.path, repo.identity()?, keep)
        };
        self.item(manifest)
    }

    /// Makes a new item, which is locked.
    fn item(&self, manifest: Manifest) -> Result<Item> {
        let id = format!("{}-{}", slug(&manifest.name), random::hex(6)?);
        let dir = self.dir.join(&id);
        let failed = || format!("cannot write '{}'", dir.display());
        file::make_private_dir(self.dir.parent().unwrap_or(&self.dir), "removed").explain(failed)?;
        file::make_private_dir(&self.dir, &id).explain(failed)?;
        let lock = lock(&dir).explain(failed)?.ok_or_else(|| Error::new(failed()))?;
        let item = Item { dir, manifest, _lock: lock };
        item.write()?;
        Ok(item)
    }

    /// The manifests of all items by their ids, the last removed first. One that cannot be read is an error of its own.
    pub fn list(&self) -> Result<Vec<(String, Result<Manifest>)>> {
        let failed = || format!("cannot read '{}'", self.dir.display());
        let entries = match fs::read_dir(&self.dir) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.explain(failed)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.explain(failed)?.file_name();
            let Some(id) = name.to_str().filter(|id| !id.starts_with('.')) else { continue };
            let dir = self.dir.join(id);
            if dir.is_symlink() {
                continue;
            }
            // one that is just coming or going has none
            let has_manifest = || is_there(&dir.join("manifest.json")) || is_there(&dir.join("tree"));
            let manifest = has_manifest().then(|| read(&dir)).filter(|read| read.is_ok() || has_manifest());
            found.extend(manifest.map(|manifest| (id.to_owned(), manifest)));
        }
        let removed = |found: &(String, Result<Manifest>)| found.1.as_ref().map_or(0, |it| it.removed);
        found.sort_by_key(|item| std::cmp::Reverse(removed(item)));
        Ok(found)
    }

    /// Whether there is such an item.
    pub fn has(&self, id: &str) -> bool {
        is_there(&self.dir.join(id).join("manifest.json"))
    }

    /// Where the directory of an item waits.
    pub fn directory(&self, id: &str, manifest: &Manifest) -> Option<PathBuf> {
        directory(&self.dir.join(id), manifest)
    }

    /// Locks an item; `None` where it has gone, or somebody else has it.
    pub fn lock(&self, id: &str) -> Result<Option<Item>> {
        let dir = self.dir.join(id);
        let failed = || format!("cannot lock '{}'", dir.join("lock").display());
        if !self.has(id) {
            return Ok(None);
        }
        let Some(lock) = lock(&dir).explain(failed)? else { return Ok(None) };
        if !self.has(id) {
            return Ok(None);
        }
        Ok(Some(Item { manifest: read(&dir)?, dir, _lock: lock }))
    }

    /// The ids of what has been here long enough.
    pub fn due(&self) -> Result<Vec<String>> {
        let is_due = |manifest: &Manifest| {
            manifest.phase == Phase::Deleting || manifest.phase == Phase::Kept && manifest.until <= now()
        };
        let items = self.list()?.into_iter();
        Ok(items.filter(|(_, manifest)| manifest.as_ref().is_ok_and(is_due)).map(|(id, _)| id).collect())
    }

    /// The ids and manifests of what was cut short, and is neither in the trash nor out of it.
    pub fn halves(&self, repo: &Repo) -> Result<Vec<(String, Manifest)>> {
        let items = self.list()?.into_iter().filter_map(|(id, manifest)| Some((id, manifest.ok()?)));
        let is_half = |manifest: &Manifest| matches!(manifest.phase, Phase::Taking | Phase::Restoring);
        let mut halves = Vec::new();
        for (id, manifest) in items.filter(|(_, manifest)| is_half(manifest)) {
            if manifest.is_of(repo)? {
                halves.push((id, manifest));
            }
        }
        Ok(halves)
    }
}

impl Item {
    /// Moves git's entry and the directory into the trash. Where that cannot be, all stays as it was.
    pub fn take(&mut self, repo: &Repo, tree: &Worktree) -> Result<Destroyed> {
        // what is to go goes, even where no lock is to be had
        let _alone = entries_at_rest(repo).ok();
        if let Some(why) = refuse_removal(repo, tree)? {
            return Ok(Destroyed::Left(why));
        }
        let shown = tree.path.display();
        let entry = self.dir.join("entry");
        fs::rename(&tree.git_dir, &entry).explain(|| format!("cannot move '{}'", tree.git_dir.display()))?;
        if !tree.missing
            && let Err(cause) = self.take_directory(&tree.path)
        {
            fs::rename(&entry, &tree.git_dir)
                .explain(|| format!("cannot move '{}' back", tree.git_dir.display()))?;
            return Err(Error::new(format!("cannot move '{shown}' to the trash"))
                .because(cause.in_one_line())
                .advise("--purge deletes it at once")
                .hint(Hint::of("git wt remove --purge").name(&tree.path)));
        }
        delete_empty_entries(repo);
        self.keep()?;
        Ok(Destroyed::Gone)
    }

    fn take_directory(&mut self, path: &Path) -> Result<()> {
        match fs::rename(path, self.dir.join("tree")) {
            Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => {
                self.manifest.beside = true;
                self.write()?;
                let place = beside(&self.dir, path);
                fs::rename(path, &place).explain(|| format!("cannot move it to '{}'", place.display()))
            }
            done => done.explain(|| "cannot move it".into()),
        }
    }

    /// Where the directory waits.
    pub fn tree(&self) -> Option<PathBuf> {
        directory(&self.dir, &self.manifest)
    }

    /// Begins to bring directory and entry back. The item is there until [`Item::end`], so that a crash before that is
    /// known.
    pub fn begin_restore(&mut self, repo: &Repo) -> Result<()> {
        let (shown, tree) = (escaped(&self.manifest.name), self.dir.join("tree"));
        if !self.is_of(repo)? {
            let error =
                Error::new(format!("'{shown}' was removed from another repository, of which this is a copy"));
            return Err(error.because(format!("its files are in '{}'", tree.display())));
        }
        if self.tree().is_none() {
            let why = if self.manifest.missing {
                "was gone before it was removed"
            } else {
                "is not in the trash any more"
            };
            let error = Error::new(format!("the directory of '{}' {why}", escaped(&self.manifest.name)));
            return Err(error.because(format!("git's entry is in '{}'", self.dir.join("entry").display())));
        }
        self.manifest.phase = Phase::Restoring;
        self.write()
    }

    /// Puts directory and entry, as far as they are here, to where the manifest says, or to what is free by now.
    pub fn put_back(&mut self, repo: &Repo) -> Result<()> {
        let entry = self.dir.join("entry");
        if !is_there(&entry) {
            let Some(tree) = self.tree() else { return Ok(()) };
            let error = Error::new(format!("git's entry of '{}' is gone", escaped(&self.manifest.name)));
            return Err(error.because(format!("its files are in '{}'", tree.display())));
        }
        let _alone = entries_at_rest(repo)?;
        if self.manifest.phase == Phase::Restoring {
            self.manifest.detach |= needs_detaching(&self.manifest, repo)?;
        }
        if self.tree().is_some() {
            self.manifest.path = free_place(&self.manifest.path);
        }
        self.write()?;
        let path = self.manifest.path.clone();
        let failed = || format!("cannot bring '{}' back", path.display());
        let entries = repo.common_dir().join("worktrees");
        file::make_shared_dir(&entries).explain(failed)?;
        let git_dir = entries.join(free_entry(&entries, self.manifest.entry.as_deref().unwrap_or_default()));
        let tree = self.tree().unwrap_or_else(|| path.clone());
        let pointer = file::read(&tree.join(".git")).ok().flatten().unwrap_or_default();
        let pointer = pointer.strip_prefix(b"gitdir: ").unwrap_or_default().trim_ascii_end();
        let pointer = path.join(OsStr::from_bytes(pointer));
        // the repository may have been moved or copied meanwhile
        let is_ours = pointer.parent().and_then(Identity::of) == Identity::of(&entries);
        let names_entry = is_ours && pointer.file_name() == git_dir.file_name();
        if is_there(&tree) && (path != self.manifest.from || !names_entry) {
            self.relink(&tree, &git_dir)?;
        }
        if let (true, Some(head)) = (self.manifest.detach, &self.manifest.head) {
            file::replace(&entry.join("HEAD"), format!("{head}\n").as_bytes()).explain(failed)?;
        }
        if let Some(tree) = self.tree() {
            file::make_shared_dir(path.parent().unwrap_or(&path)).explain(failed)?;
            // an empty directory makes way, and nothing else
            let _ = fs::remove_dir(&path);
            rename_new(&tree, &path).explain(failed)?;
        }
        rename_new(&entry, &git_dir).explain(failed)
    }

    /// Writes the places of directory and entry into each other, and into submodules, before git sees either.
    fn relink(&self, tree: &Path, git_dir: &Path) -> Result<()> {
        let failed = || "cannot write the new place".to_owned();
        let path = &self.manifest.path;
        let line = |text: &Path, before: &[u8]| [before, text.as_os_str().as_bytes(), b"\n"].concat();
        file::replace(&self.dir.join("entry/gitdir"), &line(&path.join(".git"), b"")).explain(failed)?;
        file::replace(&tree.join(".git"), &line(git_dir, b"gitdir: ")).explain(failed)?;
        crate::git::submodules::relink(&self.dir.join("entry"), git_dir, tree, path)
    }

    /// Whether directory and entry are here: of a taking that was cut short, only the last word is missing.
    pub fn has_arrived(&self) -> bool {
        self.tree().is_some()
    }

    /// Has it lie in the trash, as before it was to be brought back, too.
    pub fn keep(&mut self) -> Result<()> {
        self.manifest.phase = Phase::Kept;
        self.write()
    }

    /// Whether nothing has come here.
    pub fn is_empty(&self) -> bool {
        self.tree().is_none() && !is_there(&self.dir.join("entry"))
    }

    /// Ends an item whose worktree is back, or has never gone.
    pub fn end(self, repo: &Repo) {
        // a reference that stays keeps too much, and nothing from working
        let _ = pins::release(repo, &self.id());
        self.forget();
    }

    /// Deletes it for good.
    pub fn delete(mut self, repo: &Repo) -> Result<()> {
        self.manifest.phase = Phase::Deleting;
        self.write()?;
        let failed = || format!("cannot delete '{}'", self.dir.display());
        let is_its_own = self.is_of(repo)?;
        match self.tree() {
            // in a copy of the repository: it is the original's
            _ if self.manifest.beside && !is_its_own => {}
            Some(tree) if !mounts::inside(&tree).is_empty() => {
                return Err(Error::new(failed()).because("a file system is mounted in it"));
            }
            Some(tree) => delete_tree(&tree).explain(failed)?,
            None if self.manifest.beside => {
                let place = beside(&self.dir, &self.manifest.from);
                let why = format!("'{}' is not there; its disk may be away", place.display());
                return Err(Error::new(failed()).because(why));
            }
            None => {}
        }
        let _ = pins::release(repo, &self.id());
        delete_tree(&self.dir).explain(failed)
    }

    /// Makes the branch again that was deleted with the worktree; returns it if that was needed.
    pub fn restore_branch(&self, repo: &Repo) -> Result<Option<&DeletedBranch>> {
        let Some(branch) = &self.manifest.deleted_branch else { return Ok(None) };
        Ok(branch.restore(repo, &self.dir.join(BRANCH_LOG))?.then_some(branch))
    }

    /// Remembers a branch that is about to be deleted with the worktree.
    pub fn remember_branch(&mut self, branch: DeletedBranch, repo: &Repo) -> Result<()> {
        // a reftable keeps its logs elsewhere
        if let Ok(bytes) = file::read_small(&log_of(repo, &branch.name)) {
            let path = self.dir.join(BRANCH_LOG);
            file::replace_private(&path, &bytes).explain(|| format!("cannot write '{}'", path.display()))?;
        }
        self.manifest.deleted_branch = Some(branch);
        self.write()
    }

    /// Whether it was removed from this repository, and not from one that this is a copy of.
    pub fn is_of(&self, repo: &Repo) -> Result<bool> {
        self.manifest.is_of(repo)
    }

    fn id(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn write(&self) -> Result<()> {
        let path = self.dir.join("manifest.json");
        let mut bytes = serde_json::to_vec_pretty(&self.manifest).explain(|| "cannot write".into())?;
        bytes.push(b'\n');
        file::replace_private(&path, &bytes).explain(|| format!("cannot write '{}'", path.display()))
    }

    /// Deletes the item's own files; what it has of the worktree is somewhere else by now.
    fn forget(&self) {
        let _ = fs::remove_file(self.dir.join("manifest.json"));
        let _ = fs::remove_file(self.dir.join(BRANCH_LOG));
        let _ = fs::remove_file(self.dir.join("lock"));
        let _ = fs::remove_dir(&self.dir);
    }
}

/// Whether the head of an item's branch would be in the way: the branch is checked out elsewhere, or has moved.
fn needs_detaching(manifest: &Manifest, repo: &Repo) -> Result<bool> {
    let Some(branch) = &manifest.branch else { return Ok(false) };
    let listing = repo.worktrees()?;
    Ok(listing.holder(branch).is_some() || repo.branch(branch) != manifest.head)
}

/// The reflog of a branch, where git keeps references in files.
fn log_of(repo: &Repo, branch: &BranchName) -> PathBuf {
    repo.common_dir().join("logs").join(branch.full())
}

fn directory(item: &Path, manifest: &Manifest) -> Option<PathBuf> {
    let place = if manifest.beside { beside(item, &manifest.from) } else { item.join("tree") };
    is_there(&place).then_some(place)
}

fn beside(item: &Path, path: &Path) -> PathBuf {
    let id = item.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{BESIDE}{id}"))
}

fn read(dir: &Path) -> Result<Manifest> {
    let path = dir.join("manifest.json");
    let failed = || format!("cannot read '{}'", path.display());
    let bytes = file::read_small(&path).explain(failed)?;
    let manifest: Manifest = serde_json::from_slice(&bytes).explain(failed)?;
    let is_name = |text: &str| Path::new(text).file_name() == Some(OsStr::new(text));
    let names = [manifest.entry.as_ref(), manifest.record.as_ref().map(|record| &record.id)];
    if let Some(name) = names.into_iter().flatten().find(|name| !is_name(name)) {
        return Err(Error::new(failed()).because(format!("'{}' is no name", escaped(name))));
    }
    Ok(manifest)
}

fn lock(dir: &Path) -> io::Result<Option<File>> {
    let file = file::open_private(File::options().create(true).append(true), &dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(cause)) => Err(cause),
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The place itself, if nothing or an empty directory is there, else the next one that is free.
fn free_place(path: &Path) -> PathBuf {
    let is_free = |path: &PathBuf| match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none() && !path.is_symlink(),
        Err(_) => !is_there(path),
    };
    let next = (2..).map(|number| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        path.with_file_name(name)
    });
    std::iter::once(path.to_owned()).chain(next).find(is_free).unwrap_or_else(|| path.to_owned())
}

/// A name for git's entry that none has.
fn free_entry(entries: &Path, wanted: &str) -> String {
    let names = std::iter::once(wanted.to_owned()).chain((1..).map(|number| format!("{wanted}{number}")));
    names.into_iter().find(|name| !is_there(&entries.join(name))).unwrap_or_default()
}

/// Renames to where nothing is; a newcomer is never replaced.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    if is_there(to) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("'{}' is there", to.display())));
    }
    fs::rename(from, to)
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map(milliseconds).unwrap_or_default()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
