//! The servers of a worktree as its recipe has them: named, rendered, and granted right before they start.

use std::path::PathBuf;
use std::time::Duration;

use super::state::Place;
use crate::environment::Environment;
use crate::error::{Error, Hint, Result};
use crate::git::worktrees::{Head, Worktree};
use crate::host::exec::{self, Program};
use crate::ops::context::Context;
use crate::recipe::consent::{Action, Consent, Granted, Kind};
use crate::recipe::{Recipe, RunRule, Words};
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use crate::text::hash::hash;
use crate::text::name::{Name, escaped};

/// A worktree with what its servers need.
pub struct Servers<'a> {
    pub tree: &'a Worktree,
    pub name: String,
    pub record: Option<&'a Record>,
    pub place: Place,
    recipe: Recipe,
    consent: Consent,
    environment: Environment,
    words: Words,
}

/// When a server counts as ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// The port it should listen on.
    pub port: Option<u16>,
    /// Whether it may be without it: nothing says that it listens at all.
    pub is_presumed: bool,
    /// The address that should answer.
    pub url: Option<String>,
    pub timeout: Option<Duration>,
}

impl<'a> Servers<'a> {
    /// Reads what a worktree's servers need; refuses one that is not there.
    pub fn of(tree: &'a Worktree, worktrees: &'a Worktrees, context: &Context) -> Result<Self> {
        if tree.missing {
            return Err(Error::new(format!("'{}' is missing", tree.path.display())).hint("git wt prune"));
        }
        if tree.head == Head::Bare {
            return Err(Error::new("a bare repository has no files to serve").hint("git wt list"));
        }
        let record = worktrees.record(tree);
        let recipe = context.recipe_of(tree, worktrees)?.with_servers_to_consent_to();
        let consent = context.consent()?;
        let environment = Environment::of(&context.repo, &tree.path, record, &recipe, &consent)?;
        let words = words(tree, record, worktrees, &recipe, &environment, context);
        Ok(Self {
            tree,
            name: worktrees.name(tree),
            record,
            place: Place::of(&context.repo, tree, record),
            recipe,
            consent,
            environment,
            words,
        })
    }

    /// Returns the names of all servers, in the order written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.recipe.run.iter().map(|(name, _)| name.as_str())
    }

    /// Whether they must be handled with care.
    pub fn is_protected(&self) -> bool {
        self.recipe.protected || self.record.is_some_and(|record| record.protected)
    }

    /// Returns the servers with these names, or all; refuses an unknown name, and a recipe without servers.
    pub fn chosen(&self, names: &[String]) -> Result<Vec<String>> {
        if self.recipe.run.is_empty() {
            let error = Error::new(format!("the recipe names no server for '{}'", escaped(&self.name)));
            return Err(error.advise("write 'web = \"COMMAND\"' under '[run]' in '.wt.toml'"));
        }
        for name in names {
            if self.names().all(|known| known != name) {
                let known: Vec<&str> = self.names().collect();
                let error =
                    Error::new(format!("'{}' is no server of '{}'", escaped(name), escaped(&self.name)));
                return Err(error.advise(format!("there is {}", known.join(", "))));
            }
        }
        Ok(self
            .names()
            .filter(|name| names.is_empty() || names.iter().any(|it| it == name))
            .map(str::to_owned)
            .collect())
    }

    fn rule(&self, entry: &str) -> Result<&RunRule> {
        let found = self.recipe.run.iter().find(|(name, _)| name == entry);
        found.map(|(_, rule)| rule).ok_or_else(|| Error::new(format!("'{}' is no server", escaped(entry))))
    }

    /// Returns what has no consent yet of these servers.
    pub fn not_consented_to(&self, entries: &[String]) -> Result<Vec<Action>> {
        let rules: Vec<&RunRule> = entries.iter().map(|entry| self.rule(entry)).collect::<Result<_>>()?;
        self.consent.missing_commands(Kind::Serve, rules.iter().map(|rule| &rule.command), &self.tree.path)
    }

    /// Reads anew what the user has consented to.
    pub fn refresh(&mut self, context: &Context) -> Result<()> {
        self.consent = context.consent()?;
        Ok(())
    }

    /// Passes a server's command, right before it is started: its files may have changed.
    pub fn grant(&self, entry: &str) -> Result<Result<Granted<String>, Box<Action>>> {
        self.consent.command(Kind::Serve, &self.rule(entry)?.command, &self.tree.path)
    }

    /// Returns the shell command of a server.
    pub fn command(&self, granted: &Granted<String>) -> Result<String> {
        self.words.render_command(granted.get())
    }

    /// Returns the shell command of a server, to be shown.
    pub fn shown(&self, entry: &str) -> Result<String> {
        self.words.render_command(self.rule(entry)?.command.wanted())
    }

    /// Returns when a server counts as ready.
    pub fn readiness(&self, entry: &str) -> Result<Readiness> {
        let rule = self.rule(entry)?;
        let url = rule.ready.as_deref().map(|template| self.words.render(template)).transpose()?;
        let port = match rule.port.as_deref() {
            // says that it has none
            Some("") => None,
            Some(written) => Some(self.port(entry, written)?),
            None => self.words.port_named_by(rule.command.wanted()),
        };
        // where no command names a port, the first server is thought to be the one that reads PORT
        let names_none = |(_, rule): &(String, RunRule)| {
            rule.port.is_none() && self.words.port_named_by(rule.command.wanted()).is_none()
        };
        let is_first = self.names().next() == Some(entry);
        let presumed = self.words.ports.first().map(|(_, port)| *port);
        let presumed = presumed.filter(|_| is_first && self.recipe.run.iter().all(names_none));
        Ok(Readiness { port: port.or(presumed), is_presumed: port.is_none(), url, timeout: rule.timeout })
    }

    fn port(&self, entry: &str, written: &str) -> Result<u16> {
        if let Some(port) = self.words.port(written) {
            return Ok(port);
        }
        let text = self.words.render(written)?;
        text.trim().parse().ok().filter(|port| *port != 0).ok_or_else(|| {
            let known: Vec<&str> = self.words.ports.iter().map(|(name, _)| name.as_str()).collect();
            let error = Error::new(format!("the port of '{entry}' is '{}', which is none", escaped(&text)));
            error.advise(format!("the ports of '{}' are: {}", escaped(&self.name), known.join(", ")))
        })
    }

    /// Returns a program as it runs as a server: in the worktree's directory and environment, with `PORT` set.
    pub fn program(&self, entry: &str, program: Program) -> Result<Program> {
        let program = self.environment.apply(program).dir(&self.tree.path);
        let readiness = self.readiness(entry)?;
        let says_so = self.rule(entry)?.port.is_some();
        Ok(match readiness.port {
            Some(port) if says_so || self.environment.get("PORT").is_none() => {
                program.env("PORT", port.to_string())
            }
            _ => program,
        })
    }

    /// Refuses an environment that leads into another worktree.
    pub fn guard(&self, worktrees: &Worktrees, context: &Context) -> Result<()> {
        let watch = context.watch(self.tree, worktrees, &self.recipe, &self.consent);
        context.guard(&watch, &self.environment)
    }

    /// Returns a hash of what a server gets from its worktree; `mark` makes it tell nothing of the values.
    pub fn fingerprint(&self, entry: &str, mark: &str) -> Result<String> {
        let variables = self.environment.variables.iter();
        let mut lines: Vec<String> =
            variables.map(|variable| format!("{}={}", variable.name, variable.value)).collect();
        lines.sort();
        lines.push(format!("{:?}", self.environment.bin));
        lines.push(self.shown(entry)?);
        Ok(hash(format!("{mark}\0{}", lines.join("\0")).as_bytes()))
    }
}

/// Returns the words that the commands of a worktree may use. The ports are those that its env file has: a server that
/// reads the file listens there.
fn words(
    tree: &Worktree,
    record: Option<&Record>,
    worktrees: &Worktrees,
    recipe: &Recipe,
    environment: &Environment,
    context: &Context,
) -> Words {
    let mut words = match record {
        Some(record) => context.words_in(record, tree),
        None => {
            let home = exec::variable("HOME").map(PathBuf::from).unwrap_or_default();
            let name = Name::of_place(&worktrees.name(tree));
            let (branch, main, cwd) = (tree.head.branch(), context.root(), &tree.path);
            let words = Words::of(context.repo.name(), &name, branch, main, cwd, &home);
            // the numbers in the recipe are the main worktree's
            let ports = if tree.is_main() { recipe.port.variables.clone() } else { Vec::new() };
            Words { path: tree.path.to_string_lossy().into_owned(), ports, ..words }
        }
    };
    for (name, port) in &mut words.ports {
        if let Some(number) = environment.get(name).and_then(|value| value.trim().parse().ok()) {
            *port = number;
        }
    }
    words
}

/// Returns the worktree and the servers that the words of a command line mean: `[WORKTREE] [SERVER…]`.
pub fn meant<'a>(
    words: &[String],
    worktrees: &'a Worktrees,
    context: &Context,
) -> Result<(&'a Worktree, Vec<String>)> {
    let Some((first, rest)) = words.split_first() else { return Ok((worktrees.find(".")?, Vec::new())) };
    worktrees.find(first).map(|tree| (tree, rest.to_vec())).or_else(|error| {
        // a server of the current worktree
        let here = worktrees.find(".").ok();
        let here = here.and_then(|here| Some((here, context.recipe_of(here, worktrees).ok()?)));
        match here {
            Some((here, recipe)) if recipe.run.iter().any(|(name, _)| name == first) => {
                Ok((here, words.to_vec()))
            }
            _ => Err(error),
        }
    })
}

/// A command that helps with the servers of a worktree.
pub fn hint(words: &'static str, worktree: &str) -> Hint {
    Hint::of(words).name(worktree)
}
