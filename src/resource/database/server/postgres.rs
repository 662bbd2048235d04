//! PostgreSQL, through its own programs: psql, pg_dump and pg_restore know every way to connect and log in.
//!
//! A new database is filled under a name derived from the record, marked by a comment, and given its final name last.
//! So a half-made database is never mistaken for a finished one, or the other way round.

use std::path::Path;

use super::{Content, Timeout, script};
use crate::error::{Error, Explain, Hint, Result};
use crate::host::exec::{Output, Program, Stoppable, check_stopped};
use crate::host::random;
use crate::text::url::Url;
use crate::ui::Ui;

/// `object_in_use`: somebody is connected to the database (PostgreSQL, "Error Codes").
const IN_USE: &str = "55006";
/// `insufficient_privilege`.
const DENIED: &str = "42501";
/// `duplicate_database`.
const EXISTS: &str = "42P04";
/// psql could not connect, or lost the connection.
const NOT_CONNECTED: u8 = 2;

/// A server, and how to log in there.
pub(super) struct PostgresServer<'a> {
    url: Url<'a>,
    /// The database that we connect to for questions: one that certainly exists.
    home: String,
    timeout: Timeout,
    ui: Ui,
}

impl<'a> PostgresServer<'a> {
    /// Returns the server of a URL; connects to find out which database to ask questions in.
    pub(super) fn of(url: &'a str, from: &Content, timeout: Timeout, ui: Ui) -> Result<Self> {
        let parsed =
            Url::of_server(url).map_err(|why| Error::new("the database URL cannot be read").because(why))?;
        let main = match from {
            Content::Main(name) => name.clone(),
            _ => parsed.database(),
        };
        let mut server = Self { url: parsed, home: "postgres".into(), timeout, ui };
        let asked = server.ask("SELECT 1;", &[])?;
        if asked.code == NOT_CONNECTED {
            server.home = main;
            let again = server.ask("SELECT 1;", &[])?;
            if again.code != 0 {
                return Err(server.unreachable(&asked));
            }
        }
        Ok(server)
    }

    fn unreachable(&self, output: &Output) -> Error {
        let place = match self.url.server() {
            "" => "the local PostgreSQL server",
            server => server,
        };
        let error = self.timeout.unreachable(place, output, &self.url);
        match self.url.parameter("sslpassword") {
            Some(_) => error.because("'sslpassword' is not passed on, since other users would see it"),
            None => error,
        }
    }

    /// Makes a database; returns false if one of that name exists already.
    pub(super) fn create(&self, name: &str, from: &Content, record: &str) -> Result<bool> {
        let half = half(name, record);
        let mark = mark(record);
        match self.comment(name)? {
            Some(found) if found == mark => return Ok(true),
            Some(_) => return Ok(false),
            None => {}
        }
        self.drop_database(&half)?;
        self.fill(&half, from).inspect_err(|_| {
            let _ = self.drop_database(&half); // the failure itself matters more
        })?;
        let finish = "COMMENT ON DATABASE :\"half\" IS :'mark';\n\
                      ALTER DATABASE :\"half\" RENAME TO :\"name\";\n";
        let done = self.psql(finish, &[("half", &half), ("mark", &mark), ("name", name)])?;
        if done.code == 0 {
            return Ok(true);
        }
        self.drop_database(&half)?;
        if sqlstate(&done) == EXISTS { Ok(false) } else { Err(self.failure("make", name, &done)) }
    }

    fn fill(&self, half: &str, from: &Content) -> Result<()> {
        match from {
            Content::Empty => self.run("make", half, "CREATE DATABASE :\"half\";", &[("half", half)]),
            Content::Main(main) => self.copy(main, half),
            Content::Archive(file) => {
                self.fill(half, &Content::Empty)?;
                let restore = self.restore(half)?.arg(file).output()?;
                check_stopped()?;
                self.restored(&restore, &file.display().to_string())
            }
            Content::Script(file) => {
                self.fill(half, &Content::Empty)?;
                self.load(file, half)
            }
        }
    }

    /// Runs a script in a database. psql is restricted to SQL, so that the script can neither connect to another
    /// database nor run a program.
    fn load(&self, file: &Path, half: &str) -> Result<()> {
        let failed = || format!("cannot load '{}' into a new database", file.display());
        let script = script::Script::open(file).explain(failed)?;
        let psql = self.program("psql", half)?.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
        let psql = psql.arg("--single-transaction").arg("--command");
        let psql = psql.arg(format!("\\restrict {}", random::hex(32)?)).args(["--file", "-"]);
        let loaded = psql.output_of_all(Stoppable(script))?;
        check_stopped()?;
        if loaded.code == 0 {
            return Ok(());
        }
        let said = loaded.last_words().replace("<stdin>", &file.display().to_string());
        let error = Error::new(failed()).quoting(&self.url.without_secrets(&said));
        Err(if loaded.stderr.contains("invalid command \\restrict") {
            error
                .because("this psql would obey the commands in a script")
                .hint("sudo apt install --only-upgrade postgresql-client")
        } else if loaded.stderr.contains("backslash commands are restricted") {
            error.advise("pg_dump without --create writes a script that needs no command of psql")
        } else if loaded.stderr.contains("role \"") {
            error.advise("pg_dump --no-owner --no-privileges writes a script that fits every user")
        } else {
            error
        })
    }

    /// Copies a database: as a template if nobody else is connected to it, or else by dump and restore, which disturb
    /// nobody.
    fn copy(&self, main: &str, half: &str) -> Result<()> {
        let names = [("half", half), ("main", main)];
        if !self.has_sessions(main)? {
            let made = self.psql("CREATE DATABASE :\"half\" TEMPLATE :\"main\";", &names)?;
            check_stopped()?;
            match sqlstate(&made) {
                _ if made.code == 0 => return self.copy_settings(&names),
                // somebody has connected since; or the database is another user's, which we may read but not use as a
                // template
                IN_USE | DENIED => {}
                _ => return Err(self.failure("copy", main, &made)),
            }
        }
        self.run("make", half, "CREATE DATABASE :\"half\";", &names[..1])?;
        // compressing data between two local programs is not worth it
        let dump = self.program("pg_dump", main)?.args(["--format=custom", "--compress=0"]);
        let dump = dump.args(["--no-owner", "--no-privileges"]);
        let size = if self.ui.is_watched() { self.size(main)? } else { None };
        let (dump, restore) = super::pipe(dump, self.restore(half)?, main, size, self.ui)?;
        if dump.code != 0 {
            return Err(Error::new(format!("cannot copy the database '{main}'"))
                .quoting(&self.url.without_secrets(&dump.stderr)));
        }
        self.restored(&restore, main)?;
        self.copy_settings(&names)
    }

    /// Copies what `ALTER DATABASE … SET` has set for main's database, which neither kind of copy includes.
    fn copy_settings(&self, names: &[(&str, &str)]) -> Result<()> {
        // PostgreSQL stores the values of lists as they must be written
        let settings = "SELECT format('ALTER DATABASE %I SET %I TO %s', :'half', split_part(setting, '=', 1),\n\
             CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries')\n\
             THEN substr(setting, strpos(setting, '=') + 1)\n\
             ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)\n\
             FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting\n\
             WHERE datname = :'main' AND setrole = 0 \\gexec\n";
        self.run("copy the settings of", names[1].1, settings, names)
    }

    fn restore(&self, half: &str) -> Result<Program> {
        Ok(self.program("pg_restore", half)?.args(["--no-owner", "--no-privileges", "--exit-on-error"]))
    }

    fn restored(&self, restore: &Output, from: &str) -> Result<()> {
        if restore.code == 0 {
            return Ok(());
        }
        let said = self.url.without_secrets(&restore.stderr);
        Err(Error::new(format!("cannot restore '{from}' into a new database")).quoting(&said))
    }

    /// Returns how much space a database takes on the server.
    fn size(&self, name: &str) -> Result<Option<u64>> {
        let size = self.lines("SELECT pg_database_size(:'name');", &[("name", name)])?;
        Ok(size.first().and_then(|size| size.parse().ok()))
    }

    /// Whether anybody but us is connected to a database.
    fn has_sessions(&self, name: &str) -> Result<bool> {
        Ok(!self.sessions(name)?.is_empty())
    }

    /// Describes who is connected to a database, for people.
    fn sessions(&self, name: &str) -> Result<Vec<String>> {
        let who = "SELECT 'session ' || pid || coalesce(' (' || nullif(application_name, '') || ')', '')\n\
                   FROM pg_stat_activity WHERE datname = :'name' AND pid <> pg_backend_pid();";
        self.lines(who, &[("name", name)])
    }

    /// Drops a database if it is the one that we made, half or whole; returns whether no database of that name is left.
    pub(super) fn destroy(&self, name: &str, record: &str) -> Result<bool> {
        self.drop_database(&half(name, record))?;
        match self.comment(name)? {
            None => Ok(true),
            Some(found) if found == mark(record) => self.drop_database(name).map(|()| true),
            Some(_) => Ok(false),
        }
    }

    /// Drops a database unless somebody is connected to it; it may already be gone.
    pub(super) fn drop_database(&self, name: &str) -> Result<()> {
        let done = self.psql("DROP DATABASE IF EXISTS :\"name\";", &[("name", name)])?;
        if done.code == 0 {
            return Ok(());
        }
        if sqlstate(&done) != IN_USE {
            return Err(self.failure("drop", name, &done));
        }
        let error =
            Error::new(format!("the database '{name}' is in use, and nobody's session is ended for it"));
        let error = self.sessions(name)?.into_iter().fold(error, Error::because);
        Err(error.advise("stop what uses it, and do it again").hint("git wt remove --keep-db NAME"))
    }

    /// Returns the databases that test runners make from one, by Django's naming: `test_NAME`, and `test_NAME_1` in
    /// parallel.
    pub(super) fn tests_of(&self, name: &str) -> Result<Vec<String>> {
        let tests = "SELECT datname FROM pg_database WHERE datname = 'test_' || :'name'\n\
                     OR datname ~ ('^test_' || :'name' || '_[0-9]+$');";
        self.lines(tests, &[("name", name)])
    }

    /// Returns the comment of a database, empty if it has none; `None` if there is no such database.
    fn comment(&self, name: &str) -> Result<Option<String>> {
        let comment = "SELECT coalesce(shobj_description(oid, 'pg_database'), '') || '.'\n\
                       FROM pg_database WHERE datname = :'name';";
        let found = self.lines(comment, &[("name", name)])?.into_iter().next();
        Ok(found.map(|comment| comment.trim_end_matches('.').to_owned()))
    }

    fn lines(&self, script: &str, names: &[(&str, &str)]) -> Result<Vec<String>> {
        let output = self.ask(script, names)?;
        if output.code != 0 {
            return Err(self.failure("look for", names[0].1, &output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }

    fn run(&self, deed: &str, what: &str, script: &str, names: &[(&str, &str)]) -> Result<()> {
        let output = self.psql(script, names)?;
        check_stopped()?;
        if output.code == 0 { Ok(()) } else { Err(self.failure(deed, what, &output)) }
    }

    fn failure(&self, deed: &str, name: &str, output: &Output) -> Error {
        let error = Error::new(format!("cannot {deed} the database '{name}'"))
            .quoting(&self.url.without_secrets(&readable(&output.stderr)));
        if sqlstate(output) == DENIED {
            let user = self.lines("SELECT quote_ident(current_user);", &[("name", name)]);
            let user = user.ok().and_then(|lines| lines.into_iter().next()).unwrap_or_default();
            return error
                .because("an administrator of the server can give the right to it")
                .advise("'shared = true' under [database] uses the main worktree's")
                .hint(Hint::of("psql").word("--command=", format!("ALTER ROLE {user} CREATEDB")));
        }
        error
    }

    /// Asks a question that the server should answer at once.
    fn ask(&self, script: &str, names: &[(&str, &str)]) -> Result<Output> {
        let answer = self.timeout.limit(self.client(names)?).output_of(script.as_bytes())?;
        check_stopped()?;
        if answer.timed_out { Err(self.unreachable(&answer)) } else { Ok(answer) }
    }

    /// Runs a script that may take long; names in it are variables, which psql quotes.
    fn psql(&self, script: &str, names: &[(&str, &str)]) -> Result<Output> {
        self.client(names)?.output_of(script.as_bytes())
    }

    fn client(&self, names: &[(&str, &str)]) -> Result<Program> {
        let mut psql = self.program("psql", &self.home)?;
        psql = psql.args(["--no-psqlrc", "--no-align", "--tuples-only", "--quiet"]);
        for variable in ["ON_ERROR_STOP=1", "VERBOSITY=verbose"] {
            psql = psql.args(["--set", variable]);
        }
        for (name, value) in names {
            psql = psql.arg("--set").arg(format!("{name}={value}"));
        }
        Ok(psql)
    }

    /// Returns one of PostgreSQL's programs, set up to log in to a database. No secret is on a command line.
    fn program(&self, name: &str, database: &str) -> Result<Program> {
        let found = which::which(name).explain(|| format!("'{name}' was not found on PATH"));
        let program = found.map_err(|error| error.hint("sudo apt install postgresql-client"))?;
        let program = Program::new(program)
            .env("LC_ALL", "C")
            .env("PGAPPNAME", "git-wt")
            .arg("--no-password")
            .arg(format!("--dbname={}", self.url.libpq(database)));
        let with = [
            ("PGPASSWORD", self.url.password()),
            ("PGOPTIONS", self.url.parameter("options")),
            ("PGCONNECT_TIMEOUT", self.timeout.to_connect()),
        ];
        let given = with.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(given.fold(program, |program, (name, value)| program.env(name, value)))
    }
}

/// Returns the name under which a record's database is made. Ids end with digits that are unique to them.
fn half(name: &str, record: &str) -> String {
    let digits = record.rsplit('-').next().unwrap_or_default();
    format!("{}_half_{digits}", &name[..name.floor_char_boundary(40)])
}

/// Returns the comment that marks a database as a record's.
fn mark(record: &str) -> String {
    format!("git-wt:{record}")
}

/// Returns the code in psql's verbose message, `ERROR:  55006: …`; the word before it is in the server's language.
fn sqlstate(output: &Output) -> &str {
    let codes =
        output.stderr.lines().filter_map(|line| line.split(": ").map(str::trim).find(|word| is_code(word)));
    codes.into_iter().next().unwrap_or_default()
}

fn is_code(word: &str) -> bool {
    word.len() == 5 && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) && word != "ERROR"
}

/// Returns the message without the location in PostgreSQL's own source.
fn readable(stderr: &str) -> String {
    stderr.lines().filter(|line| !line.starts_with("LOCATION:")).collect::<Vec<_>>().join("\n")
}
