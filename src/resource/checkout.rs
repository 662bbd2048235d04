//! The working tree itself and git's entry for it. This is the only module that deletes directories.
//!
//! It deletes only linked worktrees of this repository, comparing device and inode in both directions: the directory's
//! `.git` names the entry, and the entry's `gitdir` names the directory.

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
use crate::error::{Error, Explain, Hint, Result};
use crate::git::worktrees::{Head, IN_THE_MAKING, TOKEN, Worktree};
use crate::git::{Repo, pointed_git_dir};
use crate::host::claims::path_text;
use crate::host::exec::{self, Program};
use crate::host::file::{self, read_small};
use crate::host::identity::Identity;

/// A directory with a working tree, registered with git.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkout {
    /// Its absolute path.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// Whether it was an empty directory before.
    #[serde(default)]
    pub was_empty_dir: bool,
    /// How many of the path's parents were missing, and so were made by us.
    #[serde(default)]
    pub missing_parents: usize,
    /// Git's id for it, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Whether to lock it, and with which reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Whether the arguments are the user's own and are passed to git unchanged (git's own interface).
    #[serde(default)]
    pub as_given: bool,
    /// The arguments of `git worktree add` apart from the lock: flags, `--`, path, commit-ish.
    #[serde(skip)]
    pub arguments: Vec<OsString>,
    /// The cone of a sparse checkout: if not empty, only files in these directories are written.
    #[serde(skip)]
    pub sparse: Vec<String>,
    #[serde(skip)]
    pub no_files: bool,
    /// Submodules that stay empty, and why.
    #[serde(skip)]
    pub empty: Vec<String>,
    /// The exit status of the user's own post-checkout hook if it failed; the worktree is kept all the same.
    #[serde(skip)]
    pub post_checkout: u8,
}

/// Returns the lock reason under which git makes our entries, so that an entry always says which record it belongs to.
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

    /// Notes what exists at the path now.
    pub fn look(&mut self) {
        self.was_empty_dir = self.path.is_dir();
        self.missing_parents = self.path.ancestors().skip(1).take_while(|dir| !dir.exists()).count();
    }

    /// Returns a checkout that git makes from the user's own arguments.
    pub fn as_given(path: &Path, arguments: Vec<OsString>) -> Self {
        Self { as_given: true, ..Self::new(path, arguments) }
    }

    /// Returns the checkout of a worktree that already exists.
    pub fn registered(tree: &Worktree) -> Self {
        Self { entry: tree.id.clone(), ..Self::new(&tree.path, Vec::new()) }
    }

    /// Makes it with `git worktree add`, and ties git's entry to the record.
    ///
    /// Git writes the lock before anything else, so that even an entry cut short by SIGKILL names its record.
    pub fn create(&mut self, repo: &Repo, record: &str) -> Result<Created> {
        let git = if self.as_given {
            Program::git_as_given().args(["worktree", "add"])
        } else {
            repo.git().args(["worktree", "add", "--lock", "--reason"]).arg(reason(record)).narrating()?
        };
        let alone = entries_at_rest(repo)?;
        let known = repo.entry_names();
        // read only new entries: there may be a thousand others
        let new = || repo.entry_names().into_iter().filter(|name| !known.contains(name));
        let new_one =
            || new().filter_map(|name| repo.entry_named(&name)).find(|tree| self.is_ours(tree, record));
        let is_whole = || new_one().is_some_and(|tree| tree.head != Head::Unknown);
        let without_files = self.no_files || !self.sparse.is_empty();
        let git = git.args(without_files.then_some("--no-checkout"));
        let status = git.args(&self.arguments).status_past(&is_whole, || drop(alone))?;
        // on request, git replaces a vanished entry of the same name
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

    /// Writes the files, which git was told to leave out until the cone is set; returns the exit status of the user's
    /// hook.
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

    /// Leaves the lock that the user asked for, or none. Until then, our lock keeps others from moving or removing it
    /// half-made.
    pub fn settle(&self, repo: &Repo) -> Result<()> {
        let Some(entry) = self.entry.as_ref().filter(|_| !self.as_given) else { return Ok(()) };
        let lock = repo.common_dir().join("worktrees").join(entry).join("locked");
        match &self.lock {
            Some(reason) => file::replace(&lock, reason.as_bytes())
                .explain(|| format!("cannot write '{}'", lock.display())),
            None => gone(fs::remove_file(&lock)).explain(|| format!("cannot delete '{}'", lock.display())),
        }
    }

    /// Whether our git has made this entry. If git was not told the record, that is the entry at our path.
    fn is_ours(&self, tree: &Worktree, record: &str) -> bool {
        is_of(tree, record) || (self.as_given && tree.record.is_none() && tree.is_at(&self.path))
    }

    /// Removes the worktree: at once if it was just made, by renaming it aside if it has been in use.
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
            // removal goes ahead even if the lock cannot be taken
            let _alone = entries_at_rest(repo).ok();
            delete_entry(repo, tree)?;
        }
        delete_empty_entries(repo);
        if !self.was_empty_dir {
            // git may have made the directory before it was stopped; if anything is in it, it is not ours to delete
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

/// Finds the entry that belongs to `record`, by its token or by the lock it was made under.
fn entry_of(repo: &Repo, record: &str) -> Result<Option<Worktree>> {
    Ok(repo.worktrees()?.worktrees.iter().find(|tree| is_of(tree, record)).cloned())
}

fn is_of(tree: &Worktree, record: &str) -> bool {
    tree.record.as_deref() == Some(record) || tree.locked.as_deref() == Some(&reason(record))
}

/// Has git's entry name its record by the token, and no longer by the lock it was made under.
pub fn bind(tree: &Worktree, record: &str) -> Result<()> {
    let token = tree.git_dir.join(TOKEN);
    file::replace_private(&token, format!("{record}\n").as_bytes())
        .explain(|| format!("cannot write '{}'", token.display()))?;
    if tree.locked.as_deref() == Some(&reason(record)) {
        let lock = tree.git_dir.join("locked");
        gone(fs::remove_file(&lock)).explain(|| format!("cannot delete '{}'", lock.display()))?;
    }
    Ok(())
}

/// Waits until no git started by another git-wt is writing an entry. A git that reads a half-written entry dies of it,
/// and every git that checks which branches are in use reads them. Released when dropped; nobody needs to wait for
/// files to be checked out.
pub fn entries_at_rest(repo: &Repo) -> Result<fs::File> {
    let dir = repo.common_dir().join("wt");
    let path = dir.join("entries.lock");
    let failed = || format!("cannot lock '{}'", path.display());
    file::make_private_dir(&dir, "").explain(failed)?;
    let file = file::open_private(fs::File::options().create(true).append(true), &path).explain(failed)?;
    file::lock(&file, failed)?;
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

/// Finds the directory of a worktree whose place is empty, if it was only renamed: beside its place it still names git's
/// entry.
pub fn renamed_to(tree: &Worktree) -> Option<PathBuf> {
    let siblings = fs::read_dir(tree.path.parent()?).ok()?.flatten().map(|entry| entry.path());
    siblings.into_iter().find(|place| names_entry(place, tree))
}

/// Refuses to take away what is not just this worktree's; returns the reason why it is left, if it is not known to be
/// this worktree at all.
pub fn refuse_removal(repo: &Repo, tree: &Worktree) -> Result<Option<String>> {
    let shown = tree.path.display();
    if tree.is_main() {
        return Err(Error::new("the main worktree is never removed"));
    }
    if tree.id.is_none() || tree.git_dir.parent() != Some(&repo.common_dir().join("worktrees")) {
        return Err(Error::new(format!("'{}' is no entry of this repository", tree.git_dir.display())));
    }
    if tree.missing {
        return match renamed_to(tree) {
            None => Ok(None),
            Some(place) => {
                let error = Error::new(format!("'{shown}' was moved to '{}'", place.display()));
                Err(error.hint(Hint::of("git wt repair").name(place)))
            }
        };
    }
    if tree.path.is_symlink() {
        return Err(Error::new(format!("'{shown}' is a link by now, and its worktree is somewhere else")));
    }
    if let Some(inner) = repo.worktrees()?.inside(tree) {
        return Err(Error::new(format!("'{shown}' has another worktree in it")).because(inner.path.display()));
    }
    let is_known = is_linked(&tree.path, tree);
    Ok((!is_known).then(|| format!("'{shown}' and git's entry for it do not name each other")))
}

/// Renames a worktree's directory aside, deletes git's entry, and leaves its files to be deleted in the background.
pub fn put_aside(repo: &Repo, tree: &Worktree) -> Result<Destroyed> {
    // removal goes ahead even if the lock cannot be taken
    let _alone = entries_at_rest(repo).ok();
    if let Some(why) = refuse_removal(repo, tree)? {
        return Ok(Destroyed::Left(why));
    }
    if !tree.missing {
        Discarded::of(repo).take(&tree.path)?;
    }
    delete_entry(repo, tree)?;
    Ok(Destroyed::Gone)
}

/// Deletes git's entry. The caller ensures that no git is reading entries.
fn delete_entry(repo: &Repo, tree: &Worktree) -> Result<()> {
    Discarded::of(repo).take_now(&tree.git_dir)?;
    delete_empty_entries(repo);
    Ok(())
}

/// Deletes `.git/worktrees` after its last entry, as git does; this fails, as it should, if others are left.
pub fn delete_empty_entries(repo: &Repo) {
    let _ = fs::remove_dir(repo.common_dir().join("worktrees"));
}

/// Moves a damaged entry to where git does not see it but people can inspect it; returns its new path.
pub fn quarantine(repo: &Repo, id: &str) -> Result<PathBuf> {
    let from = repo.common_dir().join("worktrees").join(id);
    let failed = || format!("cannot put '{}' aside", from.display());
    let dir = repo.common_dir().join("wt");
    file::make_private_dir(&dir, "damaged").explain(failed)?;
    let to = dir.join("damaged").join(format!("{id}-{}", crate::host::random::hex(6)?));
    fs::rename(&from, &to).explain(failed)?;
    Ok(to)
}

/// Refuses a repository in which a directory of git-wt's own is a link: what it leads to is somebody else's, and would be
/// written to and deleted from.
pub fn refuse_links(common_dir: &Path) -> Result<()> {
    for own in ["wt", "wt/records", "wt/run", "wt/removed", "wt/trash", "wt/damaged"] {
        let dir = common_dir.join(own);
        if dir.is_symlink() {
            let error = Error::new(format!("'{}' is a link, and git-wt makes none there", dir.display()));
            return Err(error.hint(Hint::of("rm").name(dir)));
        }
    }
    Ok(())
}

/// Directories that have been renamed aside and wait to be deleted.
#[derive(Debug)]
pub struct Discarded {
    dir: PathBuf,
}

/// The prefix for directories renamed aside in place, because the trash is on another device.
const ASIDE: &str = ".git-wt-trash-";

impl Discarded {
    /// Returns the trash of a repository.
    pub fn of(repo: &Repo) -> Self {
        Self { dir: repo.common_dir().join("wt").join("trash") }
    }

    /// Returns the trash of a repository, given its common directory.
    pub fn at(common_dir: &Path) -> Self {
        Self { dir: common_dir.join("wt").join("trash") }
    }

    /// Renames `path` into the trash, or beside itself if the trash is on another device; returns its new path.
    ///
    /// A rename is all or nothing: whichever process is killed, the thing is whole or gone, never half deleted in its
    /// place.
    fn take(&self, path: &Path) -> Result<PathBuf> {
        const TRIES: usize = 100;
        let unique = crate::host::random::hex(16)?;
        let mut taken = self.try_to_take(path, &unique);
        // a sweep deletes the trash once it is empty, perhaps just before we put something in
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
                // written first, so that the sweep knows where to look whichever process is killed
                let pointer = self.dir.join(format!("{unique}.path"));
                file::replace_private(&pointer, beside.as_os_str().as_bytes())?;
                fs::rename(path, &beside).map(|()| beside)
            }
            done => done.map(|()| inside),
        }
    }

    /// Renames `path` aside and deletes it at once, because it is small.
    fn take_now(&self, path: &Path) -> Result<()> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        let doomed = self.take(path)?;
        gone(delete_tree(&doomed)).explain(|| format!("cannot delete '{}'", doomed.display()))?;
        let _ = fs::remove_dir(&self.dir);
        Ok(())
    }

    /// Whether nothing waits to be deleted.
    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.dir).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Whether something waits but nobody is deleting it: nothing has changed for a while.
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
            // the next sweep finds whatever this one leaves behind
            let _ = Program::new(exe).arg("sweep").arg(common_dir).dir(Path::new("/")).detach();
        }
    }

    /// Deletes what waits. Two sweeps may run at once.
    pub fn sweep(&self) -> Result<()> {
        let failed = || format!("cannot delete what waits in '{}'", self.dir.display());
        if let Some(common_dir) = self.dir.parent().and_then(Path::parent) {
            refuse_links(common_dir)?;
        }
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

/// Empties a worktree's directory; the file that shows which entry it belongs to is deleted last.
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

/// Deletes a directory with its content, never through a link; directories that deny writing are made writable first.
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
