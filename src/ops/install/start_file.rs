//! A shell's start file: one line of ours in a file of the user's.
//!
//! A link stays a link; the file it leads to is replaced whole and keeps its mode. Before the line is added, a backup
//! of the file is put beside it; when the line is removed, so is the backup.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::host::file;

/// A start file, which may not exist yet.
#[derive(Debug)]
pub(super) struct StartFile {
    path: PathBuf,
    /// The file that is written, at the end of all links.
    target: PathBuf,
}

impl StartFile {
    /// Follows the links of a start file.
    pub(super) fn at(path: PathBuf) -> Result<Self> {
        let target = match fs::canonicalize(&path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound && !path.is_symlink() => path.clone(),
            target => target.explain(|| format!("cannot read '{}'", path.display()))?,
        };
        Ok(Self { path, target })
    }

    /// Returns its path, as the shell names it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the directory of the file that is written.
    pub(super) fn dir(&self) -> &Path {
        self.target.parent().unwrap_or(&self.target)
    }

    /// Returns the path of the backup made before the line was added.
    pub(super) fn backup(&self) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(".git-wt-backup");
        name.into()
    }

    pub(super) fn exists(&self) -> bool {
        self.target.exists()
    }

    /// Returns the lines that load git-wt, whoever wrote them.
    pub(super) fn loading(&self) -> Result<Vec<String>> {
        let text = String::from_utf8_lossy(&self.read()?).into_owned();
        let loads = |line: &&str| {
            !line.trim_start().starts_with('#')
                && (line.contains("git-wt shell-init") || line.contains("git wt shell-init"))
        };
        Ok(text.lines().filter(loads).map(str::to_owned).collect())
    }

    /// Refuses a file that its owner has made read-only.
    pub(super) fn check_writable(&self) -> Result<()> {
        match fs::metadata(&self.target) {
            Ok(found) if found.permissions().readonly() => {
                Err(Error::new(format!("'{}' is read-only", self.target.display())))
            }
            _ => Ok(()),
        }
    }

    /// Adds a line at the end, unless the file has come to load git-wt in the meantime.
    pub(super) fn add(&self, line: &str) -> Result<()> {
        if !self.loading()?.is_empty() {
            return Ok(());
        }
        let text = self.read()?;
        if self.exists() {
            let backup = self.backup();
            // a read-only backup from before could not be overwritten
            let _ = fs::remove_file(&backup);
            fs::copy(&self.target, &backup).explain(|| format!("cannot write '{}'", backup.display()))?;
        } else if let Some(dir) = self.target.parent() {
            file::make_shared_dir(dir).explain(|| format!("cannot make '{}'", dir.display()))?;
        }
        self.write(&with(&text, line))
    }

    /// Removes a line; a file that was created for it is deleted too.
    pub(super) fn take_out(&self, line: &str) -> Result<()> {
        let text = without(&self.read()?, line);
        let backup = self.backup();
        match file::read(&backup) {
            // adding had ended the last line, which had no newline
            Ok(Some(was)) if with(&was, line) == with(&text, line) => self.write(&was)?,
            Ok(None) if text.is_empty() => {
                return fs::remove_file(&self.target)
                    .explain(|| format!("cannot delete '{}'", self.target.display()));
            }
            _ => self.write(&text)?,
        }
        match fs::remove_file(&backup) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => {
                Err(Error::new(format!("cannot delete '{}'", backup.display())).because(cause))
            }
            _ => Ok(()),
        }
    }

    fn read(&self) -> Result<Vec<u8>> {
        Ok(file::read(&self.target)?.unwrap_or_default())
    }

    fn write(&self, text: &[u8]) -> Result<()> {
        file::replace(&self.target, text).explain(|| format!("cannot write '{}'", self.target.display()))
    }
}

/// Returns the text with a line at its end, using the text's own line endings.
fn with(text: &[u8], line: &str) -> Vec<u8> {
    let end: &[u8] = if text.windows(2).any(|pair| pair == b"\r\n") { b"\r\n" } else { b"\n" };
    let open = !text.is_empty() && !text.ends_with(b"\n");
    [text, if open { end } else { b"" }, line.as_bytes(), end].concat()
}

/// Returns the text without every occurrence of this line.
fn without(text: &[u8], line: &str) -> Vec<u8> {
    let is_it = |found: &&[u8]| found.trim_ascii_end() == line.as_bytes();
    text.split_inclusive(|byte| *byte == b'\n').filter(|found| !is_it(found)).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_in_and_out() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"", b"LINE\n"),
            (b"a\n", b"a\nLINE\n"),
            (b"a", b"a\nLINE\n"),
            (b"a\r\nb\r\n", b"a\r\nb\r\nLINE\r\n"),
            (b"a\r\nb", b"a\r\nb\r\nLINE\r\n"),
            (b"\xff\n", b"\xff\nLINE\n"),
        ];
        for (text, more) in cases {
            assert_eq!(with(text, "LINE"), more);
            assert_eq!(with(&without(more, "LINE"), "LINE"), more);
        }
        assert_eq!(without(b"a\nLINE\n# LINE\nLINE x\nb", "LINE"), b"a\n# LINE\nLINE x\nb");
    }
}
