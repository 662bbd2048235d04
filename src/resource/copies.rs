//! The ignored files of the main worktree that a worktree gets copies of: one step, however many they are.
//!
//! The record has their paths and no more. What add has just made is taken back where it is still as main has it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::copy::{CopiedFile, begins_as_in};
use super::tree::{Kind, Tree};
use super::{Created, Destroyed, Reversible, Site, Unwind, in_trees, with_trees};
use crate::error::{Error, Result};
use crate::git;
use crate::host::claims::path_text;
use crate::host::exec::check_stopped;

const NOT_IGNORED: &str = "git does not ignore it there";

/// The path of a file, in both worktrees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
struct CopiedPath(#[serde(with = "path_text")] PathBuf);

/// Files copied from the main worktree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copies {
    /// Those that were copied, or are being copied.
    files: BTreeSet<CopiedPath>,
    /// Those to be copied now.
    #[serde(skip)]
    wanted: Vec<PathBuf>,
    /// What was left out, and why.
    #[serde(skip)]
    pub left_out: Vec<(PathBuf, String)>,
}

impl Copies {
    /// Returns copies of these files, to be made.
    pub fn new(wanted: Vec<PathBuf>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Whether a file is one of them.
    pub fn has(&self, path: &Path) -> bool {
        self.files.contains(&CopiedPath(path.to_owned()))
    }

    /// The files that were copied now, or else all of them.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let all = self.files.iter().map(|CopiedPath(path)| path).filter(|_| self.wanted.is_empty());
        self.wanted.iter().chain(all)
    }

    /// Takes over from `wanted` what is not there now; returns whether there is any.
    pub fn want(&mut self, wanted: Self, root: &Path) -> bool {
        self.wanted = wanted.wanted;
        self.wanted.retain(|path| root.join(path).symlink_metadata().is_err());
        !self.wanted.is_empty()
    }

    /// Returns what would be copied into the worktree at `root`.
    pub fn preview(&self, main: Option<&Path>, root: &Path) -> Result<Self> {
        let mut copies = self.clone();
        copies.wanted.retain(|path| root.join(path).symlink_metadata().is_err());
        copies.judge(main.unwrap_or(root), root)?;
        Ok(copies)
    }

    /// Whether there is nothing to copy.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Leaves out what git would see there: another branch ignores other files, and a secret that git sees is only a
    /// `git add` away from being pushed. A file of a directory that ignores itself is ignored once its `.gitignore`
    /// has been copied.
    fn judge(&mut self, main: &Path, root: &Path) -> Result<()> {
        let ignored = ignored_of(root, &self.wanted)?;
        if ignored.len() == self.wanted.len() {
            return Ok(());
        }
        let seen: Vec<PathBuf> =
            self.wanted.iter().filter(|path| !ignored.contains_key(*path)).cloned().collect();
        let wanted: HashSet<&PathBuf> = self.wanted.iter().collect();
        let by = ignored_of(main, &seen)?;
        let will_be = |path: &PathBuf| by.get(path).is_some_and(|source| wanted.contains(source));
        let out: HashSet<PathBuf> = seen.into_iter().filter(|path| !will_be(path)).collect();
        self.leave_out(&out, NOT_IGNORED);
        Ok(())
    }

    fn leave_out(&mut self, out: &HashSet<PathBuf>, why: &str) {
        self.wanted.retain(|path| !out.contains(path));
        self.left_out.extend(out.iter().map(|path| (path.clone(), why.to_owned())));
        for path in out {
            self.files.remove(&CopiedPath(path.clone()));
        }
    }

    /// Copies the files that are wanted; a worktree is made even if one cannot be copied.
    fn copy(&mut self, main: &Tree, own: &Tree, done: &AtomicUsize) -> Result<()> {
        let mut made = Vec::new();
        for path in std::mem::take(&mut self.wanted) {
            let created = CopiedFile::new(&path).create(main, own);
            check_stopped()?;
            done.fetch_add(1, Ordering::Relaxed);
            let why = match created {
                Ok(Created::Made) => {
                    made.push(path);
                    continue;
                }
                // it came there since we looked, and is not ours
                Ok(Created::Found) => None,
                Ok(Created::Skipped(why)) => Some(why),
                Err(error) => Some(error.in_one_line()),
            };
            self.files.remove(&CopiedPath(path.clone()));
            self.left_out.extend(why.map(|why| (path, why)));
        }
        self.wanted = made;
        Ok(())
    }

    /// Takes back what git sees after all, since the branch has a rule of its own.
    fn take_back_seen(&mut self, main: &Tree, own: &Tree) -> Result<()> {
        let ignored = ignored_of(own.path(), &self.wanted)?;
        let seen: HashSet<PathBuf> =
            self.wanted.iter().filter(|path| !ignored.contains_key(*path)).cloned().collect();
        for path in &seen {
            if begins_as_in(main, own, path)? {
                own.remove_file(path)?;
            }
        }
        self.leave_out(&seen, NOT_IGNORED);
        Ok(())
    }

    /// Returns a line for each reason to leave files out.
    pub fn reasons(&self) -> Vec<String> {
        let mut by_reason: Vec<(&str, Vec<&PathBuf>)> = Vec::new();
        for (path, why) in &self.left_out {
            match by_reason.iter_mut().find(|(known, _)| known == why) {
                Some((_, paths)) => paths.push(path),
                None => by_reason.push((why, vec![path])),
            }
        }
        let line = |(why, mut paths): (&str, Vec<&PathBuf>)| {
            paths.sort();
            format!("no {}: {why}", described(paths.into_iter()))
        };
        by_reason.into_iter().map(line).collect()
    }
}

/// Returns those of these paths that git ignores in the worktree at `root`, each with the file that says so.
fn ignored_of(root: &Path, paths: &[PathBuf]) -> Result<HashMap<PathBuf, PathBuf>> {
    let mut input = Vec::new();
    for path in paths {
        input.extend_from_slice(path.as_os_str().as_bytes());
        input.push(0);
    }
    let git = git::looking_at(root).args(["check-ignore", "--verbose", "-z", "--stdin"]);
    let output = git.output_of(&input)?;
    // 1 says that none of them is ignored
    if output.code > 1 {
        return Err(Error::new("git does not say what it ignores").quoting(&output.stderr));
    }
    // the source, the line, the pattern and the path of each
    let fields: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    let is_negated = |pattern: &[u8]| pattern.starts_with(b"!");
    let found = fields.chunks_exact(4).filter(|each| !is_negated(each[2]));
    Ok(found.map(|each| (path(each[3]), path(each[0]))).collect())
}

/// Describes files: by name as long as they are few.
fn described<'a>(mut paths: impl ExactSizeIterator<Item = &'a PathBuf>) -> String {
    match (paths.len(), paths.next()) {
        (1, Some(path)) => format!("copy of '{}'", path.display()),
        (count, _) => format!("copies of {count} files"),
    }
}

impl Reversible for Copies {
    fn look(&mut self, site: &Site) -> Result<()> {
        let own = Tree::open(site.root)?;
        let mut absent = Vec::new();
        for path in std::mem::take(&mut self.wanted) {
            match own.kind(&path) {
                Ok(None) => absent.push(path),
                Ok(Some(_)) => {}
                Err(error) => self.left_out.push((path, error.in_one_line())),
            }
        }
        self.wanted = absent;
        self.judge(site.main.unwrap_or(site.root), site.root)?;
        self.files.extend(self.wanted.iter().cloned().map(CopiedPath));
        Ok(())
    }

    fn create(&mut self, site: &Site) -> Result<Created> {
        let (done, all) = (AtomicUsize::new(0), self.wanted.len());
        let how_far = || format!("copying files: {} of {all}", done.load(Ordering::Relaxed));
        with_trees(site, |main, own| {
            site.ui.watch(&how_far, || self.copy(main, own, &done))?;
            self.take_back_seen(main, own)
        })?;
        Ok(match (self.files.is_empty(), self.left_out.as_slice()) {
            (false, _) => Created::Made,
            (true, []) => Created::Found,
            (true, [(_, why), ..]) => Created::Skipped(why.clone()),
        })
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        in_trees(site, |main, own| {
            let mut left = Vec::new();
            for CopiedPath(path) in &self.files {
                match own.kind(path)? {
                    None => {}
                    Some(Kind::File) if begins_as_in(main, own, path)? => own.remove_file(path)?,
                    Some(_) => left.push(format!("'{}'", path.display())),
                }
            }
            let why = || format!("{}: not as they were copied", left.join(", "));
            Ok(if left.is_empty() { Destroyed::Gone } else { Destroyed::Left(why()) })
        })
    }

    fn is_inside(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        if self.wanted.is_empty() {
            described(self.files.iter().map(|CopiedPath(path)| path))
        } else {
            described(self.wanted.iter())
        }
    }
}
