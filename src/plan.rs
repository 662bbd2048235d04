//! Decides, and touches nothing: a wish, a recipe and the facts become a plan, or a refusal.
//!
//! Every refusal of `add` is made here, before anything is made. It opens no file and starts no process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::claim::Claim;
use crate::dotenv::{EnvText, Value};
use crate::error::{Error, Result};
use crate::git::worktrees::{Listing, Worktree};
use crate::git::{self, Oid, RemoteBranch, absolute};
use crate::name::{Branch, Name, hash};
use crate::recipe::{HookCommand, Recipe, Words};
use crate::record::{Record, Stage};
use crate::resource::copy::Selection;
use crate::resource::database::{self, Database};
use crate::resource::env_file::Source;
use crate::resource::{
    self, Checkout, Copy, DatabaseName, EnvFile, Exclude, Link, Port, Resource, Venv, port,
};
use crate::url::{Engine, SqlitePlace, Url};

/// What the first word of `add` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A name: the place comes from the recipe.
    Name(String),
    /// A path, used as it is.
    Path(PathBuf),
}

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The first word.
    pub what: Option<What>,
    /// The second word.
    pub commit_ish: Option<String>,
    /// `--path`: the place, whatever the name.
    pub path: Option<PathBuf>,
    /// `-b` or `-B`.
    pub new_branch: Option<Branch>,
    /// `-B`: the branch is reset if it exists.
    pub reset: bool,
    /// `--detach`.
    pub detach: bool,
    /// `--orphan`.
    pub orphan: bool,
    /// How often `-f` was given.
    pub force: u8,
    /// `--no-checkout`.
    pub no_checkout: bool,
    /// `--track` or `--no-track`.
    pub track: Option<bool>,
    /// `--guess-remote` or `--no-guess-remote`.
    pub guess_remote: Option<bool>,
    /// `--lock`, with its reason.
    pub lock: Option<String>,
    /// `--base`.
    pub base: Option<String>,
    /// `--unique`: the suffix drawn for it.
    pub unique: Option<String>,
    /// `--prefix` or `wt.prefix`.
    pub prefix: String,
    /// Whether the worktree gets an environment.
    pub env: bool,
    /// Whether hooks run.
    pub hooks: bool,
    /// `--note`.
    pub note: Option<String>,
    /// `--template`.
    pub template: Option<String>,
    /// Options that are git's own, handed on as they are.
    pub passed_on: Vec<OsString>,
}

/// What a word names in the repository.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The commit of the local branch of that name.
    pub branch: Option<Oid>,
    /// The branches of that name on remotes.
    pub on_remotes: Vec<RemoteBranch>,
    /// The remote branch it spells out, `origin/x`.
    pub remote: Option<RemoteBranch>,
    /// The commit it names as a tag or revision.
    pub commit: Option<Oid>,
}

/// What the words of a wish name.
#[derive(Debug, Clone, Default)]
pub struct Refs {
    /// What the name (or a path's last part) names.
    pub what: Known,
    /// What the second word names.
    pub commit_ish: Known,
    /// What `-b` names.
    pub new_branch: Known,
    /// `checkout.defaultRemote`.
    pub default_remote: Option<String>,
    /// `worktree.guessRemote`: whether the branch of a path is derived from a remote's.
    pub guess_remote: bool,
}

/// What the worktree starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch that exists.
    Existing(Branch),
    /// A branch to be made where a remote's stands.
    Tracking(Branch, RemoteBranch),
    /// A branch to be made at the base, or reset to it from where it stands.
    New(Branch, Option<Oid>),
    /// A commit.
    Detached(Oid),
    /// A branch without a commit.
    Orphan(Branch),
}

impl Head {
    /// The branch, if there will be one.
    pub fn branch(&self) -> Option<&Branch> {
        match self {
            Self::Existing(b) | Self::Tracking(b, _) | Self::New(b, _) | Self::Orphan(b) => Some(b),
            Self::Detached(_) => None,
        }
    }
}

/// What the words of a wish come to: the worktree's name and what it starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The worktree's name.
    pub name: Name,
    /// What it starts with.
    pub head: Head,
}

impl Start {
    /// Reads the wish by git's rules: a local branch, one on exactly one remote, a tag or commit, else a new branch.
    pub fn of(wish: &Wish, refs: &Refs) -> Result<Self> {
        let word = match (&wish.what, &wish.new_branch) {
            (Some(What::Name(name)), _) => name.clone(),
            (Some(What::Path(path)), _) => last_part(path)?,
            (None, Some(branch)) => branch.as_str().to_owned(),
            (None, None) => {
                return Err(Error::usage("what to add is missing").hint("git wt add NAME"));
            }
        };
        let by_path = matches!(wish.what, Some(What::Path(_))) || wish.path.is_some();
        let head = Self::head(wish, refs, &word)?;
        let name = match &head {
            // origin/x is called x
            Head::Tracking(branch, _) | Head::Existing(branch) if refs.what.remote.is_some() => {
                branch.as_str()
            }
            _ => &word,
        };
        let name = match &wish.unique {
            Some(suffix) => format!("{name}-{suffix}"),
            None => name.to_owned(),
        };
        let name = if by_path { Name::of_place(&name) } else { Name::parse(&name)? };
        Ok(Self { name, head })
    }

    fn head(wish: &Wish, refs: &Refs, word: &str) -> Result<Head> {
        if let Some(branch) = &wish.new_branch {
            return Self::new_branch(wish, refs, branch.clone());
        }
        if wish.orphan {
            return Self::new_branch(wish, refs, Branch::parse(word)?);
        }
        if let Some(commit_ish) = &wish.commit_ish {
            return Self::from_commit_ish(wish, &refs.commit_ish, commit_ish);
        }
        let what = &refs.what;
        let commit =
            what.branch.clone().or(what.remote.as_ref().map(|r| r.oid.clone())).or(what.commit.clone());
        if wish.detach {
            return match commit {
                Some(oid) => Ok(Head::Detached(oid)),
                None => Err(Error::new(format!("'{word}' names no commit")).hint("git log --oneline --all")),
            };
        }
        if what.branch.is_some() {
            return Ok(Head::Existing(Branch::parse(word)?));
        }
        if let Some(remote) = &what.remote {
            let branch = Branch::parse(&remote.branch)?;
            let exists = refs.new_branch.branch.is_some();
            return Ok(if exists { Head::Existing(branch) } else { Head::Tracking(branch, remote.clone()) });
        }
        let by_path = matches!(wish.what, Some(What::Path(_)));
        // git looks for the branch of a path only when it is told to; a name is looked for everywhere
        if wish.guess_remote.unwrap_or(!by_path || refs.guess_remote)
            && let Some(remote) = the_one_remote(word, &what.on_remotes, refs.default_remote.as_deref())?
        {
            return Ok(Head::Tracking(Branch::parse(word)?, remote));
        }
        match &what.commit {
            Some(oid) if !by_path => Ok(Head::Detached(oid.clone())),
            _ => Ok(Head::New(Branch::parse(&branch_name(wish, word))?, None)),
        }
    }

    fn new_branch(wish: &Wish, refs: &Refs, branch: Branch) -> Result<Head> {
        match &refs.new_branch.branch {
            Some(_) if !wish.reset => Err(Error::new(format!("a branch named '{branch}' already exists"))
                .hint(format!("git wt add {branch}    (without -b, to check it out)"))),
            _ if wish.orphan => Ok(Head::Orphan(branch)),
            was => Ok(Head::New(branch, was.clone())),
        }
    }

    fn from_commit_ish(wish: &Wish, known: &Known, word: &str) -> Result<Head> {
        match (&known.branch, &known.commit) {
            (Some(_), _) if !wish.detach => Ok(Head::Existing(Branch::parse(word)?)),
            (_, Some(oid)) => Ok(Head::Detached(oid.clone())),
            _ => Err(Error::new(format!("invalid reference: {word}"))),
        }
    }
}

fn branch_name(wish: &Wish, word: &str) -> String {
    let suffix = wish.unique.as_ref().map(|suffix| format!("-{suffix}")).unwrap_or_default();
    match wish.prefix.trim_end_matches('/') {
        "" => format!("{word}{suffix}"),
        prefix => format!("{prefix}/{word}{suffix}"),
    }
}

fn last_part(path: &Path) -> Result<String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| Error::new(format!("'{}' has no last part to name the worktree by", path.display())))
}

fn the_one_remote(
    word: &str,
    found: &[RemoteBranch],
    preferred: Option<&str>,
) -> Result<Option<RemoteBranch>> {
    match found {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        several => {
            if let Some(hit) = several.iter().find(|hit| Some(hit.remote.as_str()) == preferred) {
                Ok(Some(hit.clone()))
            } else {
                let names: Vec<String> = several.iter().map(RemoteBranch::short).collect();
                Err(Error::new(format!("'{word}' is on several remotes: {}", names.join(", ")))
                    .hint(format!("git wt add {}", names[0]))
                    .hint(format!("git config checkout.defaultRemote {}", several[0].remote)))
            }
        }
    }
}

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

/// The world, looked at once, as far as a plan needs it.
pub struct Facts {
    /// The repository's name.
    pub repo_name: String,
    /// The directory that files are taken from.
    pub main: Option<PathBuf>,
    /// The current directory.
    pub cwd: PathBuf,
    /// The user's home.
    pub home: PathBuf,
    /// All worktrees.
    pub listing: Listing,
    /// All records.
    pub records: Vec<Record>,
    /// What a new branch starts from, as asked for and resolved; none on an unborn branch.
    pub base: Option<(String, Oid)>,
    /// Says what stands at a place.
    pub place: Box<dyn Fn(&Path) -> Place>,
    /// The path with its links resolved as far as it exists.
    pub real: Box<dyn Fn(&Path) -> PathBuf>,
    /// Says whether git ignores a path of the main worktree.
    pub ignored: Box<dyn Fn(&Path) -> bool>,
    /// Databases claimed on this host by other worktrees, as `engine:server/name`.
    pub databases: Vec<String>,
    /// Ports claimed on this host.
    pub claims: BTreeMap<u16, Claim>,
    /// Says whether a port is bound now.
    pub bound: fn(u16) -> bool,
    /// Where the kernel takes ports for outgoing connections.
    pub ephemeral: RangeInclusive<u16>,
    /// The file the env file starts from, and its text.
    pub env_source: Option<(PathBuf, EnvText)>,
    /// The ignored files to copy.
    pub copies: Selection,
}

/// What will be made, in order, and what runs after it.
#[derive(Debug)]
pub struct Plan {
    /// The worktree's name.
    pub name: Name,
    /// Its directory.
    pub path: PathBuf,
    /// Its branch, if any.
    pub branch: Option<Branch>,
    /// What a new branch starts from.
    pub base: Option<String>,
    /// A vanished worktree whose entry stands in the way and is removed first.
    pub heal: Option<Worktree>,
    /// What is made.
    pub resources: Vec<Resource>,
    /// Whether the recipe calls it protected.
    pub protected: bool,
    /// The setup hooks.
    pub hooks: Vec<HookCommand>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Plan {
    /// Plans a worktree, or refuses.
    pub fn of(wish: &Wish, start: &Start, recipe: &Recipe, facts: &Facts) -> Result<Self> {
        let mut plan = Self::nothing(&start.name, PathBuf::new(), start.head.branch(), recipe);
        let mut words = words(&start.name, start.head.branch(), facts);
        let exclude = plan.choose_place(wish, start, recipe, facts, &words)?;
        refuse_branch_in_use(wish, start, plan.heal.as_ref(), facts)?;
        words.path = plan.path.to_string_lossy().into_owned();
        let branch = plan.branch_resource(wish, start, facts)?;
        let checkout = Resource::Checkout(plan.checkout(wish, start));
        let env = wish.env && recipe.env_enabled;
        if env {
            plan.ports(&[], recipe, facts, &mut words)?;
        }
        plan.resources.extend(branch.map(Resource::Branch));
        plan.resources.extend(exclude.map(Resource::Exclude));
        plan.resources.push(checkout);
        if env && !wish.no_checkout {
            plan.environment(recipe, facts, &words)?;
            if wish.hooks {
                plan.hooks.clone_from(&recipe.hooks.setup);
            }
        } else if env {
            plan.notes.push("the environment is left out, since there are no files (--no-checkout)".into());
        }
        if let Some(word) = &wish.commit_ish
            && matches!(start.head, Head::Detached(_))
            && !wish.detach
        {
            let hint =
                format!("HEAD is detached; for a branch of its own: git wt add --base {word} {}", start.name);
            plan.notes.push(hint);
        }
        Ok(plan)
    }

    /// Plans the environment of a worktree that stands already; `ports` are those it has.
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
        plan.ports(ports, recipe, facts, &mut words)?;
        plan.environment(recipe, facts, &words)?;
        plan.hooks.clone_from(&recipe.hooks.setup);
        Ok(plan)
    }

    fn nothing(name: &Name, path: PathBuf, branch: Option<&Branch>, recipe: &Recipe) -> Self {
        Self {
            name: name.clone(),
            path,
            branch: branch.cloned(),
            base: None,
            heal: None,
            resources: Vec::new(),
            protected: recipe.protected,
            hooks: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn choose_place(
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
            None => derived(recipe, facts, words)?,
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
        if path.starts_with((facts.real)(&main.git_dir)) && main.head != git::worktrees::Head::Bare {
            return Err(Error::new(format!(
                "'{}' is inside the repository's own directory",
                self.path.display()
            )));
        }
        let with_files =
            facts.listing.worktrees.iter().filter(|tree| tree.head != git::worktrees::Head::Bare);
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
                .hint("choose a place outside, or have git ignore it"));
        }
        Ok(Some(Exclude { pattern: format!("/{}/", inner.display()) }))
    }

    fn branch_resource(
        &mut self,
        wish: &Wish,
        start: &Start,
        facts: &Facts,
    ) -> Result<Option<resource::Branch>> {
        match &start.head {
            Head::Existing(_) | Head::Detached(_) | Head::Orphan(_) => Ok(None),
            Head::Tracking(branch, remote) => {
                let tracking = resource::Branch::tracking(branch.clone(), remote);
                let upstream = tracking.upstream.clone().filter(|_| wish.track != Some(false));
                Ok(Some(resource::Branch { upstream, ..tracking }))
            }
            Head::New(branch, was) => {
                let Some((base, oid)) = &facts.base else {
                    return Err(Error::new("there is no commit to start from yet")
                        .hint(format!("git wt add --orphan {branch}")));
                };
                self.base = Some(base.clone());
                // never by itself: a push from the new branch would go to the base
                let upstream = Some(base.clone()).filter(|_| wish.track == Some(true));
                let new = resource::Branch::new(branch.clone(), oid.clone());
                Ok(Some(resource::Branch { was: was.clone(), upstream, ..new }))
            }
        }
    }

    fn checkout(&self, wish: &Wish, start: &Start) -> Checkout {
        let mut args: Vec<OsString> = vec!["--quiet".into()];
        // -f once more than asked for is never right: it overrides git's own locks
        args.extend((0..wish.force).map(|_| "--force".into()));
        if wish.no_checkout {
            args.push("--no-checkout".into());
        }
        args.extend(wish.passed_on.iter().cloned());
        let mut commit_ish = None;
        match &start.head {
            Head::Orphan(branch) => args.extend(["--orphan".into(), "-b".into(), branch.as_str().into()]),
            Head::Detached(oid) => {
                args.push("--detach".into());
                commit_ish = Some(oid.as_str().to_owned());
            }
            Head::Existing(branch) | Head::Tracking(branch, _) | Head::New(branch, _) => {
                commit_ish = Some(branch.as_str().to_owned());
            }
        }
        args.push("--".into());
        args.push(self.path.clone().into_os_string());
        args.extend(commit_ish.map(OsString::from));
        Checkout { lock: wish.lock.clone(), ..Checkout::at(&self.path, args) }
    }

    /// Chooses ports, or keeps the ones the worktree has: they stay the same for its life.
    fn ports(
        &mut self,
        kept: &[(String, u16)],
        recipe: &Recipe,
        facts: &Facts,
        words: &mut Words,
    ) -> Result<()> {
        let rule = &recipe.port;
        if rule.variables.is_empty() {
            return Ok(());
        }
        if rule.variables.iter().all(|(variable, _)| kept.iter().any(|(name, _)| name == variable)) {
            words.ports.extend(kept.iter().cloned());
            return Ok(());
        }
        let host =
            port::Host { claims: &facts.claims, ephemeral: facts.ephemeral.clone(), bound: &facts.bound };
        let numbers = port::choose(&rule.variables, rule.range.as_ref(), &host)?;
        for ((variable, _), number) in rule.variables.iter().zip(numbers) {
            words.ports.push((variable.clone(), number));
            self.resources.push(Resource::Port(Port { variable: variable.clone(), number }));
        }
        Ok(())
    }

    fn environment(&mut self, recipe: &Recipe, facts: &Facts, words: &Words) -> Result<()> {
        for path in &facts.copies.files {
            self.resources.push(Resource::Copy(Copy::new(path)));
        }
        for (path, why) in &facts.copies.skipped {
            self.notes.push(format!("'{}' is not copied: {why}", path.display()));
        }
        self.resources.extend(recipe.link.iter().map(|path| Resource::Link(Link::new(Path::new(path)))));
        if let Some(rule) = &recipe.venv {
            let mut venv = Venv::new(&rule.path, &rule.python);
            venv.seed_pip = recipe.needs_pip();
            self.resources.push(Resource::Venv(venv));
        }
        if !recipe.sparse.is_empty() {
            self.notes.push("'sparse' is not applied yet".into());
        }
        let mut values =
            words.ports.iter().map(|(name, port)| (name.clone(), port.to_string())).collect::<Vec<_>>();
        values.extend(self.database(recipe, facts, words)?);
        for (name, template) in &recipe.env.values {
            let value = words.render(template)?;
            values.retain(|(known, _)| known != name);
            values.push((name.clone(), value));
        }
        if facts.env_source.is_none() && values.is_empty() {
            return Ok(());
        }
        self.resources.push(Resource::EnvFile(EnvFile {
            path: recipe.env.file.clone(),
            from: facts.env_source.as_ref().map(|(path, _)| Source(path.clone())),
            written: Vec::new(),
            content: String::new(),
            values,
            required: recipe.configured,
        }));
        Ok(())
    }

    /// Plans a database of the worktree's own; returns the variable that names it, with its new value.
    fn database(
        &mut self,
        recipe: &Recipe,
        facts: &Facts,
        words: &Words,
    ) -> Result<Option<(String, String)>> {
        let main_url = |variable: &str| {
            let (_, text) = facts.env_source.as_ref()?;
            match text.get(variable)? {
                Value::Text(url) => Some(url),
                Value::Dynamic(_) => None,
            }
        };
        let Some(rule) = &recipe.database else {
            if let Some(url) = main_url("DATABASE_URL")
                && shared_with_main(&url)
            {
                self.notes.push("DATABASE_URL is main's: the worktree shares main's database ([database] gives it its own)".into());
            }
            return Ok(None);
        };
        if rule.shared {
            return Ok(None);
        }
        let Some(text) = main_url(&rule.variable) else {
            return Err(Error::new(format!(
                "no {} with a database URL in '{}'",
                rule.variable, recipe.env.from
            ))
            .because("[database] gives each worktree its own, made from main's")
            .hint(format!("set {} in '{}', or [database] shared = true", rule.variable, recipe.env.from)));
        };
        let unusable = || Error::new(format!("{} is no database URL that git-wt knows", rule.variable));
        let url = Url::parse(&text).ok_or_else(unusable)?;
        let engine = Engine::of(url.scheme()).ok_or_else(unusable)?;
        let name = words.render(&rule.name)?;
        if engine != Engine::Sqlite {
            let name = self.database_name(engine, &url, name, facts);
            return Ok(Some((rule.variable.clone(), url.with_database(&name))));
        }
        let Some((place, own)) = self.sqlite_place(&url, &text, &name, facts) else { return Ok(None) };
        let from_root = |path: &str| absolute(facts.main.as_deref().unwrap_or(&facts.cwd), Path::new(path));
        let origin = match (rule.from.as_str(), url.sqlite_place()) {
            ("main", Some(SqlitePlace::Relative(path) | SqlitePlace::Absolute(path))) => {
                database::Origin::Main(from_root(&path).to_string_lossy().into_owned())
            }
            ("empty" | "main", _) => database::Origin::Empty,
            (dump, _) => database::Origin::Dump(from_root(dump)),
        };
        self.resources.push(Resource::Database(Database::new(database::Engine::Sqlite, place, origin)));
        Ok(Some((rule.variable.clone(), own)))
    }

    /// Reserves a name on the URL's server; one that another worktree has gets a hash of ours behind it.
    fn database_name(&mut self, engine: Engine, url: &Url, name: String, facts: &Facts) -> String {
        let engine = if engine == Engine::Postgres { "postgres" } else { "mysql" };
        let place = |name: &str| format!("{engine}:{}/{name}", url.server());
        let taken = |name: &str| facts.databases.contains(&place(name));
        let name = if taken(&name) {
            let apart = format!("{}\0{}", facts.listing.main().git_dir.display(), self.path.display());
            format!("{}_{}", &name[..name.len().min(49)], &hash(apart.as_bytes())[..8])
        } else {
            name
        };
        self.notes.push(format!("the database '{name}' is yours to create, with your server's own tools"));
        self.resources.push(Resource::DatabaseName(DatabaseName { place: place(&name) }));
        name
    }

    /// A relative file is each worktree's own for free; an absolute one gets a place of its own.
    fn sqlite_place(&self, url: &Url, text: &str, name: &str, facts: &Facts) -> Option<(String, String)> {
        let inside = |path: &str| self.path.join(path).to_string_lossy().into_owned();
        match url.sqlite_place()? {
            SqlitePlace::Memory => None,
            SqlitePlace::Relative(path) => Some((inside(&path), text.to_owned())),
            SqlitePlace::Absolute(path) => {
                let path = PathBuf::from(path);
                let own =
                    if let Some(within) = facts.main.as_ref().and_then(|main| path.strip_prefix(main).ok()) {
                        inside(&within.to_string_lossy())
                    } else {
                        let ending =
                            path.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
                        path.with_file_name(format!("{name}{ending}")).to_string_lossy().into_owned()
                    };
                let text = url.with_path(&format!("/{own}"));
                Some((own, text))
            }
        }
    }
}

/// Whether a worktree that keeps this URL would share its database.
fn shared_with_main(url: &str) -> bool {
    let Some(url) = Url::parse(url) else { return false };
    match Engine::of(url.scheme()) {
        Some(Engine::Sqlite) => matches!(url.sqlite_place(), Some(SqlitePlace::Absolute(_))),
        Some(_) => true,
        None => false,
    }
}

fn words(name: &Name, branch: Option<&Branch>, facts: &Facts) -> Words {
    Words {
        repo: facts.repo_name.clone(),
        name: name.as_str().to_owned(),
        branch: branch.map(|branch| branch.as_str().to_owned()),
        path: String::new(),
        main: facts.main.as_ref().unwrap_or(&facts.listing.main().path).to_string_lossy().into_owned(),
        cwd: facts.cwd.to_string_lossy().into_owned(),
        home: facts.home.to_string_lossy().into_owned(),
        ports: Vec::new(),
    }
}

/// The place that the recipe's template gives, from the main worktree on.
fn derived(recipe: &Recipe, facts: &Facts, words: &Words) -> Result<PathBuf> {
    let text = words.render(&recipe.path)?;
    let path = match text.strip_prefix("~/") {
        Some(rest) => facts.home.join(rest),
        None => PathBuf::from(text),
    };
    if path.as_os_str().is_empty() {
        return Err(Error::new(format!("the place '{}' comes out empty", recipe.path)));
    }
    let from = match &facts.main {
        Some(main) => main,
        None => &facts.listing.main().path,
    };
    Ok(absolute(from, &path))
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
            return Err(Error::new(format!("'{shown}' is a worktree already"))
                .hint(format!("cd -- {}", quoted(path))));
        }
        vanished => vanished,
    };
    match (facts.place)(path) {
        Place::Free | Place::EmptyDir => {}
        Place::Occupied => return Err(Error::new(format!("'{shown}' already exists and is not empty"))),
        Place::Foreign => return Err(Error::new(format!("'{shown}' belongs to another repository"))),
        Place::NotADirectory(what) => {
            return Err(Error::new(format!("'{}' is not a directory", what.display())));
        }
        Place::Denied(dir) => {
            return Err(Error::new(format!("cannot write to '{}'", dir.display()))
                .hint("git wt add --path PLACE NAME"));
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
            .hint("git wt add -f NAME    (to give up what was there)"));
    }
    Ok(Some(tree))
}

fn refuse_branch_in_use(wish: &Wish, start: &Start, heal: Option<&Worktree>, facts: &Facts) -> Result<()> {
    let Some(branch) = start.head.branch() else { return Ok(()) };
    if wish.force > 0 && !matches!(start.head, Head::New(..)) {
        return Ok(());
    }
    let adding = |record: &&Record| record.stage == Stage::Adding && record.branch.as_ref() == Some(branch);
    if let Some(record) = facts.records.iter().find(adding) {
        return Err(Error::new(format!(
            "'{branch}' is being added by another git-wt, at '{}'",
            record.path.display()
        ))
        .hint("git wt doctor"));
    }
    let Some(holder) = facts.listing.holder(branch) else { return Ok(()) };
    let shown = holder.path.display();
    if heal.is_some_and(|gone| gone.id == holder.id) {
        return Ok(());
    }
    if holder.missing {
        return Err(Error::new(format!("'{branch}' is still held by the vanished worktree '{shown}'"))
            .hint("git wt prune")
            .hint("git worktree repair    (if it was only moved)"));
    }
    let detached = format!("git wt add --detach {branch}    (a copy of its commit)");
    Err(Error::new(format!("'{branch}' is already used by worktree at '{shown}'"))
        .hint(format!("cd -- {}", quoted(&holder.path)))
        .hint(detached))
}

/// Quotes a path for a command to paste.
fn quoted(path: &Path) -> String {
    shell_escape::unix::escape(path.to_string_lossy()).into_owned()
}

impl Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "worktree '{}' at '{}'", self.name, self.path.display())?;
        if let Some(vanished) = &self.heal {
            writeln!(out, "  forget the vanished worktree '{}'", vanished.path.display())?;
        }
        for resource in &self.resources {
            writeln!(out, "  {}", resource.describe())?;
        }
        for hook in &self.hooks {
            writeln!(out, "  then run: {}", crate::name::escaped(&hook.text))?;
        }
        for note in &self.notes {
            writeln!(out, "  note: {note}")?;
        }
        Ok(())
    }
}
