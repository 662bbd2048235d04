//! A worktree's database on a server: made there, marked there, and dropped only if the record, our claim on its name
//! and the mark agree.
//!
//! Records hold no secret: user and password are read from the env file with the URL each time they are needed. No
//! session of anybody's is ever ended.

mod mysql;
mod postgres;
mod script;

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Content;
use crate::error::{Error, Explain, Result};
use crate::host::claims::Claimed;
use crate::host::exec::{Output, Program, Stoppable, check_stopped};
use crate::host::file;
use crate::recipe::consent::Granted;
use crate::resource::{Created, Destroyed, Site};
use crate::text::dotenv::{EnvText, Value};
use crate::text::url::{ServerEngine, Url, canonical};
use crate::ui::{Ui, bytes};

/// Copies a database through a pipe between two programs. `size` is its size according to the server.
fn pipe(dump: Program, load: Program, main: &str, size: Option<u64>, ui: Ui) -> Result<(Output, Output)> {
    let passed = AtomicU64::new(0);
    let size = size.map(|size| format!(" ({} on the server)", bytes(size))).unwrap_or_default();
    let how_far = || format!("copying database '{main}'{size}: {}", bytes(passed.load(Ordering::Relaxed)));
    let ended = ui.watch(&how_far, || dump.output_into(load, &passed))?;
    check_stopped().map(|()| ended)
}

/// Refuses a script that chooses its database itself, because that would not be the new one.
fn refuse_choice(file: &Path, chooses: impl Fn(&str) -> bool, advice: &str) -> Result<()> {
    // lines that choose one are shorter
    const LONGEST: u64 = 1 << 16;
    let failed = || format!("cannot read '{}'", file.display());
    let mut script = BufReader::new(Stoppable(file::open(file).explain(failed)?));
    let (mut line, mut number, mut is_whole) = (Vec::new(), 0, true);
    loop {
        let begins = is_whole;
        line.clear();
        let read = script.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        check_stopped()?;
        if read.explain(failed)? == 0 {
            return Ok(());
        }
        number += usize::from(begins);
        is_whole = line.ends_with(b"\n");
        let line = String::from_utf8_lossy(&line);
        if begins && chooses(line.trim()) {
            let place = format!("line {number}: {}", crate::text::name::escaped(line.trim()));
            return Err(Error::new(format!("'{}' chooses a database itself", file.display()))
                .because(place)
                .because("what follows would not go into the worktree's own")
                .advise(advice));
        }
    }
}

/// How long to wait for a server's answer, in seconds; 0 means without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timeout(u64);

impl Default for Timeout {
    fn default() -> Self {
        Self(10)
    }
}

impl Timeout {
    /// Limits the time of a program that asks a single question.
    fn limit(self, program: Program) -> Program {
        if self.0 == 0 { program } else { program.limit(Duration::from_secs(self.0)) }
    }

    /// Returns the connection timeout for the programs: longer than our own limit, so that we report it, not they.
    fn to_connect(self) -> Option<String> {
        (self.0 > 0).then(|| (self.0 + 1).to_string())
    }

    fn unreachable(self, server: &str, output: &Output, url: &Url) -> Error {
        let error = Error::new(format!("cannot reach the database server ({server})"));
        if output.timed_out {
            error
                .because(format!("it gave no answer within {} s", self.0))
                .hint("git config wt.database.timeout 60s")
        } else {
            error.quoting(&url.without_secrets(&output.stderr))
        }
    }
}

/// A URL with its password, which is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

/// What to do instead if a server cannot be reached.
const NO_ENV: &str = "git wt add --no-env NAME";

/// A database on a PostgreSQL, MySQL or MariaDB server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerDatabase {
    pub engine: ServerEngine,
    pub name: String,
    /// Host and port, as spelled in the URL.
    pub server: String,
    /// The variable of the env file that holds the URL.
    pub variable: String,
    /// That env file, relative to a worktree.
    pub file: String,
    pub from: Content,
    /// How long to wait for the server's answer.
    #[serde(default)]
    pub timeout: Timeout,
    /// Whether no database of this name existed when we looked.
    #[serde(default)]
    absent: bool,
    /// Whether it had no test databases when we looked: any that exist later were made from it.
    #[serde(default)]
    tests_absent: bool,
    #[serde(skip)]
    url: Secret,
    /// Whether making it failed before the server was asked to change anything.
    #[serde(skip)]
    is_untouched: bool,
}

impl ServerDatabase {
    /// Returns a database to be made on the server of `url`, which the env file `file` has in `variable`.
    pub fn new(
        engine: ServerEngine,
        name: Granted<String>,
        url: &str,
        variable: &str,
        file: &str,
        from: Granted<Content>,
    ) -> Self {
        let server = Url::of_server(url).map(|url| url.address()).unwrap_or_default();
        let (variable, file) = (variable.to_owned(), file.to_owned());
        Self {
            engine,
            name: name.into_inner(),
            server,
            variable,
            file,
            from: from.into_inner(),
            timeout: Timeout::default(),
            absent: false,
            tests_absent: false,
            url: Secret(url.to_owned()),
            is_untouched: false,
        }
    }

    /// Returns the same database with this limit for the server's answers.
    #[must_use]
    pub fn within(self, timeout: Option<Duration>) -> Self {
        Self { timeout: Timeout(timeout.unwrap_or_default().as_secs()), ..self }
    }

    /// Notes what exists now, if the server cannot tell later what was half-made.
    pub fn look(&mut self, site: &Site) -> Result<()> {
        if self.engine == ServerEngine::Mysql {
            let url = self.url(site)?;
            let server =
                mysql::MysqlServer::of(&url, self.timeout, site.ui).map_err(|error| error.hint(NO_ENV))?;
            self.absent = !server.has(&self.name)?;
        }
        Ok(())
    }

    /// Makes the database. If one of that name exists already, it is used, but never becomes ours.
    pub fn create(&mut self, site: &Site) -> Result<Created> {
        if let Claimed::Taken(claim) = site.claims.claim_database(&self.claimed(), site.owner)? {
            return Err(Error::new(claim.to_string()).hint("git wt doctor"));
        }
        self.is_untouched = true;
        let url = self.url(site)?;
        let server = self.server(&url, site.ui).map_err(|error| error.hint(NO_ENV))?;
        self.tests_absent = server.tests_of(&self.name)?.is_empty();
        self.is_untouched = false;
        if server.create(&self.name, &self.from, &site.owner.record)? {
            return Ok(Created::Made);
        }
        site.claims.release_database(&self.claimed(), site.owner)?;
        Ok(Created::Found)
    }

    /// Drops the database and its test databases if it is the one that we made, and gives up its name.
    pub fn destroy(&self, site: &Site) -> Result<Destroyed> {
        if self.is_untouched {
            site.claims.release_database(&self.claimed(), site.owner)?;
            return Ok(Destroyed::Kept);
        }
        let url = self.url(site)?;
        let server =
            self.server(&url, site.ui).map_err(|error| error.hint("git wt remove --keep-db NAME"))?;
        let gone = server.destroy(&self.name, self.absent, &site.owner.record)?;
        if gone && self.tests_absent {
            for name in server.tests_of(&self.name)? {
                let claimed = self.claimed_as(&name);
                let others = site.claims.find(&crate::host::claims::Thing::Database(claimed)).is_some();
                if !others {
                    server.drop_database(&name)?;
                }
            }
        }
        site.claims.release_database(&self.claimed(), site.owner)?;
        Ok(if gone {
            Destroyed::Gone
        } else {
            Destroyed::Left(format!("{}: it is not the one that was made", self.describe()))
        })
    }

    /// Returns its place as written in claims, without user and password.
    pub fn claimed(&self) -> String {
        self.claimed_as(&self.name)
    }

    fn claimed_as(&self, name: &str) -> String {
        place(self.engine, &self.server, name)
    }

    fn server<'a>(&self, url: &'a str, ui: Ui) -> Result<AnyServer<'a>> {
        Ok(match self.engine {
            ServerEngine::Mysql => AnyServer::Mysql(mysql::MysqlServer::of(url, self.timeout, ui)?),
            ServerEngine::Postgres => {
                AnyServer::Postgres(postgres::PostgresServer::of(url, &self.from, self.timeout, ui)?)
            }
        })
    }

    /// Describes it, as in "database 'shop_staging' on localhost:5432".
    pub fn describe(&self) -> String {
        let server = if self.server.is_empty() { "the local server" } else { &self.server };
        format!("database '{}' on {server}", crate::text::name::escaped(&self.name))
    }

    /// Returns the URL of the server: as planned, or else from the worktree's env file, or else from main's. A URL of a
    /// server other than the recorded one is ignored.
    fn url(&self, site: &Site) -> Result<String> {
        if !self.url.0.is_empty() {
            return Ok(self.url.0.clone());
        }
        let files = [Some(site.root), site.main].into_iter().flatten().map(|root| root.join(&self.file));
        files.into_iter().find_map(|file| self.url_in(&file)).ok_or_else(|| {
            Error::new(format!("no way to reach {} is known", self.describe()))
                .because(format!("{} in '{}' does not lead there", self.variable, self.file))
                .hint("git wt remove --keep-db NAME")
        })
    }

    fn url_in(&self, file: &Path) -> Option<String> {
        let text = EnvText::parse(file::read(file).ok()??);
        let Value::Text(url) = text.get(&self.variable)? else { return None };
        let theirs = canonical(self.engine, &Url::of_server(&url).ok()?.address());
        (theirs == canonical(self.engine, &self.server)).then_some(url)
    }
}

/// Returns a database's place as written in claims, without user and password: the same however its server is spelled.
pub fn place(engine: ServerEngine, server: &str, name: &str) -> String {
    let server = canonical(engine, server);
    let engine = match engine {
        ServerEngine::Mysql => "mysql",
        ServerEngine::Postgres => "postgres",
    };
    format!("{engine}:{server}/{name}")
}

/// A server to which we have logged in.
enum AnyServer<'a> {
    Postgres(postgres::PostgresServer<'a>),
    Mysql(mysql::MysqlServer<'a>),
}

impl AnyServer<'_> {
    fn create(&self, name: &str, from: &Content, record: &str) -> Result<bool> {
        match self {
            Self::Postgres(server) => server.create(name, from, record),
            Self::Mysql(server) => server.create(name, from, record),
        }
    }

    fn destroy(&self, name: &str, was_absent: bool, record: &str) -> Result<bool> {
        match self {
            Self::Postgres(server) => server.destroy(name, record),
            Self::Mysql(server) => server.destroy(name, was_absent, record),
        }
    }

    fn tests_of(&self, name: &str) -> Result<Vec<String>> {
        match self {
            Self::Postgres(server) => server.tests_of(name),
            Self::Mysql(server) => server.tests_of(name),
        }
    }

    fn drop_database(&self, name: &str) -> Result<()> {
        match self {
            Self::Postgres(server) => server.drop_database(name),
            Self::Mysql(server) => server.drop_database(name),
        }
    }
}

/// Returns the refusal to drop a database that somebody is connected to.
fn in_use(name: &str, sessions: Vec<String>) -> Error {
    let error = Error::new(format!("the database '{name}' is in use, and nobody's session is ended for it"));
    let error = sessions.into_iter().fold(error, Error::because);
    error.advise("stop what uses it, and do it again").hint("git wt remove --keep-db NAME")
}
