//! What only a removed worktree leads to, kept from `git gc` by a reference `refs/wt/trash/ID`.
//!
//! It is one commit that git-wt makes: its parents are the commits, its tree has the staged files, by their object ids.
//! Where branches, tags and remotes lead to all of it, there is no reference.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::git::worktrees::Worktree;
use crate::git::{Repo, looking_at};
use crate::host::exec::{Program, check_stopped};

/// Trees and files, by kind and object id.
type Files = BTreeSet<(String, String)>;

/// Pins the commit that is checked out, and what a worktree's entry leads to and nothing else does.
pub(super) fn pin(repo: &Repo, tree: &Worktree, id: &str) -> Result<()> {
    let mut words = words_in(&tree.git_dir)?;
    // the reflog of its branch goes with that
    if let Some(branch) = tree.head.branch() {
        words.extend(words_of(&repo.common_dir().join("logs").join(branch.full()))?);
    }
    let (commits, mut others) = objects(repo, &words)?;
    let mut commits = unreachable(repo, &commits)?;
    // its branch may be deleted while it lies in the trash, and no worktree holds that any more
    let head = tree.head.oid().map(|oid| oid.as_str().to_owned()).filter(|oid| !commits.contains(oid));
    commits.splice(0..0, head);
    others.extend(staged(tree)?);
    if commits.is_empty() && others.is_empty() {
        return Ok(());
    }
    let entries: String = others
        .iter()
        .map(|(kind, oid)| match kind.as_str() {
            "tree" => format!("040000 tree {oid}\t{oid}\n"),
            _ => format!("100644 blob {oid}\t{oid}\n"),
        })
        .collect();
    let made = ask(repo.git().arg("mktree"), &entries)?;
    let parents: String = commits.iter().map(|oid| format!("parent {oid}\n")).collect();
    let who = "git-wt <git-wt@localhost> 0 +0000";
    let name = tree.path.file_name().unwrap_or_default().to_string_lossy();
    let commit = format!(
        "tree {made}\n{parents}author {who}\ncommitter {who}\n\nwhat only the removed worktree '{name}' led to\n"
    );
    let git = repo.git().args(["hash-object", "-t", "commit", "-w", "--stdin"]);
    let commit = ask(git, &commit)?;
    repo.git().args(["update-ref", &format!("refs/wt/trash/{id}"), &commit, ""]).stdout().map(drop)
}

/// Lets go of it.
pub(super) fn release(repo: &Repo, id: &str) -> Result<()> {
    repo.git().args(["update-ref", "-d", &format!("refs/wt/trash/{id}")]).stdout().map(drop)
}

/// All words of the files of an entry that may be object ids, whole or short: HEAD and its like, reflogs, references of the
/// worktree, and what rebase, merge and bisect keep. The index and the submodules' repositories are not text.
fn words_in(git_dir: &Path) -> Result<BTreeSet<String>> {
    let mut words = BTreeSet::new();
    let mut dirs = vec![git_dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let failed = || format!("cannot read '{}'", dir.display());
        for entry in fs::read_dir(&dir).explain(failed)? {
            let entry = entry.explain(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().explain(failed)?);
            if kind.is_dir() && path != git_dir.join("modules") {
                dirs.push(path);
            } else if kind.is_file() && path != git_dir.join("index") {
                words.extend(words_of(&path)?);
            }
        }
    }
    Ok(words)
}

/// The same of one file, if it is there.
fn words_of(path: &Path) -> Result<BTreeSet<String>> {
    let text = match crate::host::file::read_small(path) {
        Err(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(BTreeSet::new());
        }
        text => text.explain(|| format!("cannot read '{}'", path.display()))?,
    };
    let runs = text.split(|b| !b.is_ascii_hexdigit()).filter(|run| (7..=64).contains(&run.len()));
    Ok(runs.map(|run| String::from_utf8_lossy(run).into_owned()).collect())
}

/// Those words that are objects: the commits, and trees and files by their kinds.
fn objects(repo: &Repo, words: &BTreeSet<String>) -> Result<(BTreeSet<String>, Files)> {
    let asked: String = words.iter().map(|word| format!("{word}\n")).collect();
    // what a partial clone lacks is the remote's to keep, and not fetched
    let git = repo.git().env("GIT_NO_LAZY_FETCH", "1").args(["cat-file", "--batch-check"]);
    let answer = ask(git, &asked)?;
    let (mut commits, mut others) = (BTreeSet::new(), BTreeSet::new());
    for answer in answer.lines() {
        match answer.split(' ').collect::<Vec<_>>()[..] {
            [oid, "commit", _] => drop(commits.insert(oid.to_owned())),
            [oid, kind @ ("tree" | "blob"), _] => drop(others.insert((kind.to_owned(), oid.to_owned()))),
            _ => {}
        }
    }
    Ok((commits, others))
}

/// Returns those of the commits that no branch, tag or remote branch leads to.
fn unreachable(repo: &Repo, commits: &BTreeSet<String>) -> Result<Vec<String>> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let asked: String = commits.iter().map(|oid| format!("{oid}\n")).collect();
    // an old git takes no options from its input, and none applies --not to it
    let git = repo.git().args(["rev-list", "--stdin", "--not", "--branches", "--tags", "--remotes"]);
    let found = ask(git, &asked)?;
    let found: BTreeSet<&str> = found.lines().collect();
    Ok(commits.iter().filter(|oid| found.contains(oid.as_str())).cloned().collect())
}

/// What is staged and in no commit: the files of all stages that differ from HEAD.
fn staged(tree: &Worktree) -> Result<Files> {
    if !tree.git_dir.join("index").exists() {
        return Ok(BTreeSet::new());
    }
    // from git's entry: the directory may be gone, or go meanwhile
    let git = || looking_at(&tree.git_dir).arg(crate::git::joined("--git-dir=", &tree.git_dir));
    let listed = if tree.head.oid().is_some() {
        let changed =
            git().args(["diff-index", "--cached", "--raw", "--no-renames", "--no-abbrev", "-z", "HEAD"]);
        let mut listed = changed.stdout()?;
        listed.extend(git().args(["ls-files", "--unmerged", "-z"]).stdout()?);
        listed
    } else {
        git().args(["ls-files", "--stage", "-z"]).stdout()?
    };
    let mut found = BTreeSet::new();
    for field in listed.split(|b| *b == 0) {
        // ':OLD-MODE MODE OLD-OID OID STATUS' and 'MODE OID STAGE<TAB>PATH'
        let text =
            String::from_utf8_lossy(field.split(|b| *b == b'\t').next().unwrap_or_default()).into_owned();
        let words: Vec<&str> = text.trim_start_matches(':').split(' ').collect();
        let ([_, mode, _, oid, _] | [mode, oid, _]) = words[..] else { continue };
        let is_file = mode.starts_with("100") || mode == "120000";
        if is_file && oid.len() >= 40 && oid.bytes().any(|b| b != b'0') {
            found.insert(("blob".to_owned(), oid.to_owned()));
        }
    }
    Ok(found)
}

/// What git answers to `input`.
fn ask(git: Program, input: &str) -> Result<String> {
    let output = git.output_of(input.as_bytes())?;
    check_stopped()?;
    if output.code != 0 {
        return Err(Error::new("cannot tell what only this worktree leads to").quoting(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
