//! Examines worktrees in the background, as many at a time as there are processors.
//!
//! Git only reads there and takes no lock, so the threads may end with the process.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::git::Oid;
use crate::git::commits::{self, Commit};
use crate::git::divergence::{Divergence, has_worked, is_merged};
use crate::git::operation::Operation;
use crate::git::status::Summary;
use crate::git::worktrees::{Head, Worktree};
use crate::ops::context::Context;
use crate::ops::list::base::{Bases, short};
use crate::ops::list::size::Size;
use crate::ops::list::{Asked, Compared, Row, ShownCommit, Wanted};
use crate::record::worktrees::Worktrees;

/// What was found out about one worktree.
#[derive(Debug)]
pub enum Finding {
    Status(Option<Operation>, Result<Summary>),
    Compared(Result<Compared>),
    /// Whether the base has its changes in other commits.
    Merged(Result<bool>),
    Commit(Result<ShownCommit>),
    Size(Result<Size>),
}

/// Findings as they come, each with the number of its row; it ends when all is found out.
pub type Findings = Receiver<(usize, Finding)>;

/// One thing to find out.
enum Job {
    /// The commits of all rows, with a single git.
    Commits(PathBuf, Vec<(usize, Oid)>),
    Status(usize, Worktree),
    Compared(usize, Comparison),
    Merged(usize, Comparison),
    Size(usize, Worktree),
}

/// Two commits to compare.
#[derive(Clone)]
struct Comparison {
    root: PathBuf,
    head: Oid,
    base: Oid,
    /// The name of the base.
    with: String,
    /// The log of the branch that is checked out.
    log: Option<PathBuf>,
}

/// Starts finding out all that is wanted; marks as pending what turns out to be applicable.
pub fn begin(rows: &mut [Row], worktrees: &Worktrees, wanted: Wanted, context: &Context) -> Findings {
    let jobs = jobs(rows, worktrees, wanted, context);
    let (tell, findings) = mpsc::channel();
    if jobs.is_empty() {
        return findings;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let jobs = Arc::new(Mutex::new(VecDeque::from(jobs)));
    for _ in 0..threads {
        let (jobs, tell) = (Arc::clone(&jobs), tell.clone());
        std::thread::spawn(move || {
            let jobs = || jobs.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                let next = jobs().pop_front();
                match next.map(|job| job.run(&tell)) {
                    Some(Ok(more)) => jobs().extend(more),
                    None | Some(Err(Unwanted)) => break,
                }
            }
        });
    }
    findings
}

/// Lists what is to be found out, in the order of the rows, since they are read from the top.
fn jobs(rows: &mut [Row], worktrees: &Worktrees, wanted: Wanted, context: &Context) -> Vec<Job> {
    let mut jobs = Vec::new();
    let trees = &worktrees.listing.worktrees;
    let with_files = |tree: &Worktree| !tree.missing && tree.head != Head::Bare;
    if wanted.status {
        let heads = trees.iter().enumerate().filter_map(|(at, tree)| Some((at, tree.head.oid()?.clone())));
        let root =
            trees.iter().find(|tree| with_files(tree)).map_or(context.repo.common_dir(), |tree| &tree.path);
        jobs.push(Job::Commits(root.to_owned(), heads.collect()));
    }
    let mut bases = wanted.status.then(|| Bases::of(worktrees, &context.repo));
    for (at, tree) in trees.iter().enumerate().filter(|(_, tree)| with_files(tree)) {
        let Some(bases) = &mut bases else { break };
        jobs.push(Job::Status(at, tree.clone()));
        let is_detached = matches!(tree.head, Head::Detached(_));
        let rebased = is_detached.then(|| Operation::rebased_from(&tree.git_dir)).flatten();
        let head = rebased.as_ref().or(tree.head.oid());
        if let (Some(head), Some((full, base))) = (head, bases.base(tree, worktrees.record(tree))) {
            rows[at].compared = Asked::Pending;
            let log = tree.head.branch().map(|branch| context.repo.log_of(&branch.full()));
            let (root, head, with) = (tree.path.clone(), head.clone(), short(&full).to_owned());
            jobs.push(Job::Compared(at, Comparison { root, head, base, with, log }));
        }
    }
    if wanted.size {
        let trees = trees.iter().enumerate().filter(|(_, tree)| with_files(tree));
        jobs.extend(trees.map(|(at, tree)| Job::Size(at, tree.clone())));
    }
    jobs
}

/// Nobody wants to know any more.
struct Unwanted;

impl Job {
    /// Finds it out; returns what is to be found out next.
    fn run(self, tell: &Sender<(usize, Finding)>) -> std::result::Result<Option<Self>, Unwanted> {
        let tell = |at, finding| tell.send((at, finding)).map_err(|_| Unwanted);
        let (at, finding) = match self {
            Self::Commits(dir, heads) => {
                let oids: Vec<&Oid> = heads.iter().map(|(_, oid)| oid).collect();
                let found = commits::read(&dir, &oids);
                for (at, oid) in &heads {
                    tell(*at, Finding::Commit(commit_of(&found, oid)))?;
                }
                return Ok(None);
            }
            Self::Compared(at, pair) => {
                let worked = || pair.log.as_deref().is_some_and(has_worked);
                let divergence = Divergence::of(&pair.root, &pair.head, &pair.base, worked);
                let next = divergence.as_ref().is_ok_and(|found| found.may_be_merged());
                let compared = |divergence| Compared { with: pair.with.clone(), divergence, is_all: !next };
                tell(at, Finding::Compared(divergence.map(compared)))?;
                return Ok(next.then_some(Self::Merged(at, pair)));
            }
            Self::Merged(at, pair) => (at, Finding::Merged(is_merged(&pair.root, &pair.head, &pair.base))),
            Self::Status(at, tree) => {
                let operation = Operation::of(&tree.git_dir);
                let summary = Summary::of(&tree).map_err(|error| unless_gone(&tree, error));
                (at, Finding::Status(operation, summary))
            }
            Self::Size(at, tree) => {
                (at, Finding::Size(Size::of(&tree.path).map_err(|error| unless_gone(&tree, error))))
            }
        };
        tell(at, finding).map(|()| None)
    }
}

fn commit_of(found: &Result<HashMap<Oid, Commit>>, oid: &Oid) -> Result<ShownCommit> {
    let found = found.as_ref().map_err(Clone::clone)?;
    let commit = found.get(oid).ok_or_else(|| Error::new(format!("commit {} is missing", oid.short())))?;
    let time = jiff::Timestamp::from_second(commit.committed).unwrap_or_default();
    Ok(ShownCommit {
        committed_at: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        subject: commit.subject.clone(),
        committed: commit.committed,
    })
}

/// Replaces an error if the worktree has been moved or removed meanwhile: that is the reason.
fn unless_gone(tree: &Worktree, error: Error) -> Error {
    if tree.path.exists() {
        error
    } else {
        Error::new(format!("it is no longer at '{}'", tree.path.display()))
    }
}
