//! A worktree's SQLite database: a file, which is recognised by its birthmark as the one we made.

mod file;
mod statements;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Content;
use crate::error::{Error, Explain, Result};
use crate::git::is_ignored;
use crate::host::claims::{Claimed, Claims, Owner, Thing};
use crate::recipe::consent::Granted;
use crate::resource::mark::Birthmark;
use crate::resource::relocation::Relocation;
use crate::resource::tree::{self, Tree};
use crate::resource::{Created, Destroyed, Site};
use crate::ui::bytes;

/// A database in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqliteDatabase {
    /// The absolute path of the file.
    pub place: String,
    pub from: Content,
    /// Whether nothing was there when we looked.
    absent: bool,
    /// The file that was made.
    mark: Option<Birthmark>,
}

impl SqliteDatabase {
    /// Returns a database at this place, to be made.
    pub fn new(place: Granted<String>, from: Granted<Content>) -> Self {
        Self { place: place.into_inner(), from: from.into_inner(), absent: false, mark: None }
    }

    /// Notes what exists now; without this, anything that a crash left unrecorded is never removed.
    pub fn look(&mut self) {
        self.absent = !file::exists(self.path());
    }

    /// Makes the database. If one exists already, it is used, but never becomes ours.
    fn create(&mut self, worktree: &Tree, claims: &Claims, owner: &Owner) -> Result<Created> {
        self.check_place(worktree)?;
        self.look();
        if let Claimed::Taken(claim) = claims.claim_database(&self.claimed(), owner)? {
            return Err(Error::new(claim.to_string()).hint("git wt doctor"));
        }
        self.mark = file::create(self.path(), &self.from, &owner.record)?;
        if self.mark.is_some() {
            return Ok(Created::Made);
        }
        self.absent = false;
        claims.release_database(&self.claimed(), owner)?;
        Ok(Created::Found)
    }

    /// Makes it in a worktree, unless it would contain main's data in a file that git does not ignore there.
    pub fn create_in(&mut self, site: &Site) -> Result<Created> {
        if self.would_show_data(site.root) {
            return Ok(Created::Skipped("git does not ignore it there".into()));
        }
        let worktree = Tree::open(site.root)?;
        let how_far = self.how_far(site.owner);
        site.ui.watch(&how_far, || self.create(&worktree, site.claims, site.owner))
    }

    /// Whether it would contain main's data where git does not ignore it.
    pub fn would_show_data(&self, root: &Path) -> bool {
        self.copied_into(root).is_some_and(|inside| !is_ignored(root, inside))
    }

    /// Returns the path in the worktree at `root` to which another database's data would be copied.
    fn copied_into<'a>(&'a self, root: &Path) -> Option<&'a Path> {
        let inside = self.path().strip_prefix(root).ok()?;
        (!matches!(self.from, Content::Empty) && !self.exists()).then_some(inside)
    }

    /// Returns a function that describes the progress while the database is being made.
    fn how_far(&self, owner: &Owner) -> impl Fn() -> String + Sync + use<> {
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
        let half = file::half(self.path(), &owner.record);
        let deed = match &self.from {
            Content::Empty => self.describe(),
            Content::Main(main) => format!("copying database '{main}' ({})", bytes(length(Path::new(main)))),
            Content::Archive(file) | Content::Script(file) => {
                format!("loading '{}' ({})", file.display(), bytes(length(file)))
            }
        };
        move || format!("{deed}: {}", bytes(length(&half)))
    }

    /// Finishes the making, once the record with our mark is on disk.
    pub fn settle(&self, owner: &Owner) -> Result<()> {
        file::settle(self.path(), &owner.record)
    }

    /// Drops the database if it is the one that we made, and releases its place.
    pub fn destroy(&self, claims: &Claims, owner: &Owner) -> Result<Destroyed> {
        let claim = claims.find(&Thing::Database(self.claimed()));
        if !claim.as_ref().is_some_and(|claim| claim.is_of(owner)) {
            let why =
                claim.map_or_else(|| "no claim says that it is ours".to_owned(), |claim| claim.to_string());
            return Ok(if self.exists() { self.left(&why) } else { Destroyed::Gone });
        }
        let gone = match &self.mark {
            Some(made) => file::destroy(self.path(), made, &owner.record)?,
            None => file::destroy_half(self.path(), self.absent, &owner.record)?,
        };
        claims.release_database(&self.claimed(), owner)?;
        Ok(if gone { Destroyed::Gone } else { self.left("it is not the database that was made") })
    }

    /// Claims its new place if it moved with its worktree; returns the old database, to be released once the record
    /// names the new one.
    pub fn follow(&mut self, claims: &Claims, owner: &Owner, moved: &Relocation) -> Result<Option<Self>> {
        let Some(place) = moved.of(self.path()).and_then(|path| path.to_str().map(str::to_owned)) else {
            return Ok(None);
        };
        let before = self.clone();
        self.place = place;
        match claims.claim_database(&self.claimed(), owner)? {
            Claimed::Ours => Ok(Some(before)),
            Claimed::Taken(claim) => Err(Error::new(claim.to_string()).hint("git wt doctor")),
        }
    }

    /// Whether this file belongs to it: the database itself, or a file that SQLite keeps beside it.
    pub fn covers(&self, path: &Path) -> bool {
        ["", "-wal", "-shm", "-journal"]
            .iter()
            .any(|ending| path.as_os_str() == &*format!("{}{ending}", self.place))
    }

    /// Whether it lies below a directory.
    pub fn is_in(&self, root: &Path) -> bool {
        self.path().starts_with(root)
    }

    /// Whether anything has been written into it.
    pub fn has_data(&self) -> bool {
        std::fs::metadata(self.path()).is_ok_and(|found| found.len() > 0)
    }

    /// Describes it, as in "database '/path/db.sqlite3'".
    pub fn describe(&self) -> String {
        format!("database '{}'", crate::text::name::escaped(&self.place))
    }

    /// Refuses a place that a branch has redirected with a link.
    fn check_place(&self, worktree: &Tree) -> Result<()> {
        let path = self.path();
        if !path.is_absolute() {
            return Err(Error::new(format!("the place of database '{}' is not absolute", path.display())));
        }
        match path.strip_prefix(worktree.path()) {
            Ok(rel) if worktree.kind(rel)? == Some(tree::Kind::Link) => {
                Err(Error::new(format!("'{}' is a symbolic link", rel.display()))
                    .because("the database would be another worktree's")
                    .advise("'shared = true' under [database] uses that one on purpose"))
            }
            _ => Ok(()),
        }
    }

    fn exists(&self) -> bool {
        file::exists(self.path())
    }

    fn left(&self, why: &str) -> Destroyed {
        Destroyed::Left(format!("database '{}': {why}", self.path().display()))
    }

    /// Returns the place as written in claims, distinct from those of other engines.
    pub fn claimed(&self) -> String {
        format!("sqlite:{}", self.place)
    }

    fn path(&self) -> &Path {
        Path::new(&self.place)
    }
}

/// Moves a database out of the worktree at `root`, which goes, with what SQLite keeps beside it; returns where each file
/// was, and is.
pub fn move_out(place: &Path, root: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let failed = || format!("cannot keep database '{}'", place.display());
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let is_below =
        place.parent().and_then(real).is_some_and(|dir| real(root).is_some_and(|root| dir.starts_with(root)));
    if !is_below || place.is_symlink() {
        return Err(Error::new(failed()).because("a link leads to it"));
    }
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (tree, file) = (name(root), name(place));
    let names = std::iter::once(tree.clone()).chain((2..).map(|number| format!("{tree}-{number}")));
    let mut free = names.map(|name| root.with_file_name(format!("{name}-{file}"))).filter(|free| {
        // SQLite would take what it finds beside it for the database's own
        file::with_journals(free).all(|file| std::fs::symlink_metadata(file).is_err())
    });
    let to = free.next().unwrap_or_default();
    let mut moved = Vec::new();
    for (from, to) in file::with_journals(place).zip(file::with_journals(&to)) {
        let why = match file::rename_new(&from, &to) {
            Ok(true) => {
                moved.push((from, to));
                continue;
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
            Ok(false) => format!("'{}' has just come there", to.display()),
            Err(cause) => cause.to_string(),
        };
        move_back(&moved)?;
        return Err(Error::new(failed()).because(why));
    }
    Ok(moved)
}

/// Moves files back to where they were.
pub fn move_back(moved: &[(PathBuf, PathBuf)]) -> Result<()> {
    for (from, to) in moved {
        std::fs::rename(to, from).explain(|| format!("cannot move '{}' back", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use crate::recipe::consent::Consent;
    use crate::sandbox::{Sandbox, reread};
    use std::fs;
    use std::os::unix::fs::symlink;

    fn owner(record: &str, ino: u64) -> Owner {
        Owner { record: record.into(), name: "staging".into(), common_dir: "/p/.git".into(), dev: 1, ino }
    }

    fn granted<T>(part: T) -> Granted<T> {
        Consent::default().database(part, None).unwrap()
    }

    fn database(sandbox: &Sandbox, rel: &str) -> SqliteDatabase {
        let place = sandbox.at(rel).to_str().unwrap().to_owned();
        SqliteDatabase::new(granted(place), granted(Content::Empty))
    }

    fn create(sandbox: &Sandbox, database: &mut SqliteDatabase) -> Result<Created> {
        database.create(&sandbox.worktree, &sandbox.claims(), &owner("a", 2))
    }

    fn destroy(sandbox: &Sandbox, database: &SqliteDatabase, owner: &Owner) -> Destroyed {
        reread(database).destroy(&sandbox.claims(), owner).unwrap()
    }

    fn is_claimed(sandbox: &Sandbox) -> bool {
        !sandbox.claims().databases().unwrap().is_empty()
    }

    #[test]
    fn ours_is_made_claimed_and_dropped() {
        let sandbox = Sandbox::new();
        let mut database = database(&sandbox, "wt/db.sqlite3");
        assert_eq!(create(&sandbox, &mut database).unwrap(), Created::Made);
        assert!(is_claimed(&sandbox));
        sandbox.write("wt/db.sqlite3", "used");
        sandbox.write("wt/db.sqlite3-wal", "used");
        for _ in 0..2 {
            assert_eq!(destroy(&sandbox, &database, &owner("a", 2)), Destroyed::Gone);
        }
        assert!(!is_claimed(&sandbox));
        assert!(sandbox.names("wt").is_empty());
    }

    #[test]
    fn an_existing_one_is_used_and_never_ours() {
        let sandbox = Sandbox::new();
        sandbox.write("wt/db.sqlite3", "");
        let mut database = database(&sandbox, "wt/db.sqlite3");
        database.look();
        assert_eq!(create(&sandbox, &mut database).unwrap(), Created::Found);
        assert!(!is_claimed(&sandbox));
        assert!(matches!(destroy(&sandbox, &database, &owner("a", 2)), Destroyed::Left(_)));
        assert!(sandbox.at("wt/db.sqlite3").exists());
    }

    #[test]
    fn anothers_is_refused_and_kept() {
        let sandbox = Sandbox::new();
        let mut database = database(&sandbox, "shared.sqlite3");
        assert_eq!(create(&sandbox, &mut database).unwrap(), Created::Made);
        let error =
            database.clone().create(&sandbox.worktree, &sandbox.claims(), &owner("b", 2)).unwrap_err();
        assert!(error.what.ends_with("is claimed by 'staging' of /p/.git"), "{}", error.what);
        // the record of a repository copied with `cp -a` says the same about the same file
        assert!(matches!(destroy(&sandbox, &database, &owner("a", 3)), Destroyed::Left(_)));
        assert!(sandbox.at("shared.sqlite3").exists());
        assert!(is_claimed(&sandbox));
    }

    #[test]
    fn without_a_claim_nothing_is_dropped() {
        let sandbox = Sandbox::new();
        let mut database = database(&sandbox, "wt/db.sqlite3");
        create(&sandbox, &mut database).unwrap();
        fs::remove_dir_all(sandbox.at("state")).unwrap();
        assert!(matches!(destroy(&sandbox, &database, &owner("a", 2)), Destroyed::Left(_)));
        assert!(sandbox.at("wt/db.sqlite3").exists());
    }

    #[test]
    fn a_database_put_in_its_place_stays() {
        let sandbox = Sandbox::new();
        let mut database = database(&sandbox, "wt/db.sqlite3");
        create(&sandbox, &mut database).unwrap();
        sandbox.write("wt/new", "theirs");
        fs::rename(sandbox.at("wt/new"), sandbox.at("wt/db.sqlite3")).unwrap();
        assert!(matches!(destroy(&sandbox, &database, &owner("a", 2)), Destroyed::Left(_)));
        assert_eq!(sandbox.read("wt/db.sqlite3").as_deref(), Some("theirs"));
        assert!(!is_claimed(&sandbox));
    }

    #[test]
    fn what_a_crash_left_goes_only_when_nothing_is_in_it() {
        type File<'a> = (&'a str, &'a str);
        let half = ".db.sqlite3.git-wt-a";
        let cases: [(bool, &[File<'_>], bool); 7] = [
            (true, &[], true),
            (true, &[("db.sqlite3", "")], true),
            (true, &[(half, "half"), (".db.sqlite3.git-wt-a-journal", "half")], true),
            (true, &[("db.sqlite3", "data")], false),
            (true, &[("db.sqlite3", ""), ("db.sqlite3-wal", "data")], false),
            (false, &[("db.sqlite3", "")], false),
            (false, &[(half, "half")], true),
        ];
        for (looked, files, gone) in cases {
            let sandbox = Sandbox::new();
            let mut begun = database(&sandbox, "wt/db.sqlite3");
            if looked {
                begun.look();
            }
            sandbox.claims().claim_database(&begun.claimed(), &owner("a", 2)).unwrap();
            for (name, text) in files {
                sandbox.write(&format!("wt/{name}"), text);
            }
            assert_eq!(
                destroy(&sandbox, &begun, &owner("a", 2)) == Destroyed::Gone,
                gone,
                "{looked} {files:?}"
            );
            assert_eq!(sandbox.names("wt").is_empty(), gone, "{looked} {files:?}");
            assert!(!is_claimed(&sandbox));
        }
    }

    #[test]
    fn a_failure_leaves_nothing_once_destroyed() {
        let sandbox = Sandbox::new();
        for from in [Content::Main("/nonexistent/db".into()), Content::Script("/nonexistent.sql".into())] {
            let mut database = SqliteDatabase { from, ..database(&sandbox, "wt/db.sqlite3") };
            assert!(create(&sandbox, &mut database).is_err());
            assert_eq!(destroy(&sandbox, &database, &owner("a", 2)), Destroyed::Gone);
            assert!(!is_claimed(&sandbox));
            assert!(sandbox.names("wt").is_empty());
        }
    }

    #[test]
    fn places_that_lead_elsewhere_are_refused() {
        let sandbox = Sandbox::new();
        sandbox.make_dir("victim");
        symlink("../victim", sandbox.at("wt/data")).unwrap();
        symlink("../victim/db", sandbox.at("wt/db.sqlite3")).unwrap();
        let relative = SqliteDatabase::new(granted("db.sqlite3".to_owned()), granted(Content::Empty));
        let databases = [
            database(&sandbox, "wt/data/db.sqlite3"),
            database(&sandbox, "wt/db.sqlite3"),
            database(&sandbox, "wt/.git/db"),
            database(&sandbox, "wt/missing/db"),
            relative,
        ];
        for mut database in databases {
            assert!(create(&sandbox, &mut database).is_err(), "{database:?}");
            destroy(&sandbox, &database, &owner("a", 2));
        }
        assert!(sandbox.names("victim").is_empty());
        assert!(!is_claimed(&sandbox));
    }
}
