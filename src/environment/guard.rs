//! The guard checks that no variable of a worktree leads into another one.
//!
//! If an env file was copied from a neighbouring worktree, or a venv was activated before changing directory, commands
//! work on the neighbour's port or database, and nobody notices. The guard reports this; it changes nothing.

use std::fmt::{self, Display};
use std::path::Path;

use crate::environment::{Environment, VariableOrigin};
use crate::error::{Error, Hint, Result};
use crate::git::worktrees::Worktree;
use crate::git::{Repo, absolute};
use crate::host::claims::{Claim, Claims, Owner, Thing};
use crate::host::file;
use crate::recipe::{DatabaseRule, Recipe};
use crate::record::worktrees::Worktrees;
use crate::resource::{Resource, database};
use crate::text::dotenv::{EnvText, Value};
use crate::text::url::{Engine, SqlitePlace, Url};

/// What to do with a command whose environment leads into another worktree (`wt.guard`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Do not run it.
    Refuse,
    /// Run it after a warning.
    Warn,
    /// Do not check.
    Off,
}

impl Guard {
    /// Reads the setting; the default is to refuse.
    pub fn of(repo: &Repo) -> Result<Self> {
        match repo.setting("wt.guard").as_deref() {
            None | Some("refuse") => Ok(Self::Refuse),
            Some("warn") => Ok(Self::Warn),
            Some("off") => Ok(Self::Off),
            Some(other) => {
                Err(Error::new(format!("git config wt.guard is '{other}'; it may be refuse, warn or off")))
            }
        }
    }
}

/// The variable of an active venv, whose programs are also on PATH and so are passed on to every child.
pub const VENV: &str = "VIRTUAL_ENV";

/// A variable that leads into another worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    pub variable: String,
    /// The env file that has it; `None` if it comes from the shell.
    pub file: Option<String>,
    /// What it leads to, as in "port 8002 of 'staging'".
    pub to: String,
    /// Whether the worktree is given a value of its own for it.
    pub has_own: bool,
}

impl Display for Stray {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(out, "{} in '{file}' is {}", self.variable, self.to),
            None => write!(out, "{} of the shell is {}", self.variable, self.to),
        }
    }
}

impl Stray {
    /// Returns what to do about it in the worktree of this name.
    fn way_out(&self, name: &str) -> Result<Hint, String> {
        match &self.file {
            Some(_) if self.has_own => Ok(Hint::of("git wt setup").name(name)),
            Some(file) => Err(format!("change {} in '{file}'", self.variable)),
            None if self.variable == VENV => Ok("deactivate".into()),
            None => Ok(Hint::of("unset").name(&self.variable)),
        }
    }
}

/// Returns the refusal to run anything in the worktree of this name; `None` without strays.
pub fn refusal(name: &str, strays: &[Stray]) -> Option<Error> {
    let error = Error::new(format!("the environment of '{name}' leads into another worktree"));
    let mut ways = Vec::new();
    for way in strays.iter().map(|stray| stray.way_out(name)) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways.push(Ok("git config wt.guard warn".into()));
    let error = strays.iter().fold(error, Error::because);
    (!strays.is_empty()).then(|| {
        ways.into_iter().fold(error, |error, way| match way {
            Ok(command) => error.hint(command),
            Err(advice) => error.advise(advice),
        })
    })
}

/// A worktree and its neighbours.
pub struct Watch<'a> {
    pub repo: &'a Repo,
    pub worktrees: &'a Worktrees,
    /// The ports and databases of this host.
    pub claims: &'a Claims,
    /// The directory that files are copied and linked from.
    pub main: Option<&'a Path>,
    /// The worktree to check.
    pub tree: &'a Worktree,
    pub recipe: &'a Recipe,
    pub own_database: Option<&'a DatabaseRule>,
}

impl Watch<'_> {
    /// Returns the variables that lead into another worktree: those in env files, and those the shell would pass on.
    pub fn strays(&self, environment: &Environment, shell: &dyn Fn(&str) -> Option<String>) -> Vec<Stray> {
        let mut strays = Vec::new();
        for variable in &environment.variables {
            if let VariableOrigin::File(file) = &variable.origin
                && let Some(to) = self.leads_to(&variable.name, &variable.value)
            {
                strays.push(self.stray(&variable.name, Some(file.clone()), to));
            }
        }
        let ports = self.recipe.port.variables.iter().map(|(name, _)| name.as_str());
        for name in ports.chain(self.database_variable()).chain([VENV]) {
            if environment.get(name).is_none()
                && let Some(to) = shell(name).and_then(|value| self.leads_to(name, &value))
            {
                strays.push(self.stray(name, None, to));
            }
        }
        strays
    }

    fn stray(&self, name: &str, file: Option<String>, to: String) -> Stray {
        let ports = self.recipe.port.variables.iter().map(|(name, _)| name);
        let values = self.recipe.env.values.iter().map(|(name, _)| name);
        let writes = |resource: &Resource| matches!(resource, Resource::EnvFile(file) if file.written.get(name).is_some());
        let has_own = !self.tree.is_main()
            && (ports.chain(values).any(|known| known == name)
                || self.database_variable() == Some(name)
                || self.worktrees.record(self.tree).is_some_and(|record| record.made().any(writes)));
        Stray { variable: name.to_owned(), file, to, has_own }
    }

    /// Returns the variable that holds the URL of the worktree's own database.
    fn database_variable(&self) -> Option<&str> {
        self.own_database.map(|rule| rule.variable.as_str())
    }

    /// Describes what a variable leads to in another worktree.
    fn leads_to(&self, name: &str, value: &str) -> Option<String> {
        // if the recipe gives every worktree this very value, it is intended
        if self.recipe.env.values.iter().any(|(known, text)| known == name && text.wanted() == value) {
            return None;
        }
        if name == VENV {
            return self.anothers_venv(Path::new(value)).map(|tree| format!("in {}", self.named(tree)));
        }
        if self.database_variable() == Some(name) {
            return self.anothers_database(value);
        }
        let is_port = name == "PORT"
            || name.ends_with("_PORT")
            || self.recipe.port.variables.iter().any(|(port, _)| port == name);
        match value.trim().parse().ok().filter(|_| is_port) {
            Some(port) => {
                self.mains_port(port, Some(name)).or_else(|| self.anothers_port(port, !self.tree.is_main()))
            }
            None => {
                let port = local_port(value)?;
                // a front end in one repository may well use a port from another repository
                self.mains_port(port, None).or_else(|| self.anothers_port(port, false))
            }
        }
    }

    /// The main worktree's port, which nobody claims, where this worktree has another for the same variable: `variable`,
    /// or any.
    fn mains_port(&self, port: u16, variable: Option<&str>) -> Option<String> {
        let is_mains = |name: &str| {
            let ports = &self.recipe.port.variables;
            ports.iter().any(|(known, mains)| known == name && *mains == port)
                && variable.is_none_or(|variable| variable == name)
        };
        let has_another = |resource: &Resource| matches!(resource, Resource::Port(own) if own.number != port && is_mains(&own.variable));
        let main = self.worktrees.listing.main();
        let record = self.worktrees.record(self.tree)?;
        record.made().any(has_another).then(|| format!("port {port} of {}", self.named(main)))
    }

    fn anothers_port(&self, port: u16, of_any_repository: bool) -> Option<String> {
        let owner = self.another(&Thing::Port(port))?;
        let whose = self.worktree_of(&owner);
        let whose = whose.or_else(|| of_any_repository.then(|| owner.to_string()))?;
        Some(format!("port {port} of {whose}"))
    }

    fn anothers_database(&self, url: &str) -> Option<String> {
        let place = place(url, &self.tree.path)?;
        if let Some(owner) = self.another(&Thing::Database(place.clone())) {
            let whose = self.worktree_of(&owner).unwrap_or_else(|| owner.to_string());
            return Some(format!("the database of {whose}"));
        }
        let main = self.worktrees.listing.main();
        let is_mains = !self.tree.is_main() && self.main_database().as_ref() == Some(&place);
        is_mains.then(|| format!("the database of {}", self.named(main)))
    }

    /// Returns where main's own database is.
    fn main_database(&self) -> Option<String> {
        let main = self.main?;
        let text = EnvText::parse(file::read(&main.join(&self.recipe.env.from)).ok()??);
        match text.get(self.database_variable()?)? {
            Value::Text(url) => place(&url, main),
            Value::Dynamic(_) => None,
        }
    }

    /// Returns the owner who has claimed a thing, if it is not this worktree.
    fn another(&self, thing: &Thing) -> Option<Owner> {
        let own = self.worktrees.record(self.tree).map(|record| record.owner(self.repo));
        let is_own = |claim: &Claim| own.as_ref().is_some_and(|own| claim.is_of(own));
        self.claims.find(thing).filter(|claim| !is_own(claim))?.owner
    }

    /// Returns the worktree's name if the owner is a record of this repository.
    fn worktree_of(&self, owner: &Owner) -> Option<String> {
        let record = self.worktrees.records.iter().find(|record| record.owner(self.repo).is(owner))?;
        Some(format!("'{}'", record.name))
    }

    /// Returns the other worktree that contains a venv. Main's venv does not count if worktrees are to have none of
    /// their own.
    fn anothers_venv(&self, path: &Path) -> Option<&Worktree> {
        let trees = self.worktrees.listing.worktrees.iter().filter(|tree| path.starts_with(&tree.path));
        let around = trees.max_by_key(|tree| tree.path.as_os_str().len());
        around
            .filter(|tree| tree.git_dir != self.tree.git_dir)
            .filter(|tree| !tree.is_main() || self.recipe.venv.is_some())
    }

    fn named(&self, tree: &Worktree) -> String {
        let name = crate::text::name::escaped(&self.worktrees.name(tree));
        if tree.is_main() { format!("the main worktree '{name}'") } else { format!("'{name}'") }
    }
}

/// Returns where a database is, as written in claims.
fn place(text: &str, root: &Path) -> Option<String> {
    let url = Url::parse(text)?;
    match Engine::of(url.scheme())? {
        Engine::Sqlite => match url.sqlite_place()? {
            SqlitePlace::Memory => None,
            SqlitePlace::Relative(path) | SqlitePlace::Absolute(path) => {
                Some(format!("sqlite:{}", absolute(root, Path::new(&path)).display()))
            }
        },
        Engine::Server(engine) => {
            let url = Url::of_server(text).ok()?;
            Some(database::place(engine, &url.address(), &url.database()))
        }
    }
}

/// Returns the port of a URL that leads to this host.
fn local_port(value: &str) -> Option<u16> {
    let url = Url::parse(value)?;
    let (host, port) = url.server().rsplit_once(':')?;
    let is_local =
        matches!(host, "localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]") || host.ends_with(".localhost");
    port.parse().ok().filter(|_| is_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_this_host_are_found_in_urls() {
        for (value, port) in [
            ("http://localhost:8001/api", Some(8001)),
            ("ws://shop.localhost:8001", Some(8001)),
            ("redis://u:p@127.0.0.1:6380/1", Some(6380)),
            ("http://[::1]:8001", Some(8001)),
            ("http://example.org:8001", None),
            ("http://localhost/8001", None),
            ("localhost", None),
            ("8001", None),
        ] {
            assert_eq!(local_port(value), port, "{value}");
        }
    }

    #[test]
    fn one_database_has_one_place() {
        let root = Path::new("/w/a");
        for (url, want) in [
            ("sqlite:///db.sqlite3", Some("sqlite:/w/a/db.sqlite3")),
            ("sqlite:////var/db", Some("sqlite:/var/db")),
            ("sqlite://:memory:", None),
            ("postgres://u:p@db:5433/shop_a?sslmode=require", Some("postgres:db:5433/shop_a")),
            ("postgresql+psycopg://other@db:5433/shop_a", Some("postgres:db:5433/shop_a")),
            ("mysql://localhost/shop", Some("mysql:localhost:3306/shop")),
            ("postgres:///shop", Some("postgres:localhost:5432/shop")),
            ("postgres://u@127.0.0.1:5432/shop", Some("postgres:localhost:5432/shop")),
            ("https://db/shop", None),
        ] {
            assert_eq!(place(url, root).as_deref(), want, "{url}");
        }
    }

    #[test]
    fn a_refusal_names_each_variable_and_each_way_out_once() {
        let stray = |variable: &str, file: Option<&str>, has_own| Stray {
            variable: variable.into(),
            file: file.map(str::to_owned),
            to: "port 8002 of 'b'".into(),
            has_own,
        };
        assert!(refusal("a", &[]).is_none());
        let strays = [
            stray("PORT", Some(".env"), true),
            stray("API_PORT", Some(".env"), true),
            stray("X", None, false),
        ];
        let error = refusal("a", &strays).unwrap();
        assert_eq!(error.why[0], "PORT in '.env' is port 8002 of 'b'");
        assert_eq!(error.why[2], "X of the shell is port 8002 of 'b'");
        assert_eq!(error.hints[..2], [Hint::of("git wt setup").name("a"), Hint::of("unset").name("X")]);
        assert_eq!(stray("Y", Some(".env"), false).way_out("a").unwrap_err(), "change Y in '.env'");
    }
}
