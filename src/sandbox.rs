//! A directory for one unit test: the trees `main` and `wt`, and whatever the test puts in and beside them.

#![allow(clippy::disallowed_methods, reason = "tests lay out files")]

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::host::claims::Claims;
use crate::host::exec::Program;
use crate::resource::tree::Tree;

/// The directory, which is deleted after its test.
pub struct Sandbox {
    dir: TempDir,
    /// Stands for the main worktree: the directory `main`.
    pub main: Tree,
    /// Stands for another worktree: the directory `wt`.
    pub worktree: Tree,
}

impl Sandbox {
    /// Makes a sandbox with both trees empty.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            fs::create_dir(dir.path().join(name)).unwrap();
            Tree::open(&dir.path().join(name)).unwrap()
        };
        let (main, worktree) = (open("main"), open("wt"));
        Self { dir, main, worktree }
    }

    pub fn at(&self, rel: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(rel)
    }

    /// Makes a directory, including its parents.
    pub fn make_dir(&self, rel: &str) {
        fs::create_dir_all(self.at(rel)).unwrap();
    }

    /// Writes a file, including its parent directories, and returns its path.
    pub fn write(&self, rel: &str, text: &str) -> PathBuf {
        let path = self.at(rel);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes a shell script and returns its path. A child process writes it, because a file that another thread's fork
    /// still has open for writing cannot be run.
    pub fn script(&self, rel: &str, body: &str) -> PathBuf {
        let path = self.at(rel);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let write = ["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"];
        let text = format!("#!/bin/sh\n{body}\n");
        let done = Program::new("sh").args(write).arg(&path).output_of(text.as_bytes()).unwrap();
        assert_eq!(done.code, 0);
        path
    }

    /// Reads a file, if there is one.
    pub fn read(&self, rel: &str) -> Option<String> {
        fs::read_to_string(self.at(rel)).ok()
    }

    /// Returns the names in a directory, sorted.
    pub fn names(&self, rel: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at(rel)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Returns the sandbox's own claims, in the directory `state`.
    pub fn claims(&self) -> Claims {
        Claims::at(self.at("state"))
    }
}

/// Returns what is read back of something that was serialized.
pub fn reread<T: Serialize + DeserializeOwned + PartialEq + Debug>(written: &T) -> T {
    let read = serde_json::from_str(&serde_json::to_string(written).unwrap()).unwrap();
    assert_eq!(&read, written);
    read
}
