//! One layer of the recipe: only what one source says, to be laid over what others say.
//!
//! It reads no text; `file` and `settings` fill it, and share its rules.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Component, Path};
use std::time::Duration;

use super::consent::{Author, Requested};
use super::template::Scope;
use super::{EnvRule, Recipe, RunRule};
use crate::error::Error;

/// What the whole file, or all of git config, says.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) base: Layer,
    pub(super) templates: Vec<GivenTemplate>,
}

/// What it says about one template.
#[derive(Debug)]
pub(super) struct GivenTemplate {
    pub(super) name: String,
    pub(super) patterns: Option<Vec<String>>,
    pub(super) layer: Layer,
}

/// What applies to some worktrees, or to all; `None` leaves what is below.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) author: Author,
    pub(super) path: Option<TemplateText>,
    pub(super) base: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) env_enabled: Option<bool>,
    pub(super) copy: Option<Vec<String>>,
    pub(super) link: Option<Vec<String>>,
    pub(super) sparse: Option<Vec<String>>,
    pub(super) ports: Entries<u16>,
    pub(super) port_range: Option<RangeInclusive<u16>>,
    pub(super) env_file: Option<String>,
    pub(super) env_from: Option<String>,
    pub(super) values: Entries<TemplateText>,
    /// Additional env files, by path.
    pub(super) more_env: Entries<EnvLayer>,
    pub(super) venv: Option<VenvLayer>,
    pub(super) database: Option<DatabaseLayer>,
    pub(super) setup: Option<Vec<TemplateText>>,
    pub(super) teardown: Option<Vec<TemplateText>>,
    pub(super) timeout: Option<Duration>,
    pub(super) run: Entries<RunLayer>,
    pub(super) protected: Option<bool>,
}

/// What is said about an additional env file.
#[derive(Debug, Clone, Default)]
pub(super) struct EnvLayer {
    pub(super) from: Option<String>,
    pub(super) values: Entries<TemplateText>,
}

/// What is said about the Python environment.
#[derive(Debug, Clone, Default)]
pub(super) struct VenvLayer {
    pub(super) path: Option<String>,
    pub(super) python: Option<String>,
}

/// What is said about a server.
#[derive(Debug, Clone)]
pub(super) struct RunLayer {
    pub(super) command: TemplateText,
    pub(super) port: Option<TemplateText>,
    pub(super) ready: Option<TemplateText>,
    pub(super) timeout: Option<Duration>,
}

/// What is said about the database.
#[derive(Debug, Clone, Default)]
pub(super) struct DatabaseLayer {
    pub(super) variable: Option<String>,
    pub(super) name: Option<TemplateText>,
    pub(super) from: Option<String>,
    pub(super) shared: Option<bool>,
    pub(super) remote: Option<bool>,
    pub(super) timeout: Option<Duration>,
}

/// A template, with the words that tell in an error where it is written.
#[derive(Debug, Clone)]
pub(super) struct TemplateText {
    pub(super) text: String,
    pub(super) at: String,
}

/// Named values that are merged by name into those of the layers below.
#[derive(Debug, Clone)]
pub(super) struct Entries<T> {
    list: Vec<(String, T)>,
    places: HashMap<String, usize>,
    drops_those_below: bool,
}

impl Given {
    /// Returns one that says nothing.
    pub(super) fn new(author: Author) -> Self {
        Self { base: Layer::new(author), templates: Vec::new() }
    }

    /// Returns whether it says more than where worktrees are and how they are treated.
    pub(super) fn says_what_a_worktree_contains(&self) -> bool {
        let templates = self.templates.iter().map(|template| &template.layer);
        [&self.base].into_iter().chain(templates).any(Layer::says_what_a_worktree_contains)
    }
}

impl Given {
    /// Returns whether it says what stands in env files.
    pub(super) fn says_what_env_files_hold(&self) -> bool {
        let templates = self.templates.iter().map(|template| &template.layer);
        [&self.base].into_iter().chain(templates).any(Layer::says_what_env_files_hold)
    }
}

impl TemplateText {
    /// Adds the location to a fault.
    pub(super) fn place(&self, mut fault: Error) -> Error {
        fault.what = format!("{} {}", fault.what, self.at);
        fault
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::new(), drops_those_below: false }
    }
}

impl<T> Entries<T> {
    /// Sets the value of `name`; a name that is already there keeps its position.
    pub(super) fn set(&mut self, name: &str, value: T) {
        match self.places.get(name) {
            Some(at) => self.list[*at].1 = value,
            None => {
                self.places.insert(name.to_owned(), self.list.len());
                self.list.push((name.to_owned(), value));
            }
        }
    }

    /// Drops all values set so far, and those below.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.places.clear();
        self.drops_those_below = true;
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.drops_those_below
    }

    fn lay_over<U>(&self, below: &mut Vec<(String, U)>, convert: impl Fn(&T) -> U) {
        if self.drops_those_below {
            below.clear();
        }
        let places: HashMap<String, usize> =
            below.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        for (name, value) in &self.list {
            match places.get(name) {
                Some(at) => below[*at].1 = convert(value),
                None => below.push((name.clone(), convert(value))),
            }
        }
    }
}

impl Layer {
    /// Returns a layer that says nothing.
    pub(super) fn new(author: Author) -> Self {
        Self {
            author,
            path: None,
            base: None,
            prefix: None,
            env_enabled: None,
            copy: None,
            link: None,
            sparse: None,
            ports: Entries::default(),
            port_range: None,
            env_file: None,
            env_from: None,
            values: Entries::default(),
            more_env: Entries::default(),
            venv: None,
            database: None,
            setup: None,
            teardown: None,
            timeout: None,
            run: Entries::default(),
            protected: None,
        }
    }

    fn says_what_a_worktree_contains(&self) -> bool {
        [&self.copy, &self.link, &self.sparse].into_iter().any(Option::is_some)
            || [&self.env_file, &self.env_from].into_iter().any(Option::is_some)
            || [&self.setup, &self.teardown].into_iter().any(Option::is_some)
            || !self.values.is_empty()
            || !self.run.is_empty()
            || !self.ports.is_empty()
            || !self.more_env.is_empty()
            || self.port_range.is_some()
            || self.venv.is_some()
            || self.database.as_ref().is_some_and(|layer| self.wants(layer))
    }

    fn says_what_env_files_hold(&self) -> bool {
        [&self.env_file, &self.env_from].into_iter().any(Option::is_some)
            || !self.values.is_empty()
            || !self.ports.is_empty()
            || !self.more_env.is_empty()
            || self.database.as_ref().is_some_and(|layer| self.wants(layer))
    }

    /// Overrides the recipe with what this layer says.
    pub(super) fn lay_over(&self, recipe: &mut Recipe) {
        set(&mut recipe.path, self.by(self.path.as_ref().map(|path| &path.text)).as_ref());
        set(&mut recipe.base, self.base.as_ref());
        set(&mut recipe.prefix, self.prefix.as_ref());
        set(&mut recipe.env_enabled, self.env_enabled.as_ref());
        set(&mut recipe.copy, self.copy.as_ref());
        set(&mut recipe.link, self.by(self.link.as_ref()).as_ref());
        set(&mut recipe.sparse, self.sparse.as_ref());
        self.ports.lay_over(&mut recipe.port.variables, |port| *port);
        if self.port_range.is_some() {
            recipe.port.range.clone_from(&self.port_range);
        }
        // a file's source follows its path, unless somebody chose another
        if let Some(file) = self.env_file.as_ref().filter(|_| recipe.env.from == recipe.env.file) {
            recipe.env.from.clone_from(file);
        }
        set(&mut recipe.env.file, self.env_file.as_ref());
        set(&mut recipe.env.from, self.env_from.as_ref());
        self.values.lay_over(&mut recipe.env.values, |value| self.template(value));
        for (path, layer) in &self.more_env.list {
            layer.lay_over(env_rule(recipe, path), self.author);
        }
        self.lay_rules_over(recipe);
        set(&mut recipe.hooks.setup, self.commands(self.setup.as_ref()).as_ref());
        set(&mut recipe.hooks.teardown, self.commands(self.teardown.as_ref()).as_ref());
        if let Some(timeout) = self.timeout {
            recipe.hooks.timeout = Some(timeout).filter(|limit| !limit.is_zero());
        }
        self.run.lay_over(&mut recipe.run, |layer| layer.rule(self.author));
        set(&mut recipe.protected, self.protected.as_ref());
    }

    fn lay_rules_over(&self, recipe: &mut Recipe) {
        if let Some(layer) = &self.venv {
            let venv = recipe.venv.get_or_insert_default();
            set(&mut venv.path, layer.path.as_ref());
            set(&mut venv.python, self.by(layer.python.as_ref()).as_ref());
        }
        let is_meant = |layer: &&DatabaseLayer| self.wants(layer) || recipe.database.is_some();
        if let Some(layer) = self.database.as_ref().filter(is_meant) {
            let database = recipe.database.get_or_insert_default();
            set(&mut database.variable, layer.variable.as_ref());
            set(&mut database.name, self.by(layer.name.as_ref().map(|name| &name.text)).as_ref());
            set(&mut database.from, self.by(layer.from.as_ref()).as_ref());
            set(&mut database.shared, self.by(layer.shared.as_ref()).as_ref());
            set(&mut database.remote, layer.remote.as_ref());
            if let Some(timeout) = layer.timeout {
                database.timeout = Some(timeout).filter(|limit| !limit.is_zero());
            }
        }
    }

    /// Whether worktrees should have a database. The user's settings about the treatment of a server are habits: they
    /// apply only to worktrees that have a database anyway.
    fn wants(&self, layer: &DatabaseLayer) -> bool {
        let DatabaseLayer { variable, name, from, shared, remote: _, timeout: _ } = layer;
        let says_which = variable.is_some() || name.is_some() || from.is_some() || shared.is_some();
        says_which || self.author == Author::Repository
    }

    fn commands(&self, written: Option<&Vec<TemplateText>>) -> Option<Vec<Requested<String>>> {
        written.map(|list| list.iter().map(|written| self.template(written)).collect())
    }

    fn template(&self, written: &TemplateText) -> Requested<String> {
        Requested::by(self.author, written.text.clone())
    }

    /// Returns this layer's request.
    fn by<T: Clone>(&self, given: Option<&T>) -> Option<Requested<T>> {
        given.map(|given| Requested::by(self.author, given.clone()))
    }

    /// Returns the names of the port variables.
    pub(super) fn port_names(&self) -> impl Iterator<Item = &str> {
        self.ports.list.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the names of the servers.
    pub(super) fn entry_names(&self) -> impl Iterator<Item = &str> {
        self.run.list.iter().map(|(name, _)| name.as_str())
    }

    /// Returns all templates, each with the words it may use.
    pub(super) fn templates(&self) -> impl Iterator<Item = (Scope, &TemplateText)> {
        let path = self.path.iter().map(|path| (Scope::Path(self.author), path));
        let database =
            self.database.iter().filter_map(|rule| Some((Scope::Database(self.author), rule.name.as_ref()?)));
        let more = self.more_env.list.iter().flat_map(|(_, layer)| &layer.values.list);
        let values = self.values.list.iter().chain(more).map(|(_, value)| value);
        let hooks = [&self.setup, &self.teardown].into_iter().flatten().flatten();
        let run = self.run.list.iter().flat_map(|(_, layer)| layer.templates());
        let values = values.map(|text| (Scope::Whole, text));
        path.chain(database).chain(values).chain(hooks.chain(run).map(|text| (Scope::Command, text)))
    }
}

impl RunLayer {
    /// Returns what is said by a command alone.
    pub(super) fn of(command: TemplateText) -> Self {
        Self { command, port: None, ready: None, timeout: None }
    }

    fn rule(&self, author: Author) -> RunRule {
        let text = |written: &Option<TemplateText>| written.as_ref().map(|written| written.text.clone());
        let timeout = self.timeout.unwrap_or(RunRule::PATIENCE);
        RunRule {
            command: Requested::by(author, self.command.text.clone()),
            port: text(&self.port),
            ready: text(&self.ready),
            timeout: Some(timeout).filter(|limit| !limit.is_zero()),
        }
    }

    fn templates(&self) -> impl Iterator<Item = &TemplateText> {
        std::iter::once(&self.command).chain(&self.port).chain(&self.ready)
    }
}

impl EnvLayer {
    fn lay_over(&self, rule: &mut EnvRule, author: Author) {
        set(&mut rule.from, self.from.as_ref());
        self.values.lay_over(&mut rule.values, |value| Requested::by(author, value.text.clone()));
    }
}

/// Returns the rule of an env file, adding it if the recipe has none.
fn env_rule<'a>(recipe: &'a mut Recipe, file: &str) -> &'a mut EnvRule {
    if recipe.env.file == file {
        return &mut recipe.env;
    }
    let at = recipe.more_env.iter().position(|rule| rule.file == file).unwrap_or_else(|| {
        recipe.more_env.push(EnvRule::of(file));
        recipe.more_env.len() - 1
    });
    &mut recipe.more_env[at]
}

fn set<T: Clone>(below: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        below.clone_from(given);
    }
}

/// Explains why a path may not be used inside a worktree.
pub(super) fn path_fault(text: &str) -> Option<&'static str> {
    let mut inside = false;
    if text.contains(char::is_control) {
        return Some("it has a control character");
    }
    for component in Path::new(text).components() {
        match component {
            Component::ParentDir => return Some("it has '..'"),
            Component::RootDir | Component::Prefix(_) => return Some("it is not relative"),
            // file systems that ignore case would open the repository under another spelling
            Component::Normal(part) if part.eq_ignore_ascii_case(".git") => return Some("it has '.git'"),
            Component::Normal(_) => inside = true,
            Component::CurDir => {}
        }
    }
    (!inside).then_some("it is empty")
}

/// Explains why a server cannot have this name: it is a word of the command line, and names files.
pub(super) fn entry_fault(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 40;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(is_plain) {
        return Some(
            "the name of a server has letters, digits, '-', '_' and '.', and begins with one of the first two",
        );
    }
    (name.len() > LONGEST).then_some("the name of a server has at most 40 characters")
}

/// Explains why an address cannot be asked whether a server is ready: we ask nobody but this host.
pub(super) fn ready_fault(template: &str) -> Option<&'static str> {
    let hosts = ["localhost", "127.0.0.1", "[::1]"];
    let rest = template.strip_prefix("http://");
    let host = rest.and_then(|rest| hosts.into_iter().find_map(|host| rest.strip_prefix(host)));
    let is_ours = host.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']));
    (!is_ours).then_some("it is no address of this host, as in 'http://localhost:{{ port }}/health'")
}

/// Explains why a pattern of worktree names and branches cannot be used.
pub(super) fn pattern_fault(text: &str) -> Option<&'static str> {
    text.contains(['?', '[', '\\', '{']).then_some("only '*' is special in it")
}

pub(super) fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (port(first)?, port(last)?);
    (first <= last).then_some(first..=last)
}

/// Reads a port number.
pub(super) fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port != 0)
}

/// Reads a duration such as `90s`, `30m` or `2h`; 0 means no limit.
pub(super) fn time(text: &str) -> Option<Duration> {
    if matches!(text, "" | "0") {
        return Some(Duration::ZERO);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}
