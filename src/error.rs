//! What went wrong, why, and what to do: the one error type of the crate.
//!
//! It must not print anything: `lib` shows it, through `ui`.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;

/// The result of anything that can be refused or can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure in the user's words.
#[derive(Debug, Clone)]
pub struct Error {
    /// What failed, in one line: lower case, no full stop, names in 'single quotes'.
    pub what: String,
    /// The chain of causes, nearest first.
    pub why: Vec<String>,
    /// What was made before the failure and has been undone.
    pub undone: Box<[String]>,
    /// What would help, if that is not a command; shown after what failed.
    pub advice: Option<Box<str>>,
    /// Commands to paste; shown one per line.
    pub hints: Vec<Hint>,
    pub exit: u8,
}

impl Error {
    /// The command was refused, or failed and was undone: git's status for "fatal".
    pub const FATAL: u8 = 128;
    /// The command line was wrong: git's status for a usage error.
    pub const USAGE: u8 = 129;
    /// The worktree was made, but a hook of the recipe failed or was not run.
    pub const HOOK: u8 = 3;

    /// Returns a failure that ends with status 128.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: Vec::new(),
            undone: Box::default(),
            advice: None,
            hints: Vec::new(),
            exit: Self::FATAL,
        }
    }

    /// Returns an error about the command line, with status 129.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(what).exit(Self::USAGE)
    }

    /// Adds a cause after those already there, in one line; an empty one adds nothing.
    #[must_use]
    pub fn because(self, cause: impl Display) -> Self {
        let cause = cause.to_string();
        self.quoting(&cause.trim().replace('\n', "\\n"))
    }

    /// Adds another program's output as a cause, which may have several lines; empty output adds nothing.
    #[must_use]
    pub fn quoting(mut self, said: &str) -> Self {
        let said = said.trim();
        if !said.is_empty() {
            self.why.push(said.to_owned());
        }
        self
    }

    /// Adds what would help, if that is not a command.
    #[must_use]
    pub fn advise(mut self, advice: impl Display) -> Self {
        let before = self.advice.take().map(|before| format!("{before}; ")).unwrap_or_default();
        self.advice = Some(format!("{before}{advice}").into());
        self
    }

    /// Returns what failed and what would help.
    pub fn headline(&self) -> String {
        let advice = self.advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
        format!("{}{advice}", self.what)
    }

    /// Returns what failed and why in one line, for a report that is not a failure.
    pub fn in_one_line(&self) -> String {
        std::iter::once(self.headline()).chain(self.why.iter().cloned()).collect::<Vec<_>>().join(": ")
    }

    /// Adds a command to paste.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
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

/// A command to paste, as the words it consists of: only `quote::command` joins them into a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Its parts; all but the first are preceded by a blank.
    pub parts: Vec<Part>,
}

/// A part of a command to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Words of our own, in shell syntax.
    Written(&'static str),
    /// One word from anywhere, after a prefix of our own.
    Word(&'static str, OsString),
}

impl Hint {
    /// Returns a command that begins with these words of our own.
    pub fn of(words: &'static str) -> Self {
        Self { parts: vec![Part::Written(words)] }
    }

    /// Adds words of our own.
    #[must_use]
    pub fn and(mut self, words: &'static str) -> Self {
        self.parts.push(Part::Written(words));
        self
    }

    /// Adds a name, after `--` if it could be read as an option; only names may follow.
    #[must_use]
    pub fn name(self, name: impl AsRef<OsStr>) -> Self {
        let ends =
            |part: &Part| matches!(part, Part::Written(words) if words.split(' ').any(|word| word == "--"));
        let name = name.as_ref();
        let hint = if name.as_encoded_bytes().starts_with(b"-") && !self.parts.iter().any(ends) {
            self.and("--")
        } else {
            self
        };
        hint.word("", name)
    }

    /// Adds a word with a prefix of our own, as in `--option=VALUE`.
    #[must_use]
    pub fn word(mut self, ours: &'static str, rest: impl AsRef<OsStr>) -> Self {
        self.parts.push(Part::Word(ours, rest.as_ref().to_owned()));
        self
    }
}

impl From<&'static str> for Hint {
    fn from(words: &'static str) -> Self {
        Self::of(words)
    }
}

/// Adds context to a low-level failure: what we were doing, and with which file or program.
pub trait Explain<T> {
    /// Turns the error into ours, with `what` on top and the original error as its cause.
    fn explain(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Display> Explain<T> for Result<T, E> {
    fn explain(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::new(what()).because(cause))
    }
}
