//! An SQLite database of a worktree's own: a file, marked by being the very one that was made.

mod file;
mod statements;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Content;
use crate::error::{Error, Result};
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
    /// What it begins with.
    pub from: Content,
    /// Nothing was there when we looked.
    absent: bool,
    /// Which file was made.
    mark: Option<Birthmark>,
}

impl SqliteDatabase {
    /// A database at this place, to be made.
    pub fn new(place: Granted<String>, from: Granted<Content>) -> Self {
        Self { place: place.into_inner(), from: from.into_inner(), absent: false, mark: None }
    }

    /// Notes what is there now; without it, what a crash left unrecorded is never removed.
    pub fn look(&mut self) {
        self.absent = !file::exists(self.path());
    }

    /// Makes the database, unless one is there: that one is used, and never ours.
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

    /// Makes it in a worktree, unless git would see there what is in main's.
    pub fn create_in(&mut self, site: &Site) -> Result<Created> {
        if let Some(inside) = self.copied_into(site.root)
            && !is_ignored(site.root, inside)
        {
            return Ok(Created::Skipped("git does not ignore it there".into()));
        }
        let worktree = Tree::open(site.root)?;
        let how_far = self.how_far(site.owner);
        site.ui.watch(&how_far, || self.create(&worktree, site.claims, site.owner))
    }

    /// The path in the worktree at `root` that the data of another database comes to.
    fn copied_into<'a>(&'a self, root: &Path) -> Option<&'a Path> {
        let inside = self.path().strip_prefix(root).ok()?;
        (!matches!(self.from, Content::Empty) && !self.exists()).then_some(inside)
    }

    /// Says how far the making is, while it lasts.
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

    /// Ends the making, once the record has our mark on disk.
    pub fn settle(&self, owner: &Owner) -> Result<()> {
        file::settle(self.path(), &owner.record)
    }

    /// Drops the database, if it is the one that we made, and releases its place.
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

    /// Claims the place it has now, if it went along with its worktree; returns the place to give up once the record
    /// tells of the new one.
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

    /// Whether this file belongs to it: itself, or one that SQLite keeps beside it.
    pub fn covers(&self, path: &Path) -> bool {
        ["", "-wal", "-shm", "-journal"]
            .iter()
            .any(|ending| path.as_os_str() == &*format!("{}{ending}", self.place))
    }

    /// Whether anything has been written into it.
    pub fn has_data(&self) -> bool {
        std::fs::metadata(self.path()).is_ok_and(|found| found.len() > 0)
    }

    /// Says what it is, as in "database '/path/db.sqlite3'".
    pub fn describe(&self) -> String {
        format!("database '{}'", crate::text::name::escaped(&self.place))
    }

    /// Refuses a place that a branch has led elsewhere by a link.
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

    /// The place as claims know it, apart from those of other engines.
    pub fn claimed(&self) -> String {
        format!("sqlite:{}", self.place)
    }

    fn path(&self) -> &Path {
        Path::new(&self.place)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use crate::recipe::consent::Consent;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    struct World {
        dir: tempfile::TempDir,
        worktree: Tree,
        claims: Claims,
    }

    fn world() -> World {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wt")).unwrap();
        let worktree = Tree::open(&dir.path().join("wt")).unwrap();
        let claims = Claims::at(dir.path().join("state"));
        World { dir, worktree, claims }
    }

    fn owner(record: &str, ino: u64) -> Owner {
        Owner { record: record.into(), name: "staging".into(), common_dir: "/p/.git".into(), dev: 1, ino }
    }

    fn granted<T>(part: T) -> Granted<T> {
        Consent::default().database(part, None).unwrap()
    }

    impl World {
        fn at(&self, rel: &str) -> PathBuf {
            self.dir.path().join(rel)
        }

        fn database(&self, rel: &str) -> SqliteDatabase {
            SqliteDatabase::new(granted(self.at(rel).to_str().unwrap().to_owned()), granted(Content::Empty))
        }

        fn create(&self, database: &mut SqliteDatabase) -> Result<Created> {
            database.create(&self.worktree, &self.claims, &owner("a", 2))
        }

        fn destroy(&self, database: &SqliteDatabase, owner: &Owner) -> Destroyed {
            let read: SqliteDatabase =
                serde_json::from_str(&serde_json::to_string(database).unwrap()).unwrap();
            assert_eq!(&read, database);
            read.destroy(&self.claims, owner).unwrap()
        }

        fn is_claimed(&self) -> bool {
            !self.claims.databases().unwrap().is_empty()
        }
    }

    #[test]
    fn ours_is_made_claimed_and_dropped() {
        let world = world();
        let mut database = world.database("wt/db.sqlite3");
        assert_eq!(world.create(&mut database).unwrap(), Created::Made);
        assert!(world.is_claimed());
        fs::write(world.at("wt/db.sqlite3"), "used").unwrap();
        fs::write(world.at("wt/db.sqlite3-wal"), "used").unwrap();
        for _ in 0..2 {
            assert_eq!(world.destroy(&database, &owner("a", 2)), Destroyed::Gone);
        }
        assert!(!world.is_claimed());
        assert_eq!(fs::read_dir(world.at("wt")).unwrap().count(), 0);
    }

    #[test]
    fn an_existing_one_is_used_and_never_ours() {
        let world = world();
        fs::write(world.at("wt/db.sqlite3"), "").unwrap();
        let mut database = world.database("wt/db.sqlite3");
        database.look();
        assert_eq!(world.create(&mut database).unwrap(), Created::Found);
        assert!(!world.is_claimed());
        assert!(matches!(world.destroy(&database, &owner("a", 2)), Destroyed::Left(_)));
        assert!(world.at("wt/db.sqlite3").exists());
    }

    #[test]
    fn anothers_is_refused_and_kept() {
        let world = world();
        let mut database = world.database("shared.sqlite3");
        assert_eq!(world.create(&mut database).unwrap(), Created::Made);
        let error = database.clone().create(&world.worktree, &world.claims, &owner("b", 2)).unwrap_err();
        assert!(error.what.ends_with("is claimed by 'staging' of /p/.git"), "{}", error.what);
        // the record of a repository copied with `cp -a` says the same of the same file
        assert!(matches!(world.destroy(&database, &owner("a", 3)), Destroyed::Left(_)));
        assert!(world.at("shared.sqlite3").exists());
        assert!(world.is_claimed());
    }

    #[test]
    fn without_a_claim_nothing_is_dropped() {
        let world = world();
        let mut database = world.database("wt/db.sqlite3");
        world.create(&mut database).unwrap();
        Tree::open(world.dir.path()).unwrap().remove_dir_all(Path::new("state")).unwrap();
        assert!(matches!(world.destroy(&database, &owner("a", 2)), Destroyed::Left(_)));
        assert!(world.at("wt/db.sqlite3").exists());
    }

    #[test]
    fn a_database_put_in_its_place_stays() {
        let world = world();
        let mut database = world.database("wt/db.sqlite3");
        world.create(&mut database).unwrap();
        fs::write(world.at("wt/new"), "theirs").unwrap();
        fs::rename(world.at("wt/new"), world.at("wt/db.sqlite3")).unwrap();
        assert!(matches!(world.destroy(&database, &owner("a", 2)), Destroyed::Left(_)));
        assert_eq!(fs::read_to_string(world.at("wt/db.sqlite3")).unwrap(), "theirs");
        assert!(!world.is_claimed());
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
            let world = world();
            let mut begun = world.database("wt/db.sqlite3");
            if looked {
                begun.look();
            }
            world.claims.claim_database(&begun.claimed(), &owner("a", 2)).unwrap();
            for (name, text) in files {
                fs::write(world.at("wt").join(name), text).unwrap();
            }
            assert_eq!(world.destroy(&begun, &owner("a", 2)) == Destroyed::Gone, gone, "{looked} {files:?}");
            assert_eq!(fs::read_dir(world.at("wt")).unwrap().count() == 0, gone, "{looked} {files:?}");
            assert!(!world.is_claimed());
        }
    }

    #[test]
    fn a_failure_leaves_nothing_once_destroyed() {
        let world = world();
        for from in [Content::Main("/nonexistent/db".into()), Content::Script("/nonexistent.sql".into())] {
            let mut database = SqliteDatabase { from, ..world.database("wt/db.sqlite3") };
            assert!(world.create(&mut database).is_err());
            assert_eq!(world.destroy(&database, &owner("a", 2)), Destroyed::Gone);
            assert!(!world.is_claimed());
            assert_eq!(fs::read_dir(world.at("wt")).unwrap().count(), 0);
        }
    }

    #[test]
    fn places_that_lead_elsewhere_are_refused() {
        let world = world();
        fs::create_dir(world.at("victim")).unwrap();
        symlink("../victim", world.at("wt/data")).unwrap();
        symlink("../victim/db", world.at("wt/db.sqlite3")).unwrap();
        let relative = SqliteDatabase::new(granted("db.sqlite3".to_owned()), granted(Content::Empty));
        let databases = [
            world.database("wt/data/db.sqlite3"),
            world.database("wt/db.sqlite3"),
            world.database("wt/.git/db"),
            world.database("wt/missing/db"),
            relative,
        ];
        for mut database in databases {
            assert!(world.create(&mut database).is_err(), "{database:?}");
            world.destroy(&database, &owner("a", 2));
        }
        assert_eq!(fs::read_dir(world.at("victim")).unwrap().count(), 0);
        assert!(!world.is_claimed());
    }
}
