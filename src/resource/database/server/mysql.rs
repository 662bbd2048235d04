//! MySQL and MariaDB, through their own programs: mysql and mysqldump.
//!
//! Databases here have no comment and cannot be renamed. So the mark is the comment of an empty table, which is made
//! first.

use std::path::Path;

use super::{Content, Timeout};
use crate::error::{Error, Explain, Result};
use crate::host::exec::{Output, Program, check_stopped};
use crate::host::file;
use crate::text::url::Url;
use crate::ui::Ui;

/// The table whose comment says which record the database belongs to.
const MARK: &str = "git_wt";
/// The names of the programs in MariaDB, and in MySQL.
const CLIENT: [&str; 2] = ["mariadb", "mysql"];
const DUMP: [&str; 2] = ["mariadb-dump", "mysqldump"];

/// A server, and how to log in there.
pub(super) struct MysqlServer<'a> {
    url: Url<'a>,
    timeout: Timeout,
    ui: Ui,
}

impl<'a> MysqlServer<'a> {
    /// Returns the server of a URL; connects to check that it can be reached.
    pub(super) fn of(url: &'a str, timeout: Timeout, ui: Ui) -> Result<Self> {
        let url =
            Url::of_server(url).map_err(|why| Error::new("the database URL cannot be read").because(why))?;
        let server = Self { url, timeout, ui };
        let asked = server.ask("SELECT 1;")?;
        if asked.code == 0 {
            return Ok(server);
        }
        Err(server.unreachable(&asked))
    }

    fn unreachable(&self, output: &Output) -> Error {
        let place = match self.url.server() {
            "" => "the local MySQL server",
            place => place,
        };
        self.timeout.unreachable(place, output, &self.url)
    }

    /// Makes a database; returns false if one of that name exists already.
    pub(super) fn create(&self, name: &str, from: &Content, record: &str) -> Result<bool> {
        if self.has(name)? {
            return Ok(self.mark(name)? == Some(mark(record)));
        }
        let like = match from {
            Content::Main(main) => self.character_set(main)?,
            Content::Empty | Content::Archive(_) | Content::Script(_) => String::new(),
        };
        if let Content::Script(file) = from {
            super::refuse_choice(
                file,
                uses,
                "mysqldump without --databases writes a script without that line",
            )?;
        }
        let script = format!("CREATE DATABASE {}{like};\n{}", quoted(name), marking(name, record));
        let made = self.run(&script)?;
        if made.code != 0 {
            // somebody else was faster
            return if self.has(name)? && self.mark(name)?.is_none() {
                Ok(false)
            } else {
                Err(self.failure("make", name, &made))
            };
        }
        let filled = match from {
            Content::Empty => Ok(()),
            Content::Main(main) => self.copy(main, name),
            Content::Script(file) => self.load(file, name, record),
            Content::Archive(file) => {
                Err(Error::new(format!("'{}' is not loaded into a MySQL server by itself", file.display())))
            }
        };
        filled.inspect_err(|_| {
            let _ = self.drop_database(name); // the failure itself matters more
        })?;
        Ok(true)
    }

    /// Copies main's content in one snapshot, while others keep using it.
    fn copy(&self, main: &str, name: &str) -> Result<()> {
        let dump = self
            .program(&DUMP)?
            .args(["--single-transaction", "--quick", "--routines", "--triggers", "--no-tablespaces"])
            .arg(format!("--ignore-table={main}.{MARK}"))
            .arg("--")
            .arg(main);
        let load = self.program(&CLIENT)?.arg(format!("--database={name}"));
        let size = if self.ui.is_watched() { self.size(main)? } else { None };
        let (dump, load) = super::pipe(dump, load, main, size, self.ui)?;
        let failed = |output: Output| Err(self.failure("copy", main, &output));
        if dump.code != 0 {
            return failed(dump);
        }
        if load.code != 0 { failed(load) } else { Ok(()) }
    }

    /// Returns how much space the tables of a database take on the server.
    fn size(&self, name: &str) -> Result<Option<u64>> {
        let size = format!(
            "SELECT SUM(data_length) FROM information_schema.tables WHERE table_schema = {};",
            literal(name)
        );
        Ok(self.lines(&size, name)?.first().and_then(|size| size.parse().ok()))
    }

    /// Runs a script in a database.
    fn load(&self, file: &Path, name: &str, record: &str) -> Result<()> {
        let failed = || format!("cannot load '{}' into a new database", file.display());
        let script = file::open(file).explain(failed)?;
        // in this mode the client obeys none of its own commands except DELIMITER: none runs a program or changes the
        // database
        let client = self.program(&CLIENT)?.args(["--batch", "--binary-mode"]);
        let loaded = client.arg(format!("--database={name}")).output_of_file(script)?;
        check_stopped()?;
        if loaded.code != 0 {
            return Err(Error::new(failed()).quoting(&self.url.without_secrets(&loaded.last_words())));
        }
        if self.mark(name)?.as_deref() == Some(&mark(record)) {
            return Ok(());
        }
        // the dump of a worktree's database brings that worktree's mark with it
        let marked = self.run(&marking(name, record))?;
        if marked.code == 0 { Ok(()) } else { Err(self.failure("mark", name, &marked)) }
    }

    /// Drops a database if it is the one that we made; returns whether no database of that name is left. One without a
    /// mark counts as half-made by us if there was no such database before and it is empty.
    pub(super) fn destroy(&self, name: &str, was_absent: bool, record: &str) -> Result<bool> {
        if !self.has(name)? {
            return Ok(true);
        }
        let is_ours = match self.mark(name)? {
            Some(found) => found == mark(record),
            None => was_absent && self.is_empty(name)?,
        };
        if is_ours {
            self.drop_database(name)?;
        }
        Ok(is_ours)
    }

    /// Drops a database unless somebody is connected to it; it may already be gone.
    pub(super) fn drop_database(&self, name: &str) -> Result<()> {
        let who = format!(
            "SELECT CONCAT('session ', id, ' (', user, ')') FROM information_schema.processlist WHERE db = {};",
            literal(name)
        );
        let sessions = self.lines(&who, name)?;
        if !sessions.is_empty() {
            return Err(super::in_use(name, sessions));
        }
        let dropped = self.run(&format!("DROP DATABASE IF EXISTS {};", quoted(name)))?;
        if dropped.code == 0 { Ok(()) } else { Err(self.failure("drop", name, &dropped)) }
    }

    /// Returns the databases that test runners make from one, by Django's naming.
    pub(super) fn tests_of(&self, name: &str) -> Result<Vec<String>> {
        let all = self.lines("SELECT schema_name FROM information_schema.schemata;", name)?;
        let numbered = format!("test_{name}_");
        let is_test = |test: &String| {
            let number = test.strip_prefix(&numbered);
            *test == format!("test_{name}")
                || number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        Ok(all.into_iter().filter(is_test).collect())
    }

    /// Whether there is a database of that name.
    pub(super) fn has(&self, name: &str) -> Result<bool> {
        let count = format!(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name = {};",
            literal(name)
        );
        Ok(!self.lines(&count, name)?.is_empty())
    }

    fn is_empty(&self, name: &str) -> Result<bool> {
        let tables = format!(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = {};",
            literal(name)
        );
        Ok(self.lines(&tables, name)?.is_empty())
    }

    fn mark(&self, name: &str) -> Result<Option<String>> {
        let comment = format!(
            "SELECT table_comment FROM information_schema.tables WHERE table_schema = {} AND table_name = '{MARK}';",
            literal(name)
        );
        Ok(self.lines(&comment, name)?.into_iter().next())
    }

    /// Returns the character set of a database, for another one to be made like it.
    fn character_set(&self, name: &str) -> Result<String> {
        let set = format!(
            "SELECT CONCAT(' CHARACTER SET ', default_character_set_name, ' COLLATE ', default_collation_name)\n\
             FROM information_schema.schemata WHERE schema_name = {};",
            literal(name)
        );
        let found = self.lines(&set, name)?.into_iter().next();
        found.map(|set| format!(" {}", set.trim())).ok_or_else(|| {
            Error::new(format!("there is no database '{name}' to copy"))
                .advise("with 'from = \"empty\"' under [database] nothing is copied")
        })
    }

    fn lines(&self, script: &str, name: &str) -> Result<Vec<String>> {
        let output = self.ask(script)?;
        if output.code != 0 {
            return Err(self.failure("look for", name, &output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }

    fn failure(&self, deed: &str, name: &str, output: &Output) -> Error {
        let said = self.url.without_secrets(&output.stderr);
        Error::new(format!("cannot {deed} the database '{name}'")).quoting(&said)
    }

    /// Asks a question that the server should answer at once.
    fn ask(&self, script: &str) -> Result<Output> {
        let answer = self.timeout.limit(self.client()?).output_of(script.as_bytes())?;
        check_stopped()?;
        if answer.timed_out { Err(self.unreachable(&answer)) } else { Ok(answer) }
    }

    /// Runs a script that may take long.
    fn run(&self, script: &str) -> Result<Output> {
        self.client()?.output_of(script.as_bytes())
    }

    fn client(&self) -> Result<Program> {
        let client = self.program(&CLIENT)?.args(["--batch", "--skip-column-names"]);
        let timeout = self.timeout.to_connect().map(|seconds| format!("--connect-timeout={seconds}"));
        Ok(client.args(timeout))
    }

    /// Returns one of the programs, set up to log in. The password is never on a command line.
    fn program(&self, names: &[&str]) -> Result<Program> {
        let found = names.iter().find_map(|name| which::which(name).ok());
        let found =
            found.ok_or("no such program").explain(|| format!("'{}' was not found on PATH", names[1]));
        let mut program =
            Program::new(found.map_err(|error| error.hint("sudo apt install default-mysql-client"))?);
        for (flag, value) in
            [("--host", self.url.host()), ("--port", self.url.port()), ("--user", self.url.user())]
        {
            if let Some(value) = value {
                program = program.arg(format!("{flag}={value}"));
            }
        }
        if let Some(socket) = self.url.parameter("unix_socket") {
            program = program.arg(format!("--socket={socket}"));
        }
        // set even if empty, since an inherited one would belong to another server
        Ok(program.env("MYSQL_PWD", self.url.password().unwrap_or_default()))
    }
}

/// Returns the comment that marks a database as a record's.
fn mark(record: &str) -> String {
    format!("git-wt:{record}")
}

/// Returns the statements that mark a database as a record's.
fn marking(name: &str, record: &str) -> String {
    let (table, comment) = (format!("{}.{MARK}", quoted(name)), literal(&mark(record)));
    format!("DROP TABLE IF EXISTS {table};\nCREATE TABLE {table} (here INT) COMMENT = {comment};\n")
}

/// Whether a line makes the server switch to another database, by a statement that no client can hold back. Text in
/// quotes is data.
fn uses(line: &str) -> bool {
    let mut code = String::new();
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match quote {
            Some(_) if c == '\\' => drop(chars.next()),
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None => code.push(c),
        }
    }
    let words: Vec<&str> = code.split(|c: char| c.is_whitespace() || ";*/!".contains(c)).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    // USE INDEX, USE KEY and USE FOR are parts of other statements
    let is_part = |next: &str| {
        ["index", "key", "for", "frm"].iter().any(|word| next.to_ascii_lowercase().starts_with(word))
    };
    let is_use = |word: &str| word.eq_ignore_ascii_case("use");
    // the name of the database may be on the next line
    words.windows(2).any(|pair| is_use(pair[0]) && !is_part(pair[1]))
        || words.last().is_some_and(|word| is_use(word))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_database_is_found_wherever_it_stands() {
        for (line, want) in [
            ("USE shop;", true),
            ("use `shop`", true),
            ("USE", true),
            ("SELECT 1; USE shop;", true),
            ("/*!40000 USE shop */;", true),
            ("INSERT INTO t VALUES ('please use it; \\' use x');", false),
            ("SELECT * FROM t USE INDEX (a);", false),
            ("CREATE TABLE used (use_by INT);", false),
            ("-- nothing", false),
        ] {
            assert_eq!(uses(line), want, "{line}");
        }
    }
}
