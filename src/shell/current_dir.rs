//! The user's current directory, and its counterpart in another worktree.

use std::path::{Component, Path, PathBuf};

use crate::host::exec;
use crate::host::identity::Identity;

/// The current directory, as the kernel names it and as the user got there.
pub struct CurrentDir {
    physical: PathBuf,
    logical: PathBuf,
}

impl CurrentDir {
    /// Finds the current directory; `None` if it no longer exists.
    pub fn now() -> Option<Self> {
        let physical = std::env::current_dir().ok()?;
        let named = exec::variable("PWD").map(PathBuf::from).filter(|name| is_same(name, &physical));
        Some(Self { logical: named.unwrap_or_else(|| physical.clone()), physical })
    }

    /// Returns the directory below `to` that corresponds to ours below `from`, or `to` if there is none.
    pub fn counterpart(&self, from: &Path, to: &Path) -> PathBuf {
        let below = self.physical.strip_prefix(from).map(|below| to.join(below));
        below.ok().filter(|place| leads_into(place, to)).unwrap_or_else(|| to.to_owned())
    }

    /// Returns the name of `path` through the symbolic links by which the user got here, if it has one.
    pub fn name_of(&self, path: &Path) -> PathBuf {
        let named = || {
            let (real, ours) = differing_heads(&self.physical, &self.logical);
            let name = ours.join(path.strip_prefix(real).ok()?);
            is_same(&name, path).then_some(name)
        };
        named().unwrap_or_else(|| path.to_owned())
    }
}

/// Whether both are the same directory.
fn is_same(name: &Path, path: &Path) -> bool {
    let plain = name.is_absolute() && !name.components().any(|part| part == Component::ParentDir);
    plain && Identity::of(name).is_some_and(|there| Identity::of(path) == Some(there))
}

/// Whether `place` is a directory inside the worktree `root`, without a link leading out of it.
fn leads_into(place: &Path, root: &Path) -> bool {
    place.is_dir() && place.canonicalize().is_ok_and(|real| real.starts_with(root))
}

/// Strips the trailing names that two paths have in common.
fn differing_heads<'a>(one: &'a Path, other: &'a Path) -> (&'a Path, &'a Path) {
    let mut heads = (one, other);
    while let (Some(a), Some(b)) = (heads.0.file_name(), heads.1.file_name()) {
        let (Some(one), Some(other)) = (heads.0.parent(), heads.1.parent()) else { break };
        if a != b {
            break;
        }
        heads = (one, other);
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_from_their_ends() {
        let cases = [
            ("/mnt/disk/proj/app", "/home/you/proj/app", "/mnt/disk", "/home/you"),
            ("/real/app/src", "/link/src", "/real/app", "/link"),
            ("/same/app", "/same/app", "/", "/"),
            ("/a", "/b", "/a", "/b"),
        ];
        for (one, other, a, b) in cases {
            let heads = differing_heads(Path::new(one), Path::new(other));
            assert_eq!(heads, (Path::new(a), Path::new(b)), "{one} {other}");
        }
    }
}
