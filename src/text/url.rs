//! Database URLs: components are edited in place, and the rest is never rewritten.
//!
//! Scheme, user, password, host and query stay byte for byte: programs recognise databases by the spelling of the
//! scheme, and a normalised password may be a different one.

mod local;

use std::ops::Range;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

pub use local::with_ports;

/// A URL and the positions of its parts.
#[derive(Debug, Clone)]
pub struct Url<'a> {
    text: &'a str,
    scheme: Range<usize>,
    /// User, password, host and port; empty if there is none.
    authority: Range<usize>,
    /// From the end of the authority to the query, with its leading slash.
    path: Range<usize>,
}

/// The kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Server(ServerEngine),
}

/// The kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerEngine {
    /// PostgreSQL and compatible servers.
    Postgres,
    Mysql,
}

/// Where an SQLite URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlitePlace {
    /// To no file: the database is in memory.
    Memory,
    /// To a file relative to the project.
    Relative(String),
    /// To a file with an absolute path.
    Absolute(String),
}

impl Engine {
    /// Returns the engine of a scheme, as spelled by dj-database-url, django-environ and SQLAlchemy:
    /// `postgresql+psycopg`, …
    pub fn of(scheme: &str) -> Option<Self> {
        let family = scheme.split('+').next()?.to_ascii_lowercase();
        match family.as_str() {
            "sqlite" | "sqlite3" | "spatialite" => Some(Self::Sqlite),
            "postgres" | "postgresql" | "pgsql" | "psql" | "postgis" | "postgresqls" | "cockroach"
            | "cockroachdb" | "timescale" | "timescalegis" => Some(Self::Server(ServerEngine::Postgres)),
            "mysql" | "mysql2" | "mysqlgis" | "mysql-connector" | "mariadb" => {
                Some(Self::Server(ServerEngine::Mysql))
            }
            _ => None,
        }
    }
}

impl<'a> Url<'a> {
    /// Finds the parts of `scheme:…`; `None` for anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let colon = text.find(':')?;
        let scheme = &text[..colon];
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if !is_scheme {
            return None;
        }
        let after = colon + 1;
        let authority = match text[after..].strip_prefix("//") {
            Some(rest) => after + 2..after + 2 + authority_length(rest),
            None => after..after,
        };
        let path_begin = authority.end;
        let path_end = text[path_begin..].find(['?', '#']).map_or(text.len(), |length| path_begin + length);
        Some(Self { text, scheme: 0..colon, authority, path: path_begin..path_end })
    }

    /// Finds the parts of the URL of a database on a server, or says why they cannot be told from the password for
    /// certain: anything that may be part of the password is never shown.
    pub fn of_server(text: &'a str) -> Result<Self, &'static str> {
        let url = Self::parse(text).filter(|url| text[url.scheme.end..].starts_with("://"));
        let url = url.ok_or("it does not begin with a scheme and '://'")?;
        if text[url.authority.end..].contains('@') {
            return Err("'@', '/', '?' and '#' in its password are to be written as %40, %2F, %3F and %23");
        }
        let given = url.parameters().filter(|(key, _)| ["host", "hostaddr", "unix_socket"].contains(key));
        let given: Vec<String> = given.map(|(_, host)| percent_decoded(host)).collect();
        let ports = url.parameter("port").unwrap_or_default();
        let hosts = url.server().split(',').map(percent_decoded).chain(given);
        if !hosts
            .flat_map(|hosts| hosts.split(',').map(str::to_owned).collect::<Vec<_>>())
            .all(|host| is_host(&host))
        {
            return Err("what stands where a host and its port belong is neither");
        }
        let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
        if ports.split(',').all(is_port) { Ok(url) } else { Err("its port is no number") }
    }

    pub fn scheme(&self) -> &str {
        &self.text[self.scheme.clone()]
    }

    /// Returns host and port as spelled, without user and password.
    pub fn server(&self) -> &str {
        let authority = &self.text[self.authority.clone()];
        authority.rsplit_once('@').map_or(authority, |(_, server)| server)
    }

    /// Returns the server's address according to the URL: host and port, or what its parameters say about them.
    pub fn address(&self) -> String {
        let host = ["host", "hostaddr", "unix_socket"].iter().find_map(|key| self.parameter(key));
        match (host, self.parameter("port").or_else(|| self.port())) {
            (None, _) => self.server().to_owned(),
            (Some(host), None) => host,
            (Some(host), Some(port)) => format!("{host}:{port}"),
        }
    }

    pub fn user(&self) -> Option<String> {
        let (user, _) = self.text[self.authority.clone()].rsplit_once('@')?;
        Some(percent_decoded(user.split(':').next().unwrap_or_default())).filter(|user| !user.is_empty())
    }

    /// Returns the host, decoded, without brackets.
    pub fn host(&self) -> Option<String> {
        let host = host_of(self.server());
        (!host.is_empty()).then(|| percent_decoded(host))
    }

    pub fn port(&self) -> Option<String> {
        let (_, port) = self.server().rsplit_once(':').filter(|(_, port)| !port.contains(']'))?;
        Some(port.to_owned())
    }

    /// Returns the value of a parameter after the question mark, decoded.
    pub fn parameter(&self, key: &str) -> Option<String> {
        self.parameters().find(|(known, _)| *known == key).map(|(_, value)| percent_decoded(value))
    }

    pub fn password(&self) -> Option<String> {
        let user = self.text[self.authority.clone()].rsplit_once('@').map(|(user, _)| user);
        let password =
            user.and_then(|user| user.split_once(':')).map(|(_, password)| percent_decoded(password));
        password.or_else(|| self.parameter("password"))
    }

    /// Removes the secrets of the URL from a program's output, which may repeat them.
    pub fn without_secrets(&self, text: &str) -> String {
        let known = [self.user(), self.host(), Some(self.database())];
        let secrets = [self.password(), self.parameter("sslpassword"), self.parameter("options")];
        let is_secret =
            |secret: &String| !secret.is_empty() && !known.iter().flatten().any(|word| word == secret);
        secrets
            .into_iter()
            .flatten()
            .filter(is_secret)
            .fold(text.to_owned(), |text, secret| text.replace(&secret, "***"))
    }

    /// Returns the name of the database, decoded.
    pub fn database(&self) -> String {
        let path = self.text[self.path.clone()].trim_start_matches('/');
        percent_decoded(path.split('/').next().unwrap_or_default())
    }

    /// Whether the server is on this machine: a socket, or a name or address that never leaves it.
    pub fn is_local(&self) -> bool {
        // anywhere a client may see a parameter: libpq does not know fragments
        let pairs = self.text[self.path.start..].split(['?', '&', '#', ';']);
        let asked: Vec<(String, String)> = pairs
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (percent_decoded(key).to_ascii_lowercase(), percent_decoded(value)))
            .collect();
        // a service is defined in a file, and may be anywhere
        let names_a_service = asked.iter().any(|(key, _)| ["service", "servicefile"].contains(&&**key));
        let named = asked.iter().filter(|(key, _)| ["host", "hostaddr"].contains(&&**key));
        let server = percent_decoded(self.server());
        // each may be a list, which libpq splits after decoding
        let mut hosts = named.map(|(_, hosts)| &**hosts).chain([&*server]).flat_map(|hosts| hosts.split(','));
        !names_a_service && hosts.all(is_local_host)
    }

    /// Returns the URL with which PostgreSQL's own programs reach a database on this server (libpq, "Connection URIs"):
    /// without the parameters that only frameworks know, and without secrets, since other users see a program's
    /// arguments. The password and the `options` are passed in other ways; `sslpassword` cannot be passed.
    pub fn libpq(&self, database: &str) -> String {
        let authority = &self.text[self.authority.clone()];
        let user = authority.rsplit_once('@').map(|(user, _)| user.split(':').next().unwrap_or_default());
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let known = self.parameters().filter(|(key, _)| LIBPQ.contains(key));
        let parameters: Vec<String> = known.map(|(key, value)| format!("{key}={value}")).collect();
        let query = if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
        format!("postgresql://{user}{}/{database}{query}", self.server())
    }

    /// Returns the `key=value` pairs after the question mark, as spelled.
    fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let query = self.text[self.path.end..].strip_prefix('?').unwrap_or_default();
        query.split('#').next().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='))
    }

    /// Returns the URL of another database on the same server, for the same user, with the same options.
    pub fn with_database(&self, name: &str) -> String {
        let path = &self.text[self.path.clone()];
        let rest = path.strip_prefix('/').and_then(|path| path.find('/').map(|at| &path[at..])).unwrap_or("");
        self.with_encoded_path(&format!("/{}{rest}", percent_encoded(name)))
    }

    /// Returns the URL with another path, percent-encoding whatever would end a path.
    pub fn with_path(&self, path: &str) -> String {
        self.with_encoded_path(&percent_encoded(path))
    }

    fn with_encoded_path(&self, path: &str) -> String {
        [&self.text[..self.path.start], path, &self.text[self.path.end..]].concat()
    }

    /// Returns where an SQLite URL leads: `sqlite:///relative`, `sqlite:////absolute`, `sqlite://:memory:`.
    pub fn sqlite_place(&self) -> Option<SqlitePlace> {
        let whole = &self.text[self.scheme.end + 1..self.path.end];
        if whole.contains(":memory:") || matches!(whole, "" | "//" | "///") {
            return Some(SqlitePlace::Memory);
        }
        let path = match whole.strip_prefix("//") {
            // a name in place of the host is ignored or misread by programs, so the place is unknown
            Some(rest) => rest.strip_prefix('/')?,
            None => whole,
        };
        let path = percent_decoded(path);
        Some(if path.starts_with('/') { SqlitePlace::Absolute(path) } else { SqlitePlace::Relative(path) })
    }
}

/// Parameters of libpq that say how to connect and contain no secret.
const LIBPQ: [&str; 18] = [
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "host",
    "hostaddr",
    "keepalives",
    "krbsrvname",
    "passfile",
    "port",
    "require_auth",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

/// Returns one name for all spellings of a server's address: for this machine, and with or without the default port.
///
/// A socket in the usual place belongs to the server that `localhost` leads to; a socket elsewhere may belong to
/// another.
pub fn canonical(engine: ServerEngine, address: &str) -> String {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => {
            (host, port)
        }
        _ => (address, ""),
    };
    let host = percent_decoded(host);
    let host = if host.starts_with('/') { host } else { host.to_ascii_lowercase() };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let host = if SPELLINGS_OF_LOCALHOST.contains(&bare) { "localhost" } else { &host };
    match (port, engine) {
        ("", ServerEngine::Mysql) => format!("{host}:3306"),
        ("", ServerEngine::Postgres) => format!("{host}:5432"),
        _ => format!("{host}:{port}"),
    }
}

/// Names, addresses and socket directories that mean the default server on this machine.
const SPELLINGS_OF_LOCALHOST: [&str; 11] = [
    "",
    "localhost",
    "127.0.0.1",
    "::1",
    "/var/run/postgresql",
    "/run/postgresql",
    "/tmp",
    "/var/run/mysqld/mysqld.sock",
    "/run/mysqld/mysqld.sock",
    "/tmp/mysql.sock",
    "/var/lib/mysql/mysql.sock",
];

/// Returns the host of `host:port` or `[address]:port`.
fn host_of(server: &str) -> &str {
    match server.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => server.split(':').next().unwrap_or_default(),
    }
}

/// Whether this can be a host, perhaps with a port: nothing, a name, an address, or the directory of a socket.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port),
        None if text.starts_with('/') => text.rfind(':').map_or((text, ""), |at| text.split_at(at)),
        None if text.matches(':').count() > 1 => (text, ""),
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let is_port = port.strip_prefix(':').is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let is_address = host.contains(':') && host.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
    let is_name = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    is_port && (host.starts_with('/') || is_address || is_name) && (port.is_empty() || port.starts_with(':'))
}

/// Whether `host`, perhaps with a port, is this machine.
fn is_local_host(host: &str) -> bool {
    let name = host_of(host).to_ascii_lowercase();
    let loopback = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    name.is_empty()
        || name.starts_with('/')
        || name == "localhost"
        || name.ends_with(".localhost")
        || loopback
}

/// Returns the length of `user:password@host:port`. A password that should have been encoded may contain any of `/ ?
/// #`.
fn authority_length(rest: &str) -> usize {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let has_user = rest[..end].contains('@');
    let host_with_port =
        rest[..end].rsplit_once(':').is_none_or(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    match rest[end..].find('@') {
        Some(at) if !has_user && !host_with_port => {
            let host = end + at + 1;
            host + rest[host..].find(['/', '?', '#']).unwrap_or(rest.len() - host)
        }
        _ => end,
    }
}

/// Encodes whatever would end a path, or begin an encoded character.
fn percent_encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            ' ' => out.push_str("%20"),
            '#' => out.push_str("%23"),
            '%' => out.push_str("%25"),
            '?' => out.push_str("%3F"),
            c => out.push(c),
        }
    }
    out
}

/// Decodes `%XX`; malformed sequences stay.
fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_changes() {
        for (before, after) in [
            ("postgres://u:p@h:5432/old?sslmode=require", "postgres://u:p@h:5432/new?sslmode=require"),
            ("postgresql+psycopg://u:p%40ss@h/old", "postgresql+psycopg://u:p%40ss@h/new"),
            ("postgres:///old", "postgres:///new"),
            ("postgres://u@/old?host=/var/run", "postgres://u@/new?host=/var/run"),
            ("postgres://%2Fvar%2Frun/old", "postgres://%2Fvar%2Frun/new"),
            ("postgres://u:p@[::1]:5432/old", "postgres://u:p@[::1]:5432/new"),
            ("postgres://a:1,b:2/old", "postgres://a:1,b:2/new"),
            ("postgres://u:p#ss@h/old", "postgres://u:p#ss@h/new"),
            ("postgres://u:p/s?s@h:1/old?x=1", "postgres://u:p/s?s@h:1/new?x=1"),
            ("postgres://h", "postgres://h/new"),
            ("postgres://h/?x=a/b", "postgres://h/new?x=a/b"),
            ("postgres://h/old/a%20b", "postgres://h/new/a%20b"),
            ("postgres://u:p#ss@h/old?x=a@b", "postgres://u:p#ss@h/new?x=a@b"),
            ("mysql://u:@h/old", "mysql://u:@h/new"),
        ] {
            assert_eq!(Url::parse(before).unwrap().with_database("new"), after);
        }
    }

    #[test]
    fn what_is_malformed_is_not_decoded() {
        for (text, want) in [
            ("%41%2f%2F", "A//"),
            ("a+b%", "a+b%"),
            ("%4", "%4"),
            ("%zz%+1%%41", "%zz%+1%A"),
            ("%ffé%C3%A9", "\u{fffd}éé"),
        ] {
            assert_eq!(percent_decoded(text), want, "{text}");
        }
    }

    #[test]
    fn the_server_is_without_a_password() {
        for (url, server) in [
            ("postgres://u:p@h:5432/x", "h:5432"),
            ("postgres://u:p@ss@h/x", "h"),
            ("postgres:///x", ""),
            ("a:b", ""),
        ] {
            assert_eq!(Url::parse(url).unwrap().server(), server);
        }
    }

    #[test]
    fn postgres_programs_get_what_they_know_and_no_password() {
        for (url, login, password, is_local) in [
            (
                "postgres://u:p%40ss@h:5432/x?sslmode=require&conn_max_age=60",
                "postgresql://u@h:5432/n?sslmode=require",
                Some("p@ss"),
                false,
            ),
            ("psql://u@localhost/x", "postgresql://u@localhost/n", None, true),
            ("postgis:///x?host=/var/run", "postgresql:///n?host=/var/run", None, true),
            ("postgres://u:a:b@%2Fvar%2Frun/x", "postgresql://u@%2Fvar%2Frun/n", Some("a:b"), true),
            ("pgsql://u:p#s@[::1]:5433/x", "postgresql://u@[::1]:5433/n", Some("p#s"), true),
            ("postgres://127.0.0.1,db/x", "postgresql://127.0.0.1,db/n", None, false),
            (
                "postgresql+psycopg://db.localhost/x?host=elsewhere",
                "postgresql://db.localhost/n?host=elsewhere",
                None,
                false,
            ),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(url.libpq("n"), login);
            assert_eq!(url.password().as_deref(), password, "{login}");
            assert_eq!(url.is_local(), is_local, "{login}");
            assert_eq!(url.database(), "x");
        }
    }

    #[test]
    fn a_part_that_may_be_of_the_password_is_told_by_nobody() {
        for url in [
            "postgres://app:pass@word/x#y@127.0.0.1:1/shop",
            "postgres://app:12/word@localhost/shop",
            "postgres://app:12#word@localhost/shop",
            "postgres://app:12?word=a@localhost/shop",
            "postgres://app:word/shop",
            "postgres://app:word",
            "postgres:app:word@localhost/shop",
            "postgres://app:p#s@s/t@localhost/shop",
            "mysql://localhost:33o6/shop",
            "postgres://ho st/shop",
            "postgres:///shop?host=a:b:x",
            "postgres:///shop?host=localhost&port=word",
        ] {
            assert!(Url::of_server(url).is_err(), "{url}");
        }
        for (url, address, password) in [
            ("postgres://app:p%40ss%2Fw@localhost:5432/shop", "localhost:5432", "p@ss/w"),
            ("postgres://app:p@ss@localhost/shop", "localhost", "p@ss"),
            ("postgres://app:p/s?s#s@localhost/shop", "localhost", "p/s?s#s"),
            ("postgres://app:a:b@[::1]:5432/shop?x=1", "[::1]:5432", "a:b"),
            (
                "postgres://app@db-1.example.com,10.0.0.1:1/shop?password=a%40b",
                "db-1.example.com,10.0.0.1:1",
                "a@b",
            ),
            ("postgres:///shop?host=/run/x&port=5433&password=p", "/run/x:5433", "p"),
            ("mysql://app:p@%2Frun%2Fx.sock/shop", "%2Frun%2Fx.sock", "p"),
        ] {
            let url = Url::of_server(url).unwrap();
            assert_eq!((url.address().as_str(), url.password().as_deref()), (address, Some(password)));
            assert!(!url.libpq("x").contains(password) || password.len() == 1);
            assert_eq!(url.without_secrets(&format!("<{password}>")), "<***>");
        }
        let url =
            Url::of_server("postgres://shop:shop@h/x?sslpassword=key&options=-csearch_path%3Da").unwrap();
        assert_eq!(url.libpq("x"), "postgresql://shop@h/x");
        assert_eq!(url.without_secrets("role \"shop\": key -csearch_path=a"), "role \"shop\": *** ***");
    }

    #[test]
    fn sqlite_places() {
        use SqlitePlace::{Absolute, Memory, Relative};
        for (url, want) in [
            ("sqlite:///db.sqlite3", Some(Relative("db.sqlite3".into()))),
            ("sqlite:///a%20b/db", Some(Relative("a b/db".into()))),
            ("sqlite:////srv/db.sqlite3?timeout=5", Some(Absolute("/srv/db.sqlite3".into()))),
            ("sqlite://:memory:", Some(Memory)),
            ("sqlite:///:memory:", Some(Memory)),
            ("sqlite://", Some(Memory)),
            ("sqlite:db", Some(Relative("db".into()))),
            ("sqlite://db.sqlite3", None),
        ] {
            assert_eq!(Url::parse(url).unwrap().sqlite_place(), want, "{url}");
        }
        let url = Url::parse("sqlite:////srv/db?x=1").unwrap();
        assert_eq!(url.with_path("//a b/c#d"), "sqlite:////a%20b/c%23d?x=1");
    }

    #[test]
    fn what_is_no_url_is_none_and_nothing_panics() {
        for text in ["", "x", "://", "1a://x", "a b:c", ":"] {
            assert!(Url::parse(text).is_none(), "{text:?}");
        }
        for text in ["a:", "a://", "a://%", "a://%zz/%f", "a:?#", "sqlite:%", "é:x", "a:é@é?é"] {
            if let Some(url) = Url::parse(text) {
                let _ = (url.scheme(), url.with_database("x"), url.with_path("é"), url.sqlite_place());
            }
        }
    }

    #[test]
    fn a_server_has_one_name_however_it_is_written() {
        let same = |urls: &[&str]| {
            let names = urls.iter().map(|text| {
                let url = Url::parse(text).unwrap();
                {
                    let Some(Engine::Server(engine)) = Engine::of(url.scheme()) else { panic!("{text}") };
                    canonical(engine, &url.address())
                }
            });
            let mut names: Vec<String> = names.collect();
            names.dedup();
            names
        };
        let postgres = [
            "postgres://u:p@localhost/x",
            "postgres://LOCALHOST:5432/x",
            "postgresql://127.0.0.1:5432/x",
            "postgres://[::1]/x",
            "postgres://[::1]:5432/x",
            "postgres:///x",
            "postgres://u@/x?host=/var/run/postgresql",
            "postgres://%2Fvar%2Frun%2Fpostgresql/x",
            "postgres:///x?host=localhost&port=5432",
        ];
        assert_eq!(same(&postgres), ["localhost:5432"]);
        let mysql = [
            "mysql://u@localhost/x",
            "mysql://127.0.0.1:3306/x",
            "mysql:///x?unix_socket=/run/mysqld/mysqld.sock",
        ];
        assert_eq!(same(&mysql), ["localhost:3306"]);
        let others = [
            "postgres://localhost:5433/x",
            "postgres:///x?host=/srv/socket",
            "postgres:///x?host=/srv/socket&port=5433",
            "postgres://%2Fsrv%2Fsocket:5433/x",
            "postgres://127.0.0.2/x",
            "postgres://db/x",
            "postgres://db:5433/x",
            "postgres://[2001:db8::1]/x",
            "postgres://[2001:db8::1]:1/x",
            "postgres://localhost,db/x",
        ];
        let want = [
            "localhost:5433",
            "/srv/socket:5432",
            "/srv/socket:5433",
            "127.0.0.2:5432",
            "db:5432",
            "db:5433",
            "[2001:db8::1]:5432",
            "[2001:db8::1]:1",
            "localhost,db:5432",
        ];
        assert_eq!(same(&others), want);
    }

    #[test]
    fn engines_by_scheme() {
        assert_eq!(Engine::of("postgresql+psycopg"), Some(Engine::Server(ServerEngine::Postgres)));
        assert_eq!(Engine::of("sqlite"), Some(Engine::Sqlite));
        assert_eq!(Engine::of("mysql2"), Some(Engine::Server(ServerEngine::Mysql)));
        assert_eq!(Engine::of("redis"), None);
    }
}
