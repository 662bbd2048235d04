//! Names with rules: of a worktree, of a branch. Parsed at the edge, trusted inside.
//!
//! It knows git's rules for reference names (git-check-ref-format(1)); it touches no repository.

use std::fmt::{self, Display};
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Explain, Result};

/// The name of a worktree: what the user types to reach it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

/// The short name of a local branch, valid by `git check-ref-format --branch`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Branch(String);

impl Name {
    /// Parses a name from which a branch or a place is derived.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(fault) = fault(text) {
            return Err(Error::new(format!("'{}' is not a usable name: {fault}", escaped(text))));
        }
        if slug(text).is_empty() {
            return Err(Error::new(format!("no directory name can be derived from '{text}'"))
                .because("a place is made from the letters a-z and digits of a name")
                .hint(format!("git wt add --path ../PLACE '{text}'")));
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes a name that came from a place the user chose; only what is shown and looked up.
    pub fn of_place(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Branch {
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

    /// The short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full reference name.
    pub fn full(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&escaped(&self.0))
    }
}

impl Display for Branch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Says what makes `text` unusable as a branch, by git-check-ref-format(1) and `--branch`.
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

/// Returns lowercase `a-z`, digits and single hyphens, none at either end; empty if nothing is left.
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

/// Returns a database name: `[a-z0-9_]`, a letter first (SQL wants quotes round any other, Docker Compose takes no `_`
/// there), at most 58 bytes (`test_` in front still fits PostgreSQL's 63), with 8 hex digits of a hash where something
/// was lost.
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

/// Returns the SHA-256 of `bytes` in hex.
pub fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the same of all that can be read, however long that is.
pub fn hash_all(mut from: impl Read) -> io::Result<String> {
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(hex(&digest.finalize())),
            Ok(length) => digest.update(&buffer[..length]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Draws `digits` random hex digits, at most 64.
pub fn random_hex(digits: usize) -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).explain(|| "the system gives no random numbers".into())?;
    let mut hex = hash(&bytes);
    hex.truncate(digits);
    Ok(hex)
}

/// Makes control characters visible, so that a hostile name cannot move the cursor.
pub fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
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
