//! `git wt move`: git moves the directory; what names its place comes along.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Result};
use crate::host::exec;
use crate::host::file;
use crate::ops::context::Context;
use crate::shell::complete;

use crate::git::worktrees::Worktree;
use crate::git::{self, absolute};
use crate::record::worktrees::Worktrees;
use crate::record::{Held, Stage};
use crate::resource::checkout::entries_at_rest;
use crate::resource::relocation::Relocation;
use crate::resource::tree::Tree;
use crate::resource::{Exclude, venv};

/// Move a worktree, with its port, database, links and a venv that works at the new place
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree: name, branch, unique end of a path, path, . (the current one)
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::linked_worktrees))]
    pub target: String,
    /// The new path; into it, if it is a directory that exists
    #[arg(value_name = "NEW-PATH", value_hint = clap::ValueHint::DirPath)]
    pub destination: PathBuf,
    /// Move it though its new place is registered; twice: though it is locked
    #[arg(short = 'f', long, action = clap::ArgAction::Count)]
    pub force: u8,
    /// Take --force back
    #[arg(long, hide = true, overrides_with = "force")]
    pub no_force: bool,
    /// Say each step
    #[arg(short, long)]
    pub verbose: bool,
    /// Options that only git knows, handed on to it
    #[arg(skip)]
    pub passed_on: Vec<OsString>,
}

/// Moves a worktree; the shell follows if it stands in it. Prints nothing, as git does.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(&args.target)?;
    if args.destination.as_os_str().is_empty() {
        return Err(Error::new("the new path is empty"));
    }
    let cwd = std::env::current_dir().unwrap_or_default();
    let destination = absolute(&cwd, &args.destination);
    let mut held = hold(tree, &worktrees, context)?;
    let mut words: Vec<OsString> = (0..args.force).map(|_| "--force".into()).collect();
    words.extend(args.passed_on.iter().cloned());
    words.push("--".into());
    words.extend([tree.path.clone().into(), destination.clone().into()]);
    let git = context.repo.git().args(["worktree", "move"]).args(words);
    let go = || {
        let _alone = entries_at_rest(&context.repo)?;
        git.narrate()
    };
    let status = match &mut held {
        Some(held) => held.moving(&destination, go)?,
        None => go()?,
    };
    if status != 0 {
        return Ok(status);
    }
    let Some(moved) = entry(tree, context)? else { return Ok(0) };
    follow(held, &tree.path, &moved, context)?;
    if let Some(now) = Relocation::new(&tree.path, &moved.path).of(&cwd) {
        context.lead(&now)?;
    }
    Ok(0)
}

/// The worktree as git has it now.
fn entry(tree: &Worktree, context: &Context) -> Result<Option<Worktree>> {
    let id = tree.id.as_deref().unwrap_or_default();
    Ok(context.repo.worktrees()?.entry(id).cloned())
}

/// Takes hold of a worktree's record, so that nobody removes meanwhile what is moved.
pub fn hold<'a>(tree: &Worktree, worktrees: &Worktrees, context: &'a Context) -> Result<Option<Held<'a>>> {
    match worktrees.readable_record(tree)? {
        Some(record) => context.records.hold(&record.id),
        None => Ok(None),
    }
}

/// Brings a worktree's environment along from where it was to where it is.
pub fn follow(held: Option<Held>, from: &Path, tree: &Worktree, context: &Context) -> Result<()> {
    if tree.missing || from == tree.path {
        return Ok(());
    }
    rehome_others(held.as_ref(), from, tree)?;
    let Some(mut held) = held.filter(|held| held.record.stage == Stage::Ready) else { return Ok(()) };
    let owner = held.record.owner(&context.repo);
    let site = context.site(&owner, &tree.path);
    for note in held.follow(&site, exclude(tree, context))? {
        context.ui.warn(&note);
    }
    context.ui.detail(&format!("'{}' is at home in '{}'", held.record.name, tree.path.display()));
    Ok(())
}

/// Environments that no record tells of break by a move like ours: those of the usual names come along.
fn rehome_others(held: Option<&Held>, from: &Path, tree: &Worktree) -> Result<()> {
    let moved = Relocation::new(from, &tree.path);
    let recorded =
        |name: &str| held.is_some_and(|held| held.record.venvs().any(|venv| venv.path == Path::new(name)));
    for name in [".venv", "venv"].into_iter().filter(|name| !recorded(name)) {
        if tree.path.join(name).join("pyvenv.cfg").exists() {
            venv::rehome(&Tree::open(&tree.path)?, Path::new(name), &moved)?;
        }
    }
    Ok(())
}

/// The line that keeps it out of the main worktree, if it lies in there and nothing hides it.
fn exclude(tree: &Worktree, context: &Context) -> Option<Exclude> {
    let main = fs::canonicalize(context.repo.main_root()?).ok()?;
    let real = fs::canonicalize(&tree.path).ok()?;
    let inner = real.strip_prefix(&main).ok()?;
    let is_own = |pattern: &Exclude| {
        let text = file::read_text(&context.repo.common_dir().join("info/exclude")).ok().flatten();
        text.is_some_and(|text| text.lines().any(|line| line == pattern.pattern))
    };
    let exclude = Exclude::of(inner);
    (is_own(&exclude) || !git::is_ignored(&main, inner)).then_some(exclude)
}
