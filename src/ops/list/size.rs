//! How much room worktrees take on the disk, and what was removed of them.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Explain, Result};
use crate::git::Repo;
use crate::git::status::Status;
use crate::trash::Trash;
use crate::ui::short_bytes;

/// The room that a worktree takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    pub bytes: u64,
    /// What of it git ignores.
    pub ignored: u64,
}

impl Size {
    /// Adds up the files of the worktree at `root`; what git keeps of it, other worktrees inside it and other file
    /// systems do not count.
    pub fn of(root: &Path) -> Result<Self> {
        let ignored = Status::of_everything(root)?.ignored.into_iter();
        // git ends the name of a directory with a slash, and a path compares without it
        let ignored: HashSet<PathBuf> = ignored.map(|path| root.join(path).components().collect()).collect();
        let device =
            fs::symlink_metadata(root).explain(|| format!("cannot look at '{}'", root.display()))?.dev();
        let mut size = Self::default();
        size.add(root, device, &ignored, false);
        Ok(size)
    }

    fn add(&mut self, dir: &Path, device: u64, ignored: &HashSet<PathBuf>, is_ignored: bool) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
            let is_own = meta.dev() == device && entry.file_name() != ".git" && !is_worktree(&path, &meta);
            if !is_own {
                continue;
            }
            let is_ignored = is_ignored || ignored.contains(&path);
            let taken = meta.blocks() * 512;
            self.bytes += taken;
            self.ignored += if is_ignored { taken } else { 0 };
            if meta.is_dir() {
                self.add(&path, device, ignored, is_ignored);
            }
        }
    }

    /// Describes it, as in `994 MB (800 MB)`, where the second is what git ignores.
    pub fn describe(self) -> String {
        match self.ignored {
            0 => short_bytes(self.bytes),
            ignored => format!("{} ({})", short_bytes(self.bytes), short_bytes(ignored)),
        }
    }
}

/// Whether a directory is a worktree of its own: then its `.git` is a file, or a repository's directory.
fn is_worktree(path: &Path, meta: &fs::Metadata) -> bool {
    meta.is_dir() && fs::symlink_metadata(path.join(".git")).is_ok()
}

/// Describes in one line what is in the trash; `None` if it is empty.
pub fn of_trash(repo: &Repo) -> Result<Option<String>> {
    let trash = Trash::of(repo);
    let mut size = Size::default();
    let mut count = 0;
    for (id, manifest) in trash.list()? {
        count += 1;
        let Ok(manifest) = manifest else { continue };
        let Some(dir) = trash.directory(&id, &manifest) else { continue };
        if let Ok(meta) = fs::symlink_metadata(&dir) {
            size.add(&dir, meta.dev(), &HashSet::new(), false);
        }
    }
    let worktrees = if count == 1 { "1 worktree".into() } else { format!("{count} worktrees") };
    Ok((count > 0).then(|| format!("in the trash: {worktrees}, {}", short_bytes(size.bytes))))
}
