//! What TAB offers: clap's engine, our own candidates, and one plain format for our own shell scripts.
//!
//! Answers from disk, starts no git, stays silent on any error.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap_complete::engine::{CompletionCandidate, complete};
use clap_complete::env::{CompleteEnv, EnvCompleter, Shells};

use crate::exec;
use crate::git::Repo;
use crate::target::Worktrees;

/// Answers a request of a completion script, if that is what we were started for; does not return then.
///
/// The script sets `GIT_WT_COMPLETE=raw` and `GIT_WT_COMPLETE_INDEX` to the number of the word under the cursor, and
/// calls `git-wt -- git-wt WORD…`. The answer is a line a candidate: value, TAB, help.
#[allow(clippy::exit, reason = "who asks for words must not get a command run, whatever came of it")]
pub fn answer(command: fn() -> clap::Command) {
    let asked =
        CompleteEnv::with_factory(command).var("GIT_WT_COMPLETE").bin("git-wt").shells(Shells(&[&Raw]));
    let here = std::env::current_dir().ok();
    if !matches!(asked.try_complete(std::env::args_os(), here.as_deref()), Ok(false)) {
        std::process::exit(0);
    }
}

/// The format of our own scripts, which quote by themselves.
struct Raw;

impl EnvCompleter for Raw {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn is(&self, name: &str) -> bool {
        name == "raw"
    }

    fn write_registration(&self, _: &str, _: &str, _: &str, _: &str, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        mut args: Vec<OsString>,
        current_dir: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let asked = exec::variable("GIT_WT_COMPLETE_INDEX").and_then(|index| index.to_str()?.parse().ok());
        let index = asked.unwrap_or(args.len().saturating_sub(1)).min(args.len());
        args.resize(args.len().max(index + 1), OsString::new());
        for candidate in complete(command, args, index, current_dir)? {
            let help = candidate.get_help().map(ToString::to_string);
            write_candidate(candidate.get_value().as_bytes(), help.as_deref(), out)?;
        }
        Ok(())
    }
}

/// Writes one line, and nothing for a value that a line cannot hold.
fn write_candidate(value: &[u8], help: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    if value.iter().any(u8::is_ascii_control) {
        return Ok(());
    }
    out.write_all(value)?;
    if let Some(line) = help.and_then(|help| help.lines().next()) {
        let shown: String = line.chars().filter(|c| !c.is_control()).collect();
        write!(out, "\t{shown}")?;
    }
    out.write_all(b"\n")
}

/// The worktrees by name, with what they have checked out.
pub fn worktrees() -> Vec<CompletionCandidate> {
    named(|_| true)
}

/// The worktrees that can be removed.
pub fn linked_worktrees() -> Vec<CompletionCandidate> {
    named(|is_main| !is_main)
}

fn named(wanted: impl Fn(bool) -> bool) -> Vec<CompletionCandidate> {
    let Some(worktrees) = Repo::discover().ok().and_then(|repo| Worktrees::read(&repo).ok()) else {
        return Vec::new();
    };
    let trees = worktrees.listing.worktrees.iter().filter(|tree| wanted(tree.is_main()));
    trees
        .map(|tree| {
            let branch = tree.head.branch().map_or("detached".to_owned(), ToString::to_string);
            let help = format!("{branch} at {}", tree.path.display());
            CompletionCandidate::new(worktrees.name(tree)).help(Some(help.into()))
        })
        .collect()
}

/// Branches, local ones first.
pub fn branches() -> Vec<CompletionCandidate> {
    let Ok(repo) = Repo::discover() else { return Vec::new() };
    let local = repo.branches().into_iter().map(|name| (name, "branch"));
    let remote = repo.tracking_branches().into_iter().map(|name| (name, "remote branch"));
    local.chain(remote).map(|(name, kind)| CompletionCandidate::new(name).help(Some(kind.into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_a_line() {
        let cases: [(&[u8], Option<&str>, &[u8]); 6] = [
            (b"staging", None, b"staging\n"),
            (b"staging", Some("at /x\nmore"), b"staging\tat /x\n"),
            (b"staging", Some(""), b"staging\n"),
            (b"a b&'\"", Some("tab\there\x1b[31m"), b"a b&'\"\ttabhere[31m\n"),
            (b"\xff", None, b"\xff\n"),
            (b"new\nline", Some("help"), b""),
        ];
        for (value, help, line) in cases {
            let mut out = Vec::new();
            write_candidate(value, help, &mut out).unwrap();
            assert_eq!(out, line, "{value:?}");
        }
    }

    #[derive(clap::Parser)]
    #[command(name = "git-wt")]
    enum Line {
        /// Go
        Cd,
        List,
    }

    #[test]
    fn words_are_completed_by_the_command_line_itself() {
        let mut command = <Line as clap::CommandFactory>::command();
        command.build();
        let mut out = Vec::new();
        Raw.write_complete(&mut command, vec!["git-wt".into(), "c".into()], None, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "cd\tGo\n");
    }
}
