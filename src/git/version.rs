//! The version of git. If it is too old, a single sentence says for what, before anything is made.

use std::fmt;
use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::host::exec::Program;

/// A version of git: major, minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32);

/// The oldest version that git-wt is tested with.
pub const OLDEST: Version = Version(2, 39);
/// The first version with `git worktree add --orphan`.
pub const ORPHAN: Version = Version(2, 42);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Version {
    /// Asks the git on PATH, only once.
    pub fn of_git() -> Result<Self> {
        static KNOWN: OnceLock<Version> = OnceLock::new();
        match KNOWN.get() {
            Some(known) => Ok(*known),
            None => Self::ask_git().map(|found| *KNOWN.get_or_init(|| found)),
        }
    }

    fn ask_git() -> Result<Self> {
        let printed = Program::new("git").arg("--version").stdout()?;
        let printed = String::from_utf8_lossy(&printed);
        Self::parse(&printed).ok_or_else(|| {
            Error::new("cannot tell the version of git").because(format!("it says '{}'", printed.trim()))
        })
    }

    /// Parses `git version 2.39.5 (Apple Git-154)`.
    fn parse(printed: &str) -> Option<Self> {
        let mut numbers = printed.trim().strip_prefix("git version ")?.split(['.', ' ']).map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

/// Refuses a git that is too old for git-wt.
pub fn require() -> Result<()> {
    require_for("git-wt", OLDEST)
}

/// Refuses a git older than `needed`; `what` names the feature that needs it.
pub fn require_for(what: &str, needed: Version) -> Result<()> {
    let version = Version::of_git()?;
    if version >= needed {
        return Ok(());
    }
    Err(Error::new(format!("{what} needs git {needed} or later, and this is git {version}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_git_and_its_packagers_write_them() {
        for (printed, want) in [
            ("git version 2.39.5\n", Some(Version(2, 39))),
            ("git version 2.39.5 (Apple Git-154)\n", Some(Version(2, 39))),
            ("git version 2.48.0.rc1.windows.1", Some(Version(2, 48))),
            ("git version 2.50", Some(Version(2, 50))),
            ("hub version 2.14", None),
            ("git version next", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(printed), want, "{printed}");
        }
        assert!(Version(2, 9) < Version(2, 39) && Version(2, 47) < Version(3, 0));
    }
}
