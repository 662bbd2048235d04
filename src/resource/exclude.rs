//! A line in `.git/info/exclude`: for a worktree inside the main one, and for a link to a directory of the main one
//! that git ignores only as a directory.
//!
//! Without it, `git add .` in the outer worktree records the inner one as an embedded repository, and a link counts as
//! an untracked file, which keeps git from removing the worktree.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Created, Destroyed, Reversible, Site, Unwind};
use crate::error::{Explain, Result};
use crate::git::Repo;
use crate::host::file::read_text;
use crate::text::name::{Name, escaped};

/// What our comments begin with.
const OWNER: &str = "# git-wt: ";

/// One line of `info/exclude`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exclude {
    /// The pattern, `/path/to/worktree/`.
    pub pattern: String,
    /// The comment above it: several worktrees may have the same line, and each removes its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl Exclude {
    /// Returns the line that hides the directory `inner`, given relative to the main worktree.
    pub fn of(inner: &Path) -> Self {
        let mut pattern = String::from("/");
        for chunk in inner.as_os_str().as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    // a line of the file cannot contain these, so match any character
                    c if c.is_control() => pattern.push('?'),
                    '*' | '?' | '[' | '\\' => pattern.extend(['\\', c]),
                    c => pattern.push(c),
                }
            }
            pattern.extend(chunk.invalid().iter().map(|_| '?'));
        }
        pattern.push('/');
        Self { pattern, owner: None }
    }

    /// Returns the line that hides a link in the worktree `name`; in the main worktree it is a directory, which is
    /// already ignored.
    pub fn of_link(path: &Path, name: &Name) -> Self {
        let mut pattern = Self::of(path).pattern;
        pattern.pop();
        // a trailing blank does not count unless escaped
        if pattern.ends_with(' ') {
            pattern.insert(pattern.len() - 1, '\\');
        }
        Self { pattern, owner: Some(format!("{OWNER}link of '{}'", escaped(name.as_str()))) }
    }

    /// Whether it hides a link, rather than a worktree.
    pub fn is_of_link(&self) -> bool {
        self.owner.is_some()
    }

    /// Returns the text that is written: the comment, if any, and the pattern.
    fn text(&self) -> String {
        let owner = self.owner.iter().map(String::as_str);
        owner.chain([self.pattern.as_str()]).map(|line| format!("{line}\n")).collect()
    }

    /// Whether a permanent line of somebody else's does the same.
    fn is_needless(&self, content: &str) -> bool {
        let before = [""].into_iter().chain(content.lines());
        before.zip(content.lines()).any(|(above, line)| line == self.pattern && !above.starts_with(OWNER))
    }

    fn file(repo: &Repo) -> PathBuf {
        repo.common_dir().join("info").join("exclude")
    }

    /// Appends the line. The caller holds the repository lock.
    pub fn create_in(&self, repo: &Repo) -> Result<Created> {
        let file = Self::file(repo);
        let failed = || format!("cannot write '{}'", file.display());
        let content = read_text(&file)?.unwrap_or_default();
        if self.is_needless(&content) {
            return Ok(Created::Found);
        }
        if leads_elsewhere(&file) {
            return Ok(Created::Skipped(format!(
                "'{}' is a link, and what it leads to is not git's",
                file.display()
            )));
        }
        let newline = if content.is_empty() || content.ends_with('\n') { "" } else { "\n" };
        crate::host::file::make_shared_dir(file.parent().unwrap_or(&file)).explain(failed)?;
        let mut out = fs::OpenOptions::new().create(true).append(true).open(&file).explain(failed)?;
        out.write_all(format!("{newline}{}", self.text()).as_bytes()).explain(failed)?;
        Ok(Created::Made)
    }

    /// Removes the line again, keeping all others as they are. The caller holds the repository lock.
    pub fn destroy_in(&self, repo: &Repo) -> Result<Destroyed> {
        let file = Self::file(repo);
        let failed = || format!("cannot write '{}'", file.display());
        let content = read_text(&file)?.unwrap_or_default();
        let kept = match &self.owner {
            Some(_) => content.replacen(&self.text(), "", 1),
            None => content.split_inclusive('\n').filter(|line| line.trim_end() != self.pattern).collect(),
        };
        if kept != content && !leads_elsewhere(&file) {
            crate::host::file::replace(&file, kept.as_bytes()).explain(failed)?;
        }
        Ok(Destroyed::Gone)
    }
}

/// Whether the file or its directory is a link.
fn leads_elsewhere(file: &Path) -> bool {
    file.is_symlink() || file.parent().is_some_and(Path::is_symlink)
}

/// After a move, the record replaces the line, under the repository lock.
impl Reversible for Exclude {
    fn create(&mut self, site: &Site) -> Result<Created> {
        self.create_in(site.repo)
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        self.destroy_in(site.repo)
    }

    fn knows_its_own(&self) -> bool {
        false
    }

    fn needs_repository_lock(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("'{}' in .git/info/exclude", self.pattern)
    }
}
