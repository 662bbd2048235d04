//! Python environments that name another worktree: they were copied from it, or its code is installed in them, and they
//! run that code.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::Result;
use crate::git::worktrees::{Head, Worktree};
use crate::record::worktrees::Worktrees;
use crate::resource::relocation::Relocation;
use crate::resource::tree::Tree;
use crate::resource::venv;

/// A worktree's Python environment that names other worktrees.
pub struct StrayVenv<'a> {
    worktree: &'a Worktree,
    /// The environment, relative to its worktree.
    venv: PathBuf,
    /// Each place it names, the innermost first, with the first file that names it.
    names: Vec<(PathBuf, PathBuf)>,
}

impl<'a> StrayVenv<'a> {
    /// Examines the Python environment of a worktree.
    pub fn find(
        worktree: &'a Worktree,
        environment: &Environment,
        worktrees: &Worktrees,
    ) -> Result<Option<Self>> {
        let bin = environment.bin.as_deref().and_then(Path::parent);
        let Some(venv) = bin.and_then(|venv| venv.strip_prefix(&worktree.path).ok()) else {
            return Ok(None);
        };
        let others = worktrees.listing.worktrees.iter().filter(|other| other.head != Head::Bare);
        let mut others: Vec<&Path> =
            others.map(|other| other.path.as_path()).filter(|path| *path != worktree.path).collect();
        // innermost first: a file that names a nested worktree also names the one around it
        others.sort_by_key(|path| std::cmp::Reverse(path.as_os_str().len()));
        let names = venv::other_places(&Tree::open(&worktree.path)?, venv, &others)?;
        Ok((!names.is_empty()).then(|| Self { worktree, venv: venv.to_owned(), names }))
    }

    /// Describes what is wrong, as in "the venv of 'staging' runs the code of 'main': '.venv/bin/x' names '/p/main'".
    pub fn describe(&self, worktrees: &Worktrees) -> Vec<String> {
        let name = worktrees.name(self.worktree);
        let line = |(place, file): &(PathBuf, PathBuf)| {
            let other = worktrees.listing.at(place).map(|other| worktrees.name(other)).unwrap_or_default();
            let (file, place) = (file.display(), place.display());
            format!("the venv of '{name}' runs the code of '{other}': '{file}' names '{place}'")
        };
        self.names.iter().map(line).collect()
    }

    /// Makes the environment name its own worktree instead.
    pub fn bring_home(&self) -> Result<()> {
        let tree = Tree::open(&self.worktree.path)?;
        self.names.iter().try_for_each(|(place, _)| {
            venv::rehome(&tree, &self.venv, &Relocation::new(place, &self.worktree.path))
        })
    }
}
