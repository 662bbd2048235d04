//! What a project's env file says about ports, a database and secrets.
//!
//! It knows names and values, and shows no value but a port.

use crate::recipe::is_variable;

use super::Root;

/// Where an env file or its example is, best first.
const FILES: [&str; 5] = [".env", ".env.example", ".env.sample", ".env.template", ".env.dist"];
/// The ports of services that worktrees share: mail, databases, queues, caches, search.
const SERVICES: [u16; 13] = [1025, 1433, 1521, 3306, 4369, 5432, 5433, 5672, 6379, 8025, 9200, 11211, 27017];
/// What begins the variables of such services.
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
/// Variables that must be unlike in every environment.
const SECRETS: [&str; 2] = ["SECRET_KEY", "DJANGO_SECRET_KEY"];
/// Django's own port, for projects that name none.
const DJANGO_PORT: u16 = 8000;

/// What the env file says.
#[derive(Debug)]
pub(super) struct EnvFile {
    /// The file found.
    file: &'static str,
    /// What a worktree's begins as.
    pub(super) from: String,
    /// The variables that are ports of the project's own servers, `PORT` first.
    pub(super) ports: Vec<(String, u16)>,
    /// The variable that holds the database's URL.
    pub(super) database: Option<String>,
    /// The variables that hold secrets.
    pub(super) secrets: Vec<String>,
}

impl EnvFile {
    /// Finds the env file, else its example.
    pub(super) fn find(root: &Root<'_>, django: bool) -> Option<Self> {
        let file = FILES.into_iter().find(|name| root.has(name))?;
        let variables = variables(&root.bytes(file).unwrap_or_default());
        // the default already falls back on .env.example
        let from = if file == ".env.example" { ".env" } else { file };
        Some(Self {
            file,
            from: from.into(),
            ports: ports(&variables, django),
            database: database(&variables),
            secrets: SECRETS
                .into_iter()
                .filter(|secret| variables.iter().any(|(name, _)| name == secret))
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Says what was found, without the values.
    pub(super) fn finding(&self) -> String {
        let ports = self.ports.iter().map(|(name, port)| format!("port {name} ({port})"));
        let database = self.database.iter().map(|name| format!("database url {name}"));
        let secrets = self.secrets.iter().map(|name| format!("secret {name}"));
        let details: Vec<String> = ports.chain(database).chain(secrets).collect();
        if details.is_empty() {
            return format!("env file ({})", self.file);
        }
        format!("env file ({}): {}", self.file, details.join(", "))
    }
}

fn ports(variables: &[(String, String)], django: bool) -> Vec<(String, u16)> {
    let mut ports: Vec<(String, u16)> = variables
        .iter()
        .filter(|(name, _)| name == "PORT" || name.ends_with("_PORT"))
        .filter(|(name, _)| !SERVICE_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .filter_map(|(name, value)| Some((name.clone(), value.parse().ok()?)))
        // an unprivileged server cannot have one below
        .filter(|(_, port)| *port >= 1024 && !SERVICES.contains(port))
        .collect();
    if django && !ports.iter().any(|(name, _)| name == "PORT") {
        ports.push(("PORT".into(), DJANGO_PORT));
    }
    // the first is `{{ port }}`
    ports.sort_by_key(|(name, _)| name != "PORT");
    ports
}

fn database(variables: &[(String, String)]) -> Option<String> {
    let mut urls = variables.iter().filter(|(_, value)| is_database_url(value)).map(|(name, _)| name);
    urls.clone().find(|name| *name == "DATABASE_URL").or_else(|| urls.next()).cloned()
}

/// Returns whether it is the URL of a database that can be made for a worktree.
fn is_database_url(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once("://") else { return false };
    let kind = scheme.split('+').next().unwrap_or(scheme).to_ascii_lowercase();
    let in_memory = rest.is_empty() || rest.ends_with(":memory:");
    match kind.as_str() {
        "sqlite" | "sqlite3" => !in_memory,
        "psql" | "pgsql" | "postgis" | "mariadb" => true,
        kind => kind.starts_with("postgres") || kind.starts_with("mysql"),
    }
}

/// Returns the variables with their literal values; of several of one name, the last.
fn variables(bytes: &[u8]) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for (name, value) in lines(bytes).into_iter().filter(|(name, _)| is_variable(name)) {
        match variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => variables.push((name, value)),
        }
    }
    variables
}

/// Reads lines of `NAME=value`, the value bare or in quotes.
fn lines(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let assignments = text.lines().filter_map(|line| line.trim().split_once('='));
    assignments
        .map(|(name, value)| {
            let name = name.trim().strip_prefix("export ").unwrap_or(name).trim();
            (name.to_owned(), unquoted(value.trim()).to_owned())
        })
        .collect()
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((quoted, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return quoted;
        }
    }
    value.split_once(" #").map_or(value, |(value, _)| value.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        variables(text.as_bytes())
    }

    #[test]
    fn lines_are_read_as_most_readers_do() {
        for (line, expected) in [
            ("PORT=8000", Some("8000")),
            ("\u{feff}PORT=8000\r", Some("8000")),
            ("export PORT = '8000' # ours", Some("8000")),
            ("PORT=\"8000\"", Some("8000")),
            ("PORT=8000 # ours", Some("8000")),
            ("PORT=1\nPORT=2", Some("2")),
            ("#PORT=8000", None),
            ("PORT", None),
        ] {
            let value = read(line).into_iter().find(|(name, _)| name == "PORT").map(|(_, value)| value);
            assert_eq!(value.as_deref(), expected, "{line:?}");
        }
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
