//! Removes what was made for a worktree, and nothing else.
//!
//! Everything is judged before anything is removed. Ignored files are data too: those that cannot be regenerated are
//! listed and asked about.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Explain, Hint, Result};
use crate::git::hidden::{Hidden, ignored_in};
use crate::git::status::Status;
use crate::git::submodules::Places;
use crate::git::worktrees::Worktree;
use crate::git::{Oid, RemoteBranch, hooks as git_hooks, submodules};
use crate::host::exec;
use crate::host::exec::occupants::{Occupant, occupants};
use crate::host::mounts;
use crate::ops::context::Context;
use crate::ops::keep_db::{self, Kept};
use crate::ops::take_away::{self, DatabaseFate, How, branch_at, is_as_made, lone_commits, take_away};
use crate::ops::{hooks, summary, undo, up};
use crate::recipe::regenerable::is_regenerable;
use crate::record::worktrees::Worktrees;
use crate::record::{Record, RecordState};
use crate::resource::checkout::{Discarded, entries_at_rest};
use crate::resource::{Database, Resource, Reversible};
use crate::text::name::BranchName;
use crate::trash::{DeletedBranch, Item, Trash};
use crate::ui::short_bytes;

/// Which worktrees to remove.
#[derive(Debug, Clone)]
pub enum Which {
    Named(Vec<String>),
    /// All linked worktrees that are clean and not locked.
    All,
    /// Those of them whose branches are merged.
    Merged,
}

/// What to remove along with a worktree, and what to ask.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct Options {
    /// 1: even if it has changes; 2: even if it is locked.
    pub force: u8,
    /// Answer every question with yes.
    pub yes: bool,
    /// Its database stays, for good.
    pub keep_db: bool,
    /// It does not go to the trash.
    pub purge: bool,
    /// Delete its branch, unless that has commits that are nowhere else.
    pub delete_branch: bool,
    /// Delete its branch, whatever commits it has.
    pub force_delete_branch: bool,
    /// Delete the remote branch that its branch tracks.
    pub delete_remote_branch: bool,
    /// Do not run the teardown hooks.
    pub no_hooks: bool,
    /// Change nothing.
    pub dry_run: bool,
}

/// Examines the worktrees to be removed, and refuses if work would be lost.
pub fn judge<'a>(
    which: &Which,
    options: &Options,
    worktrees: &'a Worktrees,
    context: &Context,
) -> Result<Vec<Removal<'a>>> {
    if !options.dry_run {
        // what cannot be finished now is doctor's to tell, and no reason to remove nothing else
        let _ = undo::recover(Duration::ZERO, context);
    }
    match which {
        Which::Named(targets) => named(targets, options, worktrees, context),
        Which::All => all(false, options, worktrees, context),
        Which::Merged => all(true, options, worktrees, context),
    }
}

/// Removes worktrees that were judged, once the user agrees to what is lost with them.
pub fn remove(removals: &[Removal], options: &Options, context: &Context) -> Result<()> {
    for removal in removals {
        removal.ask(options, context)?;
    }
    for removal in removals {
        removal.delete_remote_branch(context)?;
    }
    // from here on, our current directory is not one of those being removed
    let outside = context.seen_from_outside()?;
    std::env::set_current_dir(outside.repo.common_dir())
        .explain(|| "cannot leave the current directory".into())?;
    for removal in removals {
        removal.carry_out(options, &outside)?;
    }
    let is_due = Trash::of(&outside.repo).due().is_ok_and(|due| !due.is_empty());
    Discarded::of(&outside.repo).sweep_in_background(is_due);
    Ok(())
}

fn named<'a>(
    targets: &[String],
    options: &Options,
    worktrees: &'a Worktrees,
    context: &Context,
) -> Result<Vec<Removal<'a>>> {
    let mut removals: Vec<Removal> = Vec::new();
    for target in targets {
        if finish_earlier(target, options, worktrees, context)? {
            continue;
        }
        let tree = worktrees.find(target)?;
        if removals.iter().all(|known| known.tree.git_dir != tree.git_dir) {
            removals.push(Removal::judge(tree, options, worktrees, context)?);
        }
    }
    Ok(removals)
}

/// Finishes a removal of that name that was cut short after git's entry was gone; returns whether there was one.
fn finish_earlier(target: &str, options: &Options, worktrees: &Worktrees, context: &Context) -> Result<bool> {
    let cut_short = |record: &&Record| {
        record.stage == RecordState::Removing
            && record.name.as_str() == target
            && record.worktree(&worktrees.listing).is_none()
    };
    let Some(record) = worktrees.records.iter().find(cut_short).filter(|_| !options.dry_run) else {
        return Ok(false);
    };
    if let Some(held) = context.records.hold(&record.id)? {
        if !take_away::finish(held, options.keep_db, context)? {
            return Ok(false);
        }
        context.ui.say(&format!("removed {target}"));
    }
    Ok(true)
}

/// Returns all worktrees that may be removed; the others are reported and stay.
fn all<'a>(
    merged: bool,
    options: &Options,
    worktrees: &'a Worktrees,
    context: &Context,
) -> Result<Vec<Removal<'a>>> {
    let mut removals = Vec::new();
    for tree in worktrees.listing.worktrees.iter().filter(|tree| !tree.is_main()) {
        let branch = tree.head.branch();
        if merged && branch.map(|branch| context.repo.merged(branch, false)).transpose()?.flatten().is_none()
        {
            continue;
        }
        match Removal::judge(tree, options, worktrees, context) {
            Ok(removal) => match merged.then(|| removal.is_needed(worktrees, context)).flatten() {
                Some(why) => context.ui.say(&format!("kept: '{}' {why}", removal.name)),
                None => removals.push(removal),
            },
            Err(error) => context.ui.warn(&format!("kept: {}", error.what)),
        }
    }
    if removals.is_empty() || options.yes || options.dry_run {
        return Ok(removals);
    }
    let names: Vec<&str> = removals.iter().map(|removal| removal.name.as_str()).collect();
    match context.ask(&format!("remove {}?", names.join(", ")))? {
        Some(true) => Ok(removals),
        Some(false) => Err(Error::new("nothing removed")),
        None => {
            let which = if merged { "--merged" } else { "--all" };
            let error =
                Error::new("no terminal to ask on").because(format!("it would remove {}", names.join(", ")));
            let command = match options.force {
                0 => "git wt remove",
                1 => "git wt remove -f",
                _ => "git wt remove -f -f",
            };
            Err(error.hint(Hint::of(command).and(which).and("--yes")))
        }
    }
}

/// A worktree that may be removed, and what is removed with it.
pub struct Removal<'a> {
    pub tree: &'a Worktree,
    record: Option<Record>,
    name: String,
    /// Ignored files that cannot be regenerated, relative to the worktree.
    data: Vec<PathBuf>,
    /// What git status is silent about; searched for only where all of it is to be deleted at once.
    hidden: Hidden,
    /// How many files have changes, and how many are untracked.
    uncommitted: (usize, usize),
    /// Commits that would become unreachable, newest first, with their subjects.
    commits: Vec<String>,
    /// Servers that `up` has started in it, and that run.
    servers: Vec<String>,
    /// Other programs running in it.
    occupants: Vec<Occupant>,
    /// The branch to delete with it, and its commit.
    branch: Option<(BranchName, Oid)>,
    remote_branch: Option<RemoteBranch>,
}

impl<'a> Removal<'a> {
    /// Examines a worktree and refuses if work would be lost.
    fn judge(
        tree: &'a Worktree,
        options: &Options,
        worktrees: &Worktrees,
        context: &Context,
    ) -> Result<Self> {
        let name = worktrees.name(tree);
        if tree.is_main() {
            return Err(Error::new(format!(
                "'{}' is the main worktree, which is never removed",
                tree.path.display()
            )));
        }
        if let Some(reason) = &tree.locked
            && options.force < 2
        {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            return Err(Error::new(format!("'{name}' is locked{why}"))
                .hint(Hint::of("git wt unlock").name(&tree.path))
                .hint(Hint::of("git wt remove -f -f").name(&name)));
        }
        refuse_nested(tree, &name, worktrees)?;
        refuse_mounts(tree, &name)?;
        let record = worktrees.readable_record(tree)?.cloned();
        let mut occupants = occupants(&tree.path);
        // what `up` has started is stopped first, and disturbs nobody
        let processes = up::processes(tree, record.as_ref(), &context.repo);
        occupants.retain(|occupant| !processes.contains(&occupant.pid));
        let servers = up::running(tree, record.as_ref(), &context.repo);
        let mut removal = Self {
            tree,
            record,
            name,
            data: Vec::new(),
            hidden: Hidden::default(),
            uncommitted: (0, 0),
            commits: Vec::new(),
            servers,
            occupants,
            branch: None,
            remote_branch: None,
        };
        if options.force == 0 {
            let of_main = context.repo.common_dir().join("modules");
            let unpushed = submodules::unpushed(&tree.git_dir.join("modules"), &of_main)?;
            if !unpushed.is_empty() {
                let error =
                    Error::new(format!("'{}' has submodules with commits of their own", removal.name));
                let error = unpushed.iter().fold(error, Error::because);
                return Err(error
                    .advise("-f removes it with them")
                    .hint(Hint::of("git wt remove -f").name(&removal.name)));
            }
        }
        if !tree.missing {
            let status =
                Status::of_everything(&tree.path).map_err(|error| worktrees.unless_gone(tree, error))?;
            if options.force == 0 {
                removal.refuse_changes(&status)?;
            }
            let places = Places::of(&tree.path)?;
            if options.force == 0 {
                removal.refuse_embedded(&places)?;
            }
            removal.uncommitted = (status.changes.len(), status.untracked.len());
            let mut ignored = status.ignored;
            if options.purge {
                ignored.extend(ignored_in(&tree.path, &places)?);
            }
            removal.data = removal.valuable(ignored, context);
            if options.keep_db {
                removal.data.retain(|path| !keep_db::keeps(path, tree, removal.record.as_ref()));
            }
            if options.purge {
                removal.hidden = Hidden::of(&tree.path, &places, &removal.data)?;
            }
        }
        removal.commits = lone_commits(tree, &worktrees.listing, &context.repo)?;
        if options.keep_db && options.purge {
            keep_db::refuse_others(&removal.data, tree, removal.record.as_ref())?;
        }
        removal.judge_branch(options, worktrees, context)?;
        Ok(removal)
    }

    /// Why a worktree whose branch is merged is not done with.
    fn is_needed(&self, worktrees: &Worktrees, context: &Context) -> Option<String> {
        if self.record.as_ref().is_some_and(|record| record.protected) {
            return Some("is protected".into());
        }
        if worktrees.is_current(self.tree) {
            return Some("is the current one".into());
        }
        if let Some(Occupant { pid, name }) = self.occupants.first() {
            return Some(format!("is in use by process {pid} ({name})"));
        }
        let branch = self.tree.head.branch()?;
        let mut made = self.record.iter().flat_map(Record::made).filter_map(|resource| match resource {
            Resource::Branch(made) if made.name == *branch => Some(&made.oid),
            _ => None,
        });
        let is_new = match made.next() {
            Some(start) => Some(start) == self.tree.head.oid(),
            None => context.repo.has_never_moved(branch),
        };
        is_new.then(|| "has no commit of its own yet".into())
    }

    /// Refuses to delete a branch whose commits would be lost, unless a second, explicit option forces it.
    fn judge_branch(&mut self, options: &Options, worktrees: &Worktrees, context: &Context) -> Result<()> {
        let Some(branch) = self.tree.head.branch() else { return Ok(()) };
        let remote = if options.delete_remote_branch { context.repo.upstream(branch)? } else { None };
        if options.delete_remote_branch && remote.is_none() {
            return Err(Error::new(format!("'{branch}' tracks no remote's branch that could be deleted")));
        }
        self.remote_branch = remote;
        let Some(oid) = self.tree.head.oid().filter(|_| options.delete_branch || options.force_delete_branch)
        else {
            return Ok(());
        };
        let elsewhere =
            |other: &&Worktree| other.git_dir != self.tree.git_dir && other.head.branch() == Some(branch);
        if let Some(other) = worktrees.listing.worktrees.iter().find(elsewhere) {
            return Err(Error::new(format!("'{branch}' is checked out at '{}' too", other.path.display())));
        }
        if !options.force_delete_branch
            && context.repo.merged(branch, options.delete_remote_branch)?.is_none()
        {
            let error = Error::new(format!("the branch '{branch}' has commits that are nowhere else"));
            let error = error.because(format!("it stands at {oid}"));
            return Err(error
                .advise("-D gives them up, and without it the branch is kept")
                .hint(Hint::of("git wt remove").name(&self.name))
                .hint(Hint::of("git wt remove -D").name(&self.name)));
        }
        self.branch = Some((branch.clone(), oid.clone()));
        Ok(())
    }

    fn refuse_changes(&self, status: &Status) -> Result<()> {
        if status.is_clean() {
            return Ok(());
        }
        let changes: Vec<String> = status.short().collect();
        let error = Error::new(format!("'{}' has modified or untracked files", self.name));
        let shown = changes.iter().take(20);
        let error = shown.fold(error, Error::because);
        let more = changes.len().saturating_sub(20);
        let error = if more > 0 { error.because(format!("and {more} more")) } else { error };
        Err(error.advise("-f removes it with them").hint(Hint::of("git wt remove -f").name(&self.name)))
    }

    /// Refuses as git does to take along a repository that is a submodule without a home elsewhere.
    fn refuse_embedded(&self, places: &Places) -> Result<()> {
        let mut embedded = places.embedded(&self.tree.path).peekable();
        if embedded.peek().is_none() {
            return Ok(());
        }
        let error = Error::new(format!("'{}' has a git repository in it", self.name));
        let error = embedded.fold(error, |error, path| error.because(path.display()));
        Err(error.advise("-f removes it too").hint(Hint::of("git wt remove -f").name(&self.name)))
    }

    /// Returns the ignored files that are neither unchanged files of ours nor easily regenerated.
    fn valuable(&self, ignored: Vec<PathBuf>, context: &Context) -> Vec<PathBuf> {
        let root = &self.tree.path;
        let main = context.main.as_deref();
        let ours = |path: &Path| {
            let mut made = self.record.iter().flat_map(Record::made);
            made.any(|resource| is_as_made(resource, path, root, main))
        };
        ignored.into_iter().filter(|path| !is_regenerable(path) && !ours(path)).collect()
    }

    fn databases(&self) -> impl Iterator<Item = &Database> {
        self.record.iter().flat_map(Record::databases).filter(|database| database.has_data())
    }

    /// Lists the data that would be lost, and asks.
    fn ask(&self, options: &Options, context: &Context) -> Result<()> {
        let lines = if options.purge { self.losses(options) } else { Vec::new() };
        let is_protected = self.record.as_ref().is_some_and(|record| record.protected);
        if options.yes || (lines.is_empty() && !is_protected) {
            return Ok(());
        }
        let protected = format!("'{}' is protected", self.name);
        let what = match (is_protected, lines.is_empty()) {
            (true, true) => protected.clone(),
            (true, false) => format!("{protected}, and removing it loses {}", lines.join(", ")),
            (false, _) => format!("removing '{}' loses {}", self.name, lines.join(", ")),
        };
        match context.ask(&format!("{what}; remove it?"))? {
            Some(true) => Ok(()),
            Some(false) => Err(Error::new(format!("'{}' stays", self.name))),
            None => {
                let error = if is_protected {
                    Error::new(protected)
                } else {
                    Error::new(format!("removing '{}' would lose data", self.name))
                };
                let error = lines.iter().fold(error, Error::because);
                let all = match (options.purge, options.keep_db) {
                    (true, true) => "git wt remove -y --purge --keep-db",
                    (true, false) => "git wt remove -y --purge",
                    (false, true) => "git wt remove -y --keep-db",
                    (false, false) => "git wt remove -y",
                };
                let error = error.hint(Hint::of(all).name(&self.name));
                let keeps = !options.keep_db && self.databases().next().is_some();
                let keep = Hint::of("git wt remove --keep-db").name(&self.name);
                Err(if keeps { error.hint(keep) } else { error })
            }
        }
    }

    /// Returns what would be lost for good, and who is disturbed.
    fn losses(&self, options: &Options) -> Vec<String> {
        let databases = self.databases().filter(|_| !options.keep_db).map(Reversible::describe);
        databases.chain(self.unrecorded()).collect()
    }

    /// Returns what would be lost that is in no record.
    fn unrecorded(&self) -> impl Iterator<Item = String> {
        let ignored = |path: &PathBuf| format!("'{}' (ignored by git)", path.display());
        let commit = |commit: &String| format!("commit {commit} (on no branch)");
        let occupant = |of: &Occupant| format!("the directory of process {} ({})", of.pid, of.name);
        let data = self.data.iter().map(ignored).chain(self.out_of_sight());
        let data = data.chain(self.commits.iter().map(commit));
        data.chain(self.occupants.iter().map(occupant))
    }

    /// Returns what would be lost that git status does not show.
    fn out_of_sight(&self) -> impl Iterator<Item = String> {
        let of = |why: &'static str| move |path: &PathBuf| format!("'{}' ({why})", path.display());
        let Hidden { edits, repositories, unseen } = &self.hidden;
        let edits = edits.iter().map(of("changes hidden from git status"));
        let repositories = repositories.iter().map(of("a git repository"));
        edits.chain(repositories).chain(unseen.iter().map(of("git cannot look into it")))
    }

    /// Deletes the remote branch before anything local, so that a remote that refuses leaves everything as it was.
    fn delete_remote_branch(&self, context: &Context) -> Result<()> {
        let Some(RemoteBranch { remote, branch, oid }) = &self.remote_branch else { return Ok(()) };
        let full = format!("refs/heads/{branch}");
        // only if it is still at the commit we know
        let lease = format!("--force-with-lease={full}:{oid}");
        let output =
            context.repo.git().args(["push", "--quiet", &lease, remote, "--delete", &full]).output()?;
        if output.code != 0 {
            return Err(Error::new(format!("cannot delete the branch '{branch}' of '{remote}'"))
                .quoting(&output.stderr));
        }
        context.ui.say(&format!("deleted branch '{branch}' of '{remote}' (was {})", oid.short()));
        Ok(())
    }

    /// Describes what would be removed, one thing per line.
    pub fn describe(&self, options: &Options) -> Vec<String> {
        let mut lines = vec![format!("would remove '{}' at '{}'", self.name, self.tree.path.display())];
        for resource in self.record.iter().flat_map(Record::made) {
            let stays = match resource {
                Resource::Checkout(_) | Resource::Branch(_) => true,
                Resource::Database(_) => options.keep_db,
                _ => resource.is_inside(),
            };
            if !stays {
                lines.push(format!("  {}", resource.describe()));
            }
        }
        lines.extend(self.servers.iter().map(|entry| format!("  server '{entry}', which runs")));
        lines.extend(self.unrecorded().map(|line| format!("  {line}")));
        let remote = self.remote_branch.iter().map(RemoteBranch::short);
        let branches = self.branch.iter().map(|(branch, _)| branch.to_string()).chain(remote);
        lines.extend(branches.map(|branch| format!("  branch '{branch}'")));
        lines
    }

    fn carry_out(&self, options: &Options, context: &Context) -> Result<()> {
        let databases = match (options.purge, options.keep_db) {
            (_, true) => DatabaseFate::Release,
            (true, false) => DatabaseFate::Drop,
            (false, false) => DatabaseFate::Wait,
        };
        let keep = if options.purge { None } else { Some(take_away::kept_for(&context.repo)?) };
        let how = How { keep, databases };
        let mut held = match &self.record {
            Some(record) => match context.records.hold(&record.id)? {
                Some(held) => Some(held),
                None => return Ok(()),
            },
            None => None,
        };
        self.stop_servers(context)?;
        if let Some(held) = &mut held {
            if !self.tree.missing && !options.no_hooks {
                hooks::run_teardown(held, self.tree, context);
            }
            exec::check_stopped()
                .map_err(|error| error.hint(Hint::of("git wt remove --no-hooks").name(&self.name)))?;
            held.checkout_for(self.tree);
        }
        if options.purge && !self.tree.missing {
            self.judge_again(options, context)?;
        }
        let keeps = options.keep_db.then(|| Kept::move_out(self.tree, self.record.as_ref())).transpose()?;
        let kept = keeps.unwrap_or_default();
        let item = match take_away(held, self.tree, &self.name, how, context) {
            Ok(item) => item,
            Err(error) => {
                kept.move_back()?;
                return Err(error);
            }
        };
        if item.is_none() || self.record.is_none() {
            up::forget(self.tree, self.record.as_ref(), &context.repo);
        }
        context.ui.say(&format!("removed {}{}", self.name, self.branch_stays()));
        for database in &kept.databases {
            context.ui.say(&format!("kept for good: {database}"));
        }
        self.tell_kept(item.as_ref(), options, context);
        for what in git_hooks::leading_into(&context.repo, &self.tree.path) {
            context.ui.warn(&format!("{what} led into it: it does not work in any worktree now"));
        }
        if let (None, Some(_), Some(head)) = (&item, self.commits.first(), self.tree.head.oid()) {
            context.ui.hint(branch_at(head, &self.name, &context.repo));
        }
        if let Some((branch, oid)) = &self.branch {
            if let Some(mut item) = item {
                item.remember_branch(DeletedBranch::of(&context.repo, branch, oid), &context.repo)?;
            }
            delete_branch(branch, oid, context)?;
        }
        Ok(())
    }

    /// Refuses if something has come into it since it was judged: while a question waited, or by its teardown hooks.
    fn judge_again(&self, options: &Options, context: &Context) -> Result<()> {
        let worktrees = Worktrees::read(&context.repo)?;
        let same = |tree: &&Worktree| tree.git_dir == self.tree.git_dir && tree.path == self.tree.path;
        let tree = worktrees.listing.worktrees.iter().find(same);
        let tree =
            tree.ok_or_else(|| Error::new(format!("another git-wt has just changed '{}'", self.name)))?;
        // its branches have been judged, and the remote's may be gone by now
        let alone = Options {
            delete_branch: false,
            force_delete_branch: false,
            delete_remote_branch: false,
            ..options.clone()
        };
        let now = Removal::judge(tree, &alone, &worktrees, context)?;
        let known = self.losses(options);
        let new: Vec<String> = now.losses(options).into_iter().filter(|loss| !known.contains(loss)).collect();
        if options.yes || new.is_empty() {
            return Ok(());
        }
        let error = Error::new(format!("'{}' has changed since it was looked at, and would lose", self.name));
        let error = new.iter().fold(error, Error::because);
        Err(error.hint(Hint::of("git wt remove --purge").name(&self.name)))
    }

    /// Stops what `up` has started here.
    fn stop_servers(&self, context: &Context) -> Result<()> {
        for stopped in up::stop_all(self.tree, self.record.as_ref(), &self.name, &context.repo)? {
            context.ui.say(&format!("stopped '{}' of '{}'", stopped.entry, self.name));
        }
        Ok(())
    }

    /// The end of a sentence: what becomes of its branch, where that does not go.
    fn branch_stays(&self) -> String {
        match (self.tree.head.branch(), self.tree.head.oid(), &self.branch) {
            (Some(branch), Some(oid), None) => format!("; branch '{branch}' stays ({})", oid.short()),
            _ => String::new(),
        }
    }

    /// Says what the trash has that git would not bring back.
    fn tell_kept(&self, item: Option<&Item>, options: &Options, context: &Context) {
        const SHOWN: usize = 4;
        let Some(item) = item else { return };
        let databases = self.record.iter().flat_map(Record::databases).filter(|_| !options.keep_db);
        let databases = databases.map(summary::database_name);
        let tree = item.tree();
        let data = self.data.iter().map(|path| {
            let size = tree.as_ref().and_then(|tree| size_at_once(&tree.join(path)));
            format!(
                "{}{}",
                path.display(),
                size.map(|size| format!(" {}", short_bytes(size))).unwrap_or_default()
            )
        });
        let commits = self.commits.iter().map(|commit| format!("commit {commit}"));
        let files = summary::uncommitted(self.uncommitted);
        let mut kept: Vec<String> = data.chain(databases).chain(files).chain(commits).collect();
        let more = kept.len().saturating_sub(SHOWN);
        kept.truncate(SHOWN);
        if more > 0 {
            kept.push(format!("{more} more"));
        }
        if !kept.is_empty() {
            context.ui.say(&format!("kept for {}: {}", item.manifest.days(), kept.join(", ")));
        }
        for occupant in &self.occupants {
            let (pid, name) = (occupant.pid, &occupant.name);
            context.ui.say(&format!("note: process {pid} ({name}) still works in its directory"));
        }
        if !item.manifest.missing {
            context.ui.hint(Hint::of("git wt undo").name(&self.name));
        }
    }
}

/// Refuses to remove another worktree along with the one around it, however often force is given: it was not named.
fn refuse_nested(tree: &Worktree, name: &str, worktrees: &Worktrees) -> Result<()> {
    match worktrees.listing.inside(tree) {
        None => Ok(()),
        Some(inner) => Err(Error::new(format!("'{name}' has another worktree in it"))
            .because(inner.path.display())
            .hint(Hint::of("git wt remove").name(&inner.path))),
    }
}

/// Refuses to take away what is another file system's.
fn refuse_mounts(tree: &Worktree, name: &str) -> Result<()> {
    let points = mounts::inside(&tree.path);
    let Some(first) = points.first() else { return Ok(()) };
    let error = Error::new(format!("'{name}' has a file system mounted in it"));
    Err(points
        .iter()
        .fold(error, |error, point| error.because(point.display()))
        .hint(Hint::of("umount").name(first)))
}

/// Adds up the files below a path, unless there are so many that it would take a while.
fn size_at_once(path: &Path) -> Option<u64> {
    const MANY: usize = 2000;
    let (mut total, mut left) = (0, MANY);
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        left = left.checked_sub(1)?;
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            waiting.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else {
            total += meta.len();
        }
    }
    Some(total)
}

/// Deletes a branch if it is still at the commit that was judged; one that has moved since stays.
fn delete_branch(branch: &BranchName, judged: &Oid, context: &Context) -> Result<bool> {
    if context.repo.branch(branch).as_ref() != Some(judged) {
        context.ui.warn(&format!("the branch '{branch}' stays: it has moved"));
        return Ok(false);
    }
    let _alone = entries_at_rest(&context.repo)?;
    let output = context.repo.git().args(["branch", "--quiet", "-D", "--", branch.as_str()]).output()?;
    if output.code != 0 {
        context.ui.warn(&format!("the branch '{branch}' stays: {}", output.stderr.trim()));
        return Ok(false);
    }
    context.ui.say(&format!("deleted branch '{branch}'"));
    context.ui.hint(Hint::of("git branch").name(branch.as_str()).name(judged.short()));
    Ok(true)
}
