//! Who owns a repository, and whether the one found is the one meant: git's own rule, and a stricter one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use gix::bstr::BString;
use gix::config::{Source, file::Metadata};

use super::Repo;
use crate::error::{Error, Hint, Result};
use crate::host::exec;
use crate::host::file::real;
use crate::text::tilde;

impl Repo {
    /// Returns the repository that the current directory is meant to be in. What git takes for a bare repository may be
    /// part of another one's checkout, and then its settings come from whoever committed it.
    pub(super) fn that_is_meant(self, here: &Path) -> Result<Self> {
        let is_named = exec::variable("GIT_DIR").is_some();
        if is_named || !self.is_found_by_itself(here) {
            return Ok(self);
        }
        let Some(around) = self.git_dir.parent().and_then(|parent| {
            let found = Self::discover_at(parent).ok()?;
            found.that_is_meant(parent).ok()
        }) else {
            return Ok(self);
        };
        let (place, theirs) = (real(&self.git_dir), real(&around.common_dir));
        let inside = around.root.as_deref().map(real).filter(|root| place.starts_with(root));
        let Some(root) = inside.filter(|_| !place.starts_with(theirs)) else { return Ok(self) };
        let part = place.strip_prefix(&root).unwrap_or(&place);
        if around.tracked(&root)?.has(part)? {
            return Ok(around);
        }
        Err(Error::new(format!(
            "'{}' lies in the working tree of '{}' and is not taken for a repository of its own",
            place.display(),
            root.display()
        ))
        .hint(Hint::of("git").word("--git-dir=", &place).and("wt list")))
    }

    /// Whether the current directory is a git directory, or in one, found without a `.git` leading to it. One that is
    /// called `.git`, or is inside a `.git`, cannot come from a branch.
    fn is_found_by_itself(&self, here: &Path) -> bool {
        let git_dir = real(&self.git_dir);
        let is_gits = |part: Component| part.as_os_str().eq_ignore_ascii_case(".git");
        real(here).starts_with(&git_dir) && !git_dir.components().any(is_gits)
    }

    /// Fails where git would refuse: in a repository that somebody else owns and that `safe.directory` does not name.
    /// The owner of its common directory, which has the settings and the records, is checked too.
    pub(super) fn check_owner(&self) -> Result<()> {
        // like git, trust a repository that is named explicitly
        if exec::variable("GIT_DIR").is_some() {
            return Ok(());
        }
        let here = self.root.as_ref().unwrap_or(&self.git_dir);
        let dot_git = self.root.as_ref().map(|root| root.join(".git")).filter(|path| path.is_file());
        let here_is_ours = [dot_git.as_ref(), self.root.as_ref(), Some(&self.git_dir)]
            .into_iter()
            .flatten()
            .all(|path| is_owned_by_us(path));
        let is_safe_here = (!here_is_ours || !is_owned_by_us(&self.common_dir)) && self.calls_safe(here);
        if !here_is_ours && !is_safe_here {
            return Err(dubious(here));
        }
        let main = self.main_root().unwrap_or_else(|| self.common_dir.clone());
        if is_owned_by_us(&self.common_dir) || is_safe_here || self.calls_safe(&main) {
            return Ok(());
        }
        Err(dubious(&main))
    }

    /// Whether the user's own settings, not the repository's, name `place` in `safe.directory`.
    fn calls_safe(&self, place: &Path) -> bool {
        let is_protected = |meta: &Metadata| !matches!(meta.source, Source::Local | Source::Worktree);
        let snapshot = self.gix.config_snapshot();
        let named = snapshot.plumbing().strings_filter("safe.directory", is_protected).unwrap_or_default();
        let place = real(place);
        named.iter().fold(false, |safe, value| !value.is_empty() && (safe || names(value, &place)))
    }
}

/// Whether a value of `safe.directory` names a directory.
fn names(value: &BString, place: &Path) -> bool {
    if value == "*" {
        return true;
    }
    let (value, below) = match value.strip_suffix(b"/*") {
        Some(above) => (above, true),
        None => (value.as_slice(), false),
    };
    let home = exec::variable("HOME").map(PathBuf::from);
    let path = real(&tilde::expanded(OsStr::from_bytes(value), home.as_deref()));
    path.is_absolute() && if below { place != path && place.starts_with(&path) } else { place == path }
}

/// Whether we own a path itself, not what it may lead to. Root also counts as owning what the user who became root
/// owns.
fn is_owned_by_us(path: &Path) -> bool {
    let Ok(owner) = fs::symlink_metadata(path).map(|found| found.uid()) else { return false };
    let we = rustix::process::geteuid();
    let before = || exec::variable("SUDO_UID").and_then(|uid| uid.to_str()?.parse().ok());
    owner == we.as_raw() || (we.is_root() && before() == Some(owner))
}

fn dubious(place: &Path) -> Error {
    Error::new(format!("detected dubious ownership in repository at '{}'", place.display()))
        .hint(Hint::of("git config --global --add safe.directory").name(place))
}
