//! A directory handle below which nothing follows a symbolic link.
//!
//! A branch is text that somebody else wrote: it may contain `.env -> ../victim/conf`, or `config -> /etc`. All code
//! that writes into a worktree goes through this module. It does not judge whose the files are.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Explain, Result};

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const NEW_FILE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A FIFO must not block us, and a terminal must not become our controlling one.
const OLD_FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What a path in the tree is; links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    /// A symbolic link, wherever it leads.
    Link,
    /// A socket, a pipe, a device.
    Other,
}

/// A directory and everything below it.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    path: PathBuf,
}

impl Tree {
    /// Opens a directory; its own path may lead through links, but paths below it may not.
    pub fn open(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).explain(|| format!("cannot open '{}'", path.display()))?;
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        let root = rustix::fs::open(&path, flags, Mode::empty())
            .explain(|| format!("cannot open '{}'", path.display()))?;
        Ok(Self { root, path })
    }

    /// Returns the directory's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is at `rel`; `None` if there is nothing, or its directory is missing.
    pub fn kind(&self, rel: &Path) -> Result<Option<Kind>> {
        let Some((parent, name)) = self.find_parent(rel)? else { return Ok(None) };
        kind_at(&parent, name).explain(|| cannot("look at", rel))
    }

    /// Opens a regular file for reading; `None` if nothing is there.
    pub fn open_file(&self, rel: &Path) -> Result<Option<File>> {
        self.open_as(rel, Kind::File, OLD_FILE)
    }

    /// Opens a directory, for its metadata; `None` if nothing is there.
    pub fn open_dir(&self, rel: &Path) -> Result<Option<File>> {
        self.open_as(rel, Kind::Directory, DIRECTORY)
    }

    /// Reads where a symbolic link leads; `None` if nothing is there or it is not a link.
    pub fn read_link(&self, rel: &Path) -> Result<Option<PathBuf>> {
        if self.kind(rel)? != Some(Kind::Link) {
            return Ok(None);
        }
        let (parent, name) = self.parent(rel)?;
        let target = rustix::fs::readlinkat(parent, name, Vec::new()).explain(|| cannot("read", rel))?;
        Ok(Some(OsString::from_vec(target.into_bytes()).into()))
    }

    /// Counts the directories above `rel` that do not exist yet.
    pub fn missing_parents(&self, rel: &Path) -> Result<usize> {
        parts(rel)?;
        let mut missing = 0;
        for parent in rel.ancestors().skip(1).filter(|parent| parts(parent).is_ok()) {
            if self.kind(parent)?.is_some() {
                break;
            }
            missing += 1;
        }
        Ok(missing)
    }

    /// Creates a file that must not exist, and its missing parents.
    pub fn create_new(&self, rel: &Path, mode: u32) -> Result<File> {
        let (parent, name) = self.make_parent(rel)?;
        match rustix::fs::openat(&parent, name, NEW_FILE, mode_of(mode)) {
            Err(Errno::EXIST) => Err(exists(rel)),
            opened => opened.map(File::from).explain(|| cannot("create", rel)),
        }
    }

    /// Writes a whole file, new or existing; readers see either the old content or the new.
    ///
    /// Refuses anything but a regular file: renaming over a link would not harm its target, but would replace the link.
    pub fn replace(&self, rel: &Path, bytes: &[u8], mode: u32) -> Result<()> {
        let (parent, name) = self.make_parent(rel)?;
        match kind_at(&parent, name).explain(|| cannot("look at", rel))? {
            None | Some(Kind::File) => {}
            Some(kind) => return Err(not_a(Kind::File, rel, kind)),
        }
        let temporary = temporary_name(name);
        let written = write_at(&parent, &temporary, bytes, mode)
            .and_then(|()| Ok(rustix::fs::renameat(&parent, &temporary, &parent, name)?));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty()); // the write's own error matters more
        }
        written.explain(|| cannot("write", rel))
    }

    /// Creates a symbolic link that must not exist, and its missing parents.
    pub fn symlink(&self, rel: &Path, target: &Path) -> Result<()> {
        let (parent, name) = self.make_parent(rel)?;
        match rustix::fs::symlinkat(target, &parent, name) {
            Err(Errno::EXIST) => Err(exists(rel)),
            made => made.explain(|| cannot("create", rel)),
        }
    }

    /// Creates a directory that must not exist, and its missing parents.
    pub fn make_dir(&self, rel: &Path) -> Result<()> {
        let (parent, name) = self.make_parent(rel)?;
        match rustix::fs::mkdirat(&parent, name, mode_of(0o755)) {
            Err(Errno::EXIST) => Err(exists(rel)),
            made => made.explain(|| cannot("create", rel)),
        }
    }

    /// Removes a file or a link; it may already be gone.
    pub fn remove_file(&self, rel: &Path) -> Result<()> {
        let Some((parent, name)) = self.find_parent(rel)? else { return Ok(()) };
        unless_gone(rustix::fs::unlinkat(&parent, name, AtFlags::empty())).explain(|| cannot("remove", rel))
    }

    /// Removes a directory and everything in it, without following links; it may already be gone.
    pub fn remove_dir_all(&self, rel: &Path) -> Result<()> {
        let Some((parent, name)) = self.find_parent(rel)? else { return Ok(()) };
        remove_all_at(&parent, name).explain(|| cannot("remove", rel))
    }

    /// Removes the innermost `count` parents of `rel`, as long as they are empty.
    pub fn remove_empty_parents(&self, rel: &Path, count: usize) -> Result<()> {
        for dir in rel.ancestors().skip(1).take(count) {
            let Some((parent, name)) = self.find_parent(dir)? else { continue };
            match rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => break,
                removed => unless_gone(removed).explain(|| cannot("remove", dir))?,
            }
        }
        Ok(())
    }

    fn open_as(&self, rel: &Path, wanted: Kind, flags: OFlags) -> Result<Option<File>> {
        let Some((parent, name)) = self.find_parent(rel)? else { return Ok(None) };
        match kind_at(&parent, name).explain(|| cannot("look at", rel))? {
            None => Ok(None),
            Some(kind) if kind == wanted => rustix::fs::openat(&parent, name, flags, Mode::empty())
                .map(|file| Some(file.into()))
                .explain(|| cannot("open", rel)),
            Some(kind) => Err(not_a(wanted, rel, kind)),
        }
    }

    /// Opens the directory that contains `rel`; it must exist.
    fn parent<'a>(&self, rel: &'a Path) -> Result<(OwnedFd, &'a OsStr)> {
        self.find_parent(rel)?.ok_or_else(|| cannot_find(rel))
    }

    /// Opens the directory that contains `rel`; `None` if it is missing.
    fn find_parent<'a>(&self, rel: &'a Path) -> Result<Option<(OwnedFd, &'a OsStr)>> {
        self.walk(rel, |_, _| Ok(false))
    }

    /// Opens the directory that contains `rel`, making any part of it that is missing.
    fn make_parent<'a>(&self, rel: &'a Path) -> Result<(OwnedFd, &'a OsStr)> {
        let make = |dir: &OwnedFd, name: &OsStr| match rustix::fs::mkdirat(dir, name, mode_of(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(true),
            Err(cause) => Err(cause),
        };
        self.walk(rel, make)?.ok_or_else(|| cannot_find(rel))
    }

    /// Opens one directory after another, down to the one that contains `rel`. If one does not exist, `missing` may
    /// make it and return true; otherwise the result is `None`.
    fn walk<'a>(
        &self,
        rel: &'a Path,
        missing: impl Fn(&OwnedFd, &OsStr) -> Result<bool, Errno>,
    ) -> Result<Option<(OwnedFd, &'a OsStr)>> {
        let mut dirs = parts(rel)?;
        let name = dirs.pop().expect("a valid path has a last part");
        let mut at = self.root.try_clone().explain(|| cannot("open", rel))?;
        let mut walked = PathBuf::new();
        for dir in dirs {
            walked.push(dir);
            let mut opened = open_dir_at(&at, dir);
            if matches!(opened, Err(Errno::NOENT)) {
                if !missing(&at, dir).explain(|| cannot("create", &walked))? {
                    return Ok(None);
                }
                opened = open_dir_at(&at, dir);
            }
            at = match opened {
                Ok(opened) => opened,
                Err(cause) => return Err(not_entered(&at, dir, &walked, cause)),
            };
        }
        Ok(Some((at, name)))
    }
}

/// Parses a relative path; refuses one that leaves the tree or enters a git directory.
fn parts(rel: &Path) -> Result<Vec<&OsStr>> {
    let refuse =
        |why: &str| Error::new(format!("'{}' is not a path inside a worktree: {why}", rel.display()));
    let mut parts = Vec::new();
    for component in rel.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) if part.eq_ignore_ascii_case(".git") => {
                return Err(refuse("it has '.git'"));
            }
            Component::Normal(part) => parts.push(part),
            Component::ParentDir => return Err(refuse("it has '..'")),
            Component::RootDir | Component::Prefix(_) => return Err(refuse("it is absolute")),
        }
    }
    if parts.is_empty() { Err(refuse("it is empty")) } else { Ok(parts) }
}

fn open_dir_at(dir: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, name, DIRECTORY, Mode::empty())
}

fn kind_at(dir: &OwnedFd, name: &OsStr) -> Result<Option<Kind>, Errno> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        })),
        Err(Errno::NOENT) => Ok(None),
        Err(cause) => Err(cause),
    }
}

fn write_at(dir: &OwnedFd, name: &OsStr, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let mut file = File::from(rustix::fs::openat(dir, name, NEW_FILE, mode_of(mode))?);
    file.write_all(bytes)?;
    // so far the umask has only removed bits
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode & 0o777))
}

fn remove_all_at(dir: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
    let opened = match open_dir_at(dir, name) {
        // not a directory, or a link: Linux reports NOTDIR for both, other systems LOOP for a link
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return unless_gone(rustix::fs::unlinkat(dir, name, AtFlags::empty()));
        }
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    // read to the end first: some file systems skip entries when others are deleted meanwhile
    let entries = Dir::read_from(&opened)?.collect::<Result<Vec<_>, Errno>>()?;
    for entry in entries {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        match entry.file_type() {
            _ if name == "." || name == ".." => {}
            FileType::Directory | FileType::Unknown => remove_all_at(&opened, name)?,
            _ => unless_gone(rustix::fs::unlinkat(&opened, name, AtFlags::empty()))?,
        }
    }
    unless_gone(rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR))
}

fn unless_gone(removed: Result<(), Errno>) -> Result<(), Errno> {
    match removed {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}

/// Returns a name beside `name` that nobody else uses.
fn temporary_name(name: &OsStr) -> OsString {
    static USES: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".git-wt-{}-{}-{now}", std::process::id(), USES.fetch_add(1, Ordering::Relaxed)));
    temporary
}

/// Reduces a mode to its permissions: no set-uid, no sticky bit.
fn mode_of(mode: u32) -> Mode {
    Mode::from_bits_truncate(rustix::fs::RawMode::try_from(mode & 0o777).expect("nine bits fit"))
}

fn cannot(deed: &str, rel: &Path) -> String {
    format!("cannot {deed} '{}'", rel.display())
}

fn cannot_find(rel: &Path) -> Error {
    Error::new(cannot("find", rel)).because("its directory is missing")
}

fn exists(rel: &Path) -> Error {
    Error::new(format!("'{}' exists already", rel.display()))
}

fn not_a(wanted: Kind, rel: &Path, found: Kind) -> Error {
    Error::new(format!("'{}' is {}, not {}", rel.display(), a(found), a(wanted)))
}

fn a(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "a regular file",
        Kind::Directory => "a directory",
        Kind::Link => "a symbolic link",
        Kind::Other => "a special file",
    }
}

fn not_entered(dir: &OwnedFd, name: &OsStr, walked: &Path, cause: Errno) -> Error {
    match kind_at(dir, name) {
        Ok(Some(kind)) if kind != Kind::Directory => not_a(Kind::Directory, walked, kind),
        _ => Error::new(cannot("open", walked)).because(cause),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use crate::sandbox::Sandbox;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// Makes a sandbox with a directory `victim` that must stay as it is.
    fn with_victim() -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.write("victim/conf", "theirs");
        sandbox
    }

    fn check_victim(sandbox: &Sandbox) {
        assert_eq!(sandbox.names("victim"), ["conf"]);
        assert_eq!(sandbox.read("victim/conf").as_deref(), Some("theirs"));
    }

    fn path(text: &str) -> &Path {
        Path::new(text)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn paths_stay_inside() {
        for bad in ["", ".", "/etc/passwd", "..", "a/../../b", "a/..", ".git", "a/.GIT/config", ".Git/x"] {
            assert!(parts(path(bad)).is_err(), "{bad:?}");
        }
        for (good, expected) in
            [("a", vec!["a"]), ("./a//b/", vec!["a", "b"]), (".gitignore", vec![".gitignore"])]
        {
            assert_eq!(parts(path(good)).unwrap(), expected, "{good:?}");
        }
    }

    #[test]
    fn links_are_never_followed() {
        let sandbox = with_victim();
        symlink("../victim", sandbox.at("wt/dir")).unwrap();
        symlink("../victim/conf", sandbox.at("wt/.env")).unwrap();
        symlink("../victim/new", sandbox.at("wt/dangling")).unwrap();
        let tree = &sandbox.worktree;
        assert!(tree.create_new(path("dir/new"), 0o600).is_err());
        assert!(tree.create_new(path("dangling"), 0o600).is_err());
        assert!(tree.create_new(path(".env"), 0o600).is_err());
        assert!(tree.replace(path(".env"), b"ours", 0o600).is_err());
        assert!(tree.replace(path("dir/conf"), b"ours", 0o600).is_err());
        assert!(tree.open_file(path(".env")).is_err());
        assert!(tree.open_file(path("dir/conf")).is_err());
        assert!(tree.open_dir(path("dir")).is_err());
        assert!(tree.make_dir(path("dir/sub")).is_err());
        assert!(tree.symlink(path("dir/sub"), path("x")).is_err());
        assert!(tree.remove_file(path("dir/conf")).is_err());
        assert!(tree.remove_dir_all(path("dir/conf")).is_err());
        assert_eq!(tree.kind(path("dir")).unwrap(), Some(Kind::Link));
        assert!(tree.kind(path("dir/conf")).is_err());
        tree.remove_dir_all(path("dir")).unwrap();
        tree.remove_file(path(".env")).unwrap();
        assert_eq!(sandbox.names("wt"), ["dangling"]);
        check_victim(&sandbox);
    }

    #[test]
    fn errors_name_the_link() {
        let sandbox = with_victim();
        symlink("../victim", sandbox.at("wt/dir")).unwrap();
        let error = sandbox.worktree.create_new(path("dir/a/b"), 0o600).unwrap_err();
        assert_eq!(error.what, "'dir' is a symbolic link, not a directory");
        sandbox.write("wt/file", "");
        let error = sandbox.worktree.create_new(path("file/a"), 0o600).unwrap_err();
        assert_eq!(error.what, "'file' is a regular file, not a directory");
    }

    #[test]
    fn a_new_file_has_its_mode_and_its_parents() {
        let sandbox = with_victim();
        assert_eq!(sandbox.worktree.missing_parents(path("a/b/c")).unwrap(), 2);
        sandbox.worktree.create_new(path("a/b/c"), 0o600).unwrap().write_all(b"x").unwrap();
        assert_eq!(mode(&sandbox.at("wt/a/b/c")), 0o600);
        assert_eq!(sandbox.worktree.missing_parents(path("a/b/c")).unwrap(), 0);
        assert_eq!(
            sandbox.worktree.create_new(path("a/b/c"), 0o600).unwrap_err().what,
            "'a/b/c' exists already"
        );
        sandbox.worktree.remove_empty_parents(path("a/b/c"), 2).unwrap();
        assert_eq!(sandbox.names("wt/a/b"), ["c"]);
        sandbox.worktree.remove_file(path("a/b/c")).unwrap();
        sandbox.worktree.remove_empty_parents(path("a/b/c"), 2).unwrap();
        assert!(sandbox.names("wt").is_empty());
    }

    #[test]
    fn replacing_is_whole_and_keeps_no_leftovers() {
        let sandbox = with_victim();
        sandbox.worktree.replace(path("a/.env"), b"one", 0o600).unwrap();
        let open = sandbox.worktree.open_file(path("a/.env")).unwrap();
        sandbox.worktree.replace(path("a/.env"), b"two", 0o4666).unwrap();
        let mut text = String::new();
        open.unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
        assert_eq!(sandbox.read("wt/a/.env").as_deref(), Some("two"));
        assert_eq!(mode(&sandbox.at("wt/a/.env")), 0o666);
        sandbox.make_dir("wt/dir");
        assert!(sandbox.worktree.replace(path("dir"), b"", 0o600).is_err());
        assert_eq!(sandbox.names("wt/a"), [".env"]);
        assert_eq!(sandbox.names("wt"), ["a", "dir"]);
    }

    #[test]
    fn kinds_are_told_apart() {
        let sandbox = with_victim();
        sandbox.worktree.make_dir(path("dir")).unwrap();
        sandbox.worktree.symlink(path("deep/link"), path("../nowhere")).unwrap();
        sandbox.worktree.create_new(path("file"), 0o600).unwrap();
        let fifo = sandbox.at("wt/fifo");
        let made = crate::host::exec::Program::new("mkfifo").arg(&fifo).output().unwrap();
        assert_eq!(made.code, 0);
        let cases = [
            ("dir", Some(Kind::Directory)),
            ("deep/link", Some(Kind::Link)),
            ("file", Some(Kind::File)),
            ("fifo", Some(Kind::Other)),
            ("none", None),
            ("none/at/all", None),
        ];
        for (rel, kind) in cases {
            assert_eq!(sandbox.worktree.kind(path(rel)).unwrap(), kind, "{rel}");
        }
        assert!(sandbox.worktree.open_file(path("fifo")).is_err());
        assert!(sandbox.worktree.open_file(path("none/at")).unwrap().is_none());
        assert_eq!(
            sandbox.worktree.read_link(path("deep/link")).unwrap().as_deref(),
            Some(path("../nowhere"))
        );
        assert_eq!(sandbox.worktree.read_link(path("file")).unwrap(), None);
        assert!(sandbox.worktree.make_dir(path("dir")).is_err());
        assert!(sandbox.worktree.symlink(path("file"), path("x")).is_err());
    }

    #[test]
    fn removing_a_directory_takes_links_as_links() {
        let sandbox = with_victim();
        sandbox.worktree.create_new(path("venv/lib/deep/file"), 0o600).unwrap();
        symlink("../../victim", sandbox.at("wt/venv/lib/link")).unwrap();
        symlink("nowhere", sandbox.at("wt/venv/dangling")).unwrap();
        sandbox.worktree.remove_dir_all(path("venv")).unwrap();
        sandbox.worktree.remove_dir_all(path("venv")).unwrap();
        assert!(sandbox.names("wt").is_empty());
        check_victim(&sandbox);
    }
}
