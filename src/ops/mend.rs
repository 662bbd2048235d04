//! Finds what is broken or belongs to another repository, and repairs it.

mod deserted;

use std::path::Path;
use std::time::Duration;

use crate::environment::Environment;
use crate::environment::stray_venv::StrayVenv;
use crate::error::{Error, Hint, Result};
use crate::git::hooks;
use crate::git::worktrees::{Broken, IN_THE_MAKING, Worktree};
use crate::host::claims::{Claim, Claims, Owner, Thing};
use crate::host::exec;
use crate::host::identity::Identity;
use crate::ops::context::Context;
use crate::ops::{follow, prune, rollback, take_away, undo};
use crate::record::worktrees::Worktrees;
use crate::record::{Destination, LockedRecord, Record, RecordState};
use crate::resource::checkout::{Discarded, is_linked, names_entry, renamed_to};
use crate::text::name::Name;
use crate::trash::Trash;
use crate::ui::Ui;

/// How long repair waits for a child of a killed git-wt that is still writing.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to do about the problems found.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub fix: bool,
    /// Drop the databases of worktrees that are gone, and forget those of repositories that are gone.
    pub drop_databases: bool,
}

/// Examines the repository; returns 1 if a problem remains.
pub fn examine(options: Options, context: &Context) -> Result<u8> {
    let outside = context.seen_from_outside()?;
    let mut found = Findings { tally: Tally::new(options, outside.ui), context: &outside };
    let drop_databases = options.drop_databases;
    found.foreign_records()?;
    found.cut_short_in_the_trash()?;
    found.halves()?;
    found.damaged_entries()?;
    found.moved()?;
    found.vanished(drop_databases)?;
    found.unbound(drop_databases)?;
    found.strayed_venvs()?;
    found.damaged_records()?;
    found.damaged_claims()?;
    found.orphaned_claims()?;
    let here = outside.repo.identity()?;
    deserted::look(&mut found.tally, &outside.claims, Some(here), drop_databases)?;
    found.unknown_settings();
    found.lost_hooks();
    found.stray_bare()?;
    found.trash()?;
    found.tally.programs();
    Ok(found.tally.sum())
}

/// Examines what needs no repository: this user's claims on this host, and the programs.
pub fn examine_host(options: Options, ui: Ui) -> Result<u8> {
    ui.say("not in a git repository: only the claims on this host are looked at");
    let mut tally = Tally::new(options, ui);
    deserted::look(&mut tally, &Claims::open(), None, options.drop_databases)?;
    tally.programs();
    Ok(tally.sum())
}

/// Forgets records whose worktree git no longer has; those with a database are left for the user to decide.
pub fn forget_unbound(drop_databases: bool, context: &Context) -> Result<()> {
    let tally = Tally { fix: true, open: 0, ui: context.ui };
    Findings { tally, context }.unbound(drop_databases)
}

/// The problems found so far, and whether they are fixed.
struct Tally {
    fix: bool,
    /// The number of problems that remain.
    open: usize,
    ui: Ui,
}

impl Tally {
    fn new(options: Options, ui: Ui) -> Self {
        Self { fix: options.fix, open: 0, ui }
    }

    /// Reports a problem; returns whether to repair it now.
    fn problem(&mut self, what: &str) -> bool {
        self.ui.say(&format!("{}: {what}", if self.fix { "fixed" } else { "problem" }));
        self.open += usize::from(!self.fix);
        self.fix
    }

    /// Reports a problem that only the user can solve.
    fn for_the_user(&mut self, what: &str) {
        self.ui.say(&format!("problem: {what}"));
        self.open += 1;
    }

    /// Reports an error that keeps other verbs from working.
    fn broken(&mut self, error: &Error) {
        self.ui.say(&format!("problem: {}", error.in_one_line()));
        error.hints.iter().for_each(|hint| self.ui.hint(hint.clone()));
        self.open += 1;
    }

    /// Reports a problem that could not be repaired, perhaps only for the moment.
    fn cannot_fix(&mut self, what: &str, error: &Error) {
        self.for_the_user(&format!("{what}; {}", error.in_one_line()));
        self.ui.hint("git wt doctor --fix");
    }

    /// Reports which git-wt is running, and which others are on PATH.
    fn programs(&mut self) {
        let Ok(ours) = std::env::current_exe() else { return };
        self.ui.say(&format!("this is git-wt {}, '{}'", env!("CARGO_PKG_VERSION"), ours.display()));
        let same = |path: &Path| Identity::of(path) == Identity::of(&ours);
        match which::which("git-wt") {
            Ok(first) if !same(&first) => self
                .for_the_user(&format!("'{}' comes first on PATH, and is not this git-wt", first.display())),
            Ok(_) => {
                let others = which::which_all("git-wt").into_iter().flatten().filter(|path| !same(path));
                for other in others {
                    self.ui.say(&format!("another one comes later on PATH: '{}'", other.display()));
                }
            }
            Err(_) => self.for_the_user("git-wt is not on PATH, so 'git wt' does not find it"),
        }
    }

    /// Prints the summary; returns the exit status.
    fn sum(&self) -> u8 {
        if self.open == 0 {
            self.ui.say("nothing is broken");
        }
        u8::from(self.open > 0)
    }
}

struct Findings<'a> {
    tally: Tally,
    context: &'a Context,
}

impl<'a> Findings<'a> {
    fn damaged_entries(&mut self) -> Result<()> {
        for broken in self.context.repo.damaged(&self.context.repo.worktrees()?)? {
            if self.is_in_the_making(&broken)? {
                continue;
            }
            if self.tally.problem(&format!("git's entry '{}' is damaged: {}", broken.id, broken.why)) {
                let place = crate::resource::checkout::quarantine(&self.context.repo, &broken.id)?;
                self.context.ui.say(&format!("  put aside as '{}'", place.display()));
            }
        }
        Ok(())
    }

    /// Whether this entry is being made right now, by a git-wt whose record says so or by a git that began a moment
    /// ago.
    fn is_in_the_making(&self, broken: &Broken) -> Result<bool> {
        if let Some(record) = broken.locked.as_deref().and_then(|reason| reason.strip_prefix(IN_THE_MAKING)) {
            return Ok(self.context.records.find(record)?.is_some());
        }
        let entry = self.context.repo.common_dir().join("worktrees").join(&broken.id);
        let written = std::fs::metadata(entry).and_then(|found| found.modified()).ok();
        let age = written.and_then(|at| at.elapsed().ok());
        Ok(broken.may_be_in_the_making() && age.is_none_or(|age| age < PATIENCE))
    }

    /// Finds records that belong to another repository. In a copied repository they are the original's, and the copy
    /// owns none of their ports and databases. If the original is gone and the worktrees lead here, the repository was
    /// moved, and the records are its own.
    fn foreign_records(&mut self) -> Result<()> {
        let here = self.context.repo.identity()?;
        let listing = self.context.repo.worktrees()?;
        for record in self.context.records.all()?.0.iter().filter(|record| record.repository != here) {
            let leads_here = record.worktree(&listing).is_some_and(|tree| is_linked(&tree.path, tree));
            let name = &record.name;
            if leads_here && self.is_gone(record.repository)? {
                if self
                    .tally
                    .problem(&format!("the record '{name}' is of this repository before it was moved here"))
                {
                    self.take_over(record)?;
                }
            } else if self
                .tally
                .problem(&format!("the record '{name}' was made in another repository than this copy of it"))
            {
                self.context.records.delete(&record.id)?;
            }
        }
        Ok(())
    }

    /// Whether none of the places that a repository's claims name has a repository any more.
    fn is_gone(&self, repository: Identity) -> Result<bool> {
        let claims = self.context.claims.all_of(repository.dev, repository.ino)?;
        let places = claims.iter().filter_map(|claim| claim.owner.as_ref()).map(|owner| &owner.common_dir);
        let mut there = places.map(|common_dir| Identity::of(common_dir) == Some(repository)).peekable();
        Ok(there.peek().is_some() && there.all(|there| !there))
    }

    /// Makes a record and its claims this repository's own.
    fn take_over(&self, record: &Record) -> Result<()> {
        let Some(mut held) = self.hold(record)? else { return Ok(()) };
        let before = held.record.owner(&self.context.repo);
        held.record.repository = self.context.repo.identity()?;
        held.write()?;
        let owner = held.record.owner(&self.context.repo);
        for thing in held.record.claimed() {
            self.context.claims.release(&thing, &before)?;
            self.context.claims.rebuild(&thing, &owner)?;
        }
        Ok(())
    }

    /// Undoes an add that was killed, and finishes a removal that was killed.
    fn halves(&mut self) -> Result<()> {
        for record in self.context.records.own(&self.context.repo)? {
            if record.stage == RecordState::Ready {
                continue;
            }
            exec::check_stopped()?;
            let verb = if record.stage == RecordState::Adding { "adding" } else { "removing" };
            if !self.tally.fix {
                if let Ok(Some(_held)) = self.context.records.hold(&record.id) {
                    self.tally.problem(&format!("{verb} '{}' was cut short", record.name));
                }
                continue;
            }
            let Some(held) = self.hold(&record)? else { continue };
            let left = match held.record.stage {
                RecordState::Adding => rollback::roll_back(held, self.context).map(|(_, left)| left),
                RecordState::Removing => take_away::finish(held, false, self.context).map(|_| Vec::new()),
                // it was finished while we waited
                RecordState::Ready => continue,
            };
            let what = format!("{verb} '{}' was cut short", record.name);
            match left {
                Ok(left) => {
                    for why in left {
                        self.context.ui.warn(&format!("left: {why}"));
                    }
                    self.tally.problem(&what);
                }
                Err(error) => self.tally.cannot_fix(&what, &error),
            }
        }
        Ok(())
    }

    /// Takes hold of a record, and says so if that means waiting for a child of a killed git-wt.
    fn hold(&self, record: &Record) -> Result<Option<LockedRecord<'a>>> {
        self.context.records.hold(&record.id).or_else(|_| {
            self.context.ui.say(&format!("waiting for what still works on '{}'", record.name));
            self.context.records.hold_patiently(&record.id, PATIENCE)
        })
    }

    /// Waits for each git that was still moving a worktree when its git-wt was killed.
    fn await_moves(&self) -> Result<()> {
        for record in self.context.records.own(&self.context.repo)? {
            if record.destination.is_none() {
                continue;
            }
            let Some(mut held) = self.hold(&record)? else { continue };
            let listing = self.context.repo.worktrees()?;
            if held
                .record
                .worktree(&listing)
                .is_some_and(|tree| tree.path == held.record.path && !tree.missing)
            {
                // git refused the move, or was never started
                held.record.destination = None;
                held.write()?;
            }
        }
        Ok(())
    }

    /// Updates whatever records a worktree's place, if git itself moved it or git-wt was killed during a move.
    fn moved(&mut self) -> Result<()> {
        if self.tally.fix {
            self.await_moves()?;
        }
        let worktrees = Worktrees::read(&self.context.repo)?;
        for record in worktrees.records.iter().filter(|record| record.stage == RecordState::Ready) {
            let Some(tree) = record.worktree(&worktrees.listing) else { continue };
            if tree.missing {
                self.lost_on_the_way(record, tree)?;
                continue;
            }
            if tree.path == record.path {
                continue;
            }
            let what = format!("'{}' was moved to '{}' without git-wt", record.name, tree.path.display());
            if self.tally.problem(&what) {
                let Some(held) = self.hold(record)? else { continue };
                let now = self.context.repo.worktrees()?;
                let Some(tree) = held.record.worktree(&now) else { continue };
                let from = held.record.path.clone();
                follow::follow(Some(held), &from, tree, self.context)?;
            }
        }
        Ok(())
    }

    /// Finds a worktree whose git was killed after moving it but before registering that: it is at its destination.
    fn lost_on_the_way(&mut self, record: &Record, tree: &Worktree) -> Result<()> {
        let Some(Destination(to)) = &record.destination else { return Ok(()) };
        let into = to.join(tree.path.file_name().unwrap_or_default());
        let Some(found) = [to, &into].into_iter().find(|place| names_entry(place, tree)) else {
            return Ok(());
        };
        let what = format!("moving '{}' to '{}' was cut short", record.name, found.display());
        if self.tally.problem(&what) { self.register(Some(record), tree, found) } else { Ok(()) }
    }

    /// Has git know where a worktree is, and its record follow.
    fn register(&self, record: Option<&Record>, tree: &Worktree, place: &Path) -> Result<()> {
        let held = record.map(|record| self.hold(record)).transpose()?.flatten();
        self.context.repo.git().args(["worktree", "repair", "--"]).arg(place).stdout()?;
        let now = self.context.repo.worktrees()?;
        let Some(moved) = tree.id.as_deref().and_then(|id| now.entry(id)) else { return Ok(()) };
        let from = record.map_or_else(|| tree.path.clone(), |record| record.path.clone());
        follow::follow(held, &from, moved, self.context)
    }

    /// Forgets worktrees whose directories are gone for good.
    fn vanished(&mut self, drop_databases: bool) -> Result<()> {
        let worktrees = Worktrees::read(&self.context.repo)?;
        let gone = |tree: &&Worktree| tree.missing && tree.locked.is_none() && !prune::is_disk_absent(tree);
        for tree in worktrees.listing.worktrees.iter().filter(gone) {
            if let Some(place) = renamed_to(tree) {
                let name = worktrees.name(tree);
                if self.tally.problem(&format!("'{name}' was moved to '{}' without git", place.display())) {
                    self.register(worktrees.record(tree), tree, &place)?;
                }
                continue;
            }
            let what = format!("the directory of '{}' is gone", worktrees.name(tree));
            if self.tally.problem(&what) {
                prune::forget(tree, &worktrees, drop_databases, self.context)?;
            }
        }
        Ok(())
    }

    /// Forgets records whose worktree git itself has removed or pruned.
    fn unbound(&mut self, drop_databases: bool) -> Result<()> {
        let worktrees = Worktrees::read(&self.context.repo)?;
        let bound = |record: &&Record| record.worktree(&worktrees.listing).is_none();
        for record in worktrees.records.iter().filter(|r| r.stage == RecordState::Ready).filter(bound) {
            let held = match self.context.records.hold(&record.id) {
                Err(_) if self.tally.fix => self.hold(record)?,
                // somebody is working on it
                Err(_) => continue,
                Ok(held) => held,
            };
            let Some(held) = held else { continue };
            // whoever held it before us may have added the worktree since
            if held.record.worktree(&self.context.repo.worktrees()?).is_some() {
                continue;
            }
            let what = format!("the worktree of '{}' was removed without git-wt", record.name);
            let done = if self.tally.fix {
                take_away::forget_unbound(held, drop_databases, self.context)
            } else {
                Ok(())
            };
            match done {
                Ok(()) => drop(self.tally.problem(&what)),
                Err(error) => self.tally.cannot_fix(&what, &error),
            }
        }
        Ok(())
    }

    /// Brings home Python environments that run another worktree's code.
    fn strayed_venvs(&mut self) -> Result<()> {
        let worktrees = Worktrees::read(&self.context.repo)?;
        for tree in worktrees.listing.worktrees.iter().filter(|tree| !tree.missing) {
            let strayed = match self.strayed_venv(tree, &worktrees) {
                Ok(Some(strayed)) => strayed,
                Ok(None) => continue,
                Err(error) => {
                    self.context.ui.warn(&error.in_one_line());
                    continue;
                }
            };
            if self.tally.fix {
                strayed.bring_home()?;
            }
            for what in strayed.describe(&worktrees) {
                self.tally.problem(&what);
            }
        }
        Ok(())
    }

    fn strayed_venv<'t>(&self, tree: &'t Worktree, worktrees: &Worktrees) -> Result<Option<StrayVenv<'t>>> {
        let record = worktrees.record(tree);
        let recipe = self.context.recipe_of(tree, worktrees)?;
        let environment =
            Environment::of(&self.context.repo, &tree.path, record, &recipe, &self.context.consent()?)?;
        StrayVenv::find(tree, &environment, worktrees)
    }

    /// Rebuilds a record that cannot be read from what refers to it: git's entry and the claims.
    fn damaged_records(&mut self) -> Result<()> {
        for damaged in self.context.records.all()?.1 {
            if damaged.newer {
                self.tally.for_the_user(&format!(
                    "the record '{}': {}; use that git-wt here, or update this one",
                    damaged.id, damaged.why
                ));
                continue;
            }
            if !self.tally.problem(&format!("the record '{}' is damaged: {}", damaged.id, damaged.why)) {
                continue;
            }
            let worktrees = Worktrees::read(&self.context.repo)?;
            let tree =
                worktrees.listing.worktrees.iter().find(|tree| tree.record.as_deref() == Some(&damaged.id));
            let identity = self.context.repo.identity()?;
            let mut claims = self.context.claims.all_of(identity.dev, identity.ino)?;
            claims.retain(|claim| claim.owner.as_ref().is_some_and(|owner| owner.record == damaged.id));
            let named = claims.iter().find_map(|claim| claim.owner.as_ref()).map(|owner| owner.name.clone());
            let path = tree.map_or(Path::new(""), |tree| tree.path.as_path());
            let name =
                named.or_else(|| tree.map(|tree| worktrees.name(tree))).unwrap_or_else(|| damaged.id.clone());
            let mut record = Record::new(Name::of_place(&name), path, identity, Vec::new())?;
            record.rebuild(&damaged.id, tree, &claims);
            self.context.records.rewrite(record)?;
            self.context.ui.hint(Hint::of("git wt setup").name(&name));
        }
        Ok(())
    }

    /// Rebuilds claims that a record has but that are damaged or missing.
    fn damaged_claims(&mut self) -> Result<()> {
        let records = self.context.records.own(&self.context.repo)?;
        for record in records.into_iter().filter(|record| record.stage == RecordState::Ready) {
            let owner = record.owner(&self.context.repo);
            self.misplaced_claims(&record, &owner)?;
            for (_, number) in record.ports() {
                let thing = Thing::Port(number);
                let fault = match self.context.claims.find(&thing) {
                    Some(claim) if claim.is_of(&owner) => continue,
                    Some(Claim { owner: Some(other), .. }) => {
                        self.tally.for_the_user(&format!(
                            "{thing} of '{}' is claimed by {other}; remove the worktree, and add it again",
                            record.name
                        ));
                        self.context.ui.hint(Hint::of("git wt remove").name(record.name.as_str()));
                        continue;
                    }
                    Some(_) => "damaged",
                    None => "gone",
                };
                if self.tally.problem(&format!("the claim of '{}' on {thing} is {fault}", record.name)) {
                    self.context.claims.rebuild(&thing, &owner)?;
                }
            }
        }
        Ok(())
    }

    /// Rebuilds claims that name the repository's place before it was moved: to other repositories, this one seems
    /// gone.
    fn misplaced_claims(&mut self, record: &Record, owner: &Owner) -> Result<()> {
        for thing in follow::misplaced(record, owner, &self.context.claims) {
            let what =
                format!("the claim of '{}' on {thing} is from before the repository was moved", record.name);
            if self.tally.problem(&what) {
                self.context.claims.rebuild(&thing, owner)?;
            }
        }
        Ok(())
    }

    /// Reports settings under `wt.` that git-wt does not know; other tools keep settings there too.
    fn unknown_settings(&mut self) {
        for (key, file) in self.context.repo.brought_settings("wt") {
            self.context
                .ui
                .warn(&format!("'{key}' in '{}' is ignored: a branch can change that file", file.display()));
        }
        let recipe = match self.context.recipe() {
            Ok(recipe) => recipe,
            Err(error) => return self.tally.broken(&error),
        };
        for (key, near) in recipe.unknown_settings() {
            let near = near.as_ref().map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
            self.context.ui.say(&format!("note: git config '{key}' means nothing to git-wt{near}"));
        }
    }

    /// Reports a directory of hooks that has gone, perhaps with a worktree: git says nothing of it.
    fn lost_hooks(&mut self) {
        if let Some(dir) = hooks::shared_dir(&self.context.repo)
            && !dir.is_dir()
        {
            self.tally
                .for_the_user(&format!("no hook runs: core.hooksPath '{}' is no directory", dir.display()));
        }
    }

    /// Releases claims of this repository that no record has.
    fn orphaned_claims(&mut self) -> Result<()> {
        let identity = self.context.repo.identity()?;
        // a claim is looked at before the records: that of one that begins meanwhile is not known as nobody's. What is in
        // the trash keeps its own; 'remove' and 'undo' have the record in both places for a while, so that the trash is
        // looked at twice
        let claims = self.context.claims.all_of(identity.dev, identity.ino)?;
        let in_trash = || -> Result<Vec<Record>> {
            let items = Trash::of(&self.context.repo).list()?.into_iter();
            Ok(items.filter_map(|(_, manifest)| manifest.ok()?.record).collect())
        };
        let mut records = in_trash()?;
        let (own, damaged) = self.context.records.all()?;
        records.extend(own);
        records.extend(in_trash()?);
        for claim in claims {
            let Some(owner) = &claim.owner else { continue };
            let mut of_owner = records.iter().filter(|record| record.id == owner.record).peekable();
            let is_known = of_owner.peek().is_some();
            // another git-wt may be changing it right now
            let has_it = |record: &Record| {
                record.stage != RecordState::Ready || record.claimed().contains(&claim.thing)
            };
            if of_owner.any(has_it) || damaged.iter().any(|record| record.id == owner.record) {
                continue;
            }
            let why = if is_known { "which does not have it any more" } else { "which is gone" };
            if self.tally.problem(&format!("{} is claimed by '{}', {why}", claim.thing, owner.name)) {
                self.context.claims.release(&claim.thing, owner)?;
            }
        }
        Ok(())
    }

    /// A removal that was killed, or its undo, is finished or taken back.
    fn cut_short_in_the_trash(&mut self) -> Result<()> {
        let trash = Trash::of(&self.context.repo);
        for (id, half) in trash.halves(&self.context.repo)? {
            let what = format!("removing or bringing back '{}' was cut short", half.name);
            // what another process is at work on is not cut short
            if !self.tally.fix && trash.lock(&id)?.is_none() {
                continue;
            }
            if !self.tally.fix || undo::recover(PATIENCE, self.context)?.all {
                self.tally.problem(&what);
            } else {
                self.tally.cannot_fix(&what, &Error::new("another process is at work on it"));
            }
        }
        Ok(())
    }

    fn trash(&mut self) -> Result<()> {
        let trash = Discarded::of(&self.context.repo);
        if self.tally.fix {
            self.context.records.sweep()?;
            self.context.claims.sweep();
        }
        let is_there = if self.tally.fix { !trash.is_empty() } else { trash.is_forgotten() };
        if is_there && self.tally.problem("files of removed worktrees were not deleted yet") {
            trash.sweep()?;
        }
        Ok(())
    }

    /// Repairs a repository that a stray `git init` in its git directory marked as bare: its main worktree still
    /// exists, but git refuses to work in it.
    fn stray_bare(&mut self) -> Result<()> {
        let common_dir = self.context.repo.common_dir();
        let Some(root) = common_dir.parent().filter(|_| common_dir.ends_with(".git")) else { return Ok(()) };
        let was_worktree = common_dir.join("index").exists() && self.context.repo.is_bare();
        if was_worktree
            && self.tally.problem(&format!("'{}' is a worktree, but core.bare is true", root.display()))
        {
            self.context.repo.patiently(255, &["config", "--local", "core.bare", "false"])?;
        }
        Ok(())
    }
}
