//! Makes what is on a record, step by step, and unmakes it in reverse order.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use super::{Destination, Record, RecordState, Records, Step, StepState};
use crate::error::{Explain, Result};
use crate::git::Repo;
use crate::git::worktrees::Worktree;
use crate::host::claims::{Claims, Owner, Thing};
use crate::host::file;
use crate::resource::port::Port;
use crate::resource::relocation::Relocation;
use crate::resource::{Checkout, Created, Database, Destroyed, Exclude, Resource, Site, Unwind};

/// A record whose lock this process holds.
#[derive(Debug)]
pub struct LockedRecord<'a> {
    pub(super) records: &'a Records,
    pub(super) file: Arc<File>,
    pub record: Record,
}

impl LockedRecord<'_> {
    pub fn write(&mut self) -> Result<()> {
        self.record.updated = super::now();
        let path = self.records.file(&self.record.id, "json");
        let mut bytes = serde_json::to_vec_pretty(&self.record).explain(|| "cannot write a record".into())?;
        bytes.push(b'\n');
        file::replace_private(&path, &bytes).explain(|| format!("cannot write '{}'", path.display()))
    }

    /// Deletes the record, when nothing is left to undo.
    pub fn forget(self) -> Result<()> {
        self.records.delete(&self.record.id)
    }

    /// Makes what does not exist yet, in order; `report` is called for each thing. Stops at the first failure.
    pub fn make(&mut self, site: &Site, report: &mut dyn FnMut(&Resource, &Created)) -> Result<()> {
        let _inherited = Inherited::by_children(self.file.clone())?;
        let mut made = Vec::new();
        for at in 0..self.record.steps.len() {
            if self.record.steps[at].state == StepState::Made {
                continue;
            }
            made.push(at);
            crate::host::exec::check_stopped()?;
            let step = &mut self.record.steps[at];
            if step.state == StepState::Begun && step.resource.begins_anew() {
                step.resource.destroy(site, Unwind::Rollback)?;
            }
            step.resource.look(site)?;
            self.record.steps[at].state = StepState::Begun;
            self.write()?;
            let shared = self.record.steps[at].resource.needs_repository_lock();
            let lock = if shared { Some(self.records.lock()?) } else { None };
            let created = self.record.steps[at].resource.create(site);
            drop(lock);
            let created = match created {
                Ok(created) => created,
                Err(error) => {
                    self.not_made(at, site);
                    return Err(error);
                }
            };
            let step = &mut self.record.steps[at];
            step.state = if created == Created::Made { StepState::Made } else { StepState::Planned };
            report(&step.resource, &created);
            if let (Created::Made, Resource::Database(Database::Sqlite(database))) = (created, &step.resource)
            {
                let database = database.clone();
                self.write()?;
                database.settle(site.owner)?;
            }
        }
        for at in made {
            self.record.steps[at].resource.settle(site)?;
        }
        // what was found or left out is not to be undone
        self.record.steps.retain(|step| step.state == StepState::Made);
        self.record.stage = RecordState::Ready;
        self.write()
    }

    /// Takes back what failed half-way: later it could be somebody's by its looks.
    fn not_made(&mut self, at: usize, site: &Site) {
        let step = &mut self.record.steps[at];
        let is_gone = step.resource.begins_anew()
            && matches!(step.resource.destroy(site, Unwind::Rollback), Ok(Destroyed::Gone));
        if is_gone || !step.resource.knows_its_own() {
            step.state = StepState::Planned;
            // the record on disk says that it may be there, which is safe
            let _ = self.write();
        }
    }

    /// Claims the ports that were chosen under the repository lock, which is still held: nobody else of this repository
    /// chooses them. What fails is left for `make` to report.
    pub fn claim_ports(&mut self, site: &Site) {
        let not_made = |step: &&mut Step| step.state != StepState::Made;
        let mut ports = Vec::new();
        for step in self.record.steps.iter_mut().filter(not_made) {
            if let Resource::Port(port) = &step.resource {
                ports.push(port.clone());
                step.state = StepState::Begun;
            }
        }
        // a claim that the record does not know of would stay for ever
        if ports.is_empty() || self.write().is_err() {
            return;
        }
        for port in ports {
            let _ = port.claim(site.claims, site.owner);
        }
    }

    /// Forgets the ports that others have taken since they were planned, so that they are planned anew.
    pub fn forget_taken_ports(&mut self, site: &Site) -> Result<()> {
        let known = self.record.steps.len();
        let is_anothers = |port: &Port| {
            site.claims.find(&Thing::Port(port.number)).is_some_and(|claim| !claim.is_of(site.owner))
        };
        self.record.steps.retain(|step| {
            !matches!(&step.resource, Resource::Port(port) if step.state != StepState::Made && is_anothers(port))
        });
        if self.record.steps.len() == known { Ok(()) } else { self.write() }
    }

    /// Unmakes everything that exists or may exist, last first; returns what had to be left, with the reasons.
    ///
    /// What lies in the checkout goes with it, whole or not at all. `destroy` says how each thing goes.
    pub fn unwind(
        &mut self,
        destroy: &mut dyn FnMut(&Resource) -> Result<Destroyed>,
        report: &mut dyn FnMut(&Resource, &Destroyed),
    ) -> Result<Vec<String>> {
        let _inherited = Inherited::by_children(self.file.clone())?;
        let has_checkout =
            self.record.steps.iter().any(|step| matches!(step.resource, Resource::Checkout(_)));
        let mut left = Vec::new();
        for at in (0..self.record.steps.len()).rev() {
            let step = &self.record.steps[at];
            if step.state == StepState::Planned || (has_checkout && step.resource.is_inside()) {
                continue;
            }
            let lock = if step.resource.needs_repository_lock() { Some(self.records.lock()?) } else { None };
            let destroyed = destroy(&step.resource)?;
            drop(lock);
            if let Destroyed::Left(why) = &destroyed {
                left.push(why.clone());
            }
            report(&step.resource, &destroyed);
            if destroyed != Destroyed::Kept {
                self.record.steps[at].state = StepState::Planned;
                // what is gone already counts as unmade the next time, so a full disk stops nothing
                let _ = self.write();
            }
        }
        Ok(left)
    }

    /// Gives up a removal before the directory has moved: but for what was dropped, all is still there.
    pub fn take_back_removal(&mut self, stage: RecordState, claims: &Claims, owner: &Owner) -> Result<()> {
        let may_lie_in_it = |database: &&Database| matches!(database, Database::Sqlite(_));
        for database in self.record.databases().filter(may_lie_in_it) {
            database.claim(claims, owner)?;
        }
        for step in self.record.steps.iter_mut().filter(|step| step.state == StepState::Made) {
            // one that was given up already may be somebody else's by now
            if let Resource::Port(port) = &step.resource
                && port.claim(claims, owner).is_err()
            {
                step.state = StepState::Planned;
            }
        }
        self.record.stage = stage;
        self.write()
    }

    /// Updates whatever names the worktree's place, after a move from the recorded place to `site.root`. `hidden` is
    /// the exclude line that hides it there from a worktree around it. Returns what the user should know. May be called
    /// again after a crash.
    pub fn follow(&mut self, site: &Site, hidden: Option<Exclude>) -> Result<Vec<String>> {
        let moved = Relocation::new(&self.record.path, site.root);
        let mut notes = Vec::new();
        for at in 0..self.record.steps.len() {
            let step = &mut self.record.steps[at];
            if step.state != StepState::Made {
                continue;
            }
            let given_up = match &mut step.resource {
                Resource::Database(database) => database.follow(site.claims, site.owner, &moved)?,
                resource => {
                    notes.extend(resource.follow(site, &moved)?);
                    None
                }
            };
            self.write()?;
            if let Some(before) = given_up {
                before.release(site.claims, site.owner)?;
            }
        }
        self.hide(hidden, site.repo)?;
        site.root.clone_into(&mut self.record.path);
        self.record.destination = None;
        self.write()?;
        Ok(notes)
    }

    /// Has git move the worktree to or into `destination` by running `go`. Whichever process is killed, the record says
    /// where the worktree went, and repair waits for a git that is still moving it.
    pub fn moving<T>(&mut self, destination: &Path, go: impl FnOnce() -> Result<T>) -> Result<T> {
        let _inherited = Inherited::by_children(self.file.clone())?;
        self.record.destination = Some(Destination(destination.to_owned()));
        self.write()?;
        go()
    }

    /// Replaces the line in `info/exclude` with this one, or removes it.
    fn hide(&mut self, wanted: Option<Exclude>, repo: &Repo) -> Result<()> {
        let _lock = self.records.lock()?;
        let mut wanted = wanted;
        for at in (0..self.record.steps.len()).rev() {
            let Resource::Exclude(there) = &self.record.steps[at].resource else { continue };
            if there.is_of_link() {
                continue;
            }
            if wanted.as_ref().is_some_and(|wanted| wanted.pattern == there.pattern) {
                wanted = None;
                continue;
            }
            there.destroy_in(repo)?;
            self.record.steps.remove(at);
        }
        let Some(exclude) = wanted else { return Ok(()) };
        self.record
            .steps
            .push(Step { state: StepState::Begun, resource: Resource::Exclude(exclude.clone()) });
        self.write()?;
        match exclude.create_in(repo)? {
            Created::Made => self.record.steps.last_mut().expect("just pushed").state = StepState::Made,
            // the line is somebody else's
            Created::Found | Created::Skipped(_) => drop(self.record.steps.pop()),
        }
        Ok(())
    }

    /// Puts the checkout on the list if it is missing, as it is for a worktree that was adopted.
    pub fn checkout_for(&mut self, tree: &Worktree) {
        if self.record.steps.iter().any(|step| matches!(step.resource, Resource::Checkout(_))) {
            return;
        }
        let checkout = Resource::Checkout(Checkout::registered(tree));
        self.record.steps.insert(0, Step { state: StepState::Made, resource: checkout });
    }
}

impl Drop for LockedRecord<'_> {
    fn drop(&mut self) {
        // delete the lock file before releasing the lock: see `try_hold`
        let _ = fs::remove_file(self.records.file(&self.record.id, "lock"));
    }
}

/// While this exists, children inherit the lock, so that repair waits for a git that is still writing.
struct Inherited(Arc<File>);

impl Inherited {
    fn by_children(lock: Arc<File>) -> Result<Self> {
        rustix::io::fcntl_setfd(&lock, rustix::io::FdFlags::empty())
            .explain(|| "cannot share a lock".into())?;
        Ok(Self(lock))
    }
}

impl Drop for Inherited {
    fn drop(&mut self) {
        let _ = rustix::io::fcntl_setfd(&self.0, rustix::io::FdFlags::CLOEXEC);
    }
}
