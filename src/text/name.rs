//! Names with rules: of worktrees and of branches. They are parsed at the edge and trusted inside.
//!
//! It knows git's rules for reference names (git-check-ref-format(1)); it touches no repository.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::hash::hash;
use crate::error::{Error, Hint, Result};

/// The name of a worktree: what the user types to reach it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

/// The short name of a local branch, valid by `git check-ref-format --branch`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BranchName(String);

impl Name {
    /// Parses a name from which a branch or a path is derived.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(fault) = fault(text) {
            return Err(Error::new(format!("'{}' is not a usable name: {fault}", escaped(text))));
        }
        if slug(text).is_empty() {
            return Err(Error::new(format!("no directory name can be derived from '{text}'"))
                .because("a place is made from the letters a-z and digits of a name")
                .hint(Hint::of("git wt add --path ../PLACE").name(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes a name from a path that the user chose; it is only shown and looked up.
    pub fn of_place(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BranchName {
    /// Parses a branch name by the rules of `git check-ref-format --branch`.
    pub fn parse(text: &str) -> Result<Self> {
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => {
                Err(Error::new(format!("'{}' is not a valid branch name: {fault}", escaped(text))))
            }
        }
    }

    /// Takes the branch of a full reference name, `refs/heads/NAME`.
    pub fn of_ref(full: &str) -> Option<Self> {
        full.strip_prefix("refs/heads/").map(|short| Self(short.to_owned()))
    }

    /// Returns the short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the full reference name.
    pub fn full(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&escaped(&self.0))
    }
}

impl Display for BranchName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Returns what makes `text` unusable as a branch, by git-check-ref-format(1) and `--branch`.
fn fault(text: &str) -> Option<&'static str> {
    let bad = |c: char| matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    if text.is_empty() {
        Some("it is empty")
    } else if text.starts_with('-') {
        Some("it begins with '-'")
    } else if text.chars().any(char::is_control) {
        Some("it has a control character")
    } else if text.contains("..") {
        Some("it has '..'")
    } else if text.chars().any(bad) {
        Some("it has a space or one of ~ ^ : ? * [ \\")
    } else if text.contains("@{") || text == "@" || text == "HEAD" {
        Some("git reads it as a revision")
    } else if text.starts_with('/') || text.ends_with('/') || text.contains("//") {
        Some("it has an empty part between slashes")
    } else if text.ends_with('.') {
        Some("it ends with '.'")
    } else if text.split('/').any(|part| part.starts_with('.') || part.ends_with(".lock")) {
        Some("a part of it begins with '.' or ends with '.lock'")
    } else {
        None
    }
}

/// Returns lowercase `a-z`, digits and single hyphens, without a hyphen at either end; empty if nothing is left.
pub fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// Returns a database name: `[a-z0-9_]`, beginning with a letter (SQL requires quotes otherwise, and Docker Compose
/// accepts no `_` there), at most 58 bytes (so that `test_` in front still fits PostgreSQL's 63), with 8 hex digits of
/// a hash if anything was lost.
pub fn dbname(text: &str) -> String {
    const MOST: usize = 58;
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let mut name = plain.trim_start_matches('_').to_owned();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, if name.is_empty() { "db" } else { "db_" });
    }
    if name == text && name.len() <= MOST {
        return name;
    }
    let hash = &hash(text.as_bytes())[..8];
    format!("{}_{hash}", &name[..name.len().min(MOST - 9)])
}

/// Makes visible whatever a terminal would obey, hide or reorder: control characters, line breaks, bidirectional and
/// zero-width characters, blanks other than the space, and characters that Unicode has not assigned or leaves to
/// private use.
pub fn escaped(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_visible(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out
}

pub fn is_shown(text: &str) -> bool {
    text.chars().all(is_visible)
}

fn is_visible(c: char) -> bool {
    // letters, marks or symbols by category, but invisible in every font
    const BLANK: [RangeInclusive<char>; 9] = [
        '\u{34f}'..='\u{34f}',
        '\u{115f}'..='\u{1160}',
        '\u{17b4}'..='\u{17b5}',
        '\u{180b}'..='\u{180f}',
        '\u{2800}'..='\u{2800}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{e0100}'..='\u{e01ef}',
    ];
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // after a letter, `escape_debug` escapes all but letters, marks, numbers, punctuation and symbols
    let mut buffer = [b'a'; 5];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    let printable =
        std::str::from_utf8(&buffer[..=length]).is_ok_and(|pair| pair.escape_debug().eq(pair.chars()));
    printable && !BLANK.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_hurt_are_refused() {
        for bad in
            ["", "-x", "a..b", "a\nb", "a\x1b[31m", "日本語", "a b", "x.lock", "@", ".x", "a//b", "x/", "a~1"]
        {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["staging", "feature/x", "v1.0.0", "Fix-7", "naïve"] {
            assert!(Name::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let hidden = [
            '\0'..='\u{1f}',
            '\u{7f}'..='\u{a0}',
            '\u{ad}'..='\u{ad}',
            '\u{34f}'..='\u{34f}',
            '\u{61c}'..='\u{61c}',
            '\u{115f}'..='\u{1160}',
            '\u{180b}'..='\u{180f}',
            '\u{2000}'..='\u{200f}',
            '\u{2028}'..='\u{202f}',
            '\u{205f}'..='\u{206f}',
            '\u{3000}'..='\u{3000}',
            '\u{3164}'..='\u{3164}',
            '\u{e000}'..='\u{f8ff}',
            '\u{fe00}'..='\u{fe0f}',
            '\u{feff}'..='\u{feff}',
            '\u{fff0}'..='\u{fffb}',
            '\u{e0000}'..='\u{10ffff}',
        ];
        for c in hidden.into_iter().flatten() {
            assert!(escaped(&format!("a{c}b")).is_ascii(), "{c:?}");
            assert!(!escaped(&c.to_string()).contains(c), "{c:?}");
        }
        for seen in
            ["it's \"x\" \\ `~", "naïve", "e\u{301}", "日本語", "한국어", "עברית", "हिन्दी", "…‘’“”–", "🙂"]
        {
            assert_eq!(escaped(seen), seen);
        }
        assert_eq!(escaped("a\nb\u{202e}c\u{200b}"), r"a\nb\u{202e}c\u{200b}");
        assert_eq!(escaped(&escaped("\u{1b}[31m")), escaped("\u{1b}[31m"));
    }

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("feature/User Dashboard!"), "feature-user-dashboard");
        assert_eq!(slug("--x--"), "x");
        assert_eq!(slug("日本語"), "");
    }

    #[test]
    fn database_names_keep_what_they_can() {
        assert_eq!(dbname("myproject_staging"), "myproject_staging");
        let slash = dbname("myproject_feature/a");
        assert!(slash.starts_with("myproject_feature_a_"), "{slash}");
        assert_ne!(slash, dbname("myproject_feature-a"));
        assert_eq!(dbname(&"x".repeat(80)).len(), 58);
        assert_eq!(dbname(&"1".repeat(80)).len(), 58);
        for (text, begins) in [
            ("_x", "x_"),
            (".dotfiles_a", "dotfiles_a_"),
            ("2048_a", "db_2048_a_"),
            ("", "db_"),
            ("__", "db_"),
        ] {
            let name = dbname(text);
            assert!(name.starts_with(begins) && name.len() == begins.len() + 8, "{text}: {name}");
        }
        assert_ne!(dbname("2048_a"), dbname("db_2048_a"));
        assert_ne!(dbname("_x"), dbname("__x"));
    }
}
