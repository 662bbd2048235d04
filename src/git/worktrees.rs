//! The worktrees of a repository, read from the files of gitrepository-layout(5) without starting git.
//!
//! One damaged entry is reported beside the sound ones and never stops the reading of the others.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Identity, Oid, Repo, absolute, one_line};
use crate::error::{Explain, Result};
use crate::name::Branch;

/// What a worktree has checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch, and its commit if it has one yet.
    Branch(Branch, Option<Oid>),
    /// A commit.
    Detached(Oid),
    /// A main repository without a worktree.
    Bare,
    /// Nothing that can be read.
    Unknown,
}

impl Head {
    /// The branch, if one is checked out.
    pub fn branch(&self) -> Option<&Branch> {
        match self {
            Self::Branch(branch, _) => Some(branch),
            _ => None,
        }
    }

    /// The commit, if there is one.
    pub fn oid(&self) -> Option<&Oid> {
        match self {
            Self::Branch(_, oid) => oid.as_ref(),
            Self::Detached(oid) => Some(oid),
            _ => None,
        }
    }
}

/// A worktree as git has it registered.
#[derive(Debug, Clone)]
pub struct Worktree {
    /// Git's own id, the entry's name in `.git/worktrees`; `None` for the main worktree.
    pub id: Option<String>,
    /// Its directory (of a bare repository: the repository's).
    pub path: PathBuf,
    /// Its git directory.
    pub git_dir: PathBuf,
    /// What is checked out.
    pub head: Head,
    /// The reason it is locked with, empty when none was given.
    pub locked: Option<String>,
    /// Whether its directory is gone, or is no worktree any more.
    pub missing: bool,
    /// The record that the token in its git directory names; while it is made, the one that its lock names.
    pub record: Option<String>,
}

impl Worktree {
    /// Whether this is the main worktree.
    pub fn is_main(&self) -> bool {
        self.id.is_none()
    }

    /// When git last worked in it: committed, checked out, or wrote its index.
    pub fn last_used(&self) -> Option<SystemTime> {
        let written = |name| fs::metadata(self.git_dir.join(name)).and_then(|file| file.modified()).ok();
        ["HEAD", "index", "logs/HEAD"].into_iter().filter_map(written).max()
    }

    /// Whether `path` is this worktree's directory, whatever way it is written.
    pub fn is_at(&self, path: &Path) -> bool {
        self.path == path
            || (!self.missing && Identity::of(path).is_some_and(|it| Identity::of(&self.path) == Some(it)))
    }
}

/// An entry of `.git/worktrees` that cannot be read; git itself dies of some of them.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The entry's name.
    pub id: String,
    /// What is wrong with it.
    pub why: String,
    /// The reason it is locked with: git locks an entry before it writes anything else into it.
    pub locked: Option<String>,
    /// Whether nothing has been written into it yet.
    pub empty: bool,
    /// Whether git dies of it, whatever it is asked: its `commondir` is there and empty.
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

    /// Whether a git may be making it right now, so that it is only not whole yet.
    pub fn may_be_in_the_making(&self) -> bool {
        self.locked.is_some() || self.empty
    }
}

/// All worktrees, the main one first, then by path as git lists them.
#[derive(Debug, Default)]
pub struct Listing {
    /// The sound entries.
    pub worktrees: Vec<Worktree>,
    /// The damaged ones.
    pub broken: Vec<Broken>,
}

impl Listing {
    /// The main worktree or the bare repository.
    pub fn main(&self) -> &Worktree {
        self.worktrees.first().expect("a listing always begins with the main worktree")
    }

    /// The worktree at `path`, whatever way that is written.
    pub fn at(&self, path: &Path) -> Option<&Worktree> {
        let by_text = self.worktrees.iter().find(|tree| tree.path == path);
        by_text.or_else(|| self.worktrees.iter().find(|tree| tree.is_at(path)))
    }

    /// The worktree with git's id `id`.
    pub fn entry(&self, id: &str) -> Option<&Worktree> {
        self.worktrees.iter().find(|tree| tree.id.as_deref() == Some(id))
    }

    /// A worktree that stands in the directory of another one.
    pub fn inside(&self, outer: &Worktree) -> Option<&Worktree> {
        let mut others =
            self.worktrees.iter().filter(|other| other.git_dir != outer.git_dir && !other.missing);
        others.find(|other| other.path.starts_with(&outer.path))
    }

    /// The worktree that has `branch` checked out.
    pub fn holder(&self, branch: &Branch) -> Option<&Worktree> {
        self.worktrees.iter().find(|tree| tree.head.branch() == Some(branch))
    }
}

/// The file in a worktree's git directory that binds it to a record.
pub const TOKEN: &str = "wt-record";

/// What the reason of the lock begins with that an entry has while it is made; the record's id follows.
pub const IN_THE_MAKING: &str = "git-wt ";

impl Repo {
    /// Reads all worktrees.
    pub fn worktrees(&self) -> Result<Listing> {
        self.worktrees_with(&|git_dir| self.head_of(git_dir))
    }

    /// Reads all worktrees but not their commits: what is checked out is a branch without one, or nothing at all where
    /// only git can tell.
    pub fn worktrees_at_a_glance(&self) -> Result<Listing> {
        let only_git = self.only_git_reads_refs();
        self.worktrees_with(&|git_dir| if only_git { Head::Unknown } else { head_file(git_dir) })
    }

    fn worktrees_with(&self, head_of: &dyn Fn(&Path) -> Head) -> Result<Listing> {
        let mut listing = Listing { worktrees: vec![self.main_worktree(head_of)], broken: Vec::new() };
        let entries = self.common_dir().join("worktrees");
        let found = match fs::read_dir(&entries) {
            Ok(found) => found,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(listing),
            Err(cause) => return Err(cause).explain(|| format!("cannot read '{}'", entries.display())),
        };
        for entry in found {
            let entry = entry.explain(|| format!("cannot read '{}'", entries.display()))?;
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            match sound_or_broken(&entry.path(), head_of) {
                Ok(tree) => listing.worktrees.push(tree),
                Err(broken) => listing.broken.extend(broken),
            }
        }
        listing.worktrees[1..].sort_by(|a, b| a.path.cmp(&b.path));
        Ok(listing)
    }

    /// The branches that worktrees have checked out, as far as their files tell: nothing else of them is read.
    pub fn branches_in_use(&self) -> HashSet<String> {
        let entries = fs::read_dir(self.common_dir().join("worktrees")).into_iter().flatten().flatten();
        let linked = entries.map(|entry| entry.path());
        let main = (!self.is_bare()).then(|| self.common_dir().to_owned());
        main.into_iter()
            .chain(linked)
            .filter_map(|git_dir| Some(head_file(&git_dir).branch()?.as_str().to_owned()))
            .collect()
    }

    /// Of the entries that are broken in `listing`, those that stay so for a moment: a git that removes one, or gives up
    /// making it, deletes it file by file and without a lock.
    pub fn damaged(&self, listing: &Listing) -> Result<Vec<Broken>> {
        const MOMENT: std::time::Duration = std::time::Duration::from_millis(300);
        if listing.broken.is_empty() {
            return Ok(Vec::new());
        }
        std::thread::sleep(MOMENT);
        let mut still = self.worktrees()?.broken;
        // of the same name another one may be in the making by now
        let is_known = |now: &Broken| {
            let same = |it: &&Broken| (&it.id, &it.why, &it.locked) == (&now.id, &now.why, &now.locked);
            listing.broken.iter().any(|it| same(&it))
        };
        still.retain(is_known);
        Ok(still)
    }

    /// The names of the entries that are there, whatever is in them.
    pub fn entry_names(&self) -> HashSet<OsString> {
        let entries = fs::read_dir(self.common_dir().join("worktrees"));
        entries.into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
    }

    /// The entry of this name, if it is whole.
    pub fn entry_named(&self, name: &OsStr) -> Option<Worktree> {
        let git_dir = self.common_dir().join("worktrees").join(name);
        linked_worktree(&git_dir, &|git_dir| self.head_of(git_dir)).ok()
    }

    fn main_worktree(&self, head_of: &dyn Fn(&Path) -> Head) -> Worktree {
        let git_dir = self.common_dir().to_owned();
        let root = self.main_root();
        let bare = root.is_none() && self.is_bare();
        let head = if bare { Head::Bare } else { head_of(&git_dir) };
        // git itself names the git directory where it cannot know the worktree (--separate-git-dir)
        let path = root.unwrap_or_else(|| git_dir.clone());
        Worktree { id: None, path, git_dir, head, locked: None, missing: false, record: None }
    }

    fn head_of(&self, git_dir: &Path) -> Head {
        let head = if self.only_git_reads_refs() { head_by_git(git_dir) } else { head_file(git_dir) };
        match head {
            Head::Branch(branch, None) => {
                let oid = self.branch(&branch);
                Head::Branch(branch, oid)
            }
            other => other,
        }
    }
}

/// Reads an entry; looks twice at a broken one, which may just have been made or removed. `None` when it is gone.
fn sound_or_broken(
    git_dir: &Path,
    head_of: &dyn Fn(&Path) -> Head,
) -> std::result::Result<Worktree, Option<Broken>> {
    linked_worktree(git_dir, head_of).or_else(|why| {
        let broken = Broken::of(git_dir, why);
        linked_worktree(git_dir, head_of).map_err(|_| Some(broken).filter(|_| git_dir.exists()))
    })
}

fn linked_worktree(git_dir: &Path, head_of: &dyn Fn(&Path) -> Head) -> std::result::Result<Worktree, String> {
    let file = |name: &str| {
        crate::file::read_small(&git_dir.join(name)).map_err(|cause| format!("'{name}': {cause}"))
    };
    let pointer = file("gitdir")?;
    let pointer = Path::new(OsStr::from_bytes(one_line(&pointer)));
    if pointer.as_os_str().is_empty() {
        return Err("'gitdir' is empty".into());
    }
    match fs::metadata(git_dir.join("commondir")) {
        Ok(found) if found.len() == 0 => return Err("'commondir' is empty".into()),
        Ok(_) => {}
        Err(cause) => return Err(format!("'commondir': {cause}")),
    }
    let dot_git = absolute(git_dir, pointer);
    let path = match dot_git.file_name() {
        Some(name) if name == ".git" => dot_git.parent().unwrap_or(&dot_git).to_owned(),
        _ => dot_git.clone(),
    };
    let id = git_dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // the lock before the token: it goes only when the token is there
    let locked = lock_of(git_dir);
    let token = file(TOKEN).ok().map(|token| String::from_utf8_lossy(&token).trim_end().to_owned());
    let maker = || Some(locked.as_deref()?.strip_prefix(IN_THE_MAKING)?.to_owned());
    Ok(Worktree {
        missing: fs::symlink_metadata(&dot_git).is_err(),
        head: head_of(git_dir),
        record: token.or_else(maker),
        locked,
        id: Some(id),
        git_dir: git_dir.to_owned(),
        path,
    })
}

/// Asks git what a worktree has checked out, where its files do not say.
fn head_by_git(git_dir: &Path) -> Head {
    let ask = |args: &[&str]| {
        let git = crate::exec::Program::new("git").arg(super::joined("--git-dir=", git_dir)).args(args);
        git.output()
            .ok()
            .filter(|o| o.code == 0)
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
    };
    if let Some(branch) = ask(&["symbolic-ref", "-q", "HEAD"]).and_then(|full| Branch::of_ref(&full)) {
        return Head::Branch(branch, None);
    }
    ask(&["rev-parse", "--verify", "-q", "HEAD"])
        .and_then(|oid| Oid::parse(&oid))
        .map_or(Head::Unknown, Head::Detached)
}

/// The reason an entry is locked with.
fn lock_of(git_dir: &Path) -> Option<String> {
    let reason = crate::file::read_small(&git_dir.join("locked")).ok()?;
    Some(String::from_utf8_lossy(&reason).trim_end().to_owned())
}

/// Reads a `HEAD` file: `ref: refs/heads/NAME` or an object id.
fn head_file(git_dir: &Path) -> Head {
    let Ok(content) = crate::file::read_small(&git_dir.join("HEAD")) else { return Head::Unknown };
    let content = String::from_utf8_lossy(&content);
    let content = content.trim();
    match content.strip_prefix("ref:") {
        Some(full) => Branch::of_ref(full.trim()).map_or(Head::Unknown, |branch| Head::Branch(branch, None)),
        // git writes zeros at first, before it says what is checked out
        None => Oid::parse(content).filter(|oid| !oid.is_null()).map_or(Head::Unknown, Head::Detached),
    }
}
