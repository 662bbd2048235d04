//! The worktrees of a repository, read from the files of gitrepository-layout(5) without starting git.
//!
//! A damaged entry is reported separately and never keeps the others from being read.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Oid, Repo, absolute, one_line};
use crate::error::{Explain, Result};
use crate::host::file::{Dir, read_each, read_small};
use crate::host::identity::Identity;
use crate::text::name::BranchName;

/// What a worktree has checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch, and its commit if it has one yet.
    Branch(BranchName, Option<Oid>),
    Detached(Oid),
    /// Nothing: a main repository without a worktree.
    Bare,
    /// Something that cannot be read.
    Unknown,
}

impl Head {
    /// Returns the branch, if one is checked out.
    pub fn branch(&self) -> Option<&BranchName> {
        match self {
            Self::Branch(branch, _) => Some(branch),
            _ => None,
        }
    }

    /// Returns the commit, if there is one.
    pub fn oid(&self) -> Option<&Oid> {
        match self {
            Self::Branch(_, oid) => oid.as_ref(),
            Self::Detached(oid) => Some(oid),
            _ => None,
        }
    }
}

/// A worktree as registered with git.
#[derive(Debug, Clone)]
pub struct Worktree {
    /// Git's id for it, the name of its entry in `.git/worktrees`; `None` for the main worktree.
    pub id: Option<String>,
    /// Its directory; for a bare repository, the repository itself.
    pub path: PathBuf,
    pub git_dir: PathBuf,
    /// What is checked out.
    pub head: Head,
    /// The reason for its lock, empty if none was given.
    pub locked: Option<String>,
    /// Whether its directory is gone, or is no longer a worktree.
    pub missing: bool,
    /// The record named by the token in its git directory, or, while it is being made, by its lock.
    pub record: Option<String>,
}

impl Worktree {
    pub fn is_main(&self) -> bool {
        self.id.is_none()
    }

    /// Returns the record that the lock names if the worktree is being made.
    fn maker(&self) -> Option<String> {
        Some(self.locked.as_deref()?.strip_prefix(IN_THE_MAKING)?.to_owned())
    }

    /// Returns when git last worked in it: committed, checked out, or wrote its index.
    pub fn last_used(&self) -> Option<SystemTime> {
        let written = |name| fs::metadata(self.git_dir.join(name)).and_then(|file| file.modified()).ok();
        ["HEAD", "index", "logs/HEAD"].into_iter().filter_map(written).max()
    }

    /// Whether `path` is this worktree's directory, however it is spelled.
    pub fn is_at(&self, path: &Path) -> bool {
        self.path == path
            || (!self.missing && Identity::of(path).is_some_and(|it| Identity::of(&self.path) == Some(it)))
    }
}

/// An entry of `.git/worktrees` that cannot be read; some of them make git itself die.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The entry's name.
    pub id: String,
    pub why: String,
    /// The reason for its lock: git locks an entry before it writes anything else into it.
    pub locked: Option<String>,
    /// Whether nothing has been written into it yet.
    pub empty: bool,
    /// Whether every git command dies of it: its `commondir` exists but is empty.
    pub stops_git: bool,
}

impl Broken {
    fn of(git_dir: &Path, why: String) -> Self {
        Self {
            id: git_dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            why,
            locked: lock_of(git_dir),
            empty: fs::read_dir(git_dir).is_ok_and(|mut files| files.next().is_none()),
            stops_git: fs::metadata(git_dir.join("commondir")).is_ok_and(|found| found.len() == 0),
        }
    }

    /// Whether a git may be making it right now, so that it is merely incomplete.
    pub fn may_be_in_the_making(&self) -> bool {
        self.locked.is_some() || self.empty
    }
}

/// All worktrees, the main one first, then by path, in git's order.
#[derive(Debug, Default)]
pub struct Listing {
    /// The sound entries.
    pub worktrees: Vec<Worktree>,
    /// The damaged ones.
    pub broken: Vec<Broken>,
}

impl Listing {
    /// Returns the main worktree or the bare repository.
    pub fn main(&self) -> &Worktree {
        self.worktrees.first().expect("a listing always begins with the main worktree")
    }

    /// Returns the worktree at `path`, however it is spelled.
    pub fn at(&self, path: &Path) -> Option<&Worktree> {
        let by_text = self.worktrees.iter().find(|tree| tree.path == path);
        by_text.or_else(|| self.worktrees.iter().find(|tree| tree.is_at(path)))
    }

    /// Returns the worktree that has `id` in git.
    pub fn entry(&self, id: &str) -> Option<&Worktree> {
        self.worktrees.iter().find(|tree| tree.id.as_deref() == Some(id))
    }

    /// Returns a worktree that is inside the directory of another one.
    pub fn inside(&self, outer: &Worktree) -> Option<&Worktree> {
        let mut others =
            self.worktrees.iter().filter(|other| other.git_dir != outer.git_dir && !other.missing);
        others.find(|other| other.path.starts_with(&outer.path))
    }

    /// Returns the worktree that has `branch` checked out.
    pub fn holder(&self, branch: &BranchName) -> Option<&Worktree> {
        self.worktrees.iter().find(|tree| tree.head.branch() == Some(branch))
    }
}

/// The file in a worktree's git directory that contains the reason for its lock.
const LOCK: &str = "locked";

/// The file in a worktree's git directory that ties it to a record.
pub const TOKEN: &str = "wt-record";

/// The beginning of an entry's lock reason while it is being made; the record's id follows.
pub const IN_THE_MAKING: &str = "git-wt ";

impl Repo {
    /// Returns the directory that ignored files and the recipe come from: the main worktree, or in a bare layout the
    /// worktree of the default branch, or else the current one.
    pub fn main_or_default(&self, listing: &Listing) -> Option<PathBuf> {
        self.main_root()
            .or_else(|| {
                let default = self.default_branch().map(|remote| remote.branch);
                let default = default.or_else(|| {
                    let head = read_small(&self.common_dir().join("HEAD")).ok()?;
                    str::from_utf8(&head).ok()?.trim().strip_prefix("ref: refs/heads/").map(str::to_owned)
                })?;
                let has_default = |tree: &&Worktree| {
                    !tree.missing && tree.head.branch().is_some_and(|branch| branch.as_str() == default)
                };
                let found = listing.worktrees.iter().filter(|tree| !tree.is_main()).find(has_default);
                Some(found?.path.clone())
            })
            .or_else(|| self.root().map(Path::to_owned))
    }

    pub fn worktrees(&self) -> Result<Listing> {
        let mut listing = self.worktrees_at_a_glance()?;
        for tree in &mut listing.worktrees {
            self.look_at_head(tree);
        }
        Ok(listing)
    }

    /// Reads all worktrees but not their commits: a branch comes without a commit, and what only git can read is left
    /// unknown.
    pub fn worktrees_at_a_glance(&self) -> Result<Listing> {
        let mut listing = Listing { worktrees: vec![self.main_worktree()], broken: Vec::new() };
        let Some((entries, names)) = self.entries()? else { return Ok(listing) };
        for read in read_each(&names, |name| entries.sound_or_broken(name)) {
            match read {
                Ok(tree) => listing.worktrees.push(tree),
                Err(broken) => listing.broken.extend(broken),
            }
        }
        listing.worktrees[1..].sort_by(|a, b| a.path.cmp(&b.path));
        Ok(listing)
    }

    /// Whether there are more than `many` linked worktrees.
    pub fn has_more_worktrees_than(&self, many: usize) -> bool {
        fs::read_dir(self.common_dir().join("worktrees")).is_ok_and(|entries| entries.count() > many)
    }

    /// Returns the linked worktrees for which `wanted` returns a value, with that value, sorted by path. Only what is
    /// needed to name a worktree, its path and record, is read of each.
    pub fn worktrees_by_name<T: Send>(
        &self,
        wanted: impl Fn(&Worktree) -> Option<T> + Sync,
    ) -> Result<Vec<(Worktree, T)>> {
        let Some((entries, names)) = self.entries()? else { return Ok(Vec::new()) };
        let of = |name: &OsString| {
            let tree = entries.named_worktree(name)?;
            wanted(&tree).map(|it| (tree, it))
        };
        let mut found: Vec<_> = read_each(&names, of).into_iter().flatten().collect();
        found.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Returns the entries and their names; `None` if no worktree was ever added.
    fn entries(&self) -> Result<Option<(Entries, Vec<OsString>)>> {
        let path = self.common_dir().join("worktrees");
        let failed = || format!("cannot read '{}'", path.display());
        let dir = match Dir::open(&path) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            dir => dir.explain(failed)?,
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).explain(failed)? {
            let entry = entry.explain(failed)?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                names.push(entry.file_name());
            }
        }
        Ok(Some((Entries { dir, path, only_git_reads_refs: self.only_git_reads_refs() }, names)))
    }

    /// Returns the branches that worktrees have checked out, according to their `HEAD` files, which are all that is
    /// read. If there are `many` linked worktrees or more, only the main one is read.
    pub fn branches_in_use(&self, many: usize) -> HashSet<String> {
        let main = (!self.is_bare()).then(|| head_file(read_small(&self.common_dir().join("HEAD"))));
        let linked = self
            .entries()
            .ok()
            .flatten()
            .filter(|(_, names)| names.len() < many)
            .map(|(entries, names)| read_each(&names, |name| head_file(entries.file(name, "HEAD"))));
        let heads = main.into_iter().chain(linked.into_iter().flatten());
        heads.filter_map(|head| Some(head.branch()?.as_str().to_owned())).collect()
    }

    /// Returns the broken entries of `listing` that are still broken after a moment: a git that removes an entry, or
    /// gives up making it, deletes it file by file and without a lock.
    pub fn damaged(&self, listing: &Listing) -> Result<Vec<Broken>> {
        const MOMENT: std::time::Duration = std::time::Duration::from_millis(300);
        if listing.broken.is_empty() {
            return Ok(Vec::new());
        }
        std::thread::sleep(MOMENT);
        let mut still = self.worktrees()?.broken;
        // another entry of the same name may be in the making by now
        let is_known = |now: &Broken| {
            let same = |it: &&Broken| (&it.id, &it.why, &it.locked) == (&now.id, &now.why, &now.locked);
            listing.broken.iter().any(|it| same(&it))
        };
        still.retain(is_known);
        Ok(still)
    }

    /// Returns the names of the existing entries, whatever they contain.
    pub fn entry_names(&self) -> HashSet<OsString> {
        let entries = fs::read_dir(self.common_dir().join("worktrees"));
        entries.into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
    }

    /// Returns the entry of this name, if it is complete.
    pub fn entry_named(&self, name: &OsStr) -> Option<Worktree> {
        let mut tree = self.entry_at_a_glance(name)?;
        self.look_at_head(&mut tree);
        Some(tree)
    }

    /// Returns the entry of this name without its commit.
    pub fn entry_at_a_glance(&self, name: &OsStr) -> Option<Worktree> {
        let path = self.common_dir().join("worktrees");
        let dir = Dir::open(&path).ok()?;
        Entries { dir, path, only_git_reads_refs: self.only_git_reads_refs() }.linked_worktree(name).ok()
    }

    /// Returns the main worktree without its commit.
    pub fn main_worktree(&self) -> Worktree {
        let git_dir = self.common_dir().to_owned();
        let root = self.main_root();
        let bare = root.is_none() && self.is_bare();
        let head = match bare {
            true => Head::Bare,
            false if self.only_git_reads_refs() => Head::Unknown,
            false => head_file(read_small(&git_dir.join("HEAD"))),
        };
        // git itself names the git directory if it cannot know the worktree (--separate-git-dir)
        let path = root.unwrap_or_else(|| git_dir.clone());
        Worktree { id: None, path, git_dir, head, locked: None, missing: false, record: None }
    }

    /// Returns the local branch that a word means: that of the current worktree for `HEAD`, or the one of this name.
    pub fn local_branch(&self, word: &str) -> Option<BranchName> {
        if word == "HEAD" {
            let head = if self.only_git_reads_refs() {
                head_by_git(self.git_dir())
            } else {
                head_file(read_small(&self.git_dir().join("HEAD")))
            };
            return head.branch().cloned();
        }
        BranchName::parse(word).ok().filter(|branch| self.branch(branch).is_some())
    }

    /// Finds the commit that is checked out, and asks git if only git can tell.
    fn look_at_head(&self, tree: &mut Worktree) {
        if tree.head == Head::Unknown && self.only_git_reads_refs() {
            tree.head = head_by_git(&tree.git_dir);
        }
        if let Head::Branch(branch, oid) = &mut tree.head {
            *oid = self.branch(branch);
        }
    }
}

/// The directory that contains the git directories of linked worktrees.
struct Entries {
    dir: Dir,
    path: PathBuf,
    only_git_reads_refs: bool,
}

impl Entries {
    /// Reads an entry, trying twice if it is broken, since it may just have been made or removed. `None` if it is gone.
    fn sound_or_broken(&self, name: &OsStr) -> std::result::Result<Worktree, Option<Broken>> {
        self.linked_worktree(name).or_else(|why| {
            let git_dir = self.path.join(name);
            let broken = Broken::of(&git_dir, why);
            self.linked_worktree(name).map_err(|_| Some(broken).filter(|_| git_dir.exists()))
        })
    }

    /// Reads what an entry is.
    fn linked_worktree(&self, name: &OsStr) -> std::result::Result<Worktree, String> {
        let (dot_git, mut tree) = self.registered(name)?;
        match fs::metadata(tree.git_dir.join("commondir")) {
            Ok(found) if found.len() == 0 => return Err("'commondir' is empty".into()),
            Ok(_) => {}
            Err(cause) => return Err(format!("'commondir': {cause}")),
        }
        // the lock before the token, since the lock is removed only once the token exists
        tree.locked = self.line(name, LOCK);
        tree.record = self.line(name, TOKEN).or_else(|| tree.maker());
        tree.missing = fs::symlink_metadata(&dot_git).is_err();
        if !self.only_git_reads_refs {
            tree.head = head_file(self.file(name, "HEAD"));
        }
        Ok(tree)
    }

    /// Reads what is needed to name an entry's worktree: the path and the record.
    fn named_worktree(&self, name: &OsStr) -> Option<Worktree> {
        let (_, mut tree) = self.registered(name).ok()?;
        tree.record = self.line(name, TOKEN);
        if tree.record.is_none() {
            tree.locked = self.line(name, LOCK);
            tree.record = tree.maker();
        }
        Some(tree)
    }

    /// Reads only where an entry's worktree is: returns the path of its `.git`, and a worktree with its path.
    fn registered(&self, name: &OsStr) -> std::result::Result<(PathBuf, Worktree), String> {
        let pointer = self.file(name, "gitdir").map_err(|cause| format!("'gitdir': {cause}"))?;
        let pointer = Path::new(OsStr::from_bytes(one_line(&pointer)));
        if pointer.as_os_str().is_empty() {
            return Err("'gitdir' is empty".into());
        }
        let git_dir = self.path.join(name);
        let dot_git = absolute(&git_dir, pointer);
        let path = match dot_git.file_name() {
            Some(name) if name == ".git" => dot_git.parent().unwrap_or(&dot_git).to_owned(),
            _ => dot_git.clone(),
        };
        let id = Some(name.to_string_lossy().into_owned());
        let tree =
            Worktree { id, path, git_dir, head: Head::Unknown, locked: None, missing: false, record: None };
        Ok((dot_git, tree))
    }

    fn file(&self, name: &OsStr, file: &str) -> std::io::Result<Vec<u8>> {
        self.dir.read_small(&Path::new(name).join(file))
    }

    fn line(&self, name: &OsStr, file: &str) -> Option<String> {
        self.file(name, file).ok().map(|content| String::from_utf8_lossy(&content).trim_end().to_owned())
    }
}

/// Asks git what a worktree has checked out, if its files do not say.
fn head_by_git(git_dir: &Path) -> Head {
    let ask = |args: &[&str]| {
        let git = crate::host::exec::Program::new("git").arg(super::joined("--git-dir=", git_dir)).args(args);
        git.output()
            .ok()
            .filter(|o| o.code == 0)
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
    };
    if let Some(branch) = ask(&["symbolic-ref", "-q", "HEAD"]).and_then(|full| BranchName::of_ref(&full)) {
        return Head::Branch(branch, None);
    }
    ask(&["rev-parse", "--verify", "-q", "HEAD"])
        .and_then(|oid| Oid::parse(&oid))
        .map_or(Head::Unknown, Head::Detached)
}

/// Returns the reason of an entry's lock.
fn lock_of(git_dir: &Path) -> Option<String> {
    let reason = read_small(&git_dir.join(LOCK)).ok()?;
    Some(String::from_utf8_lossy(&reason).trim_end().to_owned())
}

/// Parses a `HEAD` file: `ref: refs/heads/NAME` or an object id.
fn head_file(content: std::io::Result<Vec<u8>>) -> Head {
    let Ok(content) = content else { return Head::Unknown };
    let content = String::from_utf8_lossy(&content);
    let content = content.trim();
    match content.strip_prefix("ref:") {
        Some(full) => {
            BranchName::of_ref(full.trim()).map_or(Head::Unknown, |branch| Head::Branch(branch, None))
        }
        // at first git writes zeros, before it says what is checked out
        None => Oid::parse(content).filter(|oid| !oid.is_null()).map_or(Head::Unknown, Head::Detached),
    }
}
