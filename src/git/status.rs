//! What `git status` reports about a worktree: its porcelain format, version 2, by git-status(1).
//!
//! Git takes no lock and writes no index for it. A line that is not understood is an error, because it may be
//! somebody's work.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::looking_at;
use super::worktrees::Worktree;
use crate::error::{Error, Result};
use crate::host::file;

/// What is uncommitted in a worktree, and how its branch compares with its upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Tracked files that differ from the index, or the index from HEAD.
    pub changes: Vec<Change>,
    /// Untracked files, and directories that contain only such files if those were asked for as a whole.
    pub untracked: Vec<PathBuf>,
    /// Ignored files and directories, if they were asked for.
    pub ignored: Vec<PathBuf>,
    /// How many commits the branch is ahead of its upstream, and behind it, if there is an upstream.
    pub ahead_behind: Option<(usize, usize)>,
}

/// Returns the files of a worktree that are not as HEAD has them. It needs no index, which git writes only when all is
/// checked out.
pub fn unlike_head(root: &Path) -> Result<Vec<PathBuf>> {
    let git = || looking_at(root);
    let mut tracked = BTreeMap::new();
    for line in git().args(["ls-tree", "-r", "-z", "--full-tree", "HEAD"]).stdout()?.split(|b| *b == 0) {
        // 'MODE KIND OID<TAB>PATH'
        let Some(tab) = line.iter().position(|b| *b == b'\t') else { continue };
        let oid = line[..tab].rsplit(|b| *b == b' ').next().unwrap_or_default().to_vec();
        tracked.insert(path(&line[tab + 1..]), (line.starts_with(b"100"), oid));
    }
    let (mut unlike, mut files) = (Vec::new(), Vec::new());
    for found in super::paths(&git().args(["ls-files", "--others", "-z"]).stdout()?) {
        match tracked.get(&found) {
            // git has no way to take a line break here
            Some((true, oid)) if !found.as_os_str().as_bytes().contains(&b'\n') => files.push((found, oid)),
            Some((false, _)) => {}
            _ => unlike.push(found),
        }
    }
    let asked: Vec<u8> =
        files.iter().flat_map(|(path, _)| [path.as_os_str().as_bytes(), b"\n"].concat()).collect();
    let hashed = git().args(["hash-object", "--stdin-paths"]).output_of(&asked)?;
    if hashed.code != 0 {
        return Err(
            Error::new(format!("cannot read what is in '{}'", root.display())).quoting(&hashed.stderr)
        );
    }
    let oids = hashed.stdout.split(|b| *b == b'\n');
    unlike.extend(
        files.into_iter().zip(oids).filter(|((_, known), oid)| known != oid).map(|((path, _), _)| path),
    );
    Ok(unlike)
}

/// A tracked file that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Two letters, for index and worktree, such as `M.`, or `UU` for a conflict.
    pub code: [u8; 2],
    /// What has changed in a submodule: `C` a commit, `M` a file, `U` an untracked one. Empty if it is not a submodule.
    pub submodule: Vec<u8>,
    /// Its path, relative to the worktree.
    pub path: PathBuf,
    /// The path that it was renamed or copied from.
    pub from: Option<PathBuf>,
}

impl Status {
    /// Examines all files that git does not ignore, one by one.
    pub fn of(root: &Path) -> Result<Self> {
        Self::read(root, &["--branch", "--untracked-files=all"])
    }

    /// Examines everything in a worktree, including ignored files and changes in submodules. A directory that contains
    /// nothing tracked is listed as a whole.
    pub fn of_everything(root: &Path) -> Result<Self> {
        Self::read(root, &["--ignored=traditional", "--untracked-files=normal", "--ignore-submodules=none"])
    }

    /// Examines everything in a worktree file by file, including ignored ones.
    pub fn of_each_file(root: &Path) -> Result<Self> {
        Self::read(root, &["--ignored=traditional", "--untracked-files=all", "--ignore-submodules=none"])
    }

    fn read(root: &Path, options: &[&str]) -> Result<Self> {
        let output = looking_at(root).args(["status", "--porcelain=v2", "-z"]).args(options).stdout()?;
        Self::parse(&output).ok_or_else(|| {
            Error::new(format!("cannot understand what git status says of '{}'", root.display()))
        })
    }

    fn parse(output: &[u8]) -> Option<Self> {
        let mut status = Self::default();
        let mut lines = output.split(|b| *b == 0).filter(|line| !line.is_empty());
        while let Some(line) = lines.next() {
            let (kind, rest) = (line.first()?, line.get(2..)?);
            match kind {
                b'1' => status.changes.push(Change::parse(rest, 5, None)?),
                b'2' => status.changes.push(Change::parse(rest, 6, Some(lines.next()?))?),
                b'u' => status.changes.push(Change::parse(rest, 7, None)?),
                b'?' => status.untracked.push(path(rest)),
                b'!' => status.ignored.push(path(rest)),
                // git says that unknown headers must be ignored
                b'#' => status.ahead_behind = ahead_behind(rest).or(status.ahead_behind),
                _ => return None,
            }
        }
        Some(status)
    }

    /// Whether there is nothing that a commit would leave out.
    pub fn is_clean(&self) -> bool {
        self.changes.is_empty() && self.untracked.is_empty()
    }

    /// Returns the lines of `git status --short`.
    pub fn short(&self) -> impl Iterator<Item = String> {
        let untracked = self.untracked.iter().map(|path| format!("?? {}", path.display()));
        self.changes.iter().map(Change::short).chain(untracked)
    }
}

impl Change {
    /// Parses `XY SUB …` with this many fields between those and the path.
    fn parse(line: &[u8], between: usize, from: Option<&[u8]>) -> Option<Self> {
        let mut fields = line.splitn(between + 3, |b| *b == b' ');
        let code = fields.next()?.try_into().ok()?;
        let submodule = fields.next()?.strip_prefix(b"S").unwrap_or_default();
        let submodule = submodule.iter().copied().filter(|letter| *letter != b'.').collect();
        Some(Self { code, submodule, path: path(fields.nth(between)?), from: from.map(path) })
    }

    fn short(&self) -> String {
        let code: String =
            self.code.iter().map(|letter| if *letter == b'.' { ' ' } else { char::from(*letter) }).collect();
        let from = self.from.iter().map(|from| format!("{} -> ", from.display()));
        let from: String = from.collect();
        format!("{code} {from}{}", self.path.display())
    }
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Reads `branch.ab +1 -2`.
fn ahead_behind(header: &[u8]) -> Option<(usize, usize)> {
    let numbers = str::from_utf8(header).ok()?.strip_prefix("branch.ab ")?;
    let (ahead, behind) = numbers.split_once(' ')?;
    Some((ahead.strip_prefix('+')?.parse().ok()?, behind.strip_prefix('-')?.parse().ok()?))
}

/// What is uncommitted in a worktree, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Files with changes, staged or not.
    pub changed: usize,
    /// Untracked files.
    pub untracked: usize,
    /// Lines added since HEAD, including those of untracked files.
    pub added: usize,
    /// Lines deleted since HEAD.
    pub deleted: usize,
    /// Commits that the upstream lacks; absent without an upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<usize>,
    /// Commits of the upstream that are missing here; absent without an upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<usize>,
}

impl Summary {
    /// Examines a worktree that exists.
    pub fn of(tree: &Worktree) -> Result<Self> {
        let root = &tree.path;
        let status = Status::of(root)?;
        let mut summary = Self {
            changed: status.changes.len(),
            untracked: status.untracked.len(),
            added: status.untracked.iter().map(|path| lines_of(&root.join(path))).sum(),
            deleted: 0,
            ahead: status.ahead_behind.map(|(ahead, _)| ahead),
            behind: status.ahead_behind.map(|(_, behind)| behind),
        };
        if !status.changes.is_empty() && tree.head.oid().is_some() {
            let numbers =
                looking_at(root).args(["diff", "--numstat", "--no-renames", "-z", "HEAD"]).stdout()?;
            for line in numbers.split(|b| *b == 0) {
                let line = String::from_utf8_lossy(line);
                // binary files have '-' instead
                let mut numbers = line.split('\t').map(|number| number.parse().unwrap_or(0));
                summary.added += numbers.next().unwrap_or(0);
                summary.deleted += numbers.next().unwrap_or(0);
            }
        }
        Ok(summary)
    }

    /// Describes it in a few characters; empty if there is nothing to report.
    pub fn describe(&self) -> String {
        self.parts().join(" ")
    }

    /// Returns what there is to report: lines and untracked files, then the upstream.
    pub fn parts(&self) -> Vec<String> {
        let lines = self.added + self.deleted;
        let mut parts = Vec::new();
        if self.changed > 0 && lines == 0 {
            // a binary file, or a mode
            parts.push(format!("{} changed", self.changed));
        }
        let counts = [
            ("+", self.added),
            ("-", self.deleted),
            ("?", self.untracked),
            ("↑", self.ahead.unwrap_or(0)),
            ("↓", self.behind.unwrap_or(0)),
        ];
        parts.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(sign, count)| match count {
            ..10_000 => format!("{sign}{count}"),
            _ => format!("{sign}{}k", count / 1000),
        }));
        parts
    }
}

/// Returns the number of lines of a text file; 0 if it is binary, huge, or not a file.
fn lines_of(path: &Path) -> usize {
    if !path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= file::LARGEST) {
        return 0;
    }
    let bytes = file::read(path).ok().flatten().filter(|bytes| !bytes.contains(&0)).unwrap_or_default();
    let unfinished = usize::from(bytes.last().is_some_and(|last| *last != b'\n'));
    bytes.iter().filter(|b| **b == b'\n').count() + unfinished
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Option<Status> {
        Status::parse(lines.iter().map(|line| format!("{line}\0")).collect::<String>().as_bytes())
    }

    #[test]
    fn every_kind_of_line_is_read() {
        let oid = "0".repeat(40);
        let status = parse(&[
            &format!("# branch.oid {oid}"),
            "# branch.head main",
            "# branch.upstream origin/main",
            "# branch.ab +3 -12",
            "# stash 2",
            &format!("1 .M N... 100644 100644 100644 {oid} {oid} a name"),
            &format!("1 .M SCM. 160000 160000 160000 {oid} {oid} sub"),
            &format!("2 RM N... 100644 100644 100644 {oid} {oid} R87 new one"),
            "old one",
            &format!("u UU N... 100644 100644 100644 100644 {oid} {oid} {oid} both sides"),
            "? ? name",
            "! build/",
        ])
        .unwrap();
        let lines: Vec<String> = status.short().collect();
        assert_eq!(lines, [" M a name", " M sub", "RM old one -> new one", "UU both sides", "?? ? name"]);
        assert_eq!(status.changes[1].submodule, b"CM");
        assert_eq!(status.changes[2].from.as_deref(), Some(Path::new("old one")));
        assert_eq!(status.ignored, [Path::new("build/")]);
        assert_eq!(status.ahead_behind, Some((3, 12)));
        assert!(!status.is_clean());
    }

    #[test]
    fn what_is_not_understood_is_not_clean() {
        for lines in
            [&["x what"][..], &["1 .M N... 100644"], &["2 R. N... 1 1 1 a b R100 new"], &["1"], &["?"]]
        {
            assert_eq!(parse(lines), None, "{lines:?}");
        }
        assert!(parse(&[]).unwrap().is_clean());
    }
}
