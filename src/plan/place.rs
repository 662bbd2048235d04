//! Where a worktree goes, and what must not stand there.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Facts, Head, Plan, Start, What, Wish};
use crate::error::{Error, Hint, Result};
use crate::git::absolute;
use crate::git::worktrees::{self, Worktree};
use crate::recipe::consent::{Consent, Granted};
use crate::recipe::{Recipe, Words};
use crate::record::{Record, Stage};
use crate::resource::Exclude;
use crate::text::name::hash;

/// The way out where a place cannot be used.
const ELSEWHERE: &str = "git wt add --path PLACE NAME";

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing, and it can be made.
    Free,
    /// An empty directory.
    EmptyDir,
    /// A directory with something in it.
    Occupied,
    /// A worktree of another repository, or that repository itself.
    Foreign,
    /// Something that is no directory, here or on the way.
    NotADirectory(PathBuf),
    /// Nothing, and nothing can be made there: the directory that cannot be written.
    Denied(PathBuf),
}

impl Plan {
    /// Chooses the worktree's directory; returns the line that hides it from a worktree around it.
    pub(super) fn choose_place(
        &mut self,
        wish: &Wish,
        start: &Start,
        recipe: &Recipe,
        facts: &Facts,
        words: &Words,
    ) -> Result<Option<Exclude>> {
        let asked = match (&wish.path, &wish.what) {
            (Some(path), _) | (None, Some(What::Path(path))) => Some(absolute(&facts.cwd, path)),
            _ => None,
        };
        let chosen = asked.is_some();
        let mut path = match asked {
            Some(path) => path,
            None => derived(recipe, facts, words)?.into_inner(),
        };
        if !chosen && is_taken(&path, start, facts) {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            let apart = format!("{}\0{}", facts.repo_name, facts.listing.main().git_dir.display());
            name.push(format!("-{}", &hash(format!("{apart}\0{}", start.name).as_bytes())[..6]));
            path.set_file_name(name);
        }
        self.heal = refuse_place(&path, wish, facts)?.cloned();
        self.path = path;
        self.exclude(chosen, facts)
    }

    /// A worktree inside another one would be recorded there by `git add .` as an embedded repository.
    fn exclude(&self, chosen: bool, facts: &Facts) -> Result<Option<Exclude>> {
        let path = (facts.real)(&self.path);
        let main = facts.listing.main();
        if path.starts_with((facts.real)(&main.git_dir)) && main.head != worktrees::Head::Bare {
            return Err(Error::new(format!(
                "'{}' is inside the repository's own directory",
                self.path.display()
            ))
            .hint(ELSEWHERE));
        }
        let with_files = facts.listing.worktrees.iter().filter(|tree| tree.head != worktrees::Head::Bare);
        let around =
            with_files.filter(|tree| path != tree.path && path.starts_with((facts.real)(&tree.path)));
        let Some(outer) = around.max_by_key(|tree| tree.path.as_os_str().len()) else { return Ok(None) };
        let outer_path = (facts.real)(&outer.path);
        let inner = path.strip_prefix(&outer_path).unwrap_or(&path);
        if outer.is_main() && (facts.ignored)(inner) {
            return Ok(None);
        }
        if chosen || !outer.is_main() {
            let shown = self.path.display();
            return Err(Error::new(format!("'{shown}' is inside the worktree '{}'", outer.path.display()))
                .because("git add there would record it as an embedded repository")
                .advise("choose a place outside, or have git ignore it"));
        }
        Ok(Some(Exclude::of(inner)))
    }
}

/// The place that the recipe's template gives, from the main worktree on.
fn derived(recipe: &Recipe, facts: &Facts, words: &Words) -> Result<Granted<PathBuf>> {
    let template = recipe.path.wanted();
    let text = words.render(template)?;
    let path = match text.strip_prefix("~/") {
        Some(rest) => facts.home.join(rest),
        None => PathBuf::from(text),
    };
    if path.as_os_str().is_empty() {
        return Err(Error::new(format!("the place '{template}' comes out empty")));
    }
    let from = match &facts.main {
        Some(main) => main,
        None => &facts.listing.main().path,
    };
    let place = absolute(from, &path);
    // beside a submodule is inside the project around, which would see it as untracked
    let place = match &facts.superproject {
        Some(around) if place.starts_with(around) => absolute(around, &path),
        _ => place,
    };
    let is_usual = !recipe.path.is_repositorys() || is_usual(&place, from, facts);
    facts.consent.place(&recipe.path, place.clone(), is_usual).map_err(|action| {
        // for what a link or another repository has made of it there is no consent
        if Consent::is_usual_template(&recipe.path) {
            let shown = place.display();
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
/// where git-wt keeps its own data.
fn is_usual(place: &Path, main: &Path, facts: &Facts) -> bool {
    let (place, main) = ((facts.real)(place), (facts.real)(main));
    // that of a submodule is beside the project around
    let outer = facts.superproject.as_deref().map_or_else(|| main.clone(), &*facts.real);
    let beside = outer.parent().and_then(|around| place.strip_prefix(around).ok());
    let first = beside.and_then(|inside| inside.components().next()).map(|part| part.as_os_str().as_bytes());
    let is_expected = place.starts_with(&main)
        || first.is_some_and(|first| first == b"worktrees" || first.starts_with(facts.repo_name.as_bytes()))
        || place.starts_with((facts.real)(&facts.data_home.join("git-wt")));
    is_expected && !is_in_another(&place, &main, facts)
}

/// Whether a place lies in another repository: what a branch puts there may be its hooks.
fn is_in_another(place: &Path, main: &Path, facts: &Facts) -> bool {
    let around = place.ancestors().skip(1).take_while(|dir| !main.starts_with(dir));
    around.into_iter().any(|dir| (facts.place)(dir) == Place::Foreign)
}

/// Whether a derived place is another worktree's: of this repository under another name, or of another repository.
fn is_taken(path: &Path, start: &Start, facts: &Facts) -> bool {
    let unfinished = facts
        .records
        .iter()
        .any(|record| record.stage != Stage::Ready && record.path == path && record.name != start.name);
    let ours = facts.listing.at(path).is_some_and(|tree| {
        // a vanished worktree of the same name is healed instead
        let name =
            facts.records.iter().find(|record| tree.record.as_deref() == Some(&record.id)).map(|r| &r.name);
        !tree.missing || (name.is_some() && name != Some(&start.name))
    });
    unfinished || ours || (facts.place)(path) == Place::Foreign
}

/// Refuses a place where something stands; returns the vanished worktree whose entry must go first.
fn refuse_place<'a>(path: &Path, wish: &Wish, facts: &'a Facts) -> Result<Option<&'a Worktree>> {
    let shown = path.display();
    if facts.records.iter().any(|record| record.stage != Stage::Ready && record.path == path) {
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
    match (facts.place)(path) {
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
        && wish.force < 2
    {
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        return Err(Error::new(format!("'{shown}' is missing but locked{why}")).hint("git wt add -f -f NAME"));
    }
    let disk_absent = path.parent().is_some_and(|parent| (facts.place)(parent) == Place::Free);
    if disk_absent && wish.force == 0 {
        return Err(Error::new(format!("'{shown}' is a worktree whose disk seems to be absent"))
            .because("the directory it lay in is missing too")
            .advise("-f gives up what was there")
            .hint("git wt add -f NAME"));
    }
    Ok(Some(tree))
}

/// Refuses a branch that another worktree has, with the way there.
pub(super) fn refuse_branch_in_use(
    wish: &Wish,
    start: &Start,
    heal: Option<&Worktree>,
    facts: &Facts,
) -> Result<()> {
    let Some(branch) = start.head.branch() else { return Ok(()) };
    let adding = |record: &&Record| record.stage == Stage::Adding && record.branch.as_ref() == Some(branch);
    if let Some(record) = facts.records.iter().find(adding) {
        return Err(Error::new(format!(
            "'{branch}' is being added by another git-wt, at '{}'",
            record.path.display()
        ))
        .hint("git wt doctor"));
    }
    // one that is only half there may go again, so that no force helps
    if wish.force > 0 && !matches!(start.head, Head::New(..)) {
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
    Err(Error::new(format!("'{branch}' is already used by worktree at '{shown}'"))
        .hint(Hint::of("cd --").name(&holder.path))
        .hint(Hint::of("git wt add --detach").name(branch.as_str())))
}
