//! Where a worktree goes, and what must not be there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{AddFacts, Facts, Plan, Request, Start, StartPoint, What, words};
use crate::error::{Error, Hint, Result};
use crate::git::absolute;
use crate::git::worktrees::Worktree;
use crate::recipe::Recipe;
use crate::recipe::consent::{Consent, Granted};
use crate::record::{Record, RecordState};
use crate::resource::Exclude;
use crate::text::hash::hash;
use crate::text::tilde;

/// What to do instead when a place cannot be used.
const ELSEWHERE: &str = "git wt add --path PLACE NAME";

/// What is at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing is there, and it can be made.
    Free,
    EmptyDir,
    /// A directory that is not empty.
    Occupied,
    /// A worktree of another repository, or that repository itself.
    Foreign,
    /// Something that is not a directory, at the place or on the way to it.
    NotADirectory(PathBuf),
    /// Nothing is there, but nothing can be made: this directory is not writable.
    Denied(PathBuf),
}

/// A possible place, as it was found before planning.
#[derive(Debug, Clone)]
pub struct Ground {
    pub path: PathBuf,
    pub stands: Place,
    /// The place, with links resolved in the part that exists.
    pub real: PathBuf,
    /// Whether its parent directory is missing too.
    pub is_without_parent: bool,
    /// Whether it is inside another repository.
    pub is_in_another: bool,
    /// Whether it is inside the repository's own directory.
    pub is_in_git_dir: bool,
    /// The innermost worktree around it.
    pub around: Option<Around>,
}

/// A worktree that contains the place.
#[derive(Debug, Clone)]
pub struct Around {
    pub path: PathBuf,
    pub is_main: bool,
    /// The place, relative to that worktree.
    pub inner: PathBuf,
    /// Whether git ignores the place there.
    pub is_ignored: bool,
}

/// Returns the places that a worktree may get, best first.
pub fn candidates(request: &Request, start: &Start, recipe: &Recipe, facts: &Facts) -> Result<Vec<PathBuf>> {
    if let (Some(path), _) | (None, Some(What::Path(path))) = (&request.path, &request.what) {
        return Ok(vec![absolute(&facts.cwd, path)]);
    }
    let path = derived(start, recipe, facts)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let apart = format!("{}\0{}", facts.repo_name, facts.listing.main().git_dir.display());
    name.push(format!("-{}", &hash(format!("{apart}\0{}", start.name).as_bytes())[..6]));
    let beside = path.with_file_name(name);
    Ok(vec![path, beside])
}

/// Returns the place that the recipe's template gives, relative to the main worktree.
fn derived(start: &Start, recipe: &Recipe, facts: &Facts) -> Result<PathBuf> {
    let template = recipe.path.wanted();
    let text = words(&start.name, start.head.branch(), facts).render(template)?;
    let path = tilde::expanded(OsStr::new(&text), Some(&facts.home));
    if path.as_os_str().is_empty() {
        return Err(Error::new(format!("the place '{template}' comes out empty")));
    }
    if path.as_os_str().as_bytes().iter().any(u8::is_ascii_control) {
        return Err(
            Error::new(format!("the place '{template}' has a line break or the like in it")).hint(ELSEWHERE)
        );
    }
    let from = facts.main.as_ref().unwrap_or(&facts.listing.main().path);
    let place = absolute(from, &path);
    // a place beside a submodule is inside the superproject, which would see it as untracked
    Ok(match &facts.superproject {
        Some(around) if place.starts_with(around) => absolute(around, &path),
        _ => place,
    })
}

impl Plan {
    /// Chooses the worktree's directory; returns the exclude line that hides it from a worktree around it.
    pub(super) fn choose_place(
        &mut self,
        request: &Request,
        start: &Start,
        recipe: &Recipe,
        facts: &Facts,
        add: &AddFacts,
    ) -> Result<Option<Exclude>> {
        let was_chosen = request.path.is_some() || matches!(request.what, Some(What::Path(_)));
        let first = add.grounds.first().expect("there is always one candidate");
        let ground = if was_chosen {
            first
        } else {
            grant(first, recipe, facts, add)?;
            let is_free = |ground: &&Ground| !is_taken(ground, start, facts);
            add.grounds.iter().find(is_free).or(add.grounds.last()).unwrap_or(first)
        };
        self.heal = refuse_place(ground, request, facts)?.cloned();
        self.path.clone_from(&ground.path);
        exclude(ground, was_chosen)
    }
}

/// Hides a worktree that is inside another one: `git add .` there would record it as an embedded repository.
fn exclude(ground: &Ground, was_chosen: bool) -> Result<Option<Exclude>> {
    let shown = ground.path.display();
    if ground.is_in_git_dir {
        return Err(Error::new(format!("'{shown}' is inside the repository's own directory")).hint(ELSEWHERE));
    }
    match &ground.around {
        None => Ok(None),
        Some(outer) if outer.is_main && outer.is_ignored => Ok(None),
        Some(outer) if was_chosen || !outer.is_main => {
            Err(Error::new(format!("'{shown}' is inside the worktree '{}'", outer.path.display()))
                .because("git add there would record it as an embedded repository")
                .advise("choose a place outside, or have git ignore it"))
        }
        Some(outer) => Ok(Some(Exclude::of(&outer.inner))),
    }
}

/// Passes the recipe's place through the gate.
fn grant(ground: &Ground, recipe: &Recipe, facts: &Facts, add: &AddFacts) -> Result<Granted<PathBuf>> {
    let is_usual = !recipe.path.is_repositorys() || is_usual(ground, facts, add);
    facts.consent.place(&recipe.path, ground.path.clone(), is_usual).map_err(|action| {
        // no consent can be given if a link or another repository is what makes the place unusual
        if Consent::is_usual_template(&recipe.path) {
            let shown = ground.path.display();
            let error = Error::new(format!(
                "the recipe wants the worktree at '{shown}', in another repository or beyond a link"
            ));
            return error.hint(ELSEWHERE);
        }
        Error::new(format!("the recipe wants worktrees at '{}', which needs your consent", action.text))
            .hint("git wt trust")
            .hint(ELSEWHERE)
    })
}

/// Whether worktrees are to be expected there: inside the main worktree, beside it under its name or in `worktrees`, or
/// where git-wt keeps its own data. Files that a branch puts into another repository may become its hooks.
fn is_usual(ground: &Ground, facts: &Facts, add: &AddFacts) -> bool {
    let place = &ground.real;
    let beside = add.real_outer.parent().and_then(|around| place.strip_prefix(around).ok());
    let first = beside.and_then(|inside| inside.components().next()).map(|part| part.as_os_str().as_bytes());
    let is_expected = place.starts_with(&add.real_main)
        || first.is_some_and(|first| first == b"worktrees" || first.starts_with(facts.repo_name.as_bytes()))
        || place.starts_with(&add.real_data_home);
    is_expected && !ground.is_in_another
}

/// Whether a derived place belongs to another worktree: one of this repository under another name, or one of another
/// repository.
fn is_taken(ground: &Ground, start: &Start, facts: &Facts) -> bool {
    let path = &ground.path;
    let unfinished = facts.records.iter().any(|record| {
        record.stage != RecordState::Ready && record.path == *path && record.name != start.name
    });
    let ours = facts.listing.at(path).is_some_and(|tree| {
        // a vanished worktree of the same name is healed instead
        let name =
            facts.records.iter().find(|record| tree.record.as_deref() == Some(&record.id)).map(|r| &r.name);
        !tree.missing || (name.is_some() && name != Some(&start.name))
    });
    unfinished || ours || ground.stands == Place::Foreign
}

/// Refuses a place where something is; returns the vanished worktree whose entry must be removed first.
fn refuse_place<'a>(ground: &Ground, request: &Request, facts: &'a Facts) -> Result<Option<&'a Worktree>> {
    let path = &ground.path;
    let shown = path.display();
    if facts.records.iter().any(|record| record.stage != RecordState::Ready && record.path == *path) {
        return Err(
            Error::new(format!("'{shown}' is being made or removed by another git-wt")).hint("git wt doctor")
        );
    }
    let vanished = match facts.listing.at(path) {
        Some(tree) if !tree.missing => {
            return Err(
                Error::new(format!("'{shown}' is a worktree already")).hint(Hint::of("cd --").name(path))
            );
        }
        vanished => vanished,
    };
    match &ground.stands {
        Place::Free | Place::EmptyDir => {}
        Place::Occupied => {
            return Err(Error::new(format!("'{shown}' already exists and is not empty")).hint(ELSEWHERE));
        }
        Place::Foreign => {
            return Err(Error::new(format!("'{shown}' belongs to another repository")).hint(ELSEWHERE));
        }
        Place::NotADirectory(what) => {
            return Err(Error::new(format!("'{}' is not a directory", what.display())).hint(ELSEWHERE));
        }
        Place::Denied(dir) => {
            return Err(Error::new(format!("cannot write to '{}'", dir.display())).hint(ELSEWHERE));
        }
    }
    let Some(tree) = vanished else { return Ok(None) };
    if let Some(reason) = &tree.locked
        && request.force < 2
    {
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        return Err(Error::new(format!("'{shown}' is missing but locked{why}")).hint("git wt add -f -f NAME"));
    }
    if ground.is_without_parent && request.force == 0 {
        return Err(Error::new(format!("'{shown}' is a worktree whose disk seems to be absent"))
            .because("the directory it lay in is missing too")
            .advise("-f gives up what was there")
            .hint("git wt add -f NAME"));
    }
    Ok(Some(tree))
}

/// Refuses a branch that another worktree has, and hints at the way there.
pub(super) fn refuse_branch_in_use(
    request: &Request,
    start: &Start,
    heal: Option<&Worktree>,
    facts: &Facts,
) -> Result<()> {
    let Some(branch) = start.head.branch() else { return Ok(()) };
    let adding =
        |record: &&Record| record.stage == RecordState::Adding && record.branch.as_ref() == Some(branch);
    if let Some(record) = facts.records.iter().find(adding) {
        return Err(Error::new(format!(
            "'{branch}' is being added by another git-wt, at '{}'",
            record.path.display()
        ))
        .hint("git wt doctor"));
    }
    // a half-made worktree may be rolled back, so force does not help above
    if request.force > 0 && !matches!(start.head, StartPoint::New(..)) {
        return Ok(());
    }
    let Some(holder) = facts.listing.holder(branch) else { return Ok(()) };
    let shown = holder.path.display();
    if heal.is_some_and(|gone| gone.id == holder.id) {
        return Ok(());
    }
    if holder.missing {
        return Err(Error::new(format!("'{branch}' is still held by the vanished worktree '{shown}'"))
            .hint("git wt prune")
            .hint("git worktree repair"));
    }
    let error = Error::new(format!("'{branch}' is already used by worktree at '{shown}'"));
    let error = match (&request.what, &request.commit_ish) {
        // a second word that is a branch is what is checked out, as in git; a new one from it may be meant
        (Some(What::Name(name)), Some(_)) => {
            error.hint(Hint::of("git wt add").name(name).and("--base").name(branch.as_str()))
        }
        _ => error,
    };
    Err(error
        .hint(Hint::of("cd --").name(&holder.path))
        .hint(Hint::of("git wt add --detach").name(branch.as_str())))
}
