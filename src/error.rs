//! What went wrong, why, and the way out: the one error of the house.
//!
//! It must not print: `lib` shows it, through `ui`.

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
    /// What was made before the failure and has been taken back.
    pub undone: Box<[String]>,
    /// What would help, where that is no command; shown behind what failed.
    pub advice: Option<Box<str>>,
    /// Commands to paste; shown one a line.
    pub hints: Vec<Hint>,
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
        Self {
            what: what.into(),
            why: Vec::new(),
            undone: Box::default(),
            advice: None,
            hints: Vec::new(),
            exit: Self::FATAL,
        }
    }

    /// Returns a wrong command line, status 129.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(what).exit(Self::USAGE)
    }

    /// Adds a cause below those already there, in one line; an empty one adds nothing.
    #[must_use]
    pub fn because(self, cause: impl Display) -> Self {
        let cause = cause.to_string();
        self.quoting(&cause.trim().replace('\n', "\\n"))
    }

    /// Adds as a cause what another program said, which may have several lines; nothing said adds nothing.
    #[must_use]
    pub fn quoting(mut self, said: &str) -> Self {
        let said = said.trim();
        if !said.is_empty() {
            self.why.push(said.to_owned());
        }
        self
    }

    /// Adds what would help, where that is no command.
    #[must_use]
    pub fn advise(mut self, advice: impl Display) -> Self {
        let before = self.advice.take().map(|before| format!("{before}; ")).unwrap_or_default();
        self.advice = Some(format!("{before}{advice}").into());
        self
    }

    /// What failed and what would help.
    pub fn headline(&self) -> String {
        let advice = self.advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
        format!("{}{advice}", self.what)
    }

    /// What and why in one line, for a report that is no failure.
    pub fn in_one_line(&self) -> String {
        std::iter::once(self.headline()).chain(self.why.iter().cloned()).collect::<Vec<_>>().join(": ")
    }

    /// Adds the way out.
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

/// A command to paste, as the words that it is made of: only `quote::command` makes a line of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Its parts, with a blank before each but the first.
    pub parts: Vec<Part>,
}

/// A part of a command to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Words of ours, in the shell's syntax.
    Written(&'static str),
    /// One word from anywhere, behind what is ours of it.
    Word(&'static str, OsString),
}

impl Hint {
    /// A command that begins with these words of ours.
    pub fn of(words: &'static str) -> Self {
        Self { parts: vec![Part::Written(words)] }
    }

    /// Adds words of ours.
    #[must_use]
    pub fn and(mut self, words: &'static str) -> Self {
        self.parts.push(Part::Written(words));
        self
    }

    /// Adds a name, behind `--` where it would be read as an option; nothing but names may follow.
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

    /// Adds a word which begins with what is ours of it, as in `--option=VALUE`.
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
