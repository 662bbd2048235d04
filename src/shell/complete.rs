//! What TAB offers: clap's engine, our own candidates, and one plain format for our own shell scripts.
//!
//! It answers from disk, starts no git (except for references that only git can read), and stays silent on any error.

mod names;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap_complete::engine::{CompletionCandidate, complete};
use clap_complete::env::{CompleteEnv, EnvCompleter, Shells};

use crate::error::Result;
use crate::git::Repo;
use crate::git::worktrees::{Head, Worktree};
use crate::host::exec;
use crate::recipe::RecipeSource;
use crate::record::worktrees::Worktrees;
use crate::text::name::escaped;
use crate::trash::Trash;

/// Answers a completion script and exits, if that is why we were started.
///
/// The script sets `GIT_WT_COMPLETE=raw`, sets `GIT_WT_COMPLETE_INDEX` to the number of the word under the cursor, and
/// calls `git-wt -- git-wt WORD…`. The answer is one line for each candidate: value, TAB, help.
#[allow(clippy::exit, reason = "who asks for words must not get a command run, whatever came of it")]
pub fn answer(command: fn() -> clap::Command) {
    let asked =
        CompleteEnv::with_factory(command).var("GIT_WT_COMPLETE").bin("git-wt").shells(Shells(&[&Raw]));
    let here = std::env::current_dir().ok();
    if !matches!(asked.try_complete(std::env::args_os(), here.as_deref()), Ok(false)) {
        std::process::exit(0);
    }
}

/// The format of our own scripts, which do the quoting themselves.
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
        let typed = args[index].clone();
        let mut candidates = complete(command, args, index, current_dir)?;
        // as in git, options are offered after a dash, or if there is nothing else
        let is_option = |candidate: &CompletionCandidate| candidate.get_value().as_bytes().starts_with(b"-");
        if typed.is_empty() && !candidates.iter().all(is_option) {
            candidates.retain(|candidate| !is_option(candidate));
        }
        for candidate in candidates {
            let help = candidate.get_help().map(ToString::to_string);
            write_candidate(candidate.get_value().as_bytes(), help.as_deref(), out)?;
        }
        Ok(())
    }
}

/// Writes one candidate as a line, unless its value cannot be in a line.
fn write_candidate(value: &[u8], help: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    if value.iter().any(u8::is_ascii_control) {
        return Ok(());
    }
    out.write_all(value)?;
    if let Some(line) = help.and_then(|help| help.lines().next()) {
        write!(out, "\t{}", escaped(line))?;
    }
    out.write_all(b"\n")
}

/// Up to this many branches or tags are offered in order of use, even if nothing is typed; nobody finds a name by
/// reading through more.
const MANY: usize = 500;

/// Returns the worktrees by name, each with a description.
pub fn worktrees(typed: &OsStr) -> Vec<CompletionCandidate> {
    named(typed, |_| true)
}

/// Returns the worktrees that can be removed.
pub fn linked_worktrees(typed: &OsStr) -> Vec<CompletionCandidate> {
    named(typed, |is_main| !is_main)
}

/// Returns the worktrees and, once something fits none of them, the servers that the recipe names.
pub fn servers(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = worktrees(typed);
    let recipe = Repo::discover().and_then(|repo| recipe(&repo));
    let entries: BTreeSet<String> = recipe.map(|recipe| recipe.entries()).unwrap_or_default();
    let meant =
        entries.into_iter().filter(|entry| typed.to_str().is_some_and(|typed| entry.starts_with(typed)));
    all.extend(meant.map(|entry| CompletionCandidate::new(entry).help(Some("server".into()))));
    all
}

/// Up to this many worktrees are described; nobody reads more descriptions.
const DESCRIBED: usize = 100;

fn named(typed: &OsStr, wanted: impl Fn(bool) -> bool) -> Vec<CompletionCandidate> {
    let (Ok(repo), Some(typed)) = (Repo::discover(), typed.to_str()) else { return Vec::new() };
    let all = if repo.has_more_worktrees_than(DESCRIBED) { names::of(&repo) } else { Vec::new() };
    let meant: Vec<_> = all.iter().filter(|named| named.name.starts_with(typed)).collect();
    let (described, bare) = meant.split_at(if meant.len() > DESCRIBED { 0 } else { meant.len() });
    let worktrees = match all.as_slice() {
        [] => Worktrees::all_at_a_glance(&repo),
        _ => Ok(Worktrees::at_a_glance(&repo, described)),
    };
    let Ok(worktrees) = worktrees else { return Vec::new() };
    let is_meant = |tree: &&Worktree| wanted(tree.is_main()) && worktrees.name(tree).starts_with(typed);
    let trees = worktrees.listing.worktrees.iter().filter(is_meant);
    let bare = bare.iter().map(|named| CompletionCandidate::new(&*named.name));
    trees.map(|tree| described_as(tree, &worktrees)).chain(bare).collect()
}

/// Returns a worktree with its description.
fn described_as(tree: &Worktree, worktrees: &Worktrees) -> CompletionCandidate {
    let branch = match &tree.head {
        Head::Branch(branch, _) => Some(branch.to_string()),
        Head::Detached(commit) => Some(format!("detached at {}", commit.short())),
        Head::Bare => Some("bare".into()),
        Head::Unknown => None,
    };
    let port = worktrees.port(tree).map(|port| format!("port {port}"));
    let marks = worktrees.marks(tree).into_iter().map(str::to_owned);
    let help: Vec<String> = branch.into_iter().chain(port).chain(marks).collect();
    let help = Some(help.join(", ")).filter(|help| !help.is_empty());
    CompletionCandidate::new(worktrees.name(tree)).help(help.map(Into::into))
}

/// Returns what `add` can make a worktree of: branches that no worktree has (unless there are very many worktrees to
/// check), and branches that are only on a remote.
pub fn to_check_out(typed: &OsStr) -> Vec<CompletionCandidate> {
    let (Ok(repo), Some(typed)) = (Repo::discover(), typed.to_str()) else { return Vec::new() };
    let in_use = repo.branches_in_use(names::MANY);
    let local = repo.names_below(LOCAL, typed, usize::MAX);
    let remotes = repo.remotes().into_iter().map(|remote| {
        let prefix = format!("{REMOTE}{remote}/");
        let mut names = repo.names_below(&prefix, typed, enough(typed));
        if !are_too_many(&names, typed) {
            names.retain(|name| name != "HEAD" && local.binary_search(name).is_err());
        }
        offered(&repo, &prefix, names, typed, &format!("on {remote}"))
    });
    let remotes: Vec<_> = remotes.flatten().collect();
    let free = local.into_iter().filter(|name| !in_use.contains(name)).collect();
    let mut all = offered(&repo, LOCAL, free, typed, "branch");
    all.extend(remotes);
    if !typed.is_empty() {
        all.extend(tracking(&repo, typed));
    }
    all
}

/// Returns commits that have names: branches, remote branches, tags.
pub fn commits(typed: &OsStr) -> Vec<CompletionCandidate> {
    let (Ok(repo), Some(typed)) = (Repo::discover(), typed.to_str()) else { return Vec::new() };
    let mut all = offered(&repo, LOCAL, repo.names_below(LOCAL, typed, usize::MAX), typed, "branch");
    all.extend(tracking(&repo, typed));
    all.extend(offered(&repo, TAGS, repo.names_below(TAGS, typed, enough(typed)), typed, "tag"));
    all
}

const LOCAL: &str = "refs/heads/";
const REMOTE: &str = "refs/remotes/";
const TAGS: &str = "refs/tags/";

/// Returns remote branches, with the remote's name.
fn tracking(repo: &Repo, typed: &str) -> Vec<CompletionCandidate> {
    let mut names = repo.names_below(REMOTE, typed, enough(typed));
    names.retain(|name| !name.ends_with("/HEAD"));
    offered(repo, REMOTE, names, typed, "remote branch")
}

/// Returns the references of these names below `prefix`, most recently moved first according to their logs. If there
/// are many, they are sorted by name, and offered only if something is typed.
fn offered(
    repo: &Repo,
    prefix: &str,
    names: Vec<String>,
    typed: &str,
    kind: &str,
) -> Vec<CompletionCandidate> {
    if are_too_many(&names, typed) && prefix != LOCAL {
        return Vec::new();
    }
    let mut names = names;
    if names.len() <= MANY {
        // the sort is stable: names without a log stay in alphabetical order at the end
        names.sort_by_cached_key(|name| Reverse(repo.last_moved(&format!("{prefix}{name}"))));
    }
    names.into_iter().map(|name| CompletionCandidate::new(name).help(Some(kind.to_owned().into()))).collect()
}

/// Returns how many names are enough to know whether there are too many.
fn enough(typed: &str) -> usize {
    if typed.is_empty() { MANY + 1 } else { usize::MAX }
}

/// Whether there are very many names and nothing was typed to choose among them.
fn are_too_many(names: &[String], typed: &str) -> bool {
    typed.is_empty() && names.len() > MANY
}

/// What was removed and can be brought back.
pub fn removed() -> Vec<CompletionCandidate> {
    let items = Repo::discover().and_then(|repo| Trash::of(&repo).list()).unwrap_or_default();
    let names = items.into_iter().filter_map(|(_, manifest)| Some(manifest.ok()?.name));
    names.map(CompletionCandidate::new).collect()
}

fn recipe(repo: &Repo) -> Result<RecipeSource> {
    let main = match repo.main_root() {
        Some(main) => Some(main),
        None => repo.main_or_default(&repo.worktrees_at_a_glance()?),
    };
    RecipeSource::of(repo, main.as_deref())
}

pub fn templates() -> Vec<CompletionCandidate> {
    let recipe = Repo::discover().and_then(|repo| recipe(&repo));
    recipe.map(|recipe| recipe.template_names().map(CompletionCandidate::new).collect()).unwrap_or_default()
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
            (b"a b&'\"", Some("tab\there\x1b[31m\u{202e}"), b"a b&'\"\ttab\\there\\u{1b}[31m\\u{202e}\n"),
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
