//! What git tracks in a worktree, read from its index without starting git.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Repo, pointed_git_dir};
use crate::error::{Error, Result};

/// What git tracks in one worktree.
pub struct Tracked<'a> {
    repo: &'a Repo,
    root: PathBuf,
    index: Index,
}

impl Repo {
    /// Reads what git tracks in the worktree at `root`.
    pub fn tracked(&self, root: &Path) -> Result<Tracked<'_>> {
        let git_dir = match git_dir_at(root) {
            None if self.root() == Some(root) => Some(self.git_dir().to_owned()),
            None if self.main_root().as_deref() == Some(root) => Some(self.common_dir().to_owned()),
            found => found,
        };
        let index = git_dir.map_or_else(|| Ok(Index::default()), |dir| Index::read(self, &dir))?;
        Ok(Tracked { repo: self, root: root.to_owned(), index })
    }
}

impl Tracked<'_> {
    /// Whether git tracks the relative file `path`, something in that directory, or the target of a link on the way to
    /// it, whichever worktree the target is in.
    pub fn has(&self, path: &Path) -> Result<bool> {
        if self.index.overlaps(path) {
            return Ok(true);
        }
        let Ok(real) = self.root.join(path).canonicalize() else { return Ok(false) };
        if let Ok(inside) = real.strip_prefix(self.root.canonicalize().as_deref().unwrap_or(&self.root)) {
            return Ok(inside != path && self.index.overlaps(inside));
        }
        let around = real.ancestors().skip(1).find_map(|dir| Some((dir, git_dir_at(dir)?)));
        let Some((root, git_dir)) = around else { return Ok(false) };
        let index = Index::read(self.repo, &git_dir)?;
        Ok(real.strip_prefix(root).is_ok_and(|inside| index.overlaps(inside)))
    }
}

/// The paths of an index.
#[derive(Default)]
struct Index {
    file: Option<gix::index::File>,
    ignores_case: bool,
}

impl Index {
    fn read(repo: &Repo, git_dir: &Path) -> Result<Self> {
        let path = git_dir.join("index");
        if !path.exists() {
            return Ok(Self::default());
        }
        let options = gix::index::decode::Options::default();
        let file = gix::index::File::at(&path, repo.gix.object_hash(), true, options)
            .map_err(|cause| Error::new(format!("cannot read '{}'", path.display())).because(cause))?;
        Ok(Self { file: Some(file), ignores_case: repo.flag("core.ignorecase") == Some(true) })
    }

    /// Whether an entry is `path` or inside it, or is a link, a submodule or a directory left out of a sparse index on
    /// the way to it.
    fn overlaps(&self, path: &Path) -> bool {
        let path: PathBuf = path.components().collect();
        let path = path.as_os_str().as_bytes();
        let Some(file) = &self.file else { return false };
        file.entries().iter().any(|entry| {
            let known = entry.path(file).strip_suffix(b"/").unwrap_or(entry.path(file));
            let (short, long) = if known.len() < path.len() { (known, path) } else { (path, known) };
            let begins = if self.ignores_case {
                long[..short.len()].eq_ignore_ascii_case(short)
            } else {
                long.starts_with(short)
            };
            begins && matches!(long.get(short.len()), None | Some(b'/'))
        })
    }
}

/// Returns the git directory of the worktree at `root`, according to its `.git`.
fn git_dir_at(root: &Path) -> Option<PathBuf> {
    let dot_git = root.join(".git");
    if fs::metadata(&dot_git).ok()?.is_dir() {
        return Some(dot_git);
    }
    pointed_git_dir(root)
}
