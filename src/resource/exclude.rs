//! A line in `.git/info/exclude` for a worktree that lies inside the main one.
//!
//! Without it `git add .` in the outer tree records the inner one as an embedded repository.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Created, Destroyed};
use crate::error::{Explain, Result};
use crate::git::Repo;

/// One line of `info/exclude`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exclude {
    /// The pattern, `/path/to/worktree/`.
    pub pattern: String,
}

impl Exclude {
    /// The line that hides a directory, `inner` from the main worktree on.
    pub fn of(inner: &Path) -> Self {
        let mut pattern = String::from("/");
        for c in inner.to_string_lossy().chars() {
            if matches!(c, '*' | '?' | '[' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('/');
        Self { pattern }
    }

    fn file(repo: &Repo) -> PathBuf {
        repo.common_dir().join("info").join("exclude")
    }

    /// Appends the line. The caller holds the repository lock.
    pub fn create(&self, repo: &Repo) -> Result<Created> {
        let file = Self::file(repo);
        let failed = || format!("cannot write '{}'", file.display());
        let content = read(&file).explain(failed)?;
        if content.lines().any(|line| line == self.pattern) {
            return Ok(Created::Found);
        }
        let newline = if content.is_empty() || content.ends_with('\n') { "" } else { "\n" };
        fs::create_dir_all(file.parent().unwrap_or(&file)).explain(failed)?;
        let mut out = fs::OpenOptions::new().create(true).append(true).open(&file).explain(failed)?;
        out.write_all(format!("{newline}{}\n", self.pattern).as_bytes()).explain(failed)?;
        Ok(Created::Made)
    }

    /// Takes the line out again, all others as they were. The caller holds the repository lock.
    pub fn destroy(&self, repo: &Repo) -> Result<Destroyed> {
        let file = Self::file(repo);
        let failed = || format!("cannot write '{}'", file.display());
        let content = read(&file).explain(failed)?;
        let kept: String =
            content.split_inclusive('\n').filter(|line| line.trim_end() != self.pattern).collect();
        if kept != content {
            crate::file::replace(&file, kept.as_bytes()).explain(failed)?;
        }
        Ok(Destroyed::Gone)
    }
}

fn read(file: &std::path::Path) -> io::Result<String> {
    match fs::read_to_string(file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        content => content,
    }
}
