//! The worktrees to choose from: the last used comes first, the current one last.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, mpsc};
use std::time::SystemTime;

use crate::error::{Error, Hint, Result};
use crate::git::Repo;
use crate::git::status::Summary;
use crate::git::worktrees::{Head, Worktree};
use crate::record::worktrees::Worktrees;
use crate::text::name::{BranchName, escaped};
use crate::ui::picker::{self, Answer, Candidate};

/// Lets the user pick a worktree; `None` if the user picks none.
pub fn one_of(worktrees: &Worktrees) -> Result<Option<&Worktree>> {
    let there = |tree: &&Worktree| !tree.missing && tree.head != Head::Bare;
    let mut trees: Vec<(Option<SystemTime>, &Worktree)> =
        worktrees.listing.worktrees.iter().filter(there).map(|tree| (tree.last_used(), tree)).collect();
    if trees.iter().all(|(_, tree)| worktrees.is_current(tree)) {
        return Err(Error::new("there is no other worktree").hint("git wt add NAME"));
    }
    trees.sort_by_key(|(used, tree)| (worktrees.is_current(tree), Reverse(*used)));
    let choices = trees.iter().map(|(used, tree)| choice(worktrees, tree, *used)).collect();
    let trees: Vec<&Worktree> = trees.into_iter().map(|(_, tree)| tree).collect();
    // names are shown at once; files are examined in the background, and only for worktrees in view
    let (wanted, found) = look_aside(trees.iter().map(|tree| (*tree).clone()).collect());
    let look = |at| _ = wanted.send(at);
    Ok(match picker::pick(choices, look, &found)? {
        Answer::Picked(at) => Some(trees[at]),
        Answer::Cancelled => None,
    })
}

/// Returns the worktree to go to: what `word` means, or else the only one whose name or branch contains it.
pub fn meant_by<'a>(word: &str, worktrees: &'a Worktrees, repo: &Repo) -> Result<&'a Worktree> {
    const SHOWN: usize = 3;
    let error = match worktrees.find(word) {
        Ok(tree) => return Ok(tree),
        // it means several, or is no word for a worktree
        Err(error) if word.is_empty() || !worktrees.all_meant_by(word).is_empty() => return Err(error),
        Err(error) => error,
    };
    match worktrees.all_containing(word).as_slice() {
        [] if ["-", ".", "@"].contains(&word) => Err(error),
        [] => match BranchName::parse(word).ok().filter(|branch| repo.branch(branch).is_some()) {
            Some(branch) => Err(Error::new(format!("the branch '{branch}' has no worktree"))
                .hint(Hint::of("git wt add").name(branch.as_str()))),
            None => Err(error),
        },
        [only] => Ok(only),
        several => {
            let error =
                Error::new(format!("{} worktrees have '{}' in their names", several.len(), escaped(word)));
            let names = several.iter().take(SHOWN).map(|tree| worktrees.name(tree));
            Err(names.fold(error, |error, name| error.hint(Hint::of("git wt cd").name(name))))
        }
    }
}

fn choice(worktrees: &Worktrees, tree: &Worktree, used: Option<SystemTime>) -> Candidate {
    let mut marks = worktrees.marks(tree);
    if worktrees.is_current(tree) {
        marks.push("here");
    }
    Candidate {
        name: worktrees.name(tree),
        branch: tree.head.branch().map_or("(detached)".into(), ToString::to_string),
        changes: None,
        port: worktrees.port(tree),
        age: used.and_then(|used| used.elapsed().ok()),
        marks: marks.join(", "),
    }
}

/// Examines the worktrees whose numbers are sent, with as many threads as there are processors, and sends the findings
/// back. The threads may end with the process, since git only reads.
fn look_aside(trees: Vec<Worktree>) -> (mpsc::Sender<usize>, mpsc::Receiver<(usize, String)>) {
    let (wanted, asked) = mpsc::channel();
    let (tell, found) = mpsc::channel();
    let (asked, trees) = (Arc::new(Mutex::new(asked)), Arc::new(trees));
    for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
        let (asked, trees, tell) = (Arc::clone(&asked), Arc::clone(&trees), tell.clone());
        std::thread::spawn(move || {
            loop {
                let next: Option<usize> = asked.lock().ok().and_then(|asked| asked.recv().ok());
                let Some(at) = next else { break };
                let changes = Summary::of(&trees[at]).map_or("?".into(), |summary| summary.describe());
                if tell.send((at, changes)).is_err() {
                    break;
                }
            }
        });
    }
    (wanted, found)
}
