//! Decides without touching anything: a request, a recipe and the facts become a plan or a refusal.
//!
//! Every refusal of `add` happens here, before anything is made. This module opens no file and starts no process.

mod database;
mod env_files;
mod place;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, Hint, Result};
use crate::git::Oid;
use crate::git::worktrees::{Listing, Worktree};
use crate::recipe::consent::{Action, Consent, Granted, Requested};
use crate::recipe::{DatabaseRule, Recipe, Words};
use crate::record::Record;
use crate::resource::copy::Selection;
use crate::resource::{self, Checkout, Copies, Database, Exclude, FirstPush, Link, Port, Resource, Venv};
use crate::text::dotenv::EnvText;
use crate::text::name::{BranchName, Name};

pub use place::{Around, Ground, Place, candidates};
pub use start::{Known, Refs, Start, StartPoint};

/// What the first argument of `add` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A name: the recipe decides the place.
    Name(String),
    Path(PathBuf),
}

impl What {
    /// Returns the name, or the last component of the path.
    pub fn word(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Path(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }
}

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The first argument.
    pub what: Option<What>,
    /// The second argument.
    pub commit_ish: Option<String>,
    /// `--path`: the place, whatever the name is.
    pub path: Option<PathBuf>,
    pub new_branch: Option<BranchName>,
    /// `-B`: the branch is reset if it exists.
    pub reset: bool,
    pub detach: bool,
    pub orphan: bool,
    /// How often `-f` was given.
    pub force: u8,
    pub no_checkout: bool,
    pub track: Option<bool>,
    pub guess_remote: Option<bool>,
    pub lock: Option<String>,
    pub base: Option<String>,
    /// `--fetch`: for a base that is a local branch, its upstream is used instead.
    pub fetch: bool,
    /// `--unique`: the randomly chosen suffix.
    pub unique: Option<String>,
    pub prefix: Option<String>,
    /// Whether the worktree gets an environment.
    pub env: bool,
    pub hooks: bool,
    pub note: Option<String>,
    pub push: bool,
    pub template: Option<String>,
    /// Git's own options, passed on unchanged.
    pub passed_on: Vec<OsString>,
}

/// The state of the world, read once, as far as any plan needs it.
#[derive(Debug)]
pub struct Facts {
    pub repo_name: String,
    /// The directory that files are copied and linked from.
    pub main: Option<PathBuf>,
    /// The superproject, if this is a submodule's repository.
    pub superproject: Option<PathBuf>,
    /// The current directory.
    pub cwd: PathBuf,
    pub home: PathBuf,
    pub listing: Listing,
    pub records: Vec<Record>,
    /// What the worktree already has.
    pub own: Option<Record>,
    /// Databases claimed on this host by other worktrees, as `engine:server/name`.
    pub databases: Vec<String>,
    /// Free ports, one for each variable of the recipe; empty if the worktree has them all.
    pub free_ports: Vec<u16>,
    /// What each env file starts from: a file of the main worktree and its text.
    pub env_sources: BTreeMap<String, (PathBuf, EnvText)>,
    /// The env file whose source has the database's URL, or else the first one, with the text of its source.
    pub env_source: Option<(String, EnvText)>,
    /// Where the project reads the relative path of an SQLite database from, relative to a worktree.
    pub database_dir: PathBuf,
    /// Sources of env files that git tracks, so others may have written them.
    pub tracked_sources: BTreeSet<PathBuf>,
    /// Paths to link to the main worktree, each with the recipe's entry that asks for it.
    pub links: Vec<(String, PathBuf)>,
    /// Those links that git ignores as directories but not as links.
    pub links_to_hide: Vec<PathBuf>,
    /// The ignored files to copy.
    pub copies: Selection,
    /// What needs consent about the place of a new database.
    pub unusual_database: Option<Action>,
    /// What needs consent about the file that a new database is filled from, or why that cannot be determined.
    pub fill: Result<Option<Action>>,
    /// What the repository has that is not used, and why.
    pub left_out: Vec<String>,
    /// What the user has consented to.
    pub consent: Consent,
}

/// What a plan for a new worktree needs to know besides.
#[derive(Debug, Clone)]
pub struct AddFacts {
    /// The possible places: the one asked for, or else the recipe's and the one to use if that is taken.
    pub grounds: Vec<Ground>,
    /// `Facts::main` with links resolved.
    pub real_main: PathBuf,
    /// The superproject with links resolved, if this is a submodule's repository; otherwise the same as `real_main`.
    pub real_outer: PathBuf,
    /// The directory below `XDG_DATA_HOME` where git-wt may keep worktrees, with links resolved.
    pub real_data_home: PathBuf,
    /// What a new branch starts from, as asked for and as resolved; `None` on an unborn branch.
    pub base: Option<(String, Oid)>,
    /// Whether git can make a worktree without a commit; asked only when there is no commit to start from.
    pub makes_orphans: bool,
    /// Where a branch without an upstream is pushed; `None` without a remote.
    pub push_remote: Option<String>,
    /// Whether the user has configured what the first push of a branch does.
    pub configures_first_push: bool,
    /// The branches that have an upstream.
    pub tracking: Vec<BranchName>,
}

/// What remains after making: hooks to run, and actions that wait for consent.
#[derive(Debug, Clone, Default)]
pub struct Pending {
    pub hooks: Vec<Requested<String>>,
    /// What is left out until the user consents to it.
    pub waiting: Vec<Action>,
}

/// What will be made, in order, and what runs afterwards.
#[derive(Debug)]
pub struct Plan {
    pub name: Name,
    pub path: PathBuf,
    /// Its branch, if any.
    pub branch: Option<BranchName>,
    /// What a new branch starts from.
    pub base: Option<String>,
    /// A vanished worktree whose entry is in the way and is removed first.
    pub heal: Option<Worktree>,
    pub resources: Vec<Resource>,
    /// Whether the recipe marks the worktree as protected.
    pub protected: bool,
    /// What is left to do once everything is made.
    pub pending: Pending,
    /// The remote to push the new branch to at the end.
    pub push: Option<String>,
    /// What to tell the user.
    pub notes: Vec<String>,
}

impl Facts {
    /// Whether the worktree uses main's database, by the user's consent or settings.
    fn shares_database(&self, recipe: &Recipe) -> bool {
        let shared =
            |rule: &DatabaseRule| self.consent.shared_database(&rule.shared).is_ok_and(Granted::into_inner);
        recipe.database.as_ref().is_some_and(shared)
    }

    /// Returns what needs consent about the file that a database is filled from, unless the worktree already has that
    /// database.
    fn unusual_fill(&self, is_it: impl Fn(&Database) -> bool) -> Result<Option<Action>> {
        if self.own.iter().flat_map(Record::databases).any(is_it) { Ok(None) } else { self.fill.clone() }
    }
}

impl Plan {
    /// Plans a worktree, or refuses to.
    pub fn of(
        request: &Request,
        start: &Start,
        recipe: &Recipe,
        facts: &Facts,
        add: &AddFacts,
    ) -> Result<Self> {
        let mut plan = Self::nothing(&start.name, PathBuf::new(), start.head.branch(), recipe);
        let mut words = words(&start.name, start.head.branch(), facts);
        let exclude = plan.choose_place(request, start, recipe, facts, add)?;
        place::refuse_branch_in_use(request, start, plan.heal.as_ref(), facts)?;
        words.path = plan.path.to_string_lossy().into_owned();
        let branch = plan.branch_resource(request, start, add)?;
        let env = request.env && recipe.env_enabled;
        let mut checkout = plan.checkout(request, start);
        if env && !matches!(start.head, StartPoint::Orphan(_)) {
            checkout.sparse.clone_from(&recipe.sparse);
        }
        let checkout = Resource::Checkout(checkout);
        if env {
            plan.ports(&[], recipe, facts, &mut words);
        }
        let first_push = Self::first_push(start, branch.as_ref(), add);
        plan.resources.extend(branch.map(Resource::Branch));
        plan.resources.extend(first_push.map(Resource::FirstPush));
        plan.resources.extend(exclude.map(Resource::Exclude));
        if env && !request.no_checkout {
            plan.hide_links(recipe, facts);
        }
        plan.resources.push(checkout);
        if env && !request.no_checkout {
            plan.environment(matches!(start.head, StartPoint::Orphan(_)), recipe, facts, &words)?;
            if request.hooks {
                plan.pending.hooks.clone_from(&recipe.hooks.setup);
            }
        } else if env {
            plan.notes.push("the environment is left out, since there are no files (--no-checkout)".into());
        }
        if request.push {
            plan.push(start, add);
        }
        if let Some(word) = &request.commit_ish
            && matches!(start.head, StartPoint::Detached(_))
            && !request.detach
        {
            plan.notes.push(format!("HEAD is detached: '--base {word}' would begin a branch there"));
        }
        Ok(plan)
    }

    /// Plans the environment of a worktree that already exists; `ports` are the ones it has.
    pub fn environment_of(
        name: &Name,
        tree: &Worktree,
        ports: &[(String, u16)],
        recipe: &Recipe,
        facts: &Facts,
    ) -> Result<Self> {
        let branch = tree.head.branch();
        let mut plan = Self::nothing(name, tree.path.clone(), branch, recipe);
        let mut words = words(name, branch, facts);
        words.path = plan.path.to_string_lossy().into_owned();
        plan.ports(ports, recipe, facts, &mut words);
        plan.hide_links(recipe, facts);
        plan.environment(tree.head.oid().is_none(), recipe, facts, &words)?;
        plan.pending.hooks.clone_from(&recipe.hooks.setup);
        Ok(plan)
    }

    /// Returns where a worktree that is there would go under another name.
    pub fn place_of(
        request: &Request,
        start: &Start,
        recipe: &Recipe,
        facts: &Facts,
        add: &AddFacts,
    ) -> Result<PathBuf> {
        let mut plan = Self::nothing(&start.name, PathBuf::new(), start.head.branch(), recipe);
        plan.choose_place(request, start, recipe, facts, add)?;
        Ok(plan.path)
    }

    fn nothing(name: &Name, path: PathBuf, branch: Option<&BranchName>, recipe: &Recipe) -> Self {
        Self {
            name: name.clone(),
            path,
            branch: branch.cloned(),
            base: None,
            heal: None,
            resources: Vec::new(),
            protected: recipe.protected,
            pending: Pending::default(),
            push: None,
            notes: Vec::new(),
        }
    }

    /// Plans where a plain `git push` of the branch goes. This is already decided for a branch with an upstream, and
    /// for a user who has configured what a first push does.
    fn first_push(start: &Start, made: Option<&resource::Branch>, add: &AddFacts) -> Option<FirstPush> {
        let branch = start.head.branch()?;
        let has_upstream = made.is_some_and(|made| made.upstream.is_some()) || add.tracking.contains(branch);
        let remote = add.push_remote.clone().filter(|_| !has_upstream && !add.configures_first_push);
        remote.map(|remote| FirstPush { branch: branch.clone(), remote })
    }

    /// Plans the push of a new branch, which `--push` asks for.
    fn push(&mut self, start: &Start, add: &AddFacts) {
        let note = match &start.head {
            StartPoint::New(..) if add.push_remote.is_some() => {
                self.push.clone_from(&add.push_remote);
                return;
            }
            StartPoint::New(..) => "there is no remote to push to".into(),
            StartPoint::Existing(branch) | StartPoint::Tracking(branch, _) => {
                format!("'{branch}' is not new, and is not pushed")
            }
            StartPoint::Orphan(branch) => format!("'{branch}' has no commit to push yet"),
            StartPoint::Detached(_) => "there is no branch to push".into(),
        };
        self.notes.push(note);
    }

    fn branch_resource(
        &mut self,
        request: &Request,
        start: &Start,
        add: &AddFacts,
    ) -> Result<Option<resource::Branch>> {
        match &start.head {
            StartPoint::Existing(_) | StartPoint::Detached(_) | StartPoint::Orphan(_) => Ok(None),
            StartPoint::Tracking(branch, remote) => {
                let tracking = resource::Branch::tracking(branch.clone(), remote);
                let upstream = tracking.upstream.clone().filter(|_| request.track != Some(false));
                Ok(Some(resource::Branch { upstream, ..tracking }))
            }
            StartPoint::New(branch, was) => {
                let Some((base, oid)) = &add.base else {
                    let hint = if add.makes_orphans {
                        Hint::of("git wt add --orphan").name(branch.as_str())
                    } else {
                        "git commit --allow-empty --message first".into()
                    };
                    return Err(Error::new("there is no commit to start from yet").hint(hint));
                };
                self.base = Some(base.clone());
                // only if asked to: a push from the new branch would go to the base
                let upstream = Some(base.clone()).filter(|_| request.track == Some(true));
                let new = resource::Branch::new(branch.clone(), oid.clone());
                Ok(Some(resource::Branch { was: was.clone(), upstream, ..new }))
            }
        }
    }

    fn checkout(&self, request: &Request, start: &Start) -> Checkout {
        let mut args: Vec<OsString> = vec!["--quiet".into()];
        // never one -f more than the user gave: it would override git's own locks
        args.extend((0..request.force).map(|_| "--force".into()));
        args.extend(request.passed_on.iter().cloned());
        let mut commit_ish = None;
        match &start.head {
            StartPoint::Orphan(branch) => {
                args.extend(["--orphan".into(), "-b".into(), branch.as_str().into()]);
            }
            StartPoint::Detached(oid) => {
                args.push("--detach".into());
                commit_ish = Some(oid.as_str().to_owned());
            }
            StartPoint::Existing(branch) | StartPoint::Tracking(branch, _) | StartPoint::New(branch, _) => {
                commit_ish = Some(branch.as_str().to_owned());
            }
        }
        args.push("--".into());
        args.push(self.path.clone().into_os_string());
        args.extend(commit_ish.map(OsString::from));
        Checkout {
            lock: request.lock.clone(),
            no_files: request.no_checkout,
            ..Checkout::new(&self.path, args)
        }
    }

    /// Chooses ports, or keeps the ones the worktree has: they stay the same for its life.
    fn ports(&mut self, kept: &[(String, u16)], recipe: &Recipe, facts: &Facts, words: &mut Words) {
        let rule = &recipe.port;
        if rule.variables.is_empty() {
            return;
        }
        if rule.variables.iter().all(|(variable, _)| kept.iter().any(|(name, _)| name == variable)) {
            words.ports.extend(kept.iter().cloned());
            return;
        }
        for ((variable, _), number) in rule.variables.iter().zip(&facts.free_ports) {
            // a variable that is new in the recipe gets a port beside the existing ones
            if let Some(known) = kept.iter().find(|(name, _)| name == variable) {
                words.ports.push(known.clone());
                continue;
            }
            words.ports.push((variable.clone(), *number));
            self.resources.push(Resource::Port(Port { variable: variable.clone(), number: *number }));
        }
    }

    fn hide_links(&mut self, recipe: &Recipe, facts: &Facts) {
        // a link that waits for consent is not made yet
        let is_granted = |path: &PathBuf| {
            let mut links = facts.links.iter().filter(|(_, link)| link == path);
            links.any(|(entry, _)| facts.consent.link(&recipe.link.of(entry.clone()), path.clone()).is_ok())
        };
        let lines = facts.links_to_hide.iter().filter(|path| is_granted(path));
        self.resources.extend(lines.map(|path| Resource::Exclude(Exclude::of_link(path, &self.name))));
    }

    fn environment(&mut self, unborn: bool, recipe: &Recipe, facts: &Facts, words: &Words) -> Result<()> {
        if !facts.copies.files.is_empty() {
            self.resources.push(Resource::Copies(Copies::new(facts.copies.files.clone())));
        }
        self.notes.extend(facts.left_out.iter().cloned());
        for (path, why) in &facts.copies.skipped {
            self.notes.push(format!("'{}' is not copied: {why}", path.display()));
        }
        for (entry, path) in &facts.links {
            match facts.consent.link(&recipe.link.of(entry.clone()), path.clone()) {
                Ok(path) => self.resources.push(Resource::Link(Link::new(path))),
                Err(action) if self.pending.waiting.contains(&action) => {}
                Err(action) => self.pending.waiting.push(*action),
            }
        }
        if let Some(rule) = &recipe.venv {
            match facts.consent.python(&rule.python) {
                Ok(python) => {
                    let mut venv = Venv::new(&rule.path, python);
                    venv.seed_pip = recipe.needs_pip();
                    self.resources.push(Resource::Venv(venv));
                }
                Err(action) => self.pending.waiting.push(*action),
            }
        }
        self.env_files(unborn, recipe, facts, words)
    }
}

fn words(name: &Name, branch: Option<&BranchName>, facts: &Facts) -> Words {
    let main = facts.main.as_ref().unwrap_or(&facts.listing.main().path);
    Words::of(facts.repo_name.clone(), name, branch, main, &facts.cwd, &facts.home)
}

impl Plan {
    /// Describes what will be done, one step per line.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("worktree '{}' at '{}'", self.name, self.path.display())];
        let vanished = self.heal.iter();
        lines.extend(vanished.map(|it| format!("  forget the vanished worktree '{}'", it.path.display())));
        lines.extend(self.resources.iter().map(|resource| format!("  {}", resource.describe())));
        lines.extend(self.pending.hooks.iter().map(|hook| format!("  then run: {}", hook.wanted())));
        lines.extend(
            self.pending
                .waiting
                .iter()
                .map(|action| format!("  wait for your consent: {}", action.describe())),
        );
        lines.extend(self.push.iter().map(|remote| format!("  then push to '{remote}'")));
        lines.extend(self.notes.iter().map(|note| format!("  note: {note}")));
        lines
    }
}
