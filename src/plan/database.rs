//! Which database a worktree gets: usually its own, derived from the URL of the main worktree's.

use std::path::{Component, Path, PathBuf};

use super::{Facts, Plan};
use crate::error::{Error, Result};
use crate::git::absolute;
use crate::recipe::consent::{self, Action};
use crate::recipe::{Recipe, Words};
use crate::record::Record;
use crate::resource::Resource;
use crate::resource::database::{Content, Database, ServerDatabase, SqliteDatabase, place};
use crate::resource::env_file::MovedPort;
use crate::text::dotenv::Value;
use crate::text::hash::hash;
use crate::text::name::escaped;
use crate::text::url::{Engine, ServerEngine, SqlitePlace, Url, with_ports};

/// The variable that names a worktree's own database.
pub(super) struct OwnUrl {
    pub(super) variable: String,
    pub(super) value: String,
    /// The key of the consent it needs, if the database has to wait for consent.
    pub(super) consent: Option<String>,
}

impl Plan {
    /// Plans a database for the worktree; returns the variable that names it.
    pub(super) fn database(
        &mut self,
        recipe: &Recipe,
        facts: &Facts,
        words: &Words,
        moved: &[MovedPort],
    ) -> Result<Option<OwnUrl>> {
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
                && followed(&url, moved).is_none()
            {
                self.notes.push("DATABASE_URL is main's: the worktree shares main's database ([database] gives it its own)".into());
            }
            return Ok(None);
        };
        match facts.consent.shared_database(&rule.shared) {
            Ok(shared) if *shared.get() => return Ok(None),
            Ok(_) => {}
            // until there is consent the worktree gets a database of its own
            Err(action) => self.pending.waiting.push(*action),
        }
        let Some(text) = main_url(&rule.variable) else {
            let error =
                Error::new(format!("no {} with a database URL in '{}'", rule.variable, recipe.env.from));
            let has_expansion = facts.env_source.iter().any(|(_, text)| text.get(&rule.variable).is_some());
            let error = if has_expansion {
                error.because("it has an expansion there, which programs read differently")
            } else {
                error
            };
            return Err(facts
                .left_out
                .iter()
                .fold(error, Error::because)
                .because("[database] gives each worktree its own, made from main's")
                .advise("set it, or 'shared = true' under [database]"));
        };
        let unusable = || Error::new(format!("{} is no database URL that git-wt knows", rule.variable));
        let url = Url::parse(&text).ok_or_else(unusable)?;
        let engine = Engine::of(url.scheme()).ok_or_else(unusable)?;
        if let Some(port) = followed(&text, moved) {
            let (url, port) = (&rule.variable, &port.variable);
            self.notes.push(format!("{url} follows {port}: its server is the worktree's own, and what is in it is up to your hooks"));
            return Ok(None);
        }
        let name = words.render(rule.name.wanted())?;
        if !consent::is_plain_database_name(&name) {
            return Err(Error::new(format!("'{}' cannot be the name of a database", escaped(&name)))
                .because("small letters, digits and '_', at most 58 of them, mean nothing in a URL")
                .hint("git config wt.database.name \"{{ (repo ~ '_' ~ name) | dbname }}\""));
        }
        let consent = facts.unusual_database.as_ref().map(Action::key);
        let own_url = |value| OwnUrl { variable: rule.variable.clone(), value, consent };
        if let Engine::Server(engine) = engine {
            Url::of_server(&text).map_err(|why| {
                Error::new(format!("{} is no URL of a database", rule.variable)).because(why)
            })?;
            let own = self.server_database(engine, &url, &text, name, recipe, facts)?;
            return Ok(Some(own_url(own)));
        }
        let Some((place, own)) = self.sqlite_place(&url, &text, &name, facts) else { return Ok(None) };
        let from_root = |path: &Path| absolute(facts.main.as_deref().unwrap_or(&facts.cwd), path);
        let origin = match (rule.from.wanted().as_str(), url.sqlite_place()) {
            ("main", Some(SqlitePlace::Relative(path))) => {
                let path = below(&facts.database_dir, &path);
                Content::Main(from_root(&path).to_string_lossy().into_owned())
            }
            ("main", Some(SqlitePlace::Absolute(path))) => {
                Content::Main(from_root(Path::new(&path)).to_string_lossy().into_owned())
            }
            ("empty" | "main", _) => Content::Empty,
            (dump, _) => Content::Script(from_root(Path::new(dump))),
        };
        let fill =
            facts.unusual_fill(|made| matches!(made, Database::Sqlite(made) if made.place == place))?;
        let granted = facts.consent.database(place, facts.unusual_database.clone());
        let made = granted.and_then(|place| Ok((place, facts.consent.database(origin, fill)?)));
        match made {
            Ok((place, origin)) => {
                let database = SqliteDatabase::new(place, origin);
                self.resources.push(Resource::Database(Database::Sqlite(database)));
            }
            Err(action) => self.pending.waiting.push(*action),
        }
        Ok(Some(own_url(own)))
    }

    /// Plans a database on the same server as main's; returns its URL.
    fn server_database(
        &mut self,
        engine: ServerEngine,
        url: &Url,
        text: &str,
        name: String,
        recipe: &Recipe,
        facts: &Facts,
    ) -> Result<String> {
        let rule = recipe.database.as_ref().expect("a database is planned only by a rule");
        if !url.is_local() && !rule.remote {
            let server = match url.server() {
                "" => "that the URL's parameters name",
                server => &format!("'{}'", escaped(server)),
            };
            return Err(Error::new(format!("the database server {server} is not on this machine"))
                .because("a database there is made, copied and dropped only if you say so")
                .advise("'shared = true' under [database] uses the main worktree's")
                .hint("git config wt.database.remote true"));
        }
        // a worktree keeps the name it has, even if that name was taken at the time
        let kept = facts.own.as_ref().and_then(Record::server_database);
        let name = kept.unwrap_or_else(|| free_name(&self.path, engine, url, name, facts));
        let own = url.with_database(&name);
        let from = match rule.from.wanted().as_str() {
            "empty" => Content::Empty,
            "main" => Content::Main(url.database()),
            file => {
                let root = facts.main.as_deref().unwrap_or(&facts.cwd);
                Content::of_file(engine, &absolute(root, Path::new(file)))?
            }
        };
        let file = facts.env_source.as_ref().map_or(&recipe.env.file, |(file, _)| file);
        let server = url.address();
        let filling =
            facts.unusual_fill(|made| matches!(made, Database::Server(made) if made.server == server))?;
        let database = facts.consent.database(name, facts.unusual_database.clone()).and_then(|name| {
            let from = facts.consent.database(from, filling)?;
            Ok(ServerDatabase::new(engine, name, text, &rule.variable, file, from).within(rule.timeout))
        });
        match database {
            Ok(database) => self.resources.push(Resource::Database(Database::Server(database))),
            Err(action) => self.pending.waiting.push(*action),
        }
        Ok(own)
    }

    /// Returns where an SQLite database goes: a relative path is already different in each worktree, an absolute one is
    /// replaced.
    fn sqlite_place(&self, url: &Url, text: &str, name: &str, facts: &Facts) -> Option<(String, String)> {
        let inside = |path: &Path| self.path.join(path).to_string_lossy().into_owned();
        match url.sqlite_place()? {
            SqlitePlace::Memory => None,
            SqlitePlace::Relative(path) => {
                Some((inside(&below(&facts.database_dir, &path)), text.to_owned()))
            }
            SqlitePlace::Absolute(path) => {
                let path = PathBuf::from(path);
                let own = if let Some(within) =
                    facts.main.as_ref().and_then(|main| path.strip_prefix(main).ok())
                {
                    inside(within)
                } else {
                    let ending =
                        path.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
                    let beside = |name: &str| {
                        path.with_file_name(format!("{name}{ending}")).to_string_lossy().into_owned()
                    };
                    let kept = facts.own.iter().flat_map(Record::databases).find_map(|own| match own {
                        Database::Sqlite(own) if !own.is_in(&self.path) => Some(own.place.clone()),
                        _ => None,
                    });
                    let is_taken = facts.databases.contains(&format!("sqlite:{}", beside(name)));
                    let free = if is_taken { with_hash(&self.path, name, facts) } else { name.to_owned() };
                    kept.unwrap_or_else(|| beside(&free))
                };
                let text = url.with_path(&format!("/{own}"));
                Some((own, text))
            }
        }
    }
}

/// Returns a path relative to a worktree, without the `..` that leads out of a directory of it.
fn below(dir: &Path, path: &str) -> PathBuf {
    let mut joined = dir.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if joined.file_name().is_some() => drop(joined.pop()),
            part => joined.push(part),
        }
    }
    joined
}

/// A name that no other worktree has on the URL's server: one that is taken gets a hash behind it.
fn free_name(path: &Path, engine: ServerEngine, url: &Url, name: String, facts: &Facts) -> String {
    if name != url.database() && !facts.databases.contains(&place(engine, &url.address(), &name)) {
        return name;
    }
    with_hash(path, &name, facts)
}

/// A name with a hash of the repository and the worktree's place behind it.
fn with_hash(path: &Path, name: &str, facts: &Facts) -> String {
    let apart = format!("{}\0{}", facts.listing.main().git_dir.display(), path.display());
    format!("{}_{}", &name[..name.floor_char_boundary(49)], &hash(apart.as_bytes())[..8])
}

/// Returns the moved port that appears in a URL: the server there belongs to the worktree.
fn followed<'a>(url: &str, moved: &'a [MovedPort]) -> Option<&'a MovedPort> {
    moved.iter().find(|port| with_ports(url, &[(port.from, port.to)]).is_some())
}

/// Whether a worktree that keeps this URL would share its database.
fn shared_with_main(url: &str) -> bool {
    let Some(url) = Url::parse(url) else { return false };
    match Engine::of(url.scheme()) {
        Some(Engine::Sqlite) => matches!(url.sqlite_place(), Some(SqlitePlace::Absolute(_))),
        Some(Engine::Server(_)) => true,
        None => false,
    }
}
