//! SQLite databases: files, with journals beside them.
//!
//! A new database is filled under a name derived from the record, then renamed to its final name. So a half-made
//! database is never mistaken for a finished one, or the other way round. A live database is never copied as a file.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::super::Content;
use super::statements::Statements;
use crate::error::{Error, Explain, Hint, Result};
use crate::host::exec::{Stoppable, check_stopped};
use crate::host::file;
use crate::resource::mark::Birthmark;

/// The suffixes of files that SQLite keeps beside a database in use.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];
/// How long we wait for a writer of main's database.
const PATIENCE: Duration = Duration::from_secs(10);
/// The mode of a new database: nobody else may read its content.
const PRIVATE: u32 = 0o600;

/// Whether something exists at the place.
pub(super) fn exists(place: &Path) -> bool {
    fs::symlink_metadata(place).is_ok()
}

/// Makes a database; `None` if one exists already.
pub(super) fn create(place: &Path, from: &Content, record: &str) -> Result<Option<Birthmark>> {
    let failed = || format!("cannot make database '{}'", place.display());
    match fs::symlink_metadata(place) {
        Ok(found) if found.is_file() => return Ok(None),
        Ok(_) => return Err(Error::new(failed()).because("something that is not a file is there")),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(Error::new(failed()).because(cause)),
    }
    check_surroundings(place)?;
    let half = half(place, record);
    remove_with_journals(&half).explain(failed)?;
    let made = fill(&half, from).and_then(|()| {
        let made = fs::metadata(&half).explain(failed)?;
        let placed = put_in_place(&half, place).explain(failed)?;
        Ok(placed.then(|| Birthmark::of(&made)))
    });
    if !matches!(made, Ok(Some(_))) {
        remove_with_journals(&half).explain(failed)?;
    }
    made
}

/// Removes the temporary name, which says whose a half-made database is, once the record says so.
pub(super) fn settle(place: &Path, record: &str) -> Result<()> {
    remove_with_journals(&half(place, record))
        .explain(|| format!("cannot make database '{}'", place.display()))
}

/// Gives a finished database its name, unless something has that name; returns whether it did.
///
/// It keeps its first name too, which contains the record's id. If a crash comes before the record is updated, there is
/// still no doubt whose it is.
fn put_in_place(half: &Path, place: &Path) -> io::Result<bool> {
    match fs::hard_link(half, place) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // a file system without hard links
        Err(_) => rename_new(half, place),
    }
}

/// Removes a database with its journals if it is the one we made; returns whether nothing is there now.
pub(super) fn destroy(place: &Path, made: &Birthmark, record: &str) -> Result<bool> {
    remove_if(place, record, |found| made.is(found))
}

/// Removes what a crash left of a database that the record only says was begun.
///
/// It is ours if it still has the name with the record's id. Otherwise the user may have made it a moment later, so it
/// is removed only if it is empty and nothing was there before.
pub(super) fn destroy_half(place: &Path, was_absent: bool, record: &str) -> Result<bool> {
    let unused = !BESIDE.iter().any(|suffix| exists(&beside(place, suffix)));
    let named_by_us = fs::symlink_metadata(half(place, record)).ok().map(|found| Birthmark::of(&found));
    remove_if(place, record, |found| {
        named_by_us.as_ref().is_some_and(|made| made.is(found)) || (was_absent && unused && found.len() == 0)
    })
}

fn remove_if(place: &Path, record: &str, is_ours: impl Fn(&fs::Metadata) -> bool) -> Result<bool> {
    let failed = || format!("cannot remove database '{}'", place.display());
    remove_with_journals(&half(place, record)).explain(failed)?;
    match fs::symlink_metadata(place) {
        Ok(found) if found.is_file() && is_ours(&found) => {
            remove_with_journals(place).explain(failed)?;
            Ok(true)
        }
        Ok(_) => Ok(false),
        Err(cause) if is_absent(&cause) => Ok(true),
        Err(cause) => Err(Error::new(failed()).because(cause)),
    }
}

/// Refuses a place without a directory, or with the journal of an earlier database, which SQLite would apply to ours.
fn check_surroundings(place: &Path) -> Result<()> {
    let dir = place.parent().unwrap_or(place);
    if !dir.is_dir() {
        return Err(Error::new(format!("the directory of database '{}' does not exist", place.display()))
            .hint(Hint::of("mkdir -p").name(dir)));
    }
    match BESIDE.iter().map(|suffix| beside(place, suffix)).find(|path| exists(path)) {
        Some(stale) => Err(Error::new(format!("'{}' is left of an earlier database", stale.display()))
            .because("SQLite would apply it to the new one")
            .hint(Hint::of("rm").name(&stale))),
        None => Ok(()),
    }
}

fn fill(half: &Path, from: &Content) -> Result<()> {
    match from {
        Content::Empty => {
            new_file(half, PRIVATE).map(drop).explain(|| format!("cannot create '{}'", half.display()))
        }
        Content::Main(main) => copy(Path::new(main), half),
        Content::Archive(file) | Content::Script(file) => load(file, half),
    }
}

/// Copies a database that may be in use, as one snapshot, however busy its writers are.
fn copy(main: &Path, half: &Path) -> Result<()> {
    let failed = || format!("cannot copy database '{}'", main.display());
    let mode = fs::metadata(main).explain(failed)?.permissions().mode();
    new_file(half, mode & 0o644).explain(failed)?;
    let text = half.to_str().ok_or_else(|| Error::new(failed()).because("its copy's path is not UTF-8"))?;
    // opened as by any client, so that no journals are left behind; a read-only client would leave them
    let source = open(main).explain(failed)?;
    let copied = source.execute("VACUUM INTO ?1", [text]);
    check_stopped()?;
    copied.explain(failed)?;
    let journal: String = source.query_row("PRAGMA journal_mode", [], |row| row.get(0)).explain(failed)?;
    if journal == "wal" {
        let copy = open(half).explain(failed)?;
        copy.pragma_update(None, "journal_mode", "wal").explain(failed)?;
        close(copy).explain(failed)?;
    }
    close(source).explain(failed)
}

/// Runs the statements of a dump.
fn load(dump: &Path, half: &Path) -> Result<()> {
    let failed = || format!("cannot load '{}'", dump.display());
    let script = file::open(dump).explain(failed)?;
    new_file(half, PRIVATE).explain(failed)?;
    let database = open(half).explain(failed)?;
    // a dump is text from the repository: it may make its own database, but no other one through ATTACH or VACUUM INTO
    database.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0).explain(failed)?;
    for statement in Statements::of(Stoppable(script)) {
        // report why it failed, but not the statement itself: it may come from any file, and contain anything
        let run = |statement: String| {
            let done = database.execute_batch(&statement);
            done.map_err(|cause| match cause {
                rusqlite::Error::SqlInputError { msg, .. } => Error::new(failed()).because(msg),
                other => Error::new(failed()).because(other),
            })
        };
        let loaded = statement.explain(failed).and_then(run);
        check_stopped()?;
        loaded?;
    }
    if !database.is_autocommit() {
        return Err(Error::new(failed()).because("it ends inside a transaction"));
    }
    close(database).explain(failed)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.progress_handler(100_000, Some(|| check_stopped().is_err()))?;
    Ok(connection)
}

fn close(connection: Connection) -> rusqlite::Result<()> {
    connection.close().map_err(|(_, cause)| cause)
}

fn new_file(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// The database itself, and what SQLite may keep beside it.
pub fn with_journals(place: &Path) -> impl Iterator<Item = PathBuf> {
    ["", "-wal", "-shm", "-journal"].into_iter().map(|suffix| beside(place, suffix))
}

/// Renames, unless something has the new name; returns whether it did.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<bool> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // NFS cannot do that: a hard link does as well, and the caller removes the first name
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match fs::hard_link(from, to) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.map(|()| true),
        },
        Err(cause) => Err(cause.into()),
    }
}

/// Removes the database with its journals, journals first, because the database file shows whose they are.
fn remove_with_journals(place: &Path) -> io::Result<()> {
    let files = BESIDE.iter().map(|suffix| beside(place, suffix)).chain([place.to_owned()]);
    for file in files {
        match fs::remove_file(file) {
            Err(cause) if !is_absent(&cause) => return Err(cause),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the file, or perhaps its directory, does not exist.
fn is_absent(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns where a database is made before it is renamed to its place.
pub(super) fn half(place: &Path, record: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(format!(".git-wt-{record}"));
    place.with_file_name(name)
}

fn beside(place: &Path, suffix: &str) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use crate::sandbox::Sandbox;

    /// Makes a database completely.
    fn make(place: &Path, from: &Content, record: &str) -> Result<Option<Birthmark>> {
        let made = create(place, from, record)?;
        settle(place, record)?;
        Ok(made)
    }
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Stops the writer, even if an assertion fails.
    struct Stop<'a>(&'a AtomicBool);

    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn run(path: &Path, statements: &str) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection.execute_batch(statements).unwrap();
        connection
    }

    fn number(connection: &Connection, query: &str) -> i64 {
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    }

    fn text(connection: &Connection, query: &str) -> String {
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    }

    fn from_main(main: &Path) -> Content {
        Content::Main(main.to_str().unwrap().into())
    }

    #[test]
    fn an_empty_one_is_a_valid_database() {
        let sandbox = Sandbox::new();
        let place = sandbox.at("wt/db");
        let made = make(&place, &Content::Empty, "a").unwrap().unwrap();
        assert_eq!(sandbox.names("wt"), ["db"]);
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
        drop(run(&place, "PRAGMA journal_mode = wal; CREATE TABLE t(a); INSERT INTO t VALUES (1)"));
        assert_eq!(make(&place, &Content::Empty, "a").unwrap(), None);
        assert!(destroy(&place, &made, "a").unwrap());
        assert!(destroy(&place, &made, "a").unwrap());
        assert!(sandbox.names("wt").is_empty());
    }

    #[test]
    fn a_live_database_is_copied_whole() {
        for mode in ["wal", "delete"] {
            let sandbox = Sandbox::new();
            let main = sandbox.at("wt/main");
            let setup = format!(
                "PRAGMA journal_mode = {mode}; PRAGMA synchronous = off; CREATE TABLE a(n INTEGER, x); CREATE TABLE b(n INTEGER, x);
                 CREATE INDEX i ON a(x);"
            );
            let writer = run(&main, &setup);
            let (stop, begun) = (AtomicBool::new(false), std::sync::Barrier::new(2));
            std::thread::scope(|scope| {
                let (stop_writer, writer_begun) = (&stop, &begun);
                scope.spawn(move || {
                    for n in 0_u32.. {
                        // both rows or neither: a torn copy has one without the other
                        let pair = format!(
                            "BEGIN IMMEDIATE; INSERT INTO a VALUES ({n}, randomblob(900));
                             INSERT INTO b VALUES ({n}, randomblob(900)); COMMIT;"
                        );
                        writer.execute_batch(&pair).unwrap();
                        if n == 50 {
                            writer_begun.wait();
                        }
                        if stop_writer.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                });
                begun.wait();
                let _stop = Stop(&stop);
                for copy in 0..5 {
                    let place = sandbox.at(format!("wt/copy{copy}"));
                    make(&place, &from_main(&main), "a").unwrap().unwrap();
                    let copy = run(&place, "");
                    assert_eq!(text(&copy, "PRAGMA integrity_check"), "ok", "{mode}");
                    assert!(number(&copy, "SELECT count(*) FROM a") > 50, "{mode}");
                    assert_eq!(
                        number(&copy, "SELECT (SELECT count(*) FROM a) - (SELECT count(*) FROM b)"),
                        0
                    );
                    assert_eq!(text(&copy, "PRAGMA journal_mode"), mode);
                }
            });
        }
    }

    #[test]
    fn copying_leaves_main_as_it_was() {
        for mode in ["wal", "delete"] {
            let sandbox = Sandbox::new();
            let main = sandbox.at("wt/main");
            drop(run(
                &main,
                &format!("PRAGMA journal_mode = {mode}; CREATE TABLE t(a); PRAGMA user_version = 7"),
            ));
            fs::set_permissions(&main, PermissionsExt::from_mode(0o640)).unwrap();
            let before = fs::read(&main).unwrap();
            let place = sandbox.at("wt/copy");
            make(&place, &from_main(&main), "a").unwrap().unwrap();
            assert_eq!(sandbox.names("wt"), ["copy", "main"], "{mode}");
            assert_eq!(fs::read(&main).unwrap(), before, "{mode}");
            assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o640, "{mode}");
            assert_eq!(number(&run(&place, ""), "PRAGMA user_version"), 7);
        }
    }

    #[test]
    fn what_is_no_database_is_not_copied() {
        let sandbox = Sandbox::new();
        let main = sandbox.at("wt/main");
        let place = sandbox.at("wt/copy");
        fs::write(&main, "x".repeat(5000)).unwrap();
        for main in [main.clone(), sandbox.at("wt/missing"), sandbox.at("wt")] {
            assert!(make(&place, &from_main(&main), "a").is_err(), "{main:?}");
        }
        assert_eq!(sandbox.names("wt"), ["main"]);
        fs::write(&main, "").unwrap();
        assert!(make(&place, &from_main(&main), "a").unwrap().is_some());
        assert_eq!(text(&run(&place, ""), "PRAGMA integrity_check"), "ok");
    }

    #[test]
    fn a_dump_is_run_in_its_own_database_only() {
        let sandbox = Sandbox::new();
        let (dump, place, other) = (sandbox.at("wt/dump.sql"), sandbox.at("wt/db"), sandbox.at("wt/other"));
        drop(run(&other, "CREATE TABLE theirs(a)"));
        let theirs = fs::read(&other).unwrap();
        let attach = |path: &Path, then: &str| format!("ATTACH '{}' AS x; {then}", path.display());
        let cases = [
            ("BEGIN; CREATE TABLE t(a); INSERT INTO t VALUES ('a;b'); COMMIT; -- end".to_owned(), true),
            ("PRAGMA journal_mode = wal; CREATE TABLE t(a);".to_owned(), true),
            (String::new(), true),
            ("BEGIN; CREATE TABLE t(a);".to_owned(), false),
            ("CREATE TABLE t(a); nonsense".to_owned(), false),
            (attach(&other, "INSERT INTO x.theirs VALUES (1);"), false),
            (attach(&sandbox.at("wt/new"), "CREATE TABLE x.t(a);"), false),
            (format!("CREATE TABLE t(a); VACUUM INTO '{}';", sandbox.at("wt/new").display()), false),
        ];
        for (statements, loads) in cases {
            fs::write(&dump, &statements).unwrap();
            let made = make(&place, &Content::Script(dump.clone()), "a");
            assert_eq!(made.is_ok(), loads, "{statements}");
            if let Ok(made) = made {
                assert_eq!(sandbox.names("wt"), ["db", "dump.sql", "other"], "{statements}");
                assert!(destroy(&place, &made.unwrap(), "a").unwrap());
            }
            assert_eq!(sandbox.names("wt"), ["dump.sql", "other"], "{statements}");
            assert_eq!(fs::read(&other).unwrap(), theirs, "{statements}");
        }
    }

    #[test]
    fn a_stale_journal_is_not_applied_to_a_new_database() {
        let sandbox = Sandbox::new();
        sandbox.write("wt/db-journal", "stale");
        let error = make(&sandbox.at("wt/db"), &Content::Empty, "a").unwrap_err();
        assert!(error.what.contains("db-journal' is left of an earlier database"), "{}", error.what);
        assert_eq!(sandbox.names("wt"), ["db-journal"]);
    }

    #[test]
    fn renaming_never_replaces() {
        let sandbox = Sandbox::new();
        let (from, to) = (sandbox.at("wt/from"), sandbox.at("wt/to"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert!(!rename_new(&from, &to).unwrap());
        assert_eq!(fs::read_to_string(&to).unwrap(), "old");
        fs::remove_file(&to).unwrap();
        assert!(rename_new(&from, &to).unwrap());
        assert_eq!(sandbox.names("wt"), ["to"]);
    }

    #[test]
    fn the_half_of_another_record_stays() {
        let sandbox = Sandbox::new();
        let place = sandbox.at("wt/db");
        fs::write(half(&place, "b"), "theirs").unwrap();
        make(&place, &Content::Empty, "a").unwrap().unwrap();
        assert!(destroy_half(&place, true, "a").unwrap());
        assert_eq!(sandbox.names("wt"), [".db.git-wt-b"]);
    }
}
