//! `git wt remove`: take back what was made for a worktree, and nothing else.
//!
//! Everything is judged before anything is removed. Ignored files are data too: what cannot be made again is named
//! and asked about.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCandidates;

use super::Context;
use crate::complete;
use crate::environment::Environment;
use crate::error::{Error, Explain, Result};
use crate::exec;
use crate::git::worktrees::Worktree;
use crate::git::{self};
use crate::hook;
use crate::name::{Branch, escaped};
use crate::record::{Held, Record, Stage};
use crate::resource::checkout::{Trash, put_aside};
use crate::resource::{Care, Database, Destroyed, Resource, Site};
use crate::target::Worktrees;
use crate::trust::Trust;

/// Remove worktrees with all that was made for them
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktrees: name, branch, unique end of a path, path, . (the current one)
    #[arg(value_name = "WORKTREE", required_unless_present = "all", add = ArgValueCandidates::new(complete::linked_worktrees))]
    pub targets: Vec<String>,
    /// Remove all linked worktrees that are clean and not locked
    #[arg(long, conflicts_with = "targets")]
    pub all: bool,
    /// Remove it though it has changes; twice: though it is locked
    #[arg(short = 'f', long, action = clap::ArgAction::Count)]
    pub force: u8,
    /// Take --force back
    #[arg(long, hide = true, overrides_with = "force")]
    pub no_force: bool,
    /// Answer yes: drop its database, lose its ignored files
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Keep its database
    #[arg(long)]
    pub keep_db: bool,
    /// Delete its branch too, if it is merged; with -f in any case
    #[arg(long)]
    pub delete_branch: bool,
    /// Print what would go and stop
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say each step
    #[arg(short, long)]
    pub verbose: bool,
}

/// Removes worktrees; prints the directory to stand in next if ours goes.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let worktrees = Worktrees::read(&context.repo)?;
    let removals = if args.all { all(args, &worktrees, context)? } else { named(args, &worktrees, context)? };
    if args.dry_run {
        let text: String = removals.iter().map(Removal::describe).collect();
        context.ui.answer(text.as_bytes())?;
        return Ok(0);
    }
    for removal in &removals {
        removal.ask(args, context)?;
    }
    let next = removals.iter().any(|removal| worktrees.is_current(removal.tree));
    // from here on nothing stands in a directory that goes
    let outside = context.from_outside()?;
    std::env::set_current_dir(outside.repo.common_dir())
        .explain(|| "cannot leave the current directory".into())?;
    for removal in &removals {
        removal.carry_out(args, &outside)?;
    }
    Trash::of(&outside.repo).sweep_in_background();
    if next {
        context.arrive(&worktrees.listing.main().path)?;
    }
    Ok(0)
}

fn named<'a>(args: &Args, worktrees: &'a Worktrees, context: &Context) -> Result<Vec<Removal<'a>>> {
    let mut removals: Vec<Removal> = Vec::new();
    for target in &args.targets {
        let tree = worktrees.find(target)?;
        if removals.iter().all(|known| known.tree.git_dir != tree.git_dir) {
            removals.push(Removal::judge(tree, args, worktrees, context)?);
        }
    }
    Ok(removals)
}

/// All that may go; what may not is reported and stays.
fn all<'a>(args: &Args, worktrees: &'a Worktrees, context: &Context) -> Result<Vec<Removal<'a>>> {
    let mut removals = Vec::new();
    for tree in worktrees.listing.worktrees.iter().filter(|tree| !tree.is_main()) {
        match Removal::judge(tree, args, worktrees, context) {
            Ok(removal) => removals.push(removal),
            Err(error) => context.ui.warn(&format!("kept: {}", error.what)),
        }
    }
    if removals.is_empty() || args.yes || args.dry_run {
        return Ok(removals);
    }
    let names: Vec<&str> = removals.iter().map(|removal| removal.name.as_str()).collect();
    match context.ui.ask(&format!("remove {}?", names.join(", "))) {
        Some(true) => Ok(removals),
        Some(false) => Err(Error::new("nothing removed")),
        None => Err(Error::new("no terminal to ask on").hint("git wt remove --all --yes")),
    }
}

/// A worktree that may go, and what goes with it.
struct Removal<'a> {
    tree: &'a Worktree,
    record: Option<Record>,
    name: String,
    /// Ignored files that nothing can make again, relative.
    data: Vec<PathBuf>,
}

impl<'a> Removal<'a> {
    /// Looks at a worktree and refuses what would lose work.
    fn judge(tree: &'a Worktree, args: &Args, worktrees: &Worktrees, context: &Context) -> Result<Self> {
        let name = worktrees.name(tree);
        if tree.is_main() {
            return Err(Error::new(format!(
                "'{}' is the main worktree, which is never removed",
                tree.path.display()
            )));
        }
        if let Some(reason) = &tree.locked
            && args.force < 2
        {
            let why = if reason.is_empty() { String::new() } else { format!(": {}", escaped(reason)) };
            return Err(Error::new(format!("'{name}' is locked{why}"))
                .hint(format!("git wt unlock {}", shown(&tree.path)))
                .hint(format!("git wt remove -f -f {name}")));
        }
        let record = worktrees.record(tree).cloned();
        let mut removal = Self { tree, record, name, data: Vec::new() };
        if args.force == 0 && tree.git_dir.join("modules").exists() {
            return Err(Error::new(format!("'{}' has submodules", removal.name))
                .because("their repositories, with all that was not pushed, would go with it")
                .hint(format!("git wt remove -f {}", removal.name)));
        }
        if !tree.missing {
            let status = Status::of(&tree.path)?;
            if args.force == 0 {
                removal.refuse_changes(&status)?;
            }
            removal.data = removal.valuable(status.ignored, context);
        }
        Ok(removal)
    }

    fn refuse_changes(&self, status: &Status) -> Result<()> {
        if status.changes.is_empty() {
            return Ok(());
        }
        let error = Error::new(format!("'{}' has modified or untracked files", self.name));
        let shown = status.changes.iter().take(20);
        let error = shown.fold(error, super::super::error::Error::because);
        let more = status.changes.len().saturating_sub(20);
        let error = if more > 0 { error.because(format!("and {more} more")) } else { error };
        Err(error.hint(format!("git wt remove -f {}    (they are lost)", self.name)))
    }

    /// Of the ignored files those that are neither ours as we wrote them nor easily made again.
    fn valuable(&self, ignored: Vec<PathBuf>, context: &Context) -> Vec<PathBuf> {
        let root = &self.tree.path;
        let ours = |path: &Path| {
            self.record.iter().flat_map(Record::made).any(|resource| match resource {
                Resource::EnvFile(file) => Path::new(&file.path) == path && file.is_as_written(root),
                Resource::Copy(copy) => {
                    copy.path == path && is_same_file(context.main.as_deref(), root, path)
                }
                Resource::Link(link) => link.path == path,
                Resource::Venv(venv) => venv.path == path,
                Resource::Database(database) => database.covers(&root.join(path)),
                _ => false,
            })
        };
        ignored.into_iter().filter(|path| !is_regenerable(path) && !ours(path)).collect()
    }

    /// The databases that go.
    fn databases(&self, args: &Args) -> Vec<String> {
        let databases = self.record.iter().flat_map(Record::databases);
        databases.filter(|database| !args.keep_db && database.has_data()).map(Database::describe).collect()
    }

    /// Names the data that would be lost, and asks.
    fn ask(&self, args: &Args, context: &Context) -> Result<()> {
        let databases = self.databases(args);
        if args.yes || (databases.is_empty() && self.data.is_empty()) {
            return Ok(());
        }
        let lines: Vec<String> = databases
            .into_iter()
            .chain(
                self.data
                    .iter()
                    .map(|path| format!("'{}' (ignored by git)", escaped(&path.to_string_lossy()))),
            )
            .collect();
        let what = format!("removing '{}' loses {}", self.name, lines.join(", "));
        match context.ui.ask(&format!("{what}\nremove it?")) {
            Some(true) => Ok(()),
            Some(false) => Err(Error::new(format!("'{}' stays", self.name))),
            None => {
                let error = Error::new(format!("removing '{}' would lose data", self.name));
                let error = lines.iter().fold(error, super::super::error::Error::because);
                let error = error.hint(format!("git wt remove -y {}", self.name));
                Err(if self.databases(args).is_empty() {
                    error
                } else {
                    error.hint(format!("git wt remove --keep-db {}", self.name))
                })
            }
        }
    }

    fn describe(&self) -> String {
        let mut text = format!("would remove '{}' at '{}'\n", self.name, self.tree.path.display());
        for resource in self.record.iter().flat_map(Record::made) {
            if !resource.is_inside() && !matches!(resource, Resource::Checkout(_) | Resource::Branch(_)) {
                text += &format!("  {}\n", resource.describe());
            }
        }
        for path in &self.data {
            text += &format!("  '{}' (ignored by git)\n", escaped(&path.to_string_lossy()));
        }
        text
    }

    fn carry_out(&self, args: &Args, context: &Context) -> Result<()> {
        match &self.record {
            Some(record) => {
                let held = context.records.hold(&record.id)?;
                let Some(mut held) = held else { return Ok(()) };
                if !self.tree.missing {
                    run_teardown(&held, self.tree, context);
                }
                held.checkout_for(self.tree);
                take_back(held, &self.tree.path, args.keep_db, context)?;
            }
            None => {
                if let Destroyed::Left(why) = put_aside(&context.repo, self.tree)? {
                    return Err(Error::new(format!("'{}' stays", self.name)).because(why));
                }
            }
        }
        context.ui.say(&format!("removed '{}'", self.name));
        if args.delete_branch
            && let Some(branch) = self.tree.head.branch()
        {
            delete_branch(branch, args.force > 0, context)?;
        }
        Ok(())
    }
}

/// Runs the teardown hooks that the user trusts. A failing one does not keep a worktree alive.
fn run_teardown(held: &Held, tree: &Worktree, context: &Context) {
    let record = &held.record;
    let torn_down = || -> Result<()> {
        let recipe =
            context.recipe_for(record.name.as_str(), tree.head.branch(), record.template.as_deref())?;
        if recipe.hooks.teardown.is_empty() {
            return Ok(());
        }
        let missing = Trust::of(&context.repo, &context.claims)?.missing(&recipe.hooks.teardown, &tree.path);
        if !missing.is_empty() {
            return Err(Error::new(
                "the recipe's teardown hooks were not run, since you have not trusted them",
            ));
        }
        let environment = Environment::of(&tree.path, Some(record), &recipe)?;
        let words = context.words(record, &tree.path);
        for command in &recipe.hooks.teardown {
            let command = words.render_command(&command.text)?;
            context.ui.say(&format!("$ {}", escaped(&command)));
            let status = hook::shell(&command, &tree.path, &environment).narrate()?;
            if status != 0 {
                context.ui.warn(&format!("'{}' ended with status {status}", escaped(&command)));
            }
        }
        Ok(())
    };
    if let Err(error) = torn_down() {
        context.ui.warn(&error.what);
    }
}

/// Unwinds a worktree's record to its end. Past this point a crash is finished, not undone.
pub fn take_back(mut held: Held, root: &Path, keep_db: bool, context: &Context) -> Result<()> {
    let owner = held.record.owner(&context.repo);
    if keep_db {
        held.record.release_databases(&context.claims, &owner)?;
    }
    held.record.stage = Stage::Removing;
    held.write()?;
    let site = Site { repo: &context.repo, claims: &context.claims, owner: &owner, root, main: None };
    held.unwind(&site, Care::LivedIn, &mut |resource, destroyed| match destroyed {
        Destroyed::Gone => context.ui.detail(&format!("gone: {}", resource.describe())),
        Destroyed::Kept => context.ui.detail(&format!("kept: {}", resource.describe())),
        Destroyed::Left(why) => context.ui.warn(&format!("left: {why}")),
    })?;
    held.forget()
}

fn delete_branch(branch: &Branch, force: bool, context: &Context) -> Result<()> {
    let was = context.repo.branch(branch);
    let flag = if force { "-D" } else { "-d" };
    let output = context.repo.git().args(["branch", "--quiet", flag, "--", branch.as_str()]).output()?;
    if output.code != 0 {
        context.ui.warn(&format!("the branch '{branch}' stays: {}", output.stderr.trim()));
        return Ok(());
    }
    let back = was
        .map(|oid| format!("    (git branch {branch} {} brings it back)", oid.short()))
        .unwrap_or_default();
    context.ui.say(&format!("deleted branch '{branch}'{back}"));
    Ok(())
}

/// What `git status` says of a worktree.
struct Status {
    /// Lines as of `git status --short`.
    changes: Vec<String>,
    /// Ignored files and directories, relative.
    ignored: Vec<PathBuf>,
}

impl Status {
    fn of(root: &Path) -> Result<Self> {
        let output = git::looking_at(root)
            .args([
                "status",
                "--porcelain=v1",
                "-z",
                "--ignored=traditional",
                "--untracked-files=normal",
                "--ignore-submodules=none",
            ])
            .stdout()?;
        let (mut changes, mut ignored) = (Vec::new(), Vec::new());
        let mut fields = output.split(|b| *b == 0).filter(|field| field.len() > 3);
        while let Some(field) = fields.next() {
            let (code, path) = (&field[..2], &field[3..]);
            if code == b"!!" {
                ignored.extend(git::paths(path));
                continue;
            }
            let shown = format!("{} {}", String::from_utf8_lossy(code), String::from_utf8_lossy(path));
            changes.push(escaped(&shown));
            if code.contains(&b'R') || code.contains(&b'C') {
                // the name it had before
                fields.next();
            }
        }
        Ok(Self { changes, ignored })
    }
}

/// Whether what is ignored here is a cache, or is made again by a package manager or a build.
fn is_regenerable(path: &Path) -> bool {
    const NAMES: [&str; 24] = [
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".cache",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".tox",
        ".nox",
        "target",
        "dist",
        "build",
        ".next",
        ".nuxt",
        ".turbo",
        ".parcel-cache",
        ".gradle",
        "vendor",
        "_build",
        "deps",
        ".DS_Store",
        ".eggs",
        "htmlcov",
    ];
    let by_ending =
        path.extension().is_some_and(|ending| ["pyc", "pyo", "egg-info", "o"].iter().any(|e| ending == *e));
    by_ending || path.components().any(|part| NAMES.iter().any(|name| part.as_os_str() == *name))
}

fn is_same_file(main: Option<&Path>, root: &Path, path: &Path) -> bool {
    let Some(main) = main else { return false };
    matches!((fs::read(main.join(path)), fs::read(root.join(path))), (Ok(a), Ok(b)) if a == b)
}

fn shown(path: &Path) -> String {
    shell_escape::unix::escape(path.to_string_lossy()).into_owned()
}
