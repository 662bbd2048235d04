//! Which worktree a word means: git's own rule comes first, then names and branches.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::worktrees::{Head, Listing, Worktree};
use crate::git::{Repo, absolute};
use crate::host::exec;
use crate::host::file::real;
use crate::record::{Damaged, Record, Records};
use crate::text::reserved::{BEFORE, HERE};

/// The worktrees of a repository, with what is recorded about them.
pub struct Worktrees {
    /// As git has them registered.
    pub listing: Listing,
    /// The repository's own records.
    pub records: Vec<Record>,
    /// The index of each record in `records`, by id.
    by_id: HashMap<String, usize>,
    /// Records that cannot be read.
    damaged: Vec<Damaged>,
    /// The git directory of the current worktree.
    here: PathBuf,
    cwd: PathBuf,
    repo_name: String,
}

impl Worktrees {
    /// Reads all worktrees, without starting git.
    pub fn read(repo: &Repo) -> Result<Self> {
        let listing = repo.worktrees()?;
        let (records, damaged) = Records::of(repo).own_and_damaged(repo)?;
        Ok(Self::with(repo, listing, records, damaged))
    }

    /// Reads all worktrees quickly, without their commits, to offer them for choice.
    pub fn all_at_a_glance(repo: &Repo) -> Result<Self> {
        let listing = repo.worktrees_at_a_glance()?;
        let (records, damaged) = Records::of(repo).own_and_damaged(repo)?;
        Ok(Self::with(repo, listing, records, damaged))
    }

    /// Reads only these worktrees and the main one quickly, without their commits, to offer them for choice.
    pub fn at_a_glance(repo: &Repo, meant: &[&Named]) -> Self {
        let (all, here) = (Records::of(repo), repo.identity().ok());
        let read = meant.iter().filter_map(|named| {
            let record = named.record.as_ref().and_then(|id| all.find(id).ok()?);
            let tree = repo.entry_at_a_glance(named.entry.as_ref())?;
            Some((tree, record.filter(|record| Some(record.repository) == here)))
        });
        let (linked, records): (Vec<_>, Vec<_>) = read.unzip();
        let worktrees = std::iter::once(repo.main_worktree()).chain(linked).collect();
        let listing = Listing { worktrees, broken: Vec::new() };
        Self::with(repo, listing, records.into_iter().flatten().collect(), Vec::new())
    }

    fn with(repo: &Repo, listing: Listing, records: Vec<Record>, damaged: Vec<Damaged>) -> Self {
        let numbered = records.iter().enumerate();
        Self {
            listing,
            by_id: numbered.map(|(at, record)| (record.id.clone(), at)).collect(),
            records,
            damaged,
            here: repo.git_dir().to_owned(),
            cwd: std::env::current_dir().unwrap_or_default(),
            repo_name: repo.name(),
        }
    }

    pub fn record(&self, tree: &Worktree) -> Option<&Record> {
        self.by_id.get(tree.record.as_ref()?).map(|at| &self.records[*at])
    }

    /// Returns the record of a worktree that is about to be changed. Fails if the record cannot be read, since whatever
    /// it lists would be forgotten.
    pub fn readable_record(&self, tree: &Worktree) -> Result<Option<&Record>> {
        let damaged = self.damaged.iter().find(|damaged| tree.record.as_ref() == Some(&damaged.id));
        match damaged {
            Some(Damaged { why, newer: true, .. }) => {
                Err(Error::new(format!("'{}' is not ours to change", self.name(tree)))
                    .because(why)
                    .hint("git wt doctor"))
            }
            Some(Damaged { why, .. }) => {
                Err(Error::new(format!("the record of '{}' is damaged", self.name(tree)))
                    .because(why)
                    .hint("git wt doctor --fix"))
            }
            None => Ok(self.record(tree)),
        }
    }

    /// Returns what the user calls a worktree: its recorded name, or else the last component of its path.
    pub fn name(&self, tree: &Worktree) -> String {
        if tree.is_main() { self.repo_name.clone() } else { name_of(tree, self.record(tree)) }
    }

    /// Returns the first port of a worktree.
    pub fn port(&self, tree: &Worktree) -> Option<u16> {
        self.record(tree)?.ports().first().map(|(_, port)| *port)
    }

    /// Returns what to show about a worktree besides its branch and port.
    pub fn marks(&self, tree: &Worktree) -> Vec<&'static str> {
        let protected = self.record(tree).is_some_and(|record| record.protected);
        let marks = [
            (tree.is_main(), "main worktree"),
            (tree.locked.is_some(), "locked"),
            (tree.missing, "missing"),
            (protected, "protected"),
        ];
        marks.into_iter().filter(|(so, _)| *so).map(|(_, mark)| mark).collect()
    }

    /// Whether it is the current worktree.
    pub fn is_current(&self, tree: &Worktree) -> bool {
        tree.git_dir == self.here && tree.head != Head::Bare
    }

    /// Returns the worktree that `word` means, or says why there is none.
    ///
    /// Git's rule (git-worktree(1), "a path or unique last components of one") comes first. If a name or a branch means
    /// a different worktree, the word is ambiguous.
    pub fn find(&self, word: &str) -> Result<&Worktree> {
        match word {
            "" => return Err(Error::new("the name of the worktree is empty").hint("git wt list")),
            "@" => return Ok(self.listing.main()),
            "." => return self.current(),
            "-" => return self.previous(),
            _ => {}
        }
        match self.all_meant_by(word).as_slice() {
            [] => Err(self.unknown(word)),
            [only] => Ok(only),
            several => {
                let error = Error::new(format!("'{word}' means several worktrees"));
                let error = several.iter().fold(error, |error, tree| error.because(tree.path.display()));
                Err(error.hint("git wt list"))
            }
        }
    }

    /// Returns all worktrees that `word` may mean: by path, by name, by branch.
    pub fn all_meant_by(&self, word: &str) -> Vec<&Worktree> {
        let by_path = self.by_path(word);
        let by_name: Vec<&Worktree> = self
            .listing
            .worktrees
            .iter()
            .filter(|tree| self.name(tree) == word || tree.head.branch().is_some_and(|b| b.as_str() == word))
            .collect();
        let mut found = by_path;
        for tree in by_name {
            if !found.iter().any(|known| known.git_dir == tree.git_dir) {
                found.push(tree);
            }
        }
        found
    }

    /// Replaces an error that occurred in a worktree if the worktree has been moved or removed meanwhile: that is the
    /// reason.
    pub fn unless_gone(&self, tree: &Worktree, error: Error) -> Error {
        if tree.path.exists() {
            return error;
        }
        Error::new(format!("'{}' is no longer at '{}'", self.name(tree), tree.path.display()))
    }

    /// Returns the worktree at a path, or those whose path ends in these components.
    fn by_path(&self, word: &str) -> Vec<&Worktree> {
        if let Some(tree) = self.listing.at(&absolute(&self.cwd, Path::new(word))) {
            return vec![tree];
        }
        self.listing.worktrees.iter().filter(|tree| tree.path.ends_with(word)).collect()
    }

    fn current(&self) -> Result<&Worktree> {
        let here = self.listing.worktrees.iter().find(|tree| self.is_current(tree));
        here.ok_or_else(|| Error::new("the current directory is in no worktree").hint("git wt list"))
    }

    /// Returns the worktree that the shell was in before this one: according to the shell itself, or according to its
    /// functions if the shell has since changed directory only within this one.
    fn previous(&self) -> Result<&Worktree> {
        let around = |variable: &str| {
            // the shell may have gone there through a link
            let dir = real(Path::new(&exec::variable(variable)?));
            let trees = self.listing.worktrees.iter().filter(|tree| dir.starts_with(&tree.path));
            trees.max_by_key(|tree| tree.path.as_os_str().len()).filter(|tree| !self.is_current(tree))
        };
        ["OLDPWD", HERE, BEFORE].into_iter().find_map(around).ok_or_else(|| {
            Error::new("there is no previous worktree")
                .because("this shell has been in no other of this repository")
                .hint("git wt list")
        })
    }

    /// Returns the worktrees in whose name or branch `part` occurs, as people type it.
    pub fn all_containing(&self, part: &str) -> Vec<&Worktree> {
        let part = part.to_lowercase();
        let has = |tree: &&Worktree| self.words_for(tree).any(|word| word.to_lowercase().contains(&part));
        self.listing.worktrees.iter().filter(has).collect()
    }

    /// Returns what a worktree is called: by its name, and by its branch.
    fn words_for(&self, tree: &Worktree) -> impl Iterator<Item = String> {
        let branch = tree.head.branch().map(ToString::to_string);
        std::iter::once(self.name(tree)).chain(branch)
    }

    fn unknown(&self, word: &str) -> Error {
        let names = self.listing.worktrees.iter().flat_map(|tree| self.words_for(tree));
        let near = names
            .map(|name| (strsim::jaro_winkler(&name, word), name))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let error = Error::new(format!("'{}' is not a worktree", crate::text::name::escaped(word)));
        match near {
            Some((_, name)) => error.advise(format!("did you mean '{name}'?")),
            None => error.hint("git wt list"),
        }
    }
}

/// A linked worktree, with only what is needed to name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub entry: String,
    /// What the user calls it.
    pub name: String,
    pub record: Option<String>,
}

/// Reads the names of all linked worktrees from their paths, and nothing else.
pub fn names(repo: &Repo) -> Result<Vec<Named>> {
    let (all, here) = (Records::of(repo), repo.identity()?);
    let named = repo.worktrees_by_name(|tree| {
        let record = tree.record.as_ref().and_then(|id| all.find(id).ok()?);
        let record = record.filter(|record| record.repository == here);
        let name = name_of(tree, record.as_ref());
        Some(Named { entry: tree.id.clone()?, name, record: record.map(|record| record.id) })
    })?;
    Ok(named.into_iter().map(|(_, named)| named).collect())
}

/// Returns what the user calls a linked worktree.
fn name_of(tree: &Worktree, record: Option<&Record>) -> String {
    match record {
        Some(record) => record.name.as_str().to_owned(),
        None => tree.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}
