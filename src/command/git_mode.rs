//! Git's own interface, byte for byte, for scripts and other programs: `GIT_WT_MODE=git` or `git config wt.mode git`.
//!
//! Making and removing worktrees still goes through our record and lock, so that a configured recipe is applied and
//! undone; everything else becomes `git worktree`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::error::{Error, Hint, Result};
use crate::git::Repo;
use crate::host::exec;
use crate::ops::as_git;
use crate::ops::context::Context;
use crate::shell::channel::Channel;
use crate::ui::Ui;

/// The verbs of git-worktree(1).
pub const VERBS: [&str; 8] = ["add", "list", "lock", "move", "prune", "remove", "repair", "unlock"];

/// The long options of a verb in git 2.47. They win over ours when one is abbreviated; each has a `--no-` form too.
fn options(verb: &str) -> &'static [&'static str] {
    match verb {
        "add" => {
            &["checkout", "detach", "force", "guess-remote", "lock", "orphan", "quiet", "reason", "track"]
        }
        "list" => &["expire", "porcelain", "verbose"],
        "lock" => &["reason"],
        "move" | "remove" => &["force"],
        "prune" => &["dry-run", "expire", "verbose"],
        _ => &[],
    }
}

/// Whether git's own interface is requested.
pub fn is_on(repo: Option<&Repo>) -> bool {
    match exec::variable("GIT_WT_MODE") {
        Some(mode) => mode == "git",
        None => repo.and_then(|repo| repo.setting("wt.mode")).is_some_and(|mode| mode == "git"),
    }
}

/// Prints nothing but errors: all other output is git's.
const QUIET: Ui = Ui { quiet: true, verbose: false };

/// Handles the arguments of `git worktree` as git does.
pub fn run(args: &[OsString], repo: Result<Repo>, channel: Channel) -> Result<u8> {
    let as_git = || as_git::worktree().args(args).replace();
    let (Some((verb, rest)), Ok(repo)) = (args.split_first(), repo) else { return Err(as_git()) };
    match verb.to_str() {
        Some("add") => match Given::parse(rest) {
            Some(given) => {
                as_git::add(&given.path, given.no_checkout, rest, &Context::with(repo, QUIET, channel)?)
            }
            // help, a mistake, or an option of a newer git, for git to answer
            None => Err(as_git()),
        },
        Some("move" | "prune" | "remove" | "repair") => {
            as_git::change(args, &Context::with(repo, QUIET, channel)?.seen_from_outside()?)
        }
        _ => Err(as_git::at_rest(args, &repo)),
    }
}

/// What the arguments of `git worktree add` mean, as far as the record needs it.
#[derive(Debug, PartialEq, Eq)]
struct Given {
    path: PathBuf,
    no_checkout: bool,
}

impl Given {
    /// Reads the arguments as git does; `None` if git should answer itself.
    fn parse(args: &[OsString]) -> Option<Self> {
        let mut given = Self { path: PathBuf::new(), no_checkout: false };
        let mut words = Vec::new();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let text = arg.to_string_lossy();
            if text == "--" {
                words.extend(rest.by_ref());
            } else if text.starts_with("--") {
                let option = written_out_one("add", &text)?;
                if let "--checkout" | "--no-checkout" = option.as_str() {
                    given.no_checkout = option == "--no-checkout";
                }
                if option == "--reason" && !text.contains('=') {
                    rest.next()?;
                }
            } else if text.len() > 1 && text.starts_with('-') {
                // -fb NAME: the value of -b or -B is the rest of the word, or the next word
                let value = text.find(['b', 'B']);
                if text[1..value.unwrap_or(text.len())].chars().any(|flag| !"fdq".contains(flag)) {
                    return None;
                }
                if value == Some(text.len() - 1) {
                    rest.next()?;
                }
            } else {
                words.push(arg);
            }
        }
        given.path = PathBuf::from(words.first()?);
        (words.len() <= 2).then_some(given)
    }
}

/// Returns the option of a verb that a word stands for, without its value, by git's rule of unique prefixes.
fn written_out_one(verb: &str, word: &str) -> Option<String> {
    let name = word.split('=').next()?.strip_prefix("--")?;
    let (no, name) = match name.strip_prefix("no-") {
        Some(name) => ("no-", name),
        None => ("", name),
    };
    let mut found = options(verb).iter().filter(|option| option.starts_with(name));
    let only = match (options(verb).iter().find(|option| **option == name), found.next(), found.next()) {
        (Some(exact), ..) => exact,
        (None, Some(only), None) => only,
        _ => return None,
    };
    (!name.is_empty()).then(|| format!("--{no}{only}"))
}

/// Expands the abbreviations that git knows, so that our own options never shadow them.
pub fn written_out(verb: &str, args: &[OsString]) -> Vec<OsString> {
    let mut past_options = false;
    let mut full = |arg: &OsString| {
        past_options |= arg == "--";
        let text = arg.to_str().filter(|_| !past_options)?;
        let option = written_out_one(verb, text)?;
        let value = text.find('=').map_or("", |at| &text[at..]);
        Some(OsString::from(option + value))
    };
    args.iter().map(|arg| full(arg).unwrap_or_else(|| arg.clone())).collect()
}

/// Returns the error that a verb carried out by git-wt itself cannot honour an option of a newer git.
pub fn only_gits(verb: &str, option: &OsString) -> Error {
    Error::usage(format!("'{}' is known to git alone", option.display()))
        .hint(Hint::of("git worktree").word("", verb).word("", option))
}

/// Removes an option that only git knows from the arguments of a verb; returns it with its value.
pub fn take_unknown(verb: &str, args: &mut Vec<OsString>, option: &str) -> Result<Option<Vec<OsString>>> {
    let known = as_git::worktree().args([verb, "--git-completion-helper-all"]).output()?;
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    let name = option.split('=').next().unwrap_or(option);
    let Some(takes_value) = known.split_whitespace().find_map(|word| match word.strip_suffix('=') {
        Some(word) if word == name => Some(true),
        _ if word == name => Some(false),
        _ => None,
    }) else {
        return Ok(None);
    };
    let is_it = |arg: &OsString| arg.as_bytes().split(|b| *b == b'=').next() == Some(name.as_bytes());
    let Some(at) = args.iter().position(is_it) else { return Ok(None) };
    let mut taken = vec![args.remove(at)];
    if takes_value && !taken[0].as_bytes().contains(&b'=') && at < args.len() {
        taken.push(args.remove(at));
    }
    Ok(Some(taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_path_is_found_as_git_finds_it() {
        for (line, path) in [
            ("../x", Some("../x")),
            ("-b new ../x main", Some("../x")),
            ("-bnew ../x", Some("../x")),
            ("-fb new ../x", Some("../x")),
            ("--det ../x", Some("../x")),
            ("--lock --reason why ../x", Some("../x")),
            ("--reason=why --lock ../x", Some("../x")),
            ("-q -- -x", Some("-x")),
            ("../x -d", Some("../x")),
            ("-h", None),
            ("--frobnicate ../x", None),
            ("--no ../x", None),
            ("a b c", None),
            ("-b", None),
        ] {
            let found = Given::parse(&words(line)).map(|given| given.path);
            assert_eq!(found, path.map(PathBuf::from), "{line}");
        }
    }

    #[test]
    fn abbreviations_of_git_win() {
        for (verb, line, want) in [
            ("add", "--t x --reas=y -- --det", "--track x --reason=y -- --det"),
            ("add", "--no-env --template=x", "--no-env --template=x"),
            ("add", "--no-f --no", "--no-force --no"),
            ("list", "--porc --verb", "--porcelain --verbose"),
            ("prune", "--dry", "--dry-run"),
            ("repair", "--f", "--f"),
        ] {
            assert_eq!(written_out(verb, &words(line)), words(want), "{line}");
        }
    }
}
