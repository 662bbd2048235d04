//! What a worktree has that `git status` does not show, but that nothing can make again.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::looking_at;
use super::status::Status;
use super::submodules::{self, Places};
use crate::error::Result;

/// How many directories deep repositories are searched for.
const DEEPEST: usize = 64;

/// What git status is silent about, relative to the worktree.
#[derive(Debug, Clone, Default)]
pub struct Hidden {
    /// Tracked files with changes that `skip-worktree` or `assume-unchanged` hides.
    pub edits: Vec<PathBuf>,
    /// Repositories that are no submodules, or submodules whose only repository is in the worktree.
    pub repositories: Vec<PathBuf>,
    /// Where neither git nor we could look.
    pub unseen: Vec<PathBuf>,
}

impl Hidden {
    /// Searches the worktree at `root`, whose submodules are known, except in the directories `except`.
    pub fn of(root: &Path, submodules: &Places, except: &[PathBuf]) -> Result<Self> {
        let mut hidden = Self { unseen: submodules.strange.clone(), ..Self::default() };
        let top = PathBuf::new();
        for tree in std::iter::once(&top).chain(&submodules.cloned) {
            hidden.edits.extend(edits(&root.join(tree))?.iter().map(|path| tree.join(path)));
        }
        let except: HashSet<&Path> = except.iter().map(PathBuf::as_path).collect();
        hidden.search(root, &submodules.cloned, &except);
        Ok(hidden)
    }

    /// Searches for everything called `.git`, without following links.
    fn search(&mut self, root: &Path, submodules: &[PathBuf], except: &HashSet<&Path>) {
        let mut waiting = vec![(PathBuf::new(), 0)];
        while let Some((dir, depth)) = waiting.pop() {
            let dot_git = root.join(&dir).join(".git").symlink_metadata();
            let is_linked = dot_git.as_ref().is_ok_and(fs::Metadata::is_file);
            let is_known = depth == 0 || (is_linked && submodules.contains(&dir));
            if dot_git.is_ok() && !is_known {
                self.repositories.push(dir);
                continue;
            }
            let entries = fs::read_dir(root.join(&dir)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let Some(entries) = entries.ok().filter(|_| depth < DEEPEST) else {
                self.unseen.push(dir);
                continue;
            };
            let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            let inner = entries.iter().filter(|entry| is_dir(entry)).map(|entry| dir.join(entry.file_name()));
            let inner = inner.filter(|path| !path.ends_with(".git") && !except.contains(path.as_path()));
            waiting.extend(inner.map(|path| (path, depth + 1)));
        }
        self.repositories.sort();
    }
}

/// Returns the files that the submodules of the worktree at `root` ignore, relative to that.
pub fn ignored_in(root: &Path, submodules: &Places) -> Result<Vec<PathBuf>> {
    let mut ignored = Vec::new();
    for path in &submodules.cloned {
        let status = Status::of_everything(&root.join(path))?;
        ignored.extend(status.ignored.iter().map(|inner| path.join(inner)));
    }
    Ok(ignored)
}

/// Returns the files that are not as the index has them, of those that git was told not to look at. Those that are not
/// there are what a sparse checkout leaves out, or nothing that could be lost.
fn edits(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut edits, mut files) = (Vec::new(), Vec::new());
    for line in looking_at(root).args(["ls-files", "-v", "--stage", "-z"]).stdout()?.split(|b| *b == 0) {
        // 'TAG MODE OID STAGE<TAB>PATH'; the tag is a small letter for what is assumed to be unchanged
        let is_hidden = line.first().is_some_and(|tag| *tag == b'S' || tag.is_ascii_lowercase());
        let Some(tab) = line.iter().position(|b| *b == b'\t').filter(|_| is_hidden) else { continue };
        let mut fields = line[..tab].split(|b| *b == b' ').skip(1);
        let (mode, oid) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let name = &line[tab + 1..];
        let path = PathBuf::from(OsStr::from_bytes(name));
        let place = root.join(&path);
        let Ok(meta) = place.symlink_metadata() else { continue };
        // hash-object has no way to take a line break, and takes a quote for a quoted name
        let can_be_named = !name.contains(&b'\n') && !name.starts_with(b"\"");
        match mode {
            b"160000" if !submodules::is_root(&place)? || Status::of_everything(&place)?.is_clean() => {}
            b"120000" if meta.is_symlink() && is_link_to(root, &place, oid)? => {}
            b"100644" | b"100755" if meta.is_file() && can_be_named => files.push((path, oid.to_vec())),
            _ => edits.push(path),
        }
    }
    if !files.is_empty() {
        let asked: Vec<u8> =
            files.iter().flat_map(|(path, _)| [path.as_os_str().as_bytes(), b"\n"].concat()).collect();
        let hashed = looking_at(root).args(["hash-object", "--stdin-paths"]).output_of(&asked)?;
        let mut oids = hashed.stdout.split(|b| *b == b'\n');
        // what it could not read has no hash, and counts as changed
        edits.extend(files.into_iter().filter(|(_, known)| oids.next() != Some(known)).map(|(path, _)| path));
    }
    edits.sort();
    Ok(edits)
}

/// Whether the link at `place` leads to what the blob says.
fn is_link_to(root: &Path, place: &Path, oid: &[u8]) -> Result<bool> {
    let blob = looking_at(root).args(["cat-file", "blob"]).arg(OsStr::from_bytes(oid)).output()?;
    Ok(fs::read_link(place)
        .is_ok_and(|target| blob.code == 0 && target.as_os_str().as_bytes() == blob.stdout))
}
