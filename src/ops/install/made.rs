//! What an installation has made: uninstalling takes back that, and nothing that was there before.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::host::claims::{Claims, path_text, require_home};
use crate::host::file;

/// Where they are noted, below this user's state.
const DIR: &str = "install";

/// A path, as written in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct MadePath(#[serde(with = "path_text")] PathBuf);

/// The directories and manual pages that were made, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Made {
    dirs: Vec<MadePath>,
    pages: Vec<MadePath>,
}

impl Made {
    fn file() -> PathBuf {
        Claims::open().dir().join(DIR).join("made.json")
    }

    /// Reads what earlier installations have noted; `None` if there was none that noted anything.
    pub(super) fn read() -> Result<Option<Self>> {
        let file = Self::file();
        let failed = || format!("cannot read '{}'", file.display());
        let Some(bytes) = file::read(&file)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|cause| Error::new(failed()).because(cause))
    }

    /// Notes the directories that have to be made for a file in `dir`, and the pages that will be written there.
    pub(super) fn note(&mut self, dir: &Path, pages: &[(&str, &str)]) -> Result<()> {
        let mut missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
        missing.reverse();
        add(&mut self.dirs, missing.into_iter().map(Path::to_owned));
        add(&mut self.pages, pages.iter().map(|(name, _)| dir.join(name)));
        self.write()
    }

    fn write(&self) -> Result<()> {
        let file = Self::file();
        require_home(&file)?;
        let failed = || format!("cannot write '{}'", file.display());
        file::make_private_dir(Claims::open().dir(), DIR).explain(failed)?;
        let bytes = serde_json::to_vec_pretty(self).explain(failed)?;
        file::replace_private(&file, &bytes).explain(failed)
    }

    pub(super) fn has_page(&self, page: &Path) -> bool {
        self.pages.iter().any(|made| made.0 == page)
    }

    /// Removes the directories that are empty now, and the note.
    pub(super) fn take_back(self) -> Result<()> {
        for MadePath(dir) in self.dirs.iter().rev() {
            let _ = fs::remove_dir(dir); // it may hold what others have put there
        }
        let file = Self::file();
        let gone = match fs::remove_file(&file) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::new(format!("cannot delete '{}'", file.display())).because(cause))
            }
            _ => Ok(()),
        };
        let _ = fs::remove_dir(file.parent().unwrap_or(&file));
        gone
    }
}

fn add(known: &mut Vec<MadePath>, paths: impl Iterator<Item = PathBuf>) {
    for path in paths.map(MadePath) {
        if !known.contains(&path) {
            known.push(path);
        }
    }
}
