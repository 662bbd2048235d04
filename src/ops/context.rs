//! What an operation works with: the repository, its records, the terminal and the shell that may follow.

use std::cell::Cell;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::facts;
use crate::environment::guard::{self, Guard, Watch};
use crate::environment::{Environment, Inherited};
use crate::error::{Error, Hint, Result};
use crate::git::worktrees::Worktree;
use crate::git::{self, Repo};
use crate::host::claims::{Claims, Owner};
use crate::host::exec;
use crate::recipe::consent::{Consent, Granted};
use crate::recipe::detect::Project;
use crate::recipe::{DatabaseRule, Recipe, RecipeSource, Words};
use crate::record::worktrees::Worktrees;
use crate::record::{Record, Records};
use crate::resource::Site;
use crate::resource::checkout::refuse_links;
use crate::shell::channel::Channel;
use crate::shell::current_dir::CurrentDir;
use crate::text::name::BranchName;
use crate::ui::Ui;

/// What every verb works with.
pub struct Context {
    pub repo: Repo,
    pub records: Records,
    pub claims: Claims,
    /// The directory that files and the recipe are taken from.
    pub main: Option<PathBuf>,
    pub ui: Ui,
    /// The channel to the shell, which may change directory afterwards.
    pub channel: Channel,
    /// The shell's current directory.
    current_dir: Option<CurrentDir>,
    /// Whether the user has declined, and so is not asked again.
    pub(super) has_declined: Cell<bool>,
}

/// How detection learns what git ignores in the main worktree.
#[derive(Debug, Clone, Copy)]
pub enum Ignored<'a> {
    AskGit,
    /// From what the worktree was given when it was made; this starts no process.
    AsRecorded(&'a Record),
    /// Not at all: a worktree without an environment gets only what is configured, and the project is not examined.
    NotLookedAt,
}

fn was_ignored(record: &Record, path: &str) -> bool {
    record.env_files().any(|file| file.path == path)
        || record.venvs().any(|venv| venv.path == Path::new(path.trim_end_matches('/')))
}

impl Context {
    /// Returns the context that verbs need to work on a repository.
    pub fn with(repo: Repo, ui: Ui, channel: Channel) -> Result<Self> {
        refuse_links(repo.common_dir())?;
        let main = match repo.main_root() {
            Some(root) => Some(root),
            None => repo.main_or_default(&repo.worktrees()?),
        };
        let current_dir = CurrentDir::now();
        Ok(Self {
            records: Records::of(&repo),
            claims: Claims::open(),
            main,
            ui,
            channel,
            current_dir,
            repo,
            has_declined: Cell::new(false),
        })
    }

    /// Returns the same repository, seen from a directory that no removal of a worktree can take away.
    pub fn seen_from_outside(&self) -> Result<Self> {
        Self::with(self.repo.seen_from_outside()?, self.ui, self.channel.clone())
    }

    /// Returns the main worktree, or the repository's own directory if there is none.
    pub fn root(&self) -> &Path {
        self.main.as_deref().unwrap_or(self.repo.common_dir())
    }

    /// Reads the recipe: `.wt.toml`, overridden by `git config wt.*`.
    pub fn recipe(&self) -> Result<RecipeSource> {
        RecipeSource::of(&self.repo, self.main.as_deref())
    }

    /// Returns the recipe of one worktree. Without a `.wt.toml` the user's settings lie over what the project visibly
    /// needs.
    pub fn recipe_for(
        &self,
        name: &str,
        branch: Option<&BranchName>,
        template: Option<&str>,
        ignored: Ignored<'_>,
    ) -> Result<Recipe> {
        let source = self.recipe()?;
        let main = self.main.as_deref();
        let base = match (main, ignored) {
            _ if !source.detects() => Recipe::default(),
            (None, _) | (_, Ignored::NotLookedAt) => Recipe::default(),
            (Some(main), Ignored::AskGit) => {
                Project::look(main, &|path| git::is_ignored(main, Path::new(path)))?.recipe()
            }
            (Some(main), Ignored::AsRecorded(record)) => {
                Project::look(main, &|path| was_ignored(record, path))?.recipe()
            }
        };
        let mut recipe = source.for_worktree(base, name, branch.map(BranchName::as_str), template)?;
        if let (Ignored::AskGit, Some(main)) = (ignored, main) {
            recipe.more_env.extend(facts::overriding_env_file(main, &recipe)?);
        }
        Ok(recipe)
    }

    pub fn recipe_of(&self, tree: &Worktree, worktrees: &Worktrees) -> Result<Recipe> {
        match worktrees.record(tree) {
            Some(record) => self.recorded_recipe(record, tree),
            None => self.recipe_for(&worktrees.name(tree), tree.head.branch(), None, Ignored::AskGit),
        }
    }

    /// Returns the recipe of a worktree that has a record.
    pub fn recorded_recipe(&self, record: &Record, tree: &Worktree) -> Result<Recipe> {
        let (name, template) = (record.name.as_str(), record.template.as_deref());
        self.recipe_for(name, tree.head.branch(), template, Ignored::AskGit)
    }

    /// Returns the words that a recipe's commands may use in a worktree, with the branch that is checked out now.
    pub fn words_in(&self, record: &Record, tree: &Worktree) -> Words {
        self.words(record, tree.head.branch(), &tree.path)
    }

    /// Returns the words that a recipe's commands may use in the worktree at `root`.
    pub fn words(&self, record: &Record, branch: Option<&BranchName>, root: &Path) -> Words {
        let home = exec::variable("HOME").map(PathBuf::from).unwrap_or_default();
        let words = Words::of(self.repo.name(), &record.name, branch, self.root(), root, &home);
        Words { path: root.to_string_lossy().into_owned(), ports: record.ports(), ..words }
    }

    /// Returns a watch over the environment of one worktree.
    pub fn watch<'a>(
        &'a self,
        tree: &'a Worktree,
        worktrees: &'a Worktrees,
        recipe: &'a Recipe,
        consent: &Consent,
    ) -> Watch<'a> {
        let shares =
            |rule: &DatabaseRule| consent.shared_database(&rule.shared).is_ok_and(Granted::into_inner);
        Watch {
            repo: &self.repo,
            worktrees,
            claims: &self.claims,
            main: self.main.as_deref(),
            tree,
            recipe,
            own_database: recipe.database.as_ref().filter(|rule| !shares(rule)),
        }
    }

    /// Refuses to run anything in an environment that leads into another worktree, or warns, depending on the user's
    /// setting.
    pub fn guard(&self, watch: &Watch, environment: &Environment) -> Result<()> {
        let guard = Guard::of(&self.repo)?;
        if guard == Guard::Off {
            return Ok(());
        }
        let inherited = Inherited::now();
        let passed_on = |name: &str| match name {
            guard::VENV => inherited.get(name),
            _ => inherited.passed_on(name),
        };
        let strays = watch.strays(environment, &passed_on);
        match guard::refusal(&watch.worktrees.name(watch.tree), &strays) {
            Some(refusal) if guard == Guard::Refuse => Err(refusal),
            refusal => {
                self.warn_of(refusal.as_ref());
                Ok(())
            }
        }
    }

    /// Warns a shell that enters a worktree about anything in its environment that leads into another one.
    pub fn warn_of_strays(&self, watch: &Watch, environment: &Environment) {
        if Guard::of(&self.repo).is_ok_and(|guard| guard != Guard::Off) {
            let inherited = Inherited::now();
            let strays = watch.strays(environment, &|name| inherited.get(name));
            self.warn_of(guard::refusal(&watch.worktrees.name(watch.tree), &strays).as_ref());
        }
    }

    /// Warns about what would be refused elsewhere.
    fn warn_of(&self, refusal: Option<&Error>) {
        if let Some(refusal) = refusal {
            self.ui.warn(&refusal.in_one_line());
            if let Some(hint) = refusal.hints.first() {
                self.ui.hint(hint.clone());
            }
        }
    }

    /// Returns where the things of the worktree at `root` are made and unmade, for their owner.
    pub fn site<'a>(&'a self, owner: &'a Owner, root: &'a Path) -> Site<'a> {
        Site { repo: &self.repo, claims: &self.claims, owner, root, main: self.main.as_deref(), ui: self.ui }
    }

    /// Asks a yes/no question; `None` if there is no terminal to ask on. Fails if a signal interrupts it.
    pub fn ask(&self, question: &str) -> Result<Option<bool>> {
        let answer = self.ui.ask(question, &|| exec::check_stopped().is_err());
        exec::check_stopped()?;
        Ok(answer)
    }

    /// Makes the shell change directory, or tells the user how to.
    pub fn lead(&self, path: &Path) -> Result<()> {
        if !self.channel.tell(path)? {
            self.ui.hint(Hint::of("cd --").name(path));
        }
        Ok(())
    }

    /// Prints a directory on stdout.
    pub fn print_path(&self, path: &Path) -> Result<()> {
        let mut line = path.as_os_str().as_bytes().to_vec();
        line.push(b'\n');
        self.ui.answer(&line)
    }

    /// Ends a verb that leads to a worktree: tells the shell where to go, and prints the directory on stdout.
    ///
    /// A shell that follows stays in the same subdirectory if the worktree has it too, and keeps the links through
    /// which it came there. A script always gets the worktree's own path, wherever it asks from.
    pub fn arrive(&self, root: &Path) -> Result<()> {
        let path = match &self.current_dir {
            Some(current_dir) if self.channel.is_open() => {
                let from = self.repo.root().unwrap_or(root);
                current_dir.name_of(&current_dir.counterpart(from, root))
            }
            _ => root.to_owned(),
        };
        self.lead(&path)?;
        self.print_path(&path)
    }
}
