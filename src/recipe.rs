//! The recipe: what a worktree of this repository gets, from `.wt.toml` and, overriding it, `git config wt.*`.
//!
//! What this module returns has been checked: paths stay inside the worktree, and templates use only known words.

pub mod consent;
mod coverage;
pub mod detect;
#[cfg(test)]
mod documents;
mod file;
mod layer;
pub mod regenerable;
mod settings;
mod template;

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::file::read_text;
use crate::text::dotenv::EnvText;

use consent::{Action, Author, Requested};
use layer::{Given, Layer};
pub use template::{Words, draws_secret, is_settled};

/// The committed recipe's file.
pub const FILE: &str = ".wt.toml";

/// Where worktrees are unless something else is configured; a template.
pub const PLACE: &str = "../{{ repo }}-{{ name | slug }}";

/// What one worktree gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Its place, relative to the main worktree; a template.
    pub path: Requested<String>,
    /// What a new branch starts from: `HEAD`, `default` (the remote's default branch) or a ref.
    pub base: String,
    /// The prefix for the name of a new branch.
    pub prefix: String,
    /// Whether it gets an environment at all (`wt.env`).
    pub env_enabled: bool,
    /// Patterns of ignored files to copy from the main worktree.
    pub copy: Vec<String>,
    /// Paths that are linked to those of the main worktree.
    pub link: Requested<Vec<String>>,
    /// Cone patterns of a sparse checkout.
    pub sparse: Vec<String>,
    pub port: PortRule,
    /// Its env file.
    pub env: EnvRule,
    /// Its other env files, in the order written.
    pub more_env: Vec<EnvRule>,
    pub venv: Option<VenvRule>,
    pub database: Option<DatabaseRule>,
    /// The commands that run after it is made and before it is removed.
    pub hooks: Hooks,
    /// Its servers, by name, in the order written.
    pub run: Vec<(String, RunRule)>,
    /// Whether it must be handled with care.
    pub protected: bool,
    /// Whether the file or the user's settings ask for its env files, ports or database, so that a worktree without them
    /// is a failure.
    pub configured: bool,
}

/// Which variables are ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortRule {
    /// Each variable with the main worktree's port, in the order written; the first one is `{{ port }}`.
    pub variables: Vec<(String, u16)>,
    /// The range to choose ports from, if it is limited.
    pub range: Option<RangeInclusive<u16>>,
}

/// What is written into an env file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvRule {
    /// Its path in the worktree.
    pub file: String,
    /// The main worktree's file that it starts from.
    pub from: String,
    /// Each variable with its template, in the order written.
    pub values: Vec<(String, Requested<String>)>,
}

/// The Python environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenvRule {
    /// Its path in the worktree.
    pub path: String,
    /// The interpreter it is made with.
    pub python: Requested<String>,
}

/// The database of a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseRule {
    /// The variable of the env file that holds its URL.
    pub variable: String,
    /// Its name; a template.
    pub name: Requested<String>,
    /// What it is filled with: `empty`, `main` (a copy of the main worktree's) or the path of a dump.
    pub from: Requested<String>,
    /// Whether to use the main worktree's database instead.
    pub shared: Requested<bool>,
    /// Whether the server may be on another machine.
    pub remote: bool,
    /// How long to wait for a server's answer.
    pub timeout: Option<Duration>,
}

/// The commands that run at the beginning and end of a worktree's life; templates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Run after it is made.
    pub setup: Vec<Requested<String>>,
    /// Run before it is removed.
    pub teardown: Vec<Requested<String>>,
    /// How long each may take.
    pub timeout: Option<Duration>,
}

/// A server of a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRule {
    /// The command that starts it; a template.
    pub command: Requested<String>,
    /// Its port: a variable of `[port]`, or a template; empty if it has none; if absent, the one that the command names.
    pub port: Option<String>,
    /// The address on this host that answers once it is ready; a template.
    pub ready: Option<String>,
    /// How long it may take until it is ready.
    pub timeout: Option<Duration>,
}

impl RunRule {
    /// How long a server may take to be ready, unless the recipe says otherwise.
    pub const PATIENCE: Duration = Duration::from_mins(1);

    /// Returns the rule of a server of which only the command is known.
    pub fn of(command: Requested<String>) -> Self {
        Self { command, port: None, ready: None, timeout: Some(Self::PATIENCE) }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        let copy = [".env.keys", ".env.local", ".env.*.local", ".envrc", "docker-compose.override.yml"];
        Self {
            path: Requested::by_user(PLACE.into()),
            base: "HEAD".into(),
            prefix: String::new(),
            env_enabled: true,
            copy: copy.map(String::from).to_vec(),
            link: Requested::by_user(Vec::new()),
            sparse: Vec::new(),
            port: PortRule::default(),
            env: EnvRule::default(),
            more_env: Vec::new(),
            venv: None,
            database: None,
            hooks: Hooks::default(),
            run: Vec::new(),
            protected: false,
            configured: false,
        }
    }
}

impl EnvRule {
    /// The file that, by convention, overrides the project's other env files where both are read.
    pub const OVERRIDING: &str = ".env.local";

    /// Whether its variables override those of the project's other env files.
    pub fn overrides(&self) -> bool {
        self.file == Self::OVERRIDING
    }

    /// Returns the rule of a file that starts from the main worktree's and gets no values.
    pub fn of(file: &str) -> Self {
        Self { file: file.to_owned(), from: file.to_owned(), values: Vec::new() }
    }
}

impl EnvRule {
    /// Returns what the repository sets in shells and hooks by this rule, if anything. Values derived from the worktree
    /// alone do not count as the repository's choice.
    pub fn action(&self) -> Option<Action> {
        let supplied: Vec<(String, String)> =
            self.supplied().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        (!supplied.is_empty()).then(|| Action::set(".wt.toml", &supplied))
    }

    /// Returns the variables that a file tracked by git supplies, and the action of setting them. Variables that differ
    /// in each worktree are left out, such as its database's URL unless it `shares` main's.
    pub fn supplied_by(
        &self,
        path: &Path,
        text: &EnvText,
        recipe: &Recipe,
        shares: bool,
    ) -> (Vec<String>, Option<Action>) {
        let ports = recipe.port.variables.iter().map(|(name, _)| name);
        let database = recipe.database.iter().filter(|_| !shares).map(|database| &database.variable);
        let own: HashSet<&String> =
            ports.chain(database).chain(self.values.iter().map(|(name, _)| name)).collect();
        // a file that git tracks at this very place is already in each worktree, and is not loaded at all
        let is_example = self.from != self.file || !path.ends_with(&self.file);
        let supplied = text.variables().into_iter().filter(|(name, _)| is_example && !own.contains(name));
        let supplied: Vec<(String, String)> =
            supplied.map(|(name, value)| (name, value.into_text())).collect();
        let names = supplied.iter().map(|(name, _)| name.clone()).collect();
        let from = path.file_name().unwrap_or_default().to_string_lossy();
        (names, (!supplied.is_empty()).then(|| Action::set(&from, &supplied)))
    }

    /// Returns the variables whose values the repository chooses, with their templates.
    pub fn supplied(&self) -> impl Iterator<Item = (&str, &str)> {
        let chosen = self
            .values
            .iter()
            .filter(|(_, text)| text.is_repositorys() && !consent::is_derived(text.wanted()));
        chosen.map(|(name, text)| (name.as_str(), text.wanted().as_str()))
    }
}

impl Default for EnvRule {
    fn default() -> Self {
        Self::of(".env")
    }
}

impl Default for VenvRule {
    fn default() -> Self {
        Self { path: ".venv".into(), python: Requested::by_user("python3".into()) }
    }
}

impl Default for DatabaseRule {
    fn default() -> Self {
        Self {
            variable: "DATABASE_URL".into(),
            name: Requested::by_user("{{ (repo ~ '_' ~ name) | dbname }}".into()),
            from: Requested::by_user("empty".into()),
            shared: Requested::by_user(false),
            remote: false,
            timeout: Some(Duration::from_secs(10)),
        }
    }
}

impl Recipe {
    /// Reads the path and text of `.wt.toml`, if there is one, and the `wt.*` settings, in git's order.
    ///
    /// Keys are as git prints them; a setting without a value (`[wt] protected`) comes with `true`.
    pub fn read(file: Option<(&Path, &str)>, settings: &[(String, String)]) -> Result<RecipeSource> {
        let given = match file {
            Some((path, text)) => file::read(path, text)?,
            None => Given::new(Author::Repository),
        };
        let (over, unknown_settings) = settings::read(settings)?;
        let source = RecipeSource {
            configured: file.is_some() || over.says_what_a_worktree_contains(),
            detects: settings::lets_detect(settings)? && file.is_none(),
            asks_for_env_files: file.is_some() || over.says_what_env_files_hold(),
            templates: merge(&given, &over),
            file: given.base,
            settings: over.base,
            unknown_settings,
        };
        source.check_templates()?;
        Ok(source)
    }

    /// Returns the file that a new database is filled from, relative to the main worktree.
    pub fn database_file(&self) -> Option<&Path> {
        let from = self.database.as_ref()?.from.wanted().as_str();
        (!["empty", "main"].contains(&from)).then(|| Path::new(from))
    }

    /// Returns the rules of all env files, beginning with the one whose variables override those of the others.
    pub fn env_rules(&self) -> impl Iterator<Item = &EnvRule> + Clone {
        let rules = std::iter::once(&self.env).chain(&self.more_env);
        let overriding = rules.clone().filter(|rule| rule.overrides());
        overriding.chain(rules.filter(|rule| !rule.overrides()))
    }

    /// Returns the recipe with detected servers as the repository's requests: what they run is in its files, whoever has
    /// found them.
    #[must_use]
    pub fn with_servers_to_consent_to(mut self) -> Self {
        if !self.configured {
            for (_, rule) in &mut self.run {
                rule.command = Requested::by(Author::Repository, rule.command.wanted().clone());
            }
        }
        self
    }

    /// Returns whether a setup command calls pip itself, rather than through `uv pip`.
    pub fn needs_pip(&self) -> bool {
        self.hooks.setup.iter().any(|command| calls_pip(command.wanted()))
    }
}

/// All that `.wt.toml` and git config say, for every worktree of the repository.
#[derive(Debug)]
pub struct RecipeSource {
    file: Layer,
    settings: Layer,
    templates: Vec<Template>,
    configured: bool,
    detects: bool,
    asks_for_env_files: bool,
    unknown_settings: Vec<(String, Option<String>)>,
}

/// A `[template.NAME]`: what some worktrees get on top of the rest.
#[derive(Debug)]
struct Template {
    name: String,
    patterns: Vec<String>,
    file: Layer,
    settings: Layer,
}

impl RecipeSource {
    /// Reads `.wt.toml` in `main`, the directory that files come from, and the `wt.*` settings that override it.
    pub fn of(repo: &Repo, main: Option<&Path>) -> Result<Self> {
        let text = match main {
            Some(main) => read_text(&main.join(FILE))?,
            None => None,
        };
        Recipe::read(text.as_deref().map(|text| (Path::new(FILE), text)), &repo.settings("wt"))
    }

    /// Returns whether anything configures what a worktree contains. A place, a base or a prefix alone does not: these
    /// are habits of the user, not knowledge of the project.
    pub fn configured(&self) -> bool {
        self.configured
    }

    /// Returns whether what the project visibly needs lies below the user's settings: a `.wt.toml` says all of it.
    pub fn detects(&self) -> bool {
        self.detects
    }

    /// Returns the unknown settings under `wt.`, each with the one that may have been meant.
    pub fn unknown_settings(&self) -> &[(String, Option<String>)] {
        &self.unknown_settings
    }

    /// Returns the names of the templates.
    pub fn template_names(&self) -> impl Iterator<Item = &str> {
        self.templates.iter().map(|template| template.name.as_str())
    }

    /// Returns the names of all servers, in any template too.
    pub fn entries(&self) -> BTreeSet<String> {
        let templates = self.templates.iter().flat_map(|template| [&template.file, &template.settings]);
        let layers = [&self.file, &self.settings].into_iter().chain(templates);
        layers.flat_map(Layer::entry_names).map(str::to_owned).collect()
    }

    /// Returns what the worktree `name` gets: `base` (the default or a detected recipe), the file, the file's
    /// templates, git config, git config's templates; each overrides the one before.
    ///
    /// A template applies if it has the name of the worktree or its branch, or if a pattern of its `match` fits one of
    /// them. If `template` is given, it names the only one that applies.
    pub fn for_worktree(
        &self,
        base: Recipe,
        name: &str,
        branch: Option<&str>,
        template: Option<&str>,
    ) -> Result<Recipe> {
        let chosen = match template {
            Some(wanted) => vec![self.template(wanted)?],
            None => self.templates.iter().filter(|template| template.fits(name, branch)).collect(),
        };
        let mut recipe = base;
        self.file.lay_over(&mut recipe);
        for template in &chosen {
            template.file.lay_over(&mut recipe);
        }
        self.settings.lay_over(&mut recipe);
        for template in &chosen {
            template.settings.lay_over(&mut recipe);
        }
        recipe.configured = self.asks_for_env_files;
        Ok(recipe)
    }

    /// Returns the recipe of a worktree that no template fits, and the recipes with each template.
    pub fn all(&self) -> Result<Vec<Recipe>> {
        let plain = self.for_worktree(Recipe::default(), "", None, None);
        let each =
            self.template_names().map(|name| self.for_worktree(Recipe::default(), "", None, Some(name)));
        std::iter::once(plain).chain(each).collect()
    }

    fn template(&self, wanted: &str) -> Result<&Template> {
        self.templates.iter().find(|template| template.name == wanted).ok_or_else(|| {
            let error = Error::new(format!("there is no template '{wanted}'"));
            match nearest(wanted, self.template_names()) {
                Some(near) => error.advise(format!("did you mean '{near}'?")),
                None => error.advise(format!("write '[template.{wanted}]' in '.wt.toml'")),
            }
        })
    }

    /// Refuses templates that could not be rendered before anything is made.
    fn check_templates(&self) -> Result<()> {
        let of_file = || [&self.file].into_iter().chain(self.templates.iter().map(|t| &t.file));
        let of_settings = || [&self.settings].into_iter().chain(self.templates.iter().map(|t| &t.settings));
        let ports: Vec<&str> = of_file().chain(of_settings()).flat_map(Layer::port_names).collect();
        for (scope, written) in of_file().flat_map(Layer::templates) {
            template::check(&written.text, scope, Some(&ports)).map_err(|fault| written.place(fault))?;
        }
        // settings may be combined with a detected recipe, whose ports are not known yet
        for (scope, written) in of_settings().flat_map(Layer::templates) {
            template::check(&written.text, scope, None).map_err(|fault| written.place(fault))?;
        }
        Ok(())
    }
}

impl Template {
    fn fits(&self, name: &str, branch: Option<&str>) -> bool {
        [Some(name), branch]
            .into_iter()
            .flatten()
            .any(|word| self.name == word || self.patterns.iter().any(|pattern| matches(pattern, word)))
    }
}

/// Joins the two halves of each template, in the order of the file, then of git config.
fn merge(file: &Given, over: &Given) -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::new();
    for given in file.templates.iter().chain(&over.templates) {
        let at = templates.iter().position(|known| known.name == given.name).unwrap_or_else(|| {
            templates.push(Template {
                name: given.name.clone(),
                patterns: Vec::new(),
                file: Layer::new(Author::Repository),
                settings: Layer::new(Author::User),
            });
            templates.len() - 1
        });
        let template = &mut templates[at];
        match given.layer.author {
            Author::Repository => template.file = given.layer.clone(),
            Author::User => template.settings = given.layer.clone(),
        }
        if let Some(patterns) = &given.patterns {
            template.patterns.clone_from(patterns);
        }
    }
    templates
}

/// Returns whether `pattern` fits all of `text`; `*` matches any run of characters, including `/`, as in `git branch
/// --list`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_prefix(head).and_then(|text| text.strip_suffix(tail)) else {
        return false;
    };
    for piece in middle.split('*') {
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    true
}

/// Returns whether the command calls pip with a program other than uv before it.
fn calls_pip(command: &str) -> bool {
    let mut before = "";
    for word in command.split(|c: char| c.is_whitespace() || "\"'();&|`$".contains(c)) {
        let program = word.rsplit('/').next().unwrap_or(word);
        let version = program
            .strip_prefix("pip")
            .map(|rest| rest.trim_matches(|c: char| c.is_ascii_digit() || c == '.'));
        if version == Some("") && before != "uv" {
            return true;
        }
        if !program.is_empty() && !program.starts_with('-') {
            before = program;
        }
    }
    false
}

/// Returns the known word that `word` was probably meant to be.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns whether `name` can be the name of an environment variable.
pub(crate) fn is_variable(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
path = "../{{ repo }}-{{ name | slug }}"
base = "HEAD"
copy = [".env.keys"]
link = ["media"]
sparse = ["src"]

[port]
PORT = 8000
ADMIN_PORT = 9000
range = "3000-3010"

[env]
file = ".env"
from = ".env"
SECRET_KEY = "{{ secret }}"
API_URL = "http://localhost:{{ ports.ADMIN_PORT }}"

[venv]
path = ".venv"

[database]
from = "main"

[hooks]
setup = ["uv sync"]

[run]
server = "serve {{ port }}"

[template.staging]
env.API_URL = "https://staging"
env.EXTRA = "1"
[template.production]
match = ["production", "release/*"]
protected = true
hooks.setup = ["./production.sh"]
port.PORT = 8100
"#;

    fn read(text: &str, settings: &[(&str, &str)]) -> Result<RecipeSource> {
        let settings: Vec<(String, String)> =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Recipe::read(Some((Path::new(".wt.toml"), text)), &settings)
    }

    fn recipe(text: &str, settings: &[(&str, &str)], name: &str, branch: Option<&str>) -> Recipe {
        read(text, settings).unwrap().for_worktree(Recipe::default(), name, branch, None).unwrap()
    }

    fn entries(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn texts(commands: &[Requested<String>]) -> Vec<&str> {
        commands.iter().map(|command| command.wanted().as_str()).collect()
    }

    fn plain(values: &[(String, Requested<String>)]) -> Vec<(String, String)> {
        values.iter().map(|(name, value)| (name.clone(), value.wanted().clone())).collect()
    }

    #[test]
    fn nothing_given_is_the_default() {
        let source = Recipe::read(None, &[]).unwrap();
        let recipe = source.for_worktree(Recipe::default(), "x", None, None).unwrap();
        assert_eq!(recipe, Recipe::default());
        assert!(!recipe.configured);
    }

    #[test]
    fn the_file_says_what_a_worktree_gets() {
        let recipe = recipe(EXAMPLE, &[], "other", Some("other"));
        assert!(recipe.configured && !recipe.protected);
        assert_eq!(recipe.copy, [".env.keys"]);
        assert_eq!(recipe.port.variables, [("PORT".to_owned(), 8000), ("ADMIN_PORT".to_owned(), 9000)]);
        assert_eq!(recipe.port.range, Some(3000..=3010));
        let values = [("SECRET_KEY", "{{ secret }}"), ("API_URL", "http://localhost:{{ ports.ADMIN_PORT }}")];
        assert_eq!(plain(&recipe.env.values), entries(&values));
        assert_eq!(recipe.venv, Some(VenvRule::default()));
        assert_eq!(
            recipe.database,
            Some(DatabaseRule {
                from: Requested::by(Author::Repository, "main".into()),
                ..DatabaseRule::default()
            })
        );
        assert_eq!(recipe.hooks.setup, [Requested::by(Author::Repository, "uv sync".into())]);
    }

    #[test]
    fn templates_go_by_name_branch_and_pattern() {
        for (name, branch, is_staging, is_production) in [
            ("staging", None, true, false),
            ("x", Some("staging"), true, false),
            ("x", Some("release/1.0/rc"), false, true),
            ("production", Some("staging"), true, true),
            ("production2", Some("releases/1"), false, false),
        ] {
            let recipe = recipe(EXAMPLE, &[], name, branch);
            assert_eq!(
                plain(&recipe.env.values).contains(&("EXTRA".into(), "1".into())),
                is_staging,
                "{name} {branch:?}"
            );
            assert_eq!(recipe.protected, is_production, "{name} {branch:?}");
        }
    }

    #[test]
    fn a_template_merges_tables_and_replaces_lists() {
        let staging = recipe(EXAMPLE, &[], "staging", None);
        let values = [("SECRET_KEY", "{{ secret }}"), ("API_URL", "https://staging"), ("EXTRA", "1")];
        assert_eq!(plain(&staging.env.values), entries(&values));
        let production = recipe(EXAMPLE, &[], "production", None);
        assert_eq!(texts(&production.hooks.setup), ["./production.sh"]);
        assert_eq!(production.port.variables[0], ("PORT".to_owned(), 8100));
        assert_eq!(production.port.variables.len(), 2);
    }

    #[test]
    fn each_env_file_begins_as_mains_of_its_path() {
        let text = "[env]\nfile = 'backend/.env'\nA = '1'\n[env.'web/.env']\nB = '1'\n[env.'x/.env']\nfrom = 'x/env'\n\
                    [template.t.env.'web/.env']\nC = '2'\n[template.t.env.'backend/.env']\nA = '2'\n";
        let files = |name: &str| -> Vec<_> {
            let rules = recipe(text, &[], name, None);
            rules
                .env_rules()
                .map(|rule| (rule.file.clone(), rule.from.clone(), plain(&rule.values)))
                .collect()
        };
        let file = |file: &str, from: &str, values| (file.to_owned(), from.to_owned(), entries(values));
        let others = [file("web/.env", "web/.env", &[("B", "1")]), file("x/.env", "x/env", &[])];
        assert_eq!(files("n")[0], file("backend/.env", "backend/.env", &[("A", "1")]));
        assert_eq!(files("n")[1..], others);
        assert_eq!(files("t")[0].2, entries(&[("A", "2")]));
        assert_eq!(files("t")[1].2, entries(&[("B", "1"), ("C", "2")]));
        let said = recipe("[env]\nfile = 'x'\nfrom = '.env'\n", &[("wt.env.file", "y")], "n", None);
        assert_eq!((said.env.file.as_str(), said.env.from.as_str()), ("y", ".env"));
    }

    #[test]
    fn a_template_that_is_asked_for_is_the_only_one() {
        let source = read(EXAMPLE, &[]).unwrap();
        let forced = source.for_worktree(Recipe::default(), "staging", None, Some("production")).unwrap();
        assert!(forced.protected);
        assert_eq!(forced.env.values.len(), 2);
        let error = source.for_worktree(Recipe::default(), "x", None, Some("stagin")).unwrap_err();
        assert_eq!(error.what, "there is no template 'stagin'");
        assert_eq!(error.advice.as_deref(), Some("did you mean 'staging'?"));
    }

    #[test]
    fn later_templates_lie_over_earlier_ones_in_the_order_of_the_file() {
        let text =
            "[template.z]\nmatch = [\"*\"]\nbase = \"z\"\n[template.a]\nmatch = [\"*\"]\nbase = \"a\"\n";
        assert_eq!(recipe(text, &[], "x", None).base, "a");
    }

    #[test]
    fn git_config_lies_over_the_file() {
        let settings = [
            ("wt.path", "/trees/{{ name }}"),
            ("wt.base", "first"),
            ("wt.base", "last"),
            ("wt.env", "off"),
            ("wt.copy", "a"),
            ("wt.copy", ""),
            ("wt.copy", "b"),
            ("wt.link", ""),
            ("wt.env.set", "SECRET_KEY=fixed=1"),
            ("wt.port.set", "PORT=8500"),
            ("wt.database.shared", "true"),
            ("wt.hooks.setup", "mine"),
            ("wt.run.set", "worker=work"),
            ("wt.protected", "yes"),
            ("wt.template.staging.protected", "false"),
            ("wt.template.release/1.0.match", "v1.*"),
            ("wt.template.release/1.0.venv.python", "python3.9"),
        ];
        let other = recipe(EXAMPLE, &settings, "other", None);
        assert_eq!((other.path.wanted().as_str(), other.base.as_str()), ("/trees/{{ name }}", "last"));
        assert!(!other.env_enabled && other.protected);
        assert_eq!(other.copy, ["b"]);
        assert!(other.link.wanted().is_empty());
        assert_eq!(plain(&other.env.values)[0], ("SECRET_KEY".to_owned(), "fixed=1".to_owned()));
        assert_eq!(other.port.variables[0], ("PORT".to_owned(), 8500));
        let database = other.database.unwrap();
        assert!(*database.shared.wanted() && database.from.wanted() == "main");
        assert_eq!(other.hooks.setup, [Requested::by_user("mine".into())]);
        assert!(other.run[0].1.command.is_repositorys());
        assert!(!other.run[1].1.command.is_repositorys());

        let staging = recipe(EXAMPLE, &settings, "staging", None);
        assert!(!staging.protected);
        assert_eq!(staging.env.values[2].0, "EXTRA");
        let release = recipe(EXAMPLE, &settings, "x", Some("v1.1"));
        assert_eq!(release.venv.unwrap().python.wanted(), "python3.9");
    }

    #[test]
    fn an_empty_entry_of_git_config_drops_those_of_the_file() {
        let settings = [("wt.env.set", "A=1"), ("wt.env.set", ""), ("wt.env.set", "B=2")];
        assert_eq!(plain(&recipe(EXAMPLE, &settings, "x", None).env.values), entries(&[("B", "2")]));
    }

    #[test]
    fn habits_of_the_user_leave_room_for_detection() {
        for (key, value, configured) in [
            ("wt.path", "../x", false),
            ("wt.prefix", "me/", false),
            ("wt.mode", "git", false),
            ("wt.guard", "warn", false),
            ("wt.database.timeout", "5s", false),
            ("wt.database.remote", "true", false),
            ("wt.database.from", "main", true),
            ("wt.template.x.base", "main", false),
            ("wt.copy", "", true),
            ("wt.hooks.setup", "make", true),
            ("wt.template.x.env.set", "A=1", true),
        ] {
            let source = Recipe::read(None, &[(key.to_owned(), value.to_owned())]).unwrap();
            assert_eq!(source.configured(), configured, "{key}");
        }
        let source = Recipe::read(None, &[("wt.path".into(), "../x".into())]).unwrap();
        let detected = Recipe { venv: Some(VenvRule::default()), ..Recipe::default() };
        let recipe = source.for_worktree(detected, "x", None, None).unwrap();
        assert!(recipe.venv.is_some() && recipe.path.wanted() == "../x");
    }

    #[test]
    fn faults_of_the_file_name_the_line_and_the_nearest_word() {
        for (text, what, advice) in [
            ("\n\nhook = 1", "unknown key 'hook' in '.wt.toml', line 3", "did you mean 'hooks'?"),
            (
                "[hooks]\nsetpu = []",
                "unknown key 'hooks.setpu' in '.wt.toml', line 2",
                "did you mean 'hooks.setup'?",
            ),
            (
                "[template.x]\nprotcted = true",
                "unknown key 'template.x.protcted' in '.wt.toml', line 2",
                "did you mean 'template.x.protected'?",
            ),
            ("zzzzz = 1", "unknown key 'zzzzz' in '.wt.toml', line 1", ""),
            (
                "[template.x]\ntemplate.y.base = 'z'",
                "unknown key 'template.x.template' in '.wt.toml', line 2",
                "",
            ),
            ("a = \n[", "syntax error in '.wt.toml', line 1", ""),
            ("copy = 'x'", "'copy' must be a list of texts in '.wt.toml', line 1", ""),
            ("copy = [\n'x',\n1]", "'copy' must be a list of texts in '.wt.toml', line 1", ""),
            ("base = 1", "'base' must be a text in quotes in '.wt.toml', line 1", ""),
            ("protected = 'yes'", "'protected' must be true or false in '.wt.toml', line 1", ""),
            ("env = false", "'env' must be a table in '.wt.toml', line 1", ""),
            ("[port]\nPORT = 0", "'port.PORT' must be a port number in '.wt.toml', line 2", ""),
            ("[port]\nPORT = 70000", "'port.PORT' must be a port number in '.wt.toml', line 2", ""),
            (
                "[port]\nrange = '9-3'",
                "'port.range' must be two ports, as in '3000-3010' in '.wt.toml', line 2",
                "",
            ),
            (
                "[database]\nvariable = 'A='",
                "'database.variable' must be the name of a variable in '.wt.toml', line 2",
                "",
            ),
            ("'\u{1b}' = 1", "syntax error in '.wt.toml', line 1", ""),
            ("\"\\u001b\" = 1", "unknown key '\\u{1b}' in '.wt.toml', line 1", ""),
            ("[env]\n'A B' = 'x'", "'env.A B' cannot be the name of a variable in '.wt.toml', line 2", ""),
            ("link = ['../x']", "'link' cannot be '../x' in '.wt.toml', line 1", ""),
            ("copy = ['/etc/passwd']", "'copy' cannot be '/etc/passwd' in '.wt.toml', line 1", ""),
            ("[env]\nfile = 'a/.Git/x'", "'env.file' cannot be 'a/.Git/x' in '.wt.toml', line 2", ""),
            ("[env]\nfrom = '/x'", "'env.from' cannot be '/x' in '.wt.toml', line 2", ""),
            ("[venv]\npath = ''", "'venv.path' cannot be '' in '.wt.toml', line 2", ""),
            ("[venv]\npath = './'", "'venv.path' cannot be './' in '.wt.toml', line 2", ""),
            ("[template.x]\nmatch = ['v?']", "'template.x.match' cannot be 'v?' in '.wt.toml', line 2", ""),
            (
                "[env]\n\nA = '{{ nmae }}'",
                "unknown variable 'nmae' in template '{{ nmae }}' in '.wt.toml', line 3",
                "did you mean 'name'?",
            ),
            (
                "path = '{{ port }}'",
                "variable 'port' is not known yet in template '{{ port }}' in '.wt.toml', line 1",
                "",
            ),
            (
                "[hooks]\nsetup = [\n'ok',\n'push {{ env.API_TOKEN }}']",
                "'env.API_TOKEN' cannot stand in the command 'push {{ env.API_TOKEN }}' in '.wt.toml', line 4",
                "write \"$API_TOKEN\": the variable is there already",
            ),
            (
                "[run]\ns = 'serve --key={{ secret }}'",
                "'secret' cannot stand in the command 'serve --key={{ secret }}' in '.wt.toml', line 2",
                "write 'SECRET_KEY = \"{{ secret }}\"' under '[env]', and \"$SECRET_KEY\" in the command",
            ),
            (
                "[template.x.hooks]\nteardown = ['x {{ env[name] }}']",
                "'env' cannot stand in the command 'x {{ env[name] }}' in '.wt.toml', line 2",
                "all variables are there already, as in \"$HOME\"",
            ),
            (
                "[run]\ns = '{{ port }}'",
                "no port is named, but '{{ port }}' uses it in '.wt.toml', line 2",
                "write 'PORT = 8000' under '[port]'",
            ),
            (
                "port.WEB_PORT = 1\nenv.A = '{{ ports.WEB_PROT }}'",
                "unknown variable 'ports.WEB_PROT' in template '{{ ports.WEB_PROT }}' in '.wt.toml', line 2",
                "did you mean 'ports.WEB_PORT'?",
            ),
            (
                "[hooks]\nsetup = [\n'ok',\n'{{ name']",
                "cannot use template '{{ name' in '.wt.toml', line 4",
                "braces meant for another program go between {% raw %} and {% endraw %}",
            ),
            (
                "[database]\nname = '{{ name | dbnmae }}'",
                "cannot use template '{{ name | dbnmae }}' in '.wt.toml', line 2",
                "the filters are slug, dbname, hash, and minijinja's own",
            ),
        ] {
            let error = read(text, &[]).unwrap_err();
            assert_eq!(error.what, what, "{text}");
            assert_eq!(error.advice.as_deref().unwrap_or_default(), advice, "{text}");
        }
    }

    #[test]
    fn faults_of_git_config_name_the_key() {
        for (key, value, what) in [
            ("wt.protected", "maybe", "'maybe' is not true or false in git config 'wt.protected'"),
            ("wt.link", "../x", "'../x' is not usable in git config 'wt.link'"),
            (
                "wt.env.set",
                "A",
                "'A' is not a variable and its value, as in 'NAME=VALUE' in git config 'wt.env.set'",
            ),
            (
                "wt.env.set",
                "API KEY=secret",
                "'API KEY' is not a variable and its value, as in 'NAME=VALUE' in git config 'wt.env.set'",
            ),
            (
                "wt.port.set",
                "A=x",
                "'A=x' is not a variable and its port, as in 'PORT=8000' in git config 'wt.port.set'",
            ),
            (
                "wt.run.set",
                "=x",
                "'=x' is not a name and its command, as in 'server=npm start' in git config 'wt.run.set'",
            ),
            (
                "wt.path",
                "{{ nme }}",
                "unknown variable 'nme' in template '{{ nme }}' in git config 'wt.path'",
            ),
        ] {
            let error = Recipe::read(None, &[(key.to_owned(), value.to_owned())]).unwrap_err();
            assert_eq!(error.what, what);
        }
    }

    #[test]
    fn a_setting_that_is_replaced_or_not_ours_is_no_fault() {
        let settings = [
            ("wt.path", "{{ nme }}"),
            ("wt.path", "../{{ name }}"),
            ("wt.run.set", "server=serve {{ port }}"),
            ("wt.mode", "git"),
            ("wt.basedir", "x"),
            ("wt.cpoy", "x"),
            ("wt.match", "x"),
            ("wt.template.x.protcted", "x"),
            ("core.bare", "false"),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let source = Recipe::read(None, &settings).unwrap();
        let unknown: Vec<(&str, Option<&str>)> =
            source.unknown_settings().iter().map(|(key, near)| (key.as_str(), near.as_deref())).collect();
        assert_eq!(
            unknown,
            [
                ("wt.basedir", None),
                ("wt.cpoy", Some("wt.copy")),
                ("wt.match", None),
                ("wt.template.x.protcted", Some("wt.template.x.protected")),
            ]
        );
    }

    #[test]
    fn a_star_fits_any_run() {
        for (pattern, text, fits) in [
            ("release/*", "release/1.0", true),
            ("release/*", "release/1/2", true),
            ("release/*", "release", false),
            ("*", "", true),
            ("*-x", "a-x", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "ac", true),
            ("main", "main2", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn pip_is_needed_unless_uv_brings_it() {
        for (command, needs) in [
            ("uv pip install -r requirements.txt", false),
            ("uv --offline pip sync x", false),
            ("pip install x", true),
            ("python -m pip install x", true),
            ("make && .venv/bin/pip3.12 install x", true),
            ("sh -c 'pip install x'", true),
            ("uv sync; pip check", true),
            ("pipenv sync", false),
            ("pip-compile", false),
            ("cat requirements/pip.txt", false),
        ] {
            assert_eq!(calls_pip(command), needs, "{command}");
        }
    }
}
