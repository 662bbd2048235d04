//! What a project's env file says about ports, a database and secrets.
//!
//! It knows names and values, and shows no values except ports.

use std::collections::{BTreeSet, HashSet};

use super::{Root, install};
use crate::recipe::EnvRule;
use crate::recipe::regenerable::is_no_part;
use crate::text::dotenv::{EnvText, Value};
use crate::text::url::{Engine, SqlitePlace, Url};

/// The names of an env file or its example, best first.
const FILES: [&str; 5] = [".env", ".env.example", ".env.sample", ".env.template", ".env.dist"];
/// The names of an env file in a part of the project; an example alone does not show that the part is used.
const FILES_OF_PARTS: [&str; 2] = [".env", ".env.local"];
/// The ports of services that worktrees share: mail, databases, queues, caches, search.
const SERVICES: [u16; 13] = [1025, 1433, 1521, 3306, 4369, 5432, 5433, 5672, 6379, 8025, 9200, 11211, 27017];
/// Prefixes of the variables of such services.
const SERVICE_PREFIXES: [&str; 18] = [
    "DB_",
    "DATABASE_",
    "POSTGRES",
    "PG",
    "MYSQL",
    "MARIADB",
    "MONGO",
    "REDIS",
    "MEMCACHE",
    "RABBITMQ",
    "AMQP",
    "KAFKA",
    "ELASTIC",
    "EMAIL_",
    "MAIL_",
    "SMTP_",
    "LDAP_",
    "SSH_",
];
/// Where a project of many parts often keeps them.
const USUAL_PARTS: [&str; 3] = ["apps/*", "packages/*", "services/*"];
/// Variables that must differ in every environment.
const SECRETS: [&str; 2] = ["SECRET_KEY", "DJANGO_SECRET_KEY"];
/// Variables that name a database separately from its server, and those that give its kind.
const DATABASE_NAMES: [&str; 7] = [
    "DB_NAME",
    "DB_DATABASE",
    "DATABASE_NAME",
    "POSTGRES_DB",
    "PGDATABASE",
    "MYSQL_DATABASE",
    "MARIADB_DATABASE",
];
const DATABASE_ENGINES: [&str; 3] = ["DB_CONNECTION", "DB_ENGINE", "DATABASE_ENGINE"];
/// Django's own port, for projects that configure none.
const DJANGO_PORT: u16 = 8000;

/// What was found in an env file.
#[derive(Debug)]
pub(super) struct EnvFile {
    pub(super) file: String,
    /// The file that a worktree's env file starts from.
    pub(super) from: String,
    /// The variables that are ports of the project's own servers, `PORT` first.
    pub(super) ports: Vec<(String, u16)>,
    /// Whether the first port is not in the file, but is the framework's default.
    pub(super) is_port_new: bool,
    /// The variable that holds the database's URL.
    pub(super) database: Option<String>,
    /// The database on a server that is named separately, not in a URL.
    pub(super) database_name: Option<NamedDatabase>,
    /// The variables that hold secrets.
    pub(super) secrets: Vec<String>,
}

/// A database of which only the name is known.
#[derive(Debug)]
pub(super) struct NamedDatabase {
    /// The variable that holds its name.
    pub(super) variable: String,
    /// Whether it is on MySQL; otherwise it is on PostgreSQL.
    pub(super) is_mysql: bool,
}

impl EnvFile {
    /// Finds the env file, or else its example.
    pub(super) fn find(root: &Root<'_>, django: bool) -> Option<Self> {
        let file = FILES.into_iter().find(|name| root.has(name))?;
        let variables = variables(&root.bytes(file).unwrap_or_default());
        // the default already falls back on .env.example
        let from = if file == ".env.example" { ".env" } else { file };
        Some(Self {
            file: file.into(),
            from: from.into(),
            ports: ports(&variables, django),
            is_port_new: django && ports(&variables, true) != ports(&variables, false),
            database: database(&variables),
            database_name: database_name(&variables),
            secrets: secrets(&variables),
        })
    }

    /// Finds the other env files that git ignores: the one that overrides the first, if it has anything to manage, and
    /// those of the project's parts, such as `backend/.env`: one level below, where parts are usually kept, and where
    /// npm, yarn or pnpm are told that packages are.
    pub(super) fn further(root: &Root<'_>, ignored: &dyn Fn(&str) -> bool) -> Vec<Self> {
        let plain = |name: &&String| {
            !name.starts_with('.')
                && !is_no_part(name)
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let mut parts: Vec<String> = root.names.iter().filter(plain).cloned().collect();
        let told = USUAL_PARTS.map(str::to_owned).into_iter().chain(workspaces(root));
        for pattern in told.collect::<BTreeSet<_>>() {
            parts.extend(
                places(root, &pattern)
                    .into_iter()
                    .filter(|place| place.split('/').all(|part| plain(&&part.to_owned()))),
            );
        }
        let mut known = HashSet::new();
        parts.retain(|part| known.insert(part.clone()));
        let paths = parts.into_iter().flat_map(|part| FILES_OF_PARTS.map(|file| format!("{part}/{file}")));
        let paths = [EnvRule::OVERRIDING.to_owned()].into_iter().chain(paths);
        let found = paths.filter_map(|path| {
            let variables = variables(&root.bytes(&path)?);
            ignored(&path).then(|| Self {
                from: path.clone(),
                file: path,
                ports: ports(&variables, false),
                is_port_new: false,
                database: database(&variables),
                database_name: database_name(&variables),
                secrets: secrets(&variables),
            })
        });
        found.filter(|env| !env.overrides() || env.is_managed()).collect()
    }

    pub(super) fn overrides(&self) -> bool {
        self.file == EnvRule::OVERRIDING
    }

    /// Whether anything in it differs in each worktree.
    fn is_managed(&self) -> bool {
        !self.ports.is_empty() || self.database.is_some() || !self.secrets.is_empty()
    }

    /// Returns a name for a port of this part, in case another part has a variable of the same name: `FRONTEND_PORT`.
    pub(super) fn of_this_part(&self, variable: &str) -> String {
        let part = self.file.rsplit('/').nth(1).unwrap_or_default();
        let part = part.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let part = part.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{part}_{variable}")
    }

    /// Puts a port first; a port that was only assumed is then not needed.
    pub(super) fn listen_on(&mut self, variable: &str) {
        if self.is_port_new && self.ports[0].0 != variable {
            self.ports.remove(0);
            self.is_port_new = false;
        }
        self.ports.sort_by_key(|(name, _)| name != variable);
    }

    /// Describes what was found, without the values.
    pub(super) fn finding(&self) -> String {
        let ports = self.ports.iter().map(|(name, port)| format!("port {name} ({port})"));
        let database = self.database.iter().map(|name| format!("database url {name}"));
        let named = self.database_name.iter().filter(|_| self.database.is_none());
        let database = database.chain(named.map(|named| format!("database name {}", named.variable)));
        let secrets = self.secrets.iter().map(|name| format!("secret {name}"));
        let details: Vec<String> = ports.chain(database).chain(secrets).collect();
        if details.is_empty() {
            return format!("env file ({})", self.file);
        }
        format!("env file ({}): {}", self.file, details.join(", "))
    }
}

/// Returns the patterns under which a package manager of node is told that a repository's packages are.
fn workspaces(root: &Root<'_>) -> Vec<String> {
    let package = install::package(root);
    let told = package.as_ref().and_then(|package| package.get("workspaces"));
    let listed = told.and_then(|told| told.get("packages").unwrap_or(told).as_array());
    let from_package = listed.into_iter().flatten().filter_map(|pattern| pattern.as_str().map(str::to_owned));
    // a list of plain strings, which needs no parser
    let text = root.text("pnpm-workspace.yaml").unwrap_or_default();
    let below = text.lines().skip_while(|line| line.trim_end() != "packages:").skip(1);
    let items = below.map_while(|line| match line.trim_start() {
        "" => Some(""),
        item if item.starts_with('#') => Some(""),
        item => item.strip_prefix("- "),
    });
    let from_list = items.map(|item| item.trim().trim_matches(['\'', '"']).to_owned());
    let patterns = from_package.chain(from_list).map(|pattern| pattern.trim_start_matches("./").to_owned());
    // whatever the repository says, nothing outside of it is looked at
    let is_inside = |pattern: &String| {
        let mut parts = pattern.trim_end_matches('/').split('/');
        !pattern.starts_with('!') && parts.all(|part| !part.is_empty() && !part.starts_with('.'))
    };
    patterns.filter(is_inside).collect()
}

/// Returns the directories that a pattern such as `packages/*` names; `**` is looked for one level deep.
fn places(root: &Root<'_>, pattern: &str) -> Vec<String> {
    let pattern = pattern.trim_end_matches('/');
    let Some(around) = pattern.strip_suffix("/**").or_else(|| pattern.strip_suffix("/*")) else {
        let is_plain = !pattern.contains('*') && root.path.join(pattern).is_dir();
        return is_plain.then(|| pattern.to_owned()).into_iter().collect();
    };
    if around.contains('*') {
        return Vec::new();
    }
    let inside = Root::read(&root.path.join(around)).map(|dir| dir.names).unwrap_or_default();
    inside.into_iter().map(|name| format!("{around}/{name}")).collect()
}

/// Whether a variable of this name is a port of the project's own servers.
pub(super) fn names_port(name: &str) -> bool {
    (name == "PORT" || name.ends_with("_PORT"))
        && !SERVICE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn ports(variables: &[(String, String)], django: bool) -> Vec<(String, u16)> {
    let mut ports: Vec<(String, u16)> = variables
        .iter()
        .filter(|(name, _)| names_port(name))
        .filter_map(|(name, value)| Some((name.clone(), value.parse().ok()?)))
        // an unprivileged server cannot use a lower port
        .filter(|(_, port)| *port >= 1024 && !SERVICES.contains(port))
        .collect();
    let is_own = |(name, port): &(String, u16)| name == "PORT" || (django && *port == DJANGO_PORT);
    if django && !ports.iter().any(is_own) {
        ports.push(("PORT".into(), DJANGO_PORT));
    }
    // the first one is `{{ port }}`
    ports.sort_by_key(|port| (port.0 != "PORT", !is_own(port)));
    ports
}

fn secrets(variables: &[(String, String)]) -> Vec<String> {
    let known = SECRETS.into_iter().filter(|secret| variables.iter().any(|(name, _)| name == secret));
    known.map(str::to_owned).collect()
}

fn database(variables: &[(String, String)]) -> Option<String> {
    let mut urls = variables.iter().filter(|(_, value)| is_database_url(value)).map(|(name, _)| name);
    urls.clone().find(|name| *name == "DATABASE_URL").or_else(|| urls.next()).cloned()
}

/// Finds the name of a database on a server that is not given as a URL.
fn database_name(variables: &[(String, String)]) -> Option<NamedDatabase> {
    let value =
        |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let has_engine =
        |word| DATABASE_ENGINES.iter().filter_map(|name| value(name)).any(|kind| kind.contains(word));
    let is_name = |name: &str| !name.is_empty() && !name.contains(['/', '.', ':']);
    let variable = DATABASE_NAMES.iter().find(|name| value(name).is_some_and(is_name))?;
    let is_mysql = ["mysql", "mariadb"].into_iter().any(has_engine)
        || ["MYSQL", "MARIADB"].iter().any(|prefix| variable.starts_with(prefix))
        || value("DB_PORT") == Some("3306");
    // SQLite files are separate in each worktree anyway
    (!has_engine("sqlite")).then(|| NamedDatabase { variable: (*variable).to_owned(), is_mysql })
}

/// Returns whether it is the URL of a database that can be made for a worktree.
fn is_database_url(value: &str) -> bool {
    let Some(url) = Url::parse(value).filter(|_| value.contains("://")) else { return false };
    match Engine::of(url.scheme()) {
        Some(Engine::Sqlite) => matches!(url.sqlite_place(), Some(place) if place != SqlitePlace::Memory),
        Some(_) => true,
        None => false,
    }
}

/// Returns the variables with their literal values.
fn variables(bytes: &[u8]) -> Vec<(String, String)> {
    let literal = |(name, value)| match value {
        Value::Text(value) => Some((name, value)),
        Value::Dynamic(_) => None,
    };
    EnvText::parse(bytes.to_vec()).variables().into_iter().filter_map(literal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        variables(text.as_bytes())
    }

    #[test]
    fn ports_are_those_of_the_project_itself() {
        let text = "VITE_PORT=5173\nDB_PORT=15432\nREDIS_PORT=6380\nPGPORT=1\nAPI_PORT=5432\nWEB_PORT=80\n\
                    PORT=9000\nX_PORT=abc\nSUPPORT=9001\nBIG_PORT=70000\nEMAIL_PORT=2525";
        assert_eq!(ports(&read(text), false), [("PORT".to_owned(), 9000), ("VITE_PORT".to_owned(), 5173)]);
        assert_eq!(ports(&read("DEBUG=1"), false), []);
        assert_eq!(ports(&read("DEBUG=1"), true), [("PORT".to_owned(), 8000)]);
    }

    #[test]
    fn a_database_may_have_a_name_alone() {
        for (text, expected) in [
            ("DB_NAME=shop", Some(("DB_NAME", false))),
            ("DB_CONNECTION=mysql\nDB_DATABASE=laravel", Some(("DB_DATABASE", true))),
            ("DB_PORT=3306\nDB_NAME=shop", Some(("DB_NAME", true))),
            ("POSTGRES_DB=shop\nDB_NAME=", Some(("POSTGRES_DB", false))),
            ("MYSQL_DATABASE=shop", Some(("MYSQL_DATABASE", true))),
            ("DB_CONNECTION=sqlite\nDB_DATABASE=laravel", None),
            ("DB_NAME=db.sqlite3", None),
            ("DB_NAME=/var/db", None),
            ("DB_NAME=$OTHER", None),
            ("NAME=shop", None),
        ] {
            let found = database_name(&read(text));
            let found = found.as_ref().map(|named| (named.variable.as_str(), named.is_mysql));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn database_urls_are_told_by_their_scheme() {
        for (url, is) in [
            ("postgres://u:p@localhost/app", true),
            ("postgresql+psycopg://localhost/app", true),
            ("postgis://localhost/app", true),
            ("sqlite:///db.sqlite3", true),
            ("mysql2://localhost/app", true),
            ("mariadb://localhost/app", true),
            ("sqlite://:memory:", false),
            ("sqlite://", false),
            ("redis://localhost/0", false),
            ("https://example.org", false),
            ("app", false),
        ] {
            assert_eq!(is_database_url(url), is, "{url}");
        }
        let both = read("CACHE_DB=sqlite:///cache.db\nDATABASE_URL=postgres:///app");
        assert_eq!(database(&both).as_deref(), Some("DATABASE_URL"));
        assert_eq!(database(&read("REDIS_URL=redis://x\nDSN=psql://x/app")).as_deref(), Some("DSN"));
    }
}
