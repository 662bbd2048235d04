//! What commits say about themselves.

use std::collections::HashMap;
use std::path::Path;

use super::{Oid, looking_at};
use crate::error::Result;

/// A commit, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// When it was committed, in seconds since 1970.
    pub committed: i64,
    pub subject: String,
}

/// Reads commits with one git in the worktree at `root`; what is not there, or no commit, is left out.
pub fn read(root: &Path, oids: &[&Oid]) -> Result<HashMap<Oid, Commit>> {
    let wanted: String = oids.iter().map(|oid| format!("{oid}\n")).collect();
    // a commit that is not here is not fetched just to be shown
    let git = looking_at(root).env("GIT_NO_LAZY_FETCH", "1").args(["cat-file", "--batch"]);
    Ok(parse(&git.output_of(wanted.as_bytes())?.stdout))
}

/// Parses the output of `git cat-file --batch`: a line with id, type and length, then so many bytes, then a line break.
fn parse(mut output: &[u8]) -> HashMap<Oid, Commit> {
    let mut found = HashMap::new();
    while let Some(end) = output.iter().position(|byte| *byte == b'\n') {
        let header = String::from_utf8_lossy(&output[..end]).into_owned();
        output = &output[end + 1..];
        let mut words = header.split(' ');
        let (oid, kind) = (words.next().and_then(Oid::parse), words.next());
        // there is no length after 'missing'
        let Some(length) = words.next().and_then(|length| length.parse::<usize>().ok()) else { continue };
        let Some(content) = output.get(..length) else { break };
        output = output.get(length + 1..).unwrap_or_default();
        if let (Some(oid), Some("commit"), Some(commit)) = (oid, kind, Commit::parse(content)) {
            found.insert(oid, commit);
        }
    }
    found
}

impl Commit {
    fn parse(content: &[u8]) -> Option<Self> {
        let content = String::from_utf8_lossy(content);
        let (header, message) = content.split_once("\n\n").unwrap_or((&content, ""));
        let by_whom = header.lines().find_map(|line| line.strip_prefix("committer "))?;
        // NAME <EMAIL> SECONDS ZONE
        let committed = by_whom.rsplit(' ').nth(1)?.parse().ok()?;
        let subject = message.trim_start().lines().next().unwrap_or_default();
        Some(Self { committed, subject: subject.trim_end().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_read_and_what_is_none_is_passed_over() {
        let (here, gone, blob) = ("1".repeat(40), "2".repeat(40), "3".repeat(40));
        let commit = format!(
            "tree {blob}\nauthor A <a@x> 1000 +0000\ncommitter C D <c@x> 1751000000 +0200\n\nsubject here\n\nbody\n"
        );
        let output = format!(
            "{gone} missing\n{blob} blob 3\na\nb\n{here} commit {}\n{commit}\n{gone} missing\n",
            commit.len()
        );
        let found = parse(output.as_bytes());
        let want = Commit { committed: 1_751_000_000, subject: "subject here".into() };
        assert_eq!(found, HashMap::from([(Oid::parse(&here).unwrap(), want)]));
        assert_eq!(parse(format!("{here} commit 400\nshort").as_bytes()), HashMap::new());
    }
}
