//! Ignored files of the main worktree that a new worktree gets copies of, and how they are selected.
//!
//! It never overwrites, follows no link, and enters no directory that a tool can make again. Git decides which files
//! are ignored: the caller provides git's listing, and has asked git about the new worktree too.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::{Deserialize, Serialize};

use super::mark::{Before, Birthmark};
use super::tree::{Kind, Tree};
use super::{Created, Destroyed, Reversible, Site, Unwind, in_trees, with_trees};
use crate::error::{Error, Explain, Result};
use crate::git::is_ignored;
use crate::host::claims::path_text;
use crate::host::exec::check_stopped;
use crate::recipe::regenerable::is_never_copied;

/// A regular file, copied from the main worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedFile {
    /// Its path, in both worktrees.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    before: Before,
    made: Option<Original>,
}

/// The copy as it was when we made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Original {
    identity: Birthmark,
    size: u64,
    modified: Option<Duration>,
}

impl Original {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        let modified = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self { identity: Birthmark::of(&found), size: found.len(), modified })
    }

    /// Whether the file is the one that we made, and nobody has written to it since.
    fn is(&self, file: &File) -> io::Result<bool> {
        let now = Self::of(file)?;
        let same = self.identity.is(&file.metadata()?);
        Ok(same && (self.size, self.modified) == (now.size, now.modified))
    }
}

impl CopiedFile {
    /// Returns a copy of this file, to be made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), before: Before::default(), made: None }
    }

    /// Notes what exists now; without this, a copy that a crash cut short is never removed.
    pub fn look(&mut self, worktree: &Tree) -> Result<()> {
        self.before = Before::of(worktree, &self.path)?;
        Ok(())
    }

    /// Copies the file with its mode and time, unless something is there already.
    pub fn create(&mut self, main: &Tree, worktree: &Tree) -> Result<Created> {
        let Some(from) = main.open_file(&self.path)? else {
            return Ok(Created::Skipped(format!(
                "'{}' is not in the main worktree any more",
                self.path.display()
            )));
        };
        if belongs_to_sqlite(main, &self.path)? {
            return Ok(Created::Skipped(format!(
                "'{}' belongs to an SQLite database, and a copy of its file may be torn: \
                 set 'from = \"main\"' under [database]",
                self.path.display()
            )));
        }
        self.look(worktree)?;
        if !self.before.absent {
            return Ok(Created::Found);
        }
        let to = worktree.create_new(&self.path, 0o600)?;
        let copied = copy(&from, &to).and_then(|()| Original::of(&to));
        check_stopped()?;
        self.made = Some(copied.explain(|| format!("cannot copy '{}'", self.path.display()))?);
        Ok(Created::Made)
    }

    /// Removes the copy, unless it contains something that comes neither from us nor from the main worktree.
    pub fn destroy(&self, main: &Tree, worktree: &Tree) -> Result<Destroyed> {
        let left = |why: &str| Ok(Destroyed::Left(format!("'{}': {why}", self.path.display())));
        match worktree.kind(&self.path)? {
            None => {}
            Some(Kind::File) if self.is_ours(main, worktree)? => worktree.remove_file(&self.path)?,
            Some(Kind::File) if self.made.is_some() => return left("it was changed since it was copied"),
            Some(_) => return left("it is not the copy that was made"),
        }
        worktree.remove_empty_parents(&self.path, self.before.missing_parents)?;
        Ok(Destroyed::Gone)
    }

    fn is_ours(&self, main: &Tree, worktree: &Tree) -> Result<bool> {
        let Some(copy) = worktree.open_file(&self.path)? else { return Ok(false) };
        let failed = || format!("cannot read '{}'", self.path.display());
        if let Some(made) = &self.made {
            return made.is(&copy).explain(failed);
        }
        // only begun: we can have written no more than the beginning of main's file, and removing that loses nothing
        match main.open_file(&self.path)? {
            Some(from) if self.before.absent => begins_with(&from, &copy).explain(failed),
            _ => Ok(false),
        }
    }
}

/// Copies content (sharing blocks if the file system can), then time and mode, without write permission for others.
fn copy(mut from: &File, mut to: &File) -> io::Result<()> {
    const AT_ONCE: u64 = 1 << 26;
    while io::copy(&mut from.by_ref().take(AT_ONCE), &mut to)? > 0 {
        check_stopped().map_err(|error| io::Error::other(error.what))?;
    }
    let found = from.metadata()?;
    to.set_permissions(PermissionsExt::from_mode(found.permissions().mode() & 0o755))?;
    to.set_modified(found.modified().unwrap_or_else(|_| SystemTime::now()))
}

/// Whether a file of a worktree is main's, or the beginning of it: removing that loses nothing.
pub(super) fn begins_as_in(main: &Tree, own: &Tree, path: &Path) -> Result<bool> {
    let (Some(whole), Some(part)) = (main.open_file(path)?, own.open_file(path)?) else { return Ok(false) };
    begins_with(&whole, &part).explain(|| format!("cannot read '{}'", path.display()))
}

/// Whether `whole` begins with all of `part`.
fn begins_with(whole: &File, part: &File) -> io::Result<bool> {
    let size = part.metadata()?.len();
    if size > whole.metadata()?.len() {
        return Ok(false);
    }
    let (mut whole, mut part) = (io::BufReader::new(whole).take(size), io::BufReader::new(part));
    let (mut a, mut b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = part.read(&mut b)?;
        if read == 0 {
            return Ok(true);
        }
        if whole.read_exact(&mut a[..read]).is_err() || a[..read] != b[..read] {
            return Ok(false);
        }
    }
}

/// Whether a file is an SQLite database, or the journal beside one.
fn belongs_to_sqlite(tree: &Tree, path: &Path) -> Result<bool> {
    let bytes = path.as_os_str().as_bytes();
    let journals = [&b"-wal"[..], b"-shm", b"-journal"];
    let base = journals.iter().find_map(|suffix| bytes.strip_suffix(*suffix)).unwrap_or(bytes);
    let base = Path::new(std::ffi::OsStr::from_bytes(base));
    if tree.kind(base)? != Some(Kind::File) {
        return Ok(false);
    }
    let mut head = [0; 16];
    let file = tree.open_file(base)?;
    Ok(file.is_some_and(|mut file| file.read_exact(&mut head).is_ok()) && head == *b"SQLite format 3\0")
}

/// The result of selecting files by patterns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The regular files, sorted.
    pub files: Vec<PathBuf>,
    /// What was selected but is not copied, and why.
    pub skipped: Vec<(PathBuf, String)>,
}

/// Selects ignored files of the worktree at `root` by patterns in the style of .gitignore.
///
/// `ignored` is what `git ls-files -oi --exclude-standard --directory -z` lists: a directory ends with a slash.
pub fn matching(root: &Path, ignored: &[PathBuf], patterns: &[String]) -> Result<Selection> {
    let mut walk = Walk { root, matcher: matcher(patterns)?, files: BTreeSet::new(), skipped: Vec::new() };
    for listed in ignored {
        let in_never = listed.parent().is_some_and(|parent| parent.iter().any(is_never_copied));
        if !in_never {
            walk.visit(listed);
        }
    }
    walk.skipped.sort();
    walk.skipped.dedup();
    Ok(Selection { files: walk.files.into_iter().collect(), skipped: walk.skipped })
}

fn matcher(patterns: &[String]) -> Result<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    for pattern in patterns {
        let bad = || format!("'{}' is not a usable pattern", crate::text::name::escaped(pattern));
        if pattern.split('/').any(|part| part == "..") {
            return Err(Error::new(bad()).because("it leaves the repository"));
        }
        builder.add_line(None, pattern).explain(bad)?;
    }
    builder.build().explain(|| "the patterns are too large".into())
}

/// A walk over ignored files; paths are relative to `root`.
struct Walk<'a> {
    root: &'a Path,
    matcher: Gitignore,
    files: BTreeSet<PathBuf>,
    skipped: Vec<(PathBuf, String)>,
}

impl Walk<'_> {
    fn visit(&mut self, path: &Path) {
        let path: PathBuf = path.components().collect(); // without a trailing slash
        let Ok(found) = fs::symlink_metadata(self.root.join(&path)) else { return };
        let kind = found.file_type();
        if kind.is_dir() {
            self.visit_dir(&path);
        } else if self.selects(&path, false) {
            if kind.is_file() {
                self.files.insert(path);
            } else if kind.is_symlink() {
                self.skip(&path, "it is a symbolic link");
            } else {
                self.skip(&path, "it is not a regular file");
            }
        }
    }

    fn visit_dir(&mut self, path: &Path) {
        if let Some(why) = self.closed(path) {
            if self.selects(path, true) {
                self.skip(path, why);
            }
            return;
        }
        match fs::read_dir(self.root.join(path)).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries.iter().for_each(|entry| self.visit(&path.join(entry.file_name()))),
            Err(cause) => self.skip(path, &cause.to_string()),
        }
    }

    /// Returns why a directory is not searched.
    fn closed(&self, path: &Path) -> Option<&'static str> {
        let has = |name: &str| fs::symlink_metadata(self.root.join(path).join(name)).is_ok();
        if path.iter().any(is_never_copied) {
            Some("directories of this name are never copied")
        } else if has(".git") {
            Some("it is another worktree or repository")
        } else if has("pyvenv.cfg") {
            Some("it is a Python environment, which would still work on its original")
        } else {
            None
        }
    }

    fn selects(&self, path: &Path, is_dir: bool) -> bool {
        matches!(self.matcher.matched_path_or_any_parents(path, is_dir), Match::Ignore(_))
    }

    fn skip(&mut self, path: &Path, why: &str) {
        self.skipped.push((path.to_owned(), why.to_owned()));
    }
}

impl Reversible for CopiedFile {
    fn look(&mut self, site: &Site) -> Result<()> {
        self.look(&Tree::open(site.root)?)
    }

    fn create(&mut self, site: &Site) -> Result<Created> {
        with_trees(site, |main, own| {
            // another branch ignores other files; one that it does not ignore is only a `git add` away from being
            // pushed
            if matches!(own.kind(&self.path), Ok(None)) && !is_ignored(site.root, &self.path) {
                return Ok(Created::Skipped("git does not ignore it there".into()));
            }
            // a worktree is made even if a file cannot be copied
            self.create(main, own).or_else(|error| Ok(Created::Skipped(error.in_one_line())))
        })
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        in_trees(site, |main, own| self.destroy(main, own))
    }

    fn is_inside(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("copy of '{}'", self.path.display())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use crate::sandbox::{Sandbox, reread};
    use std::os::unix::fs::symlink;

    fn create(sandbox: &Sandbox, copy: &mut CopiedFile) -> Created {
        copy.create(&sandbox.main, &sandbox.worktree).unwrap()
    }

    fn destroy(sandbox: &Sandbox, copy: &CopiedFile) -> Destroyed {
        reread(copy).destroy(&sandbox.main, &sandbox.worktree).unwrap()
    }

    #[test]
    fn a_copy_keeps_content_mode_and_time() {
        let sandbox = Sandbox::new();
        for (name, mode) in
            [("config/local/.env", 0o600), ("run", 0o755), ("read-only", 0o444), ("root", 0o4755)]
        {
            let from = sandbox.write(&format!("main/{name}"), "A=1\n");
            fs::set_permissions(&from, PermissionsExt::from_mode(mode)).unwrap();
            let time = UNIX_EPOCH + Duration::new(1_600_000_000, 5000);
            File::open(&from).unwrap().set_modified(time).unwrap();
            let mut copy = CopiedFile::new(name);
            assert_eq!(create(&sandbox, &mut copy), Created::Made, "{name}");
            let found = fs::symlink_metadata(sandbox.worktree.path().join(name)).unwrap();
            assert!(found.is_file());
            assert_eq!(found.permissions().mode() & 0o7777, mode & 0o777, "{name}");
            assert_eq!(found.modified().unwrap(), time, "{name}");
            assert_eq!(sandbox.read(&format!("wt/{name}")).as_deref(), Some("A=1\n"));
            assert_eq!(destroy(&sandbox, &copy), Destroyed::Gone);
            assert_eq!(destroy(&sandbox, &copy), Destroyed::Gone);
        }
        assert!(sandbox.names("wt").is_empty());
    }

    #[test]
    fn nothing_is_overwritten_and_no_link_followed() {
        let sandbox = Sandbox::new();
        sandbox.write("main/.env", "main");
        sandbox.write("victim", "theirs");
        sandbox.write("wt/.env", "main");
        let mut copy = CopiedFile::new(".env");
        assert_eq!(create(&sandbox, &mut copy), Created::Found);
        assert!(matches!(destroy(&sandbox, &copy), Destroyed::Left(_)));
        assert_eq!(sandbox.read("wt/.env").as_deref(), Some("main"));

        fs::remove_file(sandbox.at("wt/.env")).unwrap();
        symlink("../victim", sandbox.at("wt/.env")).unwrap();
        assert_eq!(create(&sandbox, &mut copy), Created::Found);
        assert!(matches!(destroy(&sandbox, &copy), Destroyed::Left(_)));
        assert_eq!(sandbox.read("victim").as_deref(), Some("theirs"));

        symlink("../victim", sandbox.at("main/link")).unwrap();
        assert!(CopiedFile::new("link").create(&sandbox.main, &sandbox.worktree).is_err());
        assert!(matches!(create(&sandbox, &mut CopiedFile::new("none")), Created::Skipped(_)));
    }

    #[test]
    fn an_edited_copy_stays() {
        let sandbox = Sandbox::new();
        sandbox.write("main/.env", "A=1\n");
        let mut copy = CopiedFile::new(".env");
        create(&sandbox, &mut copy);
        sandbox.write("main/.env", "A=2\n");
        sandbox.write("wt/.env", "A=3\n");
        assert!(matches!(destroy(&sandbox, &copy), Destroyed::Left(why) if why.contains("changed")));
        assert_eq!(sandbox.read("wt/.env").as_deref(), Some("A=3\n"));
    }

    #[test]
    fn what_a_crash_left_is_removed_only_where_main_still_has_it() {
        let cases = [
            (true, "", true),
            (true, "A=1", true),
            (true, "A=1\nB=2\n", true),
            (true, "A=1\nB=3\n", false),
            (true, "A=1\nB=2\nC=3\n", false),
            (false, "A=1\nB=2\n", false),
        ];
        for (looked, half, removed) in cases {
            let sandbox = Sandbox::new();
            sandbox.write("main/a/.env", "A=1\nB=2\n");
            let mut copy = CopiedFile::new("a/.env");
            if looked {
                copy.look(&sandbox.worktree).unwrap();
            }
            assert_eq!(destroy(&sandbox, &copy), Destroyed::Gone, "begun only");
            sandbox.write("wt/a/.env", half);
            assert_eq!(destroy(&sandbox, &copy) == Destroyed::Gone, removed, "{looked} {half:?}");
            assert_eq!(sandbox.read("wt/a/.env").is_none(), removed, "{looked} {half:?}");
            assert_eq!(
                sandbox.worktree.kind(Path::new("a")).unwrap().is_none(),
                removed,
                "{looked} {half:?}"
            );
        }
    }

    #[test]
    fn sqlite_files_are_not_copied_as_files() {
        let sandbox = Sandbox::new();
        sandbox.write("main/db.sqlite3", "SQLite format 3\0 and more");
        sandbox.write("main/notes-wal", "no database");
        for (name, made) in [
            ("db.sqlite3", false),
            ("db.sqlite3-wal", false),
            ("db.sqlite3-journal", false),
            ("notes-wal", true),
        ] {
            if !made && name != "db.sqlite3" {
                sandbox.write(&format!("main/{name}"), "x");
            }
            assert_eq!(create(&sandbox, &mut CopiedFile::new(name)) == Created::Made, made, "{name}");
        }
    }

    #[test]
    fn patterns_select_as_gitignore_does() {
        let sandbox = Sandbox::new();
        let files = [
            ".env",
            ".env.local",
            ".env.a.local",
            "app/.env",
            "media/a/1.png",
            "media/b/2.png",
            "media/b/keep.txt",
            "node_modules/x/.env",
            "app/node_modules/x/.env",
            "vendor/.env",
            "build/.env",
            "venv/.env",
            "tools/dist/.env",
            ".worktrees/other/.git",
            ".worktrees/other/.env",
            "myenv/pyvenv.cfg",
            "myenv/.env",
            "secrets/deep/er/key",
        ];
        for file in files {
            sandbox.write(&format!("main/{file}"), "");
        }
        let ignored: Vec<PathBuf> = [
            ".env",
            ".env.local",
            ".env.a.local",
            "app/.env",
            "media/",
            "node_modules/",
            "app/node_modules/",
            "vendor/.env",
            "build/",
            "venv/",
            "tools/dist/.env",
            ".worktrees/",
            "myenv/",
            "secrets/",
            "vanished",
            "gone/",
        ]
        .iter()
        .map(PathBuf::from)
        .collect();
        let cases: [(&[&str], &[&str]); 10] = [
            (&[".env"], &[".env", "app/.env"]),
            (&["/.env"], &[".env"]),
            (&["app/.env"], &["app/.env"]),
            (&[".env.*.local"], &[".env.a.local"]),
            (&["media/"], &["media/a/1.png", "media/b/2.png", "media/b/keep.txt"]),
            (&["media/", "!*.png"], &["media/b/keep.txt"]),
            (&["media/**/*.png", "# no", "", "!media/b/*"], &["media/a/1.png"]),
            (&["secrets/**/key"], &["secrets/deep/er/key"]),
            (
                &["node_modules/", "build/", "*"],
                &[
                    ".env",
                    ".env.a.local",
                    ".env.local",
                    "app/.env",
                    "media/a/1.png",
                    "media/b/2.png",
                    "media/b/keep.txt",
                    "secrets/deep/er/key",
                ],
            ),
            (&[], &[]),
        ];
        for (patterns, expected) in cases {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            let selection = matching(sandbox.main.path(), &ignored, &patterns).unwrap();
            let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(selection.files, expected, "{patterns:?}");
        }
        for bad in ["../x", "a/../../x", "[z-a]"] {
            assert!(matching(sandbox.main.path(), &ignored, &[bad.into()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_copied_is_told_when_it_was_asked_for() {
        let sandbox = Sandbox::new();
        sandbox.write("main/.env", "");
        symlink("/etc/passwd", sandbox.at("main/.env.local")).unwrap();
        sandbox.make_dir("main/media");
        symlink("/etc", sandbox.at("main/media/out")).unwrap();
        sandbox.write("main/build/x", "");
        let ignored: Vec<PathBuf> =
            [".env", ".env.local", "media/", "build/"].iter().map(PathBuf::from).collect();
        let select = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            let selection = matching(sandbox.main.path(), &ignored, &patterns).unwrap();
            selection
                .skipped
                .into_iter()
                .map(|(path, _)| path.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(select(&[".env", "x"]), Vec::<String>::new());
        assert_eq!(select(&[".env*", "media/", "build/"]), [".env.local", "build", "media/out"]);
    }
}
