//! git's own interface, to the byte, for scripts and other programs: `GIT_WT_MODE=git` or `git config wt.mode git`.
//!
//! What makes or removes a worktree still goes through our record and lock, so that a configured recipe is applied
//! and taken back; everything else becomes `git worktree`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{add, doctor, r#move, repair, setup};
use crate::error::{Error, Hint, Result};
use crate::git::{Repo, absolute, version};
use crate::host::exec::{self, Program};
use crate::ops::context::Context;
use crate::plan::Pending;
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use crate::resource::checkout::entries_at_rest;
use crate::resource::{Checkout, Resource};
use crate::shell::channel::Channel;
use crate::text::name::Name;
use crate::ui::Ui;

/// The verbs of git-worktree(1).
pub const VERBS: [&str; 8] = ["add", "list", "lock", "move", "prune", "remove", "repair", "unlock"];

/// The long options of a verb of git 2.47, which win over ours when one is abbreviated; each has a `--no-` form too.
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

/// Whether git's own interface is asked for.
pub fn is_on(repo: Option<&Repo>) -> bool {
    match exec::variable("GIT_WT_MODE") {
        Some(mode) => mode == "git",
        None => repo.and_then(|repo| repo.setting("wt.mode")).is_some_and(|mode| mode == "git"),
    }
}

/// Says nothing but errors: the narration is git's.
const QUIET: Ui = Ui { quiet: true, verbose: false };

/// `git worktree`, with the repository variables as they were given.
fn worktree() -> Program {
    Program::git_as_given().arg("worktree")
}

/// Becomes `git worktree ARGS` once no git-wt has a git that writes an entry: git dies of one that is half written.
pub fn at_rest(args: &[OsString], repo: &Repo) -> Error {
    let used = repo.common_dir().join("wt").is_dir();
    let alone = used.then(|| entries_at_rest(repo).ok()).flatten();
    if let Some(alone) = &alone {
        // the git that we become keeps it to its end
        let _ = rustix::io::fcntl_setfd(alone, rustix::io::FdFlags::empty());
    }
    worktree().args(args).replace()
}

/// Answers the arguments of `git worktree` as git does.
pub fn run(args: &[OsString], repo: Result<Repo>, channel: Channel) -> Result<u8> {
    let as_git = || worktree().args(args).replace();
    let (Some((verb, rest)), Ok(repo)) = (args.split_first(), repo) else { return Err(as_git()) };
    match verb.to_str() {
        Some("add") => match Given::parse(rest) {
            Some(given) => add(&given, rest, &Context::with(repo, QUIET, channel)?),
            // help, a mistake, or an option of a newer git: git's to answer
            None => Err(as_git()),
        },
        Some("move" | "prune" | "remove" | "repair") => {
            change(args, &Context::with(repo, QUIET, channel)?.from_outside()?)
        }
        _ => Err(at_rest(args, &repo)),
    }
}

/// Has git change what is there; environments come along, or go.
fn change(args: &[OsString], context: &Context) -> Result<u8> {
    let before = Worktrees::read(&context.repo)?;
    let verb = args[0].to_string_lossy();
    let mut words = args[1..].iter().filter(|word| !word.as_bytes().starts_with(b"-"));
    let target = words.next().and_then(|word| word.to_str()).filter(|_| ["move", "remove"].contains(&&*verb));
    // no other git-wt changes meanwhile what git does
    let held = match target.map(|word| before.find(word)) {
        Some(Ok(tree)) => r#move::hold(tree, &before, context)?,
        _ => None,
    };
    let moves = ["move", "repair"].contains(&&*verb);
    let alone = moves.then(|| entries_at_rest(&context.repo)).transpose()?;
    let status = worktree().args(args).status()?;
    drop((held, alone));
    if moves {
        repair::follow_all(&before, context)?;
    } else if status == 0 {
        doctor::forget_unbound(false, context)?;
    }
    Ok(status)
}

/// What the arguments of `git worktree add` say, as far as the record needs it.
#[derive(Debug, PartialEq, Eq)]
struct Given {
    path: PathBuf,
    no_checkout: bool,
}

impl Given {
    /// Reads the arguments as git does; `None` for what git should answer itself.
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
                // -fb NAME: the value of -b or -B is the rest of the word, or the next one
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

/// The option of a verb that a word stands for, without its value, by git's rule of unique prefixes.
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

/// Writes the abbreviations that git knows out in full, so that ours never shadow them.
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

/// Says that a verb which git-wt carries out itself cannot honour an option of a newer git.
pub fn only_gits(verb: &str, option: &OsString) -> Error {
    Error::usage(format!("'{}' is known to git alone", option.display()))
        .hint(Hint::of("git worktree").word("", verb).word("", option))
}

/// Takes an option that only git knows out of the arguments of a verb; returns it with its value.
pub fn take_unknown(verb: &str, args: &mut Vec<OsString>, option: &str) -> Result<Option<Vec<OsString>>> {
    let known = worktree().args([verb, "--git-completion-helper-all"]).output()?;
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

/// Adds as git does: git gets the arguments byte for byte, and what it prints goes where it would.
fn add(given: &Given, args: &[OsString], context: &Context) -> Result<u8> {
    version::require()?;
    exec::watch_signals()?;
    if given.path.as_os_str().is_empty() {
        // git 2.47 dies of it and leaves a branch behind, git 2.55 deletes the current directory
        return Err(Error::new("the path is empty"));
    }
    let path = absolute(&std::env::current_dir().unwrap_or_default(), &given.path);
    if context.repo.worktrees()?.at(&path).is_some_and(|tree| !tree.missing) {
        // git refuses it, or knows better: either way nothing of it is ours
        return Err(worktree().arg("add").args(args).replace());
    }
    let name = Name::of_place(&path.file_name().unwrap_or(OsStr::new("")).to_string_lossy());
    let checkout = Checkout::as_given(&path, args.to_vec());
    let record = Record::new(name, &path, context.repo.identity()?, vec![Resource::Checkout(checkout)])?;
    let lock = context.records.lock()?;
    let mut held = context.records.begin(record)?;
    drop(lock);
    let made = match add::make(&path, &Pending::default(), &mut held, context) {
        Ok(made) => made,
        Err(failure) => {
            let status = failure.error.exit;
            add::take_back(held, context)?;
            return Ok(status);
        }
    };
    if !given.no_checkout {
        provision(&mut held, &path, context)?;
    }
    Ok(made.post_checkout)
}

/// Applies a recipe that somebody wrote; nothing is guessed here.
fn provision(held: &mut crate::record::Held, path: &Path, context: &Context) -> Result<()> {
    let listing = context.repo.worktrees()?;
    let Some(tree) = listing.at(path) else { return Ok(()) };
    held.record.branch = tree.head.branch().cloned();
    if !context.recipe()?.configured() {
        return held.write();
    }
    let pending = setup::provision(held, tree, context)?;
    setup::run_hooks(held, &tree.path, &pending, context).map(drop)
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
