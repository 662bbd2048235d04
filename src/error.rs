//! What went wrong, why, and the way out: the one error of the house.
//!
//! It must not print: `lib` shows it, through `ui`.

use std::fmt::Display;

/// The result of anything that can be refused or can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure in the user's words.
#[derive(Debug)]
pub struct Error {
    /// What failed, in one line: lower case, no full stop, names in 'single quotes'.
    pub what: String,
    /// The chain of causes, nearest first.
    pub why: Vec<String>,
    /// What was made before the failure and has been taken back.
    pub undone: Vec<String>,
    /// Commands to paste, or at least the way out; shown one a line.
    pub hints: Vec<String>,
    /// The exit status.
    pub exit: u8,
}

impl Error {
    /// Refused or failed, and undone: git's status for "fatal".
    pub const FATAL: u8 = 128;
    /// The command line was wrong: git's status for a usage error.
    pub const USAGE: u8 = 129;
    /// The worktree was made, but a hook of the recipe failed or was not run.
    pub const HOOK: u8 = 3;

    /// Returns a failure that ends with status 128.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: Vec::new(), undone: Vec::new(), hints: Vec::new(), exit: Self::FATAL }
    }

    /// Returns a wrong command line, status 129.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(what).exit(Self::USAGE)
    }

    /// Adds a cause below those already there; an empty one adds nothing.
    #[must_use]
    pub fn because(mut self, cause: impl Display) -> Self {
        let cause = cause.to_string();
        let cause = cause.trim();
        if !cause.is_empty() {
            self.why.push(cause.to_owned());
        }
        self
    }

    /// What and why in one line, for a report that is no failure.
    pub fn in_one_line(&self) -> String {
        std::iter::once(&self.what).chain(&self.why).map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Sets the exit status.
    #[must_use]
    pub fn exit(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }
}

/// Gives a low-level failure its context: what we were doing, and to which file or program.
pub trait Explain<T> {
    /// Turns the error into ours, with `what` on top and the original as its cause.
    fn explain(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Display> Explain<T> for Result<T, E> {
    fn explain(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::new(what()).because(cause))
    }
}
