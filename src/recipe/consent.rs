//! The gate: whatever a committed file asks for that reaches outside its worktree passes here, or waits.
//!
//! Each part of the recipe is kept together with its author, as a [`Requested`], from where its text is read to where
//! it takes effect. Code that acts on it takes [`Granted`], which only this module makes. The user's own git config
//! passes freely, as it does in git. What the repository asks for passes if it is harmless by nature, or if the user
//! has consented to exactly this action: its text, and the content of the tracked files that it names.
//!
//! Consent is kept outside any repository, and shared by the worktrees of one repository on this disk. Nothing in a
//! repository can give it.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::coverage;
use super::{DatabaseRule, EnvRule, Hooks, PortRule, Recipe, VenvRule, matches};
use crate::error::{Error, Explain, Result};
use crate::git::Repo;
use crate::host::claims::Claims;
use crate::host::exec::{Stoppable, check_stopped};
use crate::host::file;
use crate::text::hash::{hash, hash_all};
use crate::text::name::dbname;
use crate::text::tilde;
use crate::text::url::{Engine, SqlitePlace, Url};

/// The author of a part of the recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// Anyone who can commit to the repository: `.wt.toml`, and other files that git tracks.
    Repository,
    /// The user: git config, a flag, or what git-wt itself has detected.
    User,
}

/// A part of the recipe as somebody asks for it; not to be acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested<T> {
    wanted: T,
    author: Author,
}

impl<T> Requested<T> {
    /// Returns a request by this author.
    pub fn by(author: Author, wanted: T) -> Self {
        Self { wanted, author }
    }

    /// Returns a request that needs no consent.
    pub fn by_user(wanted: T) -> Self {
        Self::by(Author::User, wanted)
    }

    /// Returns what is asked for: to be shown, compared and judged.
    pub fn wanted(&self) -> &T {
        &self.wanted
    }

    pub fn is_repositorys(&self) -> bool {
        self.author == Author::Repository
    }

    /// Returns the same author's request for a part of it, or for a value derived from it.
    pub fn of<U>(&self, part: U) -> Requested<U> {
        Requested { wanted: part, author: self.author }
    }
}

/// Something that may be acted on. Only the gate makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted<T>(T);

impl<T> Granted<T> {
    /// Returns what may be done.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// Returns what may be done, by value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// What kind of thing an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Run,
    /// Runs a command before the worktree is removed.
    RunAtRemoval,
    /// Runs a server.
    Serve,
    /// Links to a file of the main worktree, which lets a branch write to it.
    Link,
    /// Uses the main worktree's database.
    Share,
    /// Runs a program that makes the Python environment.
    Python,
    /// Puts worktrees at a place.
    Place,
    /// Makes a database outside the worktree, or on a server other than the main worktree's.
    Database,
    /// Fills a database from a file.
    Fill,
    /// Sets variables in shells and hooks.
    Set,
}

impl Kind {
    /// Returns the verb that is shown before the object.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::RunAtRemoval => "teardown",
            Self::Serve => "serve",
            Self::Link => "link",
            Self::Share => "share",
            Self::Python => "venv by",
            Self::Place => "place",
            Self::Database => "database",
            Self::Fill => "fill from",
            Self::Set => "set",
        }
    }
}

/// Something that needs consent: one deed, with the content of the files that determine what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub kind: Kind,
    /// The full text of what is done.
    pub text: String,
    /// The files that it names, relative to the worktree, with the hash of each.
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(skip)]
    pub values: Vec<String>,
    /// The parts that cannot be determined, and so are not covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncovered: Option<String>,
}

impl Action {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), files: BTreeMap::new(), values: Vec::new(), uncovered: None }
    }

    /// Returns the action of a hook's or server's command, with those of the tracked files that it names in the
    /// worktree at `root`.
    fn command(kind: Kind, command: &str, root: &Path, tracked: &[PathBuf]) -> Result<Self> {
        let mut action = Self::new(kind, command);
        let covered = coverage::among(command, tracked);
        for named in covered.files {
            let content = file::open(&root.join(&named)).and_then(|file| hash_all(Stoppable(file)));
            check_stopped()?;
            // a file that is gone, or no longer a file, counts as different from the one consented to
            action.files.insert(lossless(&named), content.unwrap_or_default());
        }
        action.uncovered = covered.unknown;
        Ok(action)
    }

    /// Returns the actions of those commands that came with the repository. Git lists its tracked files once for all of
    /// them.
    fn commands<'a>(
        commands: impl Iterator<Item = (Kind, &'a Requested<String>)>,
        root: &Path,
    ) -> Result<Vec<Self>> {
        let mut commands = commands.filter(|(_, command)| command.is_repositorys()).peekable();
        let tracked = if commands.peek().is_some() { coverage::tracked(root)? } else { Vec::new() };
        commands.map(|(kind, command)| Self::command(kind, &command.wanted, root, &tracked)).collect()
    }

    /// Returns the action of filling a database from a file, relative to `root`: all its content counts, whether
    /// tracked or not.
    pub fn fill(from: &Path, root: &Path) -> Result<Self> {
        let shown = from.to_string_lossy();
        let content = file::open(&root.join(from)).and_then(|file| hash_all(Stoppable(file)));
        check_stopped()?;
        let content = content.explain(|| format!("cannot read '{shown}'"))?;
        let mut action = Self::new(Kind::Fill, &*shown);
        action.files.insert(shown.into_owned(), content);
        Ok(action)
    }

    /// Returns the action of copying a database that a file of the repository says is the main worktree's.
    pub fn copy(database: &str, server: &str) -> Self {
        Self::new(Kind::Fill, format!("database '{database}' on '{server}'"))
    }

    /// Returns the action of setting variables that files of a repository supply, with their values.
    pub fn set(from: &str, variables: &[(String, String)]) -> Self {
        let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
        let mut action = Self::new(Kind::Set, names.join(", "));
        let all = serde_json::to_vec(variables).expect("texts are JSON");
        action.files.insert(from.to_owned(), hash(&all));
        action.values = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        action
    }

    /// Describes the action in one line.
    pub fn describe(&self) -> String {
        format!("{} {}", self.kind.verb(), self.object())
    }

    /// Describes the action in columns that line up with those of other actions.
    pub fn in_columns(&self) -> String {
        format!("{:10} {}", self.kind.verb(), self.object())
    }

    fn object(&self) -> String {
        let place = if self.kind == Kind::Set { " in shells and hooks" } else { "" };
        format!("{}{place}", self.text)
    }

    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Returns the key under which consent is remembered.
    pub fn key(&self) -> String {
        // as JSON, so that no two different actions give the same text
        let whole = serde_json::to_vec(&(self.kind, &self.text, &self.files));
        hash(&whole.expect("texts are JSON"))
    }

    /// Whether it does the same as another action, apart from the content of its files.
    fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.text == other.text
    }
}

/// Returns one hash over all these actions, for users who consent in advance.
pub fn hash_of(actions: &[Action]) -> String {
    let mut keys: Vec<String> = actions.iter().map(Action::key).collect();
    keys.sort();
    hash(keys.concat().as_bytes())[..32].to_owned()
}

/// What the user has consented to in one repository.
#[derive(Debug, Clone, Default)]
pub struct Consent {
    actions: Vec<Action>,
    keys: HashSet<String>,
    /// Whether the user's own configuration trusts the whole repository.
    whole: bool,
}

impl Consent {
    /// Whether the user has consented to exactly this action.
    pub fn covers(&self, action: &Action) -> bool {
        self.has(&action.key())
    }

    /// Returns those of the actions that the user has not consented to.
    pub fn missing(&self, actions: Vec<Action>) -> Vec<Action> {
        actions.into_iter().filter(|action| !self.covers(action)).collect()
    }

    /// Returns the commands, to be run in the worktree at `root`, that the user has not consented to.
    pub fn missing_commands<'a>(
        &self,
        kind: Kind,
        commands: impl Iterator<Item = &'a Requested<String>>,
        root: &Path,
    ) -> Result<Vec<Action>> {
        Ok(self.missing(Action::commands(commands.map(|command| (kind, command)), root)?))
    }

    /// Whether the user has consented to the action with this key.
    pub fn has(&self, key: &str) -> bool {
        self.whole || self.keys.contains(key)
    }

    /// Returns the files that have changed since the user consented to an action otherwise the same.
    pub fn changed_files<'a>(&self, action: &'a Action) -> Vec<&'a str> {
        let Some(known) = self.actions.iter().rev().find(|known| known.is_like(action)) else {
            return Vec::new();
        };
        let changed = action.files.iter().filter(|(file, content)| known.files.get(*file) != Some(*content));
        changed.map(|(file, _)| file.as_str()).collect()
    }

    fn grant<T>(&self, requested: Requested<T>, action: Action) -> Result<Granted<T>, Box<Action>> {
        if requested.author == Author::User || self.covers(&action) {
            Ok(Granted(requested.wanted))
        } else {
            Err(Box::new(action))
        }
    }

    /// Passes a command that is to run in the worktree at `root`. Checked right before it runs, since files may have
    /// changed.
    pub fn command(
        &self,
        kind: Kind,
        command: &Requested<String>,
        root: &Path,
    ) -> Result<Result<Granted<String>, Box<Action>>> {
        if command.author == Author::User {
            return Ok(Ok(Granted(command.wanted.clone())));
        }
        Ok(self
            .grant(command.clone(), Action::command(kind, &command.wanted, root, &coverage::tracked(root)?)?))
    }

    /// Passes an interpreter. One with a Python's name is harmless, since it is looked for only outside worktrees.
    pub fn python(&self, python: &Requested<String>) -> Result<Granted<String>, Box<Action>> {
        if is_pythons_name(&python.wanted) {
            return Ok(Granted(python.wanted.clone()));
        }
        self.grant(python.clone(), Action::new(Kind::Python, &python.wanted))
    }

    /// Passes a link at `path`, for the recipe's `entry`: through it a branch can write into the main worktree.
    pub fn link(&self, entry: &Requested<String>, path: PathBuf) -> Result<Granted<PathBuf>, Box<Action>> {
        self.grant(entry.of(path), Action::new(Kind::Link, &entry.wanted))
    }

    /// Passes the use of the main worktree's database.
    pub fn shared_database(&self, shared: &Requested<bool>) -> Result<Granted<bool>, Box<Action>> {
        if !shared.wanted {
            return Ok(Granted(false));
        }
        self.grant(shared.clone(), Action::new(Kind::Share, SHARE))
    }

    /// Passes a place that the template gives; `is_usual` says whether worktrees are expected there.
    pub fn place(
        &self,
        template: &Requested<String>,
        place: PathBuf,
        is_usual: bool,
    ) -> Result<Granted<PathBuf>, Box<Action>> {
        if is_usual {
            return Ok(Granted(place));
        }
        self.grant(template.of(place), Action::new(Kind::Place, &template.wanted))
    }

    /// Whether the text of a template alone shows that worktrees are where they are expected, beside or inside the main
    /// worktree, so that no consent is needed.
    pub fn is_usual_template(template: &Requested<String>) -> bool {
        let text = template.wanted.trim_start();
        let beside = ["../{{ repo }}", "../{{repo}}", "../worktrees/"];
        let below = beside.iter().find_map(|start| text.strip_prefix(start));
        let is_inside = !text.starts_with(['/', '~', '.', '{']);
        let leads_up = below.unwrap_or(text).contains("..");
        template.author == Author::User || ((below.is_some() || is_inside) && !leads_up)
    }

    /// Returns what needs consent about a database, unless it is inside the worktree, or has a name of its own on this
    /// machine or on the main worktree's own server. `main` is the main worktree, `url` the URL from its env file or
    /// that file's example; `real` resolves links.
    pub fn unusual_database(
        rule: &DatabaseRule,
        url: &Requested<String>,
        dir: &Path,
        main: &Path,
        real: &dyn Fn(&Path) -> PathBuf,
    ) -> Option<Action> {
        // through a link that came with a branch, main's database may be anybody's
        let is_inside = |path: &Path| {
            is_inside(path) && (url.author == Author::User || real(&main.join(path)).starts_with(real(main)))
        };
        let parsed = Url::parse(&url.wanted)?;
        let place = match Engine::of(parsed.scheme())? {
            Engine::Sqlite => match parsed.sqlite_place()? {
                SqlitePlace::Memory => return None,
                SqlitePlace::Relative(path) if is_inside(&dir.join(&path)) => return None,
                SqlitePlace::Absolute(path)
                    if is_inside(Path::new(&path).strip_prefix(main).unwrap_or(Path::new(".."))) =>
                {
                    return None;
                }
                SqlitePlace::Relative(path) | SqlitePlace::Absolute(path) => {
                    let is_users = url.author == Author::User && rule.name.author == Author::User;
                    if is_users {
                        return None;
                    }
                    format!("{} beside '{path}'", rule.name.wanted)
                }
            },
            Engine::Server(_)
                if (url.author == Author::User || parsed.is_local())
                    && (rule.name.author == Author::User || is_named_after_worktree(&rule.name.wanted)) =>
            {
                return None;
            }
            Engine::Server(_) => {
                format!("{} on '{}'", rule.name.wanted, Url::of_server(&url.wanted).ok()?.address())
            }
        };
        Some(Action::new(Kind::Database, place))
    }

    /// Passes a part of a database, its place or its content; `unusual` is what needs consent about it, if anything
    /// does, whoever wrote it: a file for a server runs there with the user's rights.
    pub fn database<T>(&self, part: T, unusual: Option<Action>) -> Result<Granted<T>, Box<Action>> {
        match unusual {
            None => Ok(Granted(part)),
            Some(action) => self.grant(Requested::by(Author::Repository, part), action),
        }
    }
}

/// Returns a path as text, with each byte that is not text as `\xfe`, so that no two paths look alike.
fn lossless(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text += &chunk.valid().replace('\\', "\\\\");
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// Whether a relative path stays inside.
fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// The text that is shown for a shared database.
const SHARE: &str = "the main worktree's database";

/// Whether this is a name that only Pythons have.
fn is_pythons_name(name: &str) -> bool {
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    rest.is_some_and(|rest| {
        let version = rest.strip_suffix('t').unwrap_or(rest);
        version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

/// Whether a database's name contains nothing that could change the address it is put into.
pub fn is_plain_database_name(name: &str) -> bool {
    !name.is_empty() && dbname(name) == name
}

/// Whether a template makes only what belongs to the worktree: a port, a secret, its name, or its words joined to one
/// word without any character that has a meaning in an address. A path does not count: what is there comes from the
/// branch, and many programs run what a variable names.
pub fn is_derived(template: &str) -> bool {
    let expression = template.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let Some(expression) = expression.map(str::trim) else { return false };
    ["port", "secret", "name"].contains(&expression)
        || expression.strip_prefix("ports.").is_some_and(super::is_variable)
        || (["dbname", "slug", "hash"].iter().any(|filter| is_filtered_by(expression, filter))
            && strings_words_together(expression)
                .is_some_and(|texts| texts.iter().all(|text| is_separator(text))))
}

/// Returns the quoted texts of an expression, if it does nothing but join words for the worktree and texts.
fn strings_words_together(expression: &str) -> Option<Vec<&str>> {
    // only with a single kind of quotes is it clear what is quoted
    if (expression.contains('\'') && expression.contains('"'))
        || expression.contains(['\\', '{', '%', '[', '.'])
    {
        return None;
    }
    let pieces: Vec<&str> = expression.split(['\'', '"']).collect();
    let outside = pieces.iter().step_by(2);
    let mut words = outside.flat_map(|piece| piece.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let known = ["", "repo", "name", "branch", "slug", "hash", "dbname"];
    words.all(|word| known.contains(&word)).then(|| pieces.into_iter().skip(1).step_by(2).collect())
}

/// Whether a text only separates words.
fn is_separator(text: &str) -> bool {
    text.chars().all(|c| "-_ ".contains(c))
}

/// Whether a template makes a database name that belongs to the worktree, whatever the worktree is called: through an
/// expression with `dbname` that joins its name or branch with other words and texts.
fn is_named_after_worktree(template: &str) -> bool {
    let mut expressions =
        template.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap_or_default().trim());
    let has_name = |expression: &str| {
        let mut outside = expression.split(['\'', '"']).step_by(2);
        outside.any(|piece| {
            let mut words = piece.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.any(|word| ["name", "branch"].contains(&word))
        })
    };
    !template.contains("{%")
        && expressions.any(|expression| {
            is_filtered_by(expression, "dbname")
                && strings_words_together(expression).is_some()
                && has_name(expression)
        })
}

/// Whether a filter at the end applies to the whole expression: in `'x' ~ name | slug` it applies only to the name.
fn is_filtered_by(expression: &str, filter: &str) -> bool {
    let before = expression.strip_suffix(filter).and_then(|before| before.trim_end().strip_suffix('|'));
    before.map(str::trim).is_some_and(|operand| {
        let in_brackets = operand.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        super::is_variable(operand) || in_brackets.is_some_and(|inside| !inside.contains(['(', ')']))
    })
}

/// Whether the user's own configuration trusts the repository: `wt.trusted`, a pattern of paths, counts only if it did
/// not come with the repository.
fn is_trusted(repo: &Repo) -> bool {
    let home = crate::host::exec::variable("HOME").map(PathBuf::from);
    let place = repo.main_root().unwrap_or_else(|| repo.common_dir().to_owned());
    let Some(place) = place.to_str().map(str::to_owned) else { return false };
    repo.values_from_outside("wt.trusted").iter().any(|pattern| {
        let pattern = tilde::expanded(OsStr::new(pattern), home.as_deref());
        let pattern = pattern.to_string_lossy();
        pattern.starts_with('/') && matches(&pattern, &place)
    })
}

impl Recipe {
    /// Returns all that the repository asks for, whether consented to or not, with the files of the worktree at `root`.
    /// Places of databases and worktrees are known only once a worktree is planned.
    pub fn actions(&self, root: &Path) -> Result<Vec<Action>> {
        // destructured in full, so that a new part does not compile until somebody has decided whether it reaches
        // outside
        let Self {
            path: _,        // judged once the place is known
            base: _,        // a commit of this repository
            prefix: _,      // part of a branch's name
            env_enabled: _, // can only take away
            copy: _,        // from the main worktree into this one, never through a link
            link,
            sparse: _, // checks out less
            port: PortRule { variables: _, range: _ },
            env,
            more_env,
            venv,
            database,
            hooks: Hooks { setup, teardown, timeout: _ },
            run,
            protected: _, // only adds care
            configured: _,
        } = self;
        let commands = setup
            .iter()
            .map(|command| (Kind::Run, command))
            .chain(teardown.iter().map(|command| (Kind::RunAtRemoval, command)))
            .chain(run.iter().map(|(_, rule)| (Kind::Serve, &rule.command)));
        let mut actions = Action::commands(commands, root)?;
        let mut add = |granted: Result<(), Box<Action>>| actions.extend(granted.err().map(|action| *action));
        let nothing = Consent::default();
        for path in link.wanted() {
            add(nothing.link(&link.of(path.clone()), PathBuf::new()).map(drop));
        }
        if let Some(VenvRule { path: _, python }) = venv {
            add(nothing.python(python).map(drop));
        }
        // its place and content depend on the main worktree's database, and are judged together with that
        if let Some(DatabaseRule { variable: _, name: _, from: _, shared, remote: _, timeout: _ }) = database
        {
            add(nothing.shared_database(shared).map(drop));
        }
        for rule in std::iter::once(env).chain(more_env) {
            let EnvRule { file: _, from: _, values: _ } = rule;
            actions.extend(rule.action());
        }
        let mut each: Vec<Action> = Vec::new();
        for action in actions {
            if !each.contains(&action) {
                each.push(action);
            }
        }
        Ok(each)
    }
}

/// Where consent is kept.
#[derive(Debug)]
pub struct ConsentFile {
    file: PathBuf,
    consent: Consent,
}

impl ConsentFile {
    /// Reads the consent given in a repository, which is identified by its place on this disk.
    pub fn of(repo: &Repo, claims: &Claims) -> Result<Self> {
        let file = Self::place(repo, claims)?;
        let actions = match crate::host::file::read_small(&file) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => {
                let failed = || format!("cannot read '{}'", file.display());
                serde_json::from_slice(&bytes.explain(failed)?)
                    .map_err(|cause| Error::new(failed()).because(cause).hint("git wt trust --forget"))?
            }
        };
        let keys = actions.iter().map(Action::key).collect();
        Ok(Self { file, consent: Consent { actions, keys, whole: is_trusted(repo) } })
    }

    pub fn consent(&self) -> &Consent {
        &self.consent
    }

    /// Remembers consent.
    pub fn add(&mut self, actions: &[Action]) -> Result<()> {
        for action in actions {
            if self.consent.keys.insert(action.key()) {
                self.consent.actions.push(action.clone());
            }
        }
        self.write()
    }

    /// Forgets all consent given in a repository, even if it cannot be read.
    pub fn forget(repo: &Repo, claims: &Claims) -> Result<()> {
        Self { file: Self::place(repo, claims)?, consent: Consent::default() }.write()
    }

    fn place(repo: &Repo, claims: &Claims) -> Result<PathBuf> {
        let identity = repo.identity()?;
        let key = format!("{}\0{}\0{}", repo.common_dir().display(), identity.dev, identity.ino);
        Ok(claims.dir().join("trust").join(format!("{}.json", &hash(key.as_bytes())[..32])))
    }

    fn write(&self) -> Result<()> {
        crate::host::claims::require_home(&self.file)?;
        let failed = || format!("cannot write '{}'", self.file.display());
        let root = self.file.ancestors().nth(2).unwrap_or(&self.file);
        crate::host::file::make_private_dir(root, "trust").explain(failed)?;
        let bytes = serde_json::to_vec_pretty(&self.consent.actions).explain(failed)?;
        crate::host::file::replace_private(&self.file, &bytes).explain(failed)
    }
}
