//! The identity of a file: device and inode.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What identifies a file or directory on this machine: a path may lead to a copy or through a link, but this cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
}

impl Identity {
    /// Returns the identity of what is at `path`, following links; `None` if nothing is there.
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|meta| Self { dev: meta.dev(), ino: meta.ino() })
    }
}
