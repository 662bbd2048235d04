//! The working tree itself and git's entry for it: the only module that deletes directories.
//!
//! It deletes nothing but a linked worktree of this repository, compared by device and inode in both directions: the
//! directory's `.git` names the entry, and the entry's `gitdir` names the directory.

mod sparse;
mod submodules;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::relocation::Relocation;
use super::{Created, Destroyed, Reversible, Site, Unwind};
use crate::error::{Error, Explain, Result};
use crate::git::worktrees::{Head, IN_THE_MAKING, TOKEN, Worktree};
use crate::git::{Repo, pointed_git_dir};
use crate::host::claims::path_text;
use crate::host::exec::{self, Program};
use crate::host::file::{self, read_small};
use crate::host::identity::Identity;

/// A directory with a working tree, registered with git.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkout {
    /// Where it is made, absolute.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// Whether an empty directory stood there before.
    #[serde(default)]
    pub was_empty_dir: bool,
    /// How many of the path's ancestors were missing, and so are ours.
    #[serde(default)]
    pub missing_parents: usize,
    /// git's id for it, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Whether `--lock` was asked for, and with which reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Whether the arguments are the user's own, handed to git as they came (git's own interface).
    #[serde(default)]
    pub as_given: bool,
    /// The arguments of `git worktree add` besides the lock: flags, `--`, path, commit-ish.
    #[serde(skip)]
    pub arguments: Vec<OsString>,
    /// The only directories whose files are written, if there are any: the cone of a sparse checkout.
    #[serde(skip)]
    pub sparse: Vec<String>,
    #[serde(skip)]
    pub no_files: bool,
    /// Submodules that stay empty, and why.
    #[serde(skip)]
    pub empty: Vec<String>,
    /// The status of the user's own post-checkout hook when it failed; the worktree stands all the same.
    #[serde(skip)]
    pub post_checkout: u8,
}

/// The lock reason under which git makes our entries: whatever happens, it says whose the entry is.
fn reason(record: &str) -> String {
    format!("{IN_THE_MAKING}{record}")
}

impl Checkout {
    /// Returns a checkout to be made at `path`.
    pub fn new(path: &Path, arguments: Vec<OsString>) -> Self {
        Self {
            path: path.to_owned(),
            was_empty_dir: false,
            missing_parents: 0,
            entry: None,
            lock: None,
            as_given: false,
            arguments,
            sparse: Vec::new(),
            no_files: false,
            empty: Vec::new(),
            post_checkout: 0,
        }
    }

    /// Notes what stands there now.
    pub fn look(&mut self) {
        self.was_empty_dir = self.path.is_dir();
        self.missing_parents = self.path.ancestors().skip(1).take_while(|dir| !dir.exists()).count();
    }

    /// Returns a checkout that git makes from the user's own arguments, in its own words.
    pub fn as_given(path: &Path, arguments: Vec<OsString>) -> Self {
        Self { as_given: true, ..Self::new(path, arguments) }
    }

    /// Returns the checkout of a worktree that stands already.
    pub fn registered(tree: &Worktree) -> Self {
        Self { entry: tree.id.clone(), ..Self::new(&tree.path, Vec::new()) }
    }

    /// Makes it with `git worktree add`, and binds git's entry to the record.
    ///
    /// git writes the lock before anything else, so that even an entry cut short by SIGKILL names its record.
    pub fn create(&mut self, repo: &Repo, record: &str) -> Result<Created> {
        let git = if self.as_given {
            Program::git_as_given().args(["worktree", "add"])
        } else {
            repo.git().args(["worktree", "add", "--lock", "--reason"]).arg(reason(record)).narrating()?
        };
        let alone = entries_at_rest(repo)?;
        let known = repo.entry_names();
        // only what is new is looked at: there may be a thousand others
        let new = || repo.entry_names().into_iter().filter(|name| !known.contains(name));
        let new_one =
            || new().filter_map(|name| repo.entry_named(&name)).find(|tree| self.is_ours(tree, record));
        let is_whole = || new_one().is_some_and(|tree| tree.head != Head::Unknown);
        let without_files = self.no_files || !self.sparse.is_empty();
        let git = git.args(without_files.then_some("--no-checkout"));
        let status = git.args(&self.arguments).status_past(&is_whole, || drop(alone))?;
        // git puts one in place of a vanished one of the same name on request
        let replaced = |name: &OsString| repo.entry_named(name).filter(|tree| self.is_ours(tree, record));
        let made = new_one().or_else(|| known.iter().filter(|_| status == 0).find_map(replaced));
        let Some(tree) = made else {
            self.remove_half_made(repo, record)?;
            exec::check_stopped()?;
            let shown = self.path.display();
            let error = Error::new(format!("git could not make the worktree '{shown}'"))
                .because(format!("'git worktree add' ended with status {status}"));
            return Err(if self.as_given { error.exit(status) } else { error });
        };
        self.entry = tree.id;
        file::replace_private(&tree.git_dir.join(TOKEN), format!("{record}\n").as_bytes())
            .explain(|| format!("cannot write '{}'", tree.git_dir.join(TOKEN).display()))?;
        self.post_checkout = status;
        if !self.as_given {
            if repo.calls_worktrees_bare() {
                let git = Program::new("git").arg("-C").arg(&tree.path);
                git.args(["config", "--worktree", "core.bare", "false"]).stdout()?;
            }
            self.post_checkout = self.fill(repo, &tree.path, &tree.head, status)?;
            self.empty = submodules::bring(repo.common_dir(), &tree.path);
        }
        Ok(Created::Made)
    }

    /// Writes the files that git was told to leave out until the cone is set; returns the status of the user's hook.
    fn fill(&self, repo: &Repo, root: &Path, head: &Head, status: u8) -> Result<u8> {
        if self.sparse.is_empty() {
            return Ok(status);
        }
        sparse::set_cone(repo, root, &self.sparse)?;
        match head.oid() {
            Some(head) if !self.no_files => sparse::write_files(root, head),
            _ => Ok(status),
        }
    }

    /// Leaves the lock the user asked for, or none. Until then nobody moves or removes what is half made.
    pub fn settle(&self, repo: &Repo) -> Result<()> {
        let Some(entry) = self.entry.as_ref().filter(|_| !self.as_given) else { return Ok(()) };
        let lock = repo.common_dir().join("worktrees").join(entry).join("locked");
        match &self.lock {
            Some(reason) => file::replace(&lock, reason.as_bytes())
                .explain(|| format!("cannot write '{}'", lock.display())),
            None => gone(fs::remove_file(&lock)).explain(|| format!("cannot delete '{}'", lock.display())),
        }
    }

    /// Whether an entry is the one that our git has made: where it was not told whose it is, the one at our place.
    fn is_ours(&self, tree: &Worktree, record: &str) -> bool {
        is_of(tree, record) || (self.as_given && tree.record.is_none() && tree.is_at(&self.path))
    }

    /// Takes the worktree away: at once when it was just made, by renaming it aside when it was lived in.
    pub fn destroy(&self, repo: &Repo, record: &str, unwind: Unwind) -> Result<Destroyed> {
        match unwind {
            Unwind::Rollback => self.remove_half_made(repo, record),
            Unwind::Removal => match entry_of(repo, record)? {
                Some(tree) => put_aside(repo, &tree),
                None => {
                    delete_empty_entries(repo);
                    Ok(Destroyed::Gone)
                }
            },
        }
    }

    fn remove_half_made(&self, repo: &Repo, record: &str) -> Result<Destroyed> {
        let entry = entry_of(repo, record)?;
        if let Some(tree) = &entry {
            if is_linked(&tree.path, tree) {
                if self.was_empty_dir {
                    empty(&tree.path).explain(|| format!("cannot empty '{}'", tree.path.display()))?;
                } else {
                    Discarded::of(repo).take_now(&tree.path)?;
                }
            }
            // what is to go goes, even where no lock is to be had
            let _alone = entries_at_rest(repo).ok();
            delete_entry(repo, tree)?;
        }
        delete_empty_entries(repo);
        if !self.was_empty_dir {
            // a directory git made before it was stopped; one with anything in it is not ours to delete
            let _ = fs::remove_dir(&self.path);
        }
        for parent in self.path.ancestors().skip(1).take(self.missing_parents) {
            if fs::remove_dir(parent).is_err() {
                break;
            }
        }
        match fs::symlink_metadata(&self.path) {
            Ok(meta) if !(meta.is_dir() && self.was_empty_dir) => {
                Ok(Destroyed::Left(format!("'{}' has files that git-wt did not make", self.path.display())))
            }
            _ => Ok(Destroyed::Gone),
        }
    }
}

/// Finds the entry that belongs to `record`: by its token, or by the lock it was made under.
fn entry_of(repo: &Repo, record: &str) -> Result<Option<Worktree>> {
    Ok(repo.worktrees()?.worktrees.iter().find(|tree| is_of(tree, record)).cloned())
}

fn is_of(tree: &Worktree, record: &str) -> bool {
    tree.record.as_deref() == Some(record) || tree.locked.as_deref() == Some(&reason(record))
}

/// Waits until no other git-wt has a git that writes an entry: a git that reads a half written one dies of it, and
/// all do that look which branches are checked out. Over when dropped; the checking out of files needs no waiting.
pub fn entries_at_rest(repo: &Repo) -> Result<fs::File> {
    let dir = repo.common_dir().join("wt");
    let path = dir.join("entries.lock");
    let failed = || format!("cannot lock '{}'", path.display());
    file::make_private_dir(&dir, "").explain(failed)?;
    let file = file::open_private(fs::File::options().create(true).append(true), &path).explain(failed)?;
    file.lock().explain(failed)?;
    Ok(file)
}

/// Whether the directory and git's entry name each other.
pub fn is_linked(path: &Path, tree: &Worktree) -> bool {
    names_entry(path, tree) && Identity::of(&tree.path).is_some_and(|it| Identity::of(path) == Some(it))
}

/// Whether the directory names git's entry, which may still name another directory.
pub fn names_entry(path: &Path, tree: &Worktree) -> bool {
    let named = pointed_git_dir(path).and_then(|named| Identity::of(&named));
    named.is_some_and(|it| Identity::of(&tree.git_dir) == Some(it))
}

/// Renames a worktree's directory aside, deletes git's entry, and leaves the deleting of files to the background.
pub fn put_aside(repo: &Repo, tree: &Worktree) -> Result<Destroyed> {
    if tree.is_main() {
        return Err(Error::new("the main worktree is never removed"));
    }
    // what is to go goes, even where no lock is to be had
    let _alone = entries_at_rest(repo).ok();
    if !tree.missing {
        if let Some(inner) = repo.worktrees()?.inside(tree) {
            return Err(Error::new(format!("'{}' has another worktree in it", tree.path.display()))
                .because(inner.path.display()));
        }
        if !is_linked(&tree.path, tree) {
            let shown = tree.path.display();
            return Ok(Destroyed::Left(format!("'{shown}' and git's entry for it do not name each other")));
        }
        Discarded::of(repo).take(&tree.path)?;
    }
    delete_entry(repo, tree)?;
    Ok(Destroyed::Gone)
}

/// Deletes git's entry. The caller has it that no git reads entries meanwhile.
fn delete_entry(repo: &Repo, tree: &Worktree) -> Result<()> {
    let entries = repo.common_dir().join("worktrees");
    if tree.id.is_none() || tree.git_dir.parent() != Some(&entries) {
        return Err(Error::new(format!("'{}' is no entry of this repository", tree.git_dir.display())));
    }
    Discarded::of(repo).take_now(&tree.git_dir)?;
    delete_empty_entries(repo);
    Ok(())
}

/// Deletes `.git/worktrees` when the last entry is gone, as git does; with others in it this fails, and should.
fn delete_empty_entries(repo: &Repo) {
    let _ = fs::remove_dir(repo.common_dir().join("worktrees"));
}

/// Moves a damaged entry out of git's sight, to where it can be looked at; returns its place.
pub fn quarantine(repo: &Repo, id: &str) -> Result<PathBuf> {
    let from = repo.common_dir().join("worktrees").join(id);
    let failed = || format!("cannot put '{}' aside", from.display());
    let dir = repo.common_dir().join("wt");
    file::make_private_dir(&dir, "damaged").explain(failed)?;
    let to = dir.join("damaged").join(format!("{id}-{}", crate::host::random::hex(6)?));
    fs::rename(&from, &to).explain(failed)?;
    Ok(to)
}

/// Directories that were renamed aside and wait to be deleted.
#[derive(Debug)]
pub struct Discarded {
    dir: PathBuf,
}

/// The name of a directory put aside beside itself, because the trash is on another device.
const ASIDE: &str = ".git-wt-trash-";

impl Discarded {
    /// The trash of a repository.
    pub fn of(repo: &Repo) -> Self {
        Self { dir: repo.common_dir().join("wt").join("trash") }
    }

    /// The trash of a repository known by its common directory.
    pub fn at(common_dir: &Path) -> Self {
        Self { dir: common_dir.join("wt").join("trash") }
    }

    /// Renames `path` into the trash, or beside itself when that is on another device; returns its new place.
    ///
    /// A rename is all or nothing: whatever is killed, the thing is whole or gone, never half deleted in its place.
    fn take(&self, path: &Path) -> Result<PathBuf> {
        const TRIES: usize = 100;
        let unique = crate::host::random::hex(16)?;
        let mut taken = self.try_to_take(path, &unique);
        // a sweep deletes the trash itself once it is empty, perhaps just before we put something in
        for _ in 1..TRIES {
            let swept = taken.as_ref().is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound);
            if !swept || fs::symlink_metadata(path).is_err() {
                break;
            }
            taken = self.try_to_take(path, &unique);
        }
        taken.explain(|| format!("cannot move '{}' aside", path.display()))
    }

    fn try_to_take(&self, path: &Path, unique: &str) -> io::Result<PathBuf> {
        file::make_private_dir(self.dir.parent().unwrap_or(&self.dir), "trash")?;
        let inside = self.dir.join(unique);
        match fs::rename(path, &inside) {
            Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => {
                let beside = path.with_file_name(format!("{ASIDE}{unique}"));
                // written first: whatever is killed, the sweep knows where to look
                let pointer = self.dir.join(format!("{unique}.path"));
                file::replace_private(&pointer, beside.as_os_str().as_bytes())?;
                fs::rename(path, &beside).map(|()| beside)
            }
            done => done.map(|()| inside),
        }
    }

    /// Renames `path` aside and deletes it at once, since it is small.
    fn take_now(&self, path: &Path) -> Result<()> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        let doomed = self.take(path)?;
        gone(delete_tree(&doomed)).explain(|| format!("cannot delete '{}'", doomed.display()))?;
        let _ = fs::remove_dir(&self.dir);
        Ok(())
    }

    /// Whether something waits to be deleted.
    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.dir).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Whether something waits that nobody deletes: nothing has come or gone for a while.
    pub fn is_forgotten(&self) -> bool {
        const WHILE: std::time::Duration = std::time::Duration::from_mins(1);
        let changed = fs::metadata(&self.dir).and_then(|dir| dir.modified()).ok();
        let age = changed.and_then(|at| at.elapsed().ok());
        !self.is_empty() && age.is_none_or(|age| age > WHILE)
    }

    /// Deletes what waits, in a process of its own that outlives this one, if there is anything, or `more`.
    pub fn sweep_in_background(&self, more: bool) {
        let Some(common_dir) = self.dir.parent().and_then(Path::parent) else { return };
        if (more || !self.is_empty())
            && let Ok(exe) = std::env::current_exe()
        {
            // what is left behind is found by the next sweep
            let _ = Program::new(exe).arg("sweep").arg(common_dir).dir(Path::new("/")).detach();
        }
    }

    /// Deletes what waits. Two sweeps at once do each other no harm.
    pub fn sweep(&self) -> Result<()> {
        let failed = || format!("cannot delete what waits in '{}'", self.dir.display());
        let entries = match fs::read_dir(&self.dir) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.explain(failed)?,
        };
        for entry in entries {
            let path = entry.explain(failed)?.path();
            if path.extension() == Some(OsStr::new("path")) {
                let aside = read_small(&path).explain(failed)?;
                let aside = Path::new(OsStr::from_bytes(&aside));
                let named_by_us =
                    aside.file_name().is_some_and(|name| name.as_bytes().starts_with(ASIDE.as_bytes()));
                if named_by_us {
                    gone(delete_tree(aside)).explain(failed)?;
                }
                gone(fs::remove_file(&path)).explain(failed)?;
            } else {
                gone(delete_tree(&path)).explain(failed)?;
            }
        }
        let _ = fs::remove_dir(&self.dir);
        Ok(())
    }
}

/// Empties a worktree's directory; the file that says whose it is goes last.
fn empty(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name() == ".git" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            delete_tree(&entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    gone(fs::remove_file(dir.join(".git")))
}

/// Deletes a directory and what is in it, never through a link; directories that deny writing are opened up first.
#[allow(clippy::disallowed_methods, reason = "the one place that deletes trees, and only those it was given")]
pub fn delete_tree(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            open_up(dir)?;
            fs::remove_dir_all(dir)
        }
        done => done,
    }
}

fn open_up(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

fn gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

impl Reversible for Checkout {
    fn look(&mut self, _: &Site) -> Result<()> {
        self.look();
        Ok(())
    }

    fn create(&mut self, site: &Site) -> Result<Created> {
        self.create(site.repo, &site.owner.record)
    }

    fn settle(&self, site: &Site) -> Result<()> {
        self.settle(site.repo)
    }

    fn destroy(&self, site: &Site, unwind: Unwind) -> Result<Destroyed> {
        self.destroy(site.repo, &site.owner.record, unwind)
    }

    fn follow(&mut self, site: &Site, _: &Relocation) -> Result<Vec<String>> {
        site.root.clone_into(&mut self.path);
        Ok(Vec::new())
    }

    fn describe(&self) -> String {
        let shown = self.path.display();
        if self.sparse.is_empty() {
            return format!("worktree '{shown}'");
        }
        format!("worktree '{shown}' with {} alone", self.sparse.join(", "))
    }
}
