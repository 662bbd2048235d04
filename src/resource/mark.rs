//! What was there before a thing was made, and how to recognise the thing that we made.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::tree::Tree;
use crate::error::Result;

/// What was at a resource's path before we began to make it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// Whether nothing was there. Also false while nobody has looked, since then nothing is certainly ours.
    pub(super) absent: bool,
    /// How many of its parent directories were missing.
    pub(super) missing_parents: usize,
}

impl Before {
    pub(super) fn of(tree: &Tree, path: &Path) -> Result<Self> {
        let absent = tree.kind(path)?.is_none();
        let missing_parents = if absent { tree.missing_parents(path)? } else { 0 };
        Ok(Self { absent, missing_parents })
    }
}

/// Identifies a file or directory that we made, whatever it is called now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birthmark {
    dev: u64,
    ino: u64,
    /// Nanoseconds since 1970, if the file system records them.
    born: Option<u64>,
}

impl Birthmark {
    /// Returns the birthmark of the thing with this metadata.
    pub fn of(found: &Metadata) -> Self {
        let since_1970 = found.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let born = since_1970.and_then(|age| u64::try_from(age.as_nanos()).ok());
        Self { dev: found.dev(), ino: found.ino(), born }
    }

    /// Whether this is the metadata of the same thing.
    ///
    /// Inode numbers are soon reused, but birth times are not. The device number of a btrfs or NFS mount may change
    /// with a reboot, so it counts only if no birth time is known.
    pub fn is(&self, found: &Metadata) -> bool {
        let other = Self::of(found);
        match (self.born, other.born) {
            (Some(_), Some(_)) => (self.ino, self.born) == (other.ino, other.born),
            _ => (self.dev, self.ino) == (other.dev, other.ino),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_birthmark_survives_a_rename_and_not_a_replacement() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("a"), dir.path().join("b"));
        fs::File::create(&path).unwrap();
        let made = Birthmark::of(&fs::metadata(&path).unwrap());
        fs::rename(&path, &moved).unwrap();
        assert!(made.is(&fs::metadata(&moved).unwrap()));
        fs::copy(&moved, &path).unwrap();
        assert!(!made.is(&fs::metadata(&path).unwrap()));
    }

    #[test]
    fn devices_count_only_where_no_birth_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let found = fs::metadata(dir.path()).unwrap();
        let real = Birthmark::of(&found);
        let cases = [
            (Birthmark { dev: real.dev + 1, ..real.clone() }, real.born.is_some()),
            (Birthmark { born: None, ..real.clone() }, true),
            (Birthmark { born: None, dev: real.dev + 1, ..real.clone() }, false),
            (Birthmark { ino: real.ino + 1, ..real.clone() }, false),
            (Birthmark { born: real.born.map(|born| born + 1), ..real.clone() }, real.born.is_none()),
        ];
        for (birthmark, same) in cases {
            assert_eq!(birthmark.is(&found), same, "{birthmark:?}");
        }
    }
}
