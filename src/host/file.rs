//! The only door to reading files: regular files, of limited size. It also has whole-file writes that survive the death
//! of the process at any moment, and makes git-wt's own files and directories, which nobody else may read or write,
//! whatever the umask.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Explain, Result};
use crate::host::exec::check_stopped;

/// The largest size read of a file that comes with a project.
pub const LARGEST: u64 = 1 << 20;
/// The largest size read of a file written by git or git-wt.
const LARGEST_OF_OURS: u64 = 1 << 27;
/// Opening does not wait for the writer of a pipe, and a terminal does not become our controlling one.
const FOR_READING: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Opens a regular file; links are followed.
pub fn open(path: &Path) -> io::Result<File> {
    let regular = |meta: fs::Metadata| {
        meta.is_file().then_some(()).ok_or_else(|| io::Error::other("it is no regular file"))
    };
    // merely opening some devices makes them act
    regular(fs::metadata(path)?)?;
    let file = File::from(rustix::fs::openat(CWD, path, FOR_READING, Mode::empty())?);
    regular(file.metadata()?)?;
    Ok(file)
}

/// Returns the path with its links resolved; unchanged if nothing exists there.
pub fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Returns the path with links resolved in the part that exists.
pub fn real_in_part(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(resolved) = ancestor.canonicalize() {
            let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() { resolved } else { resolved.join(rest) };
        }
    }
    path.to_owned()
}

/// Reads a file that comes with a project; `None` if there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let bytes = match open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.and_then(read_open),
    };
    bytes.map(Some).explain(|| format!("cannot read '{}'", path.display()))
}

/// Reads such a file as UTF-8 text.
pub fn read_text(path: &Path) -> Result<Option<String>> {
    let text = read(path)?.map(String::from_utf8).transpose();
    text.explain(|| format!("cannot read '{}'", path.display()))
}

/// Reads an open file that comes with a project.
pub fn read_open(file: File) -> io::Result<Vec<u8>> {
    read_within(file, LARGEST)
}

fn read_within(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if from.take(most + 1).read_to_end(&mut content)? as u64 > most {
        return Err(io::Error::other(format!("it is larger than {} MB", most >> 20)));
    }
    Ok(content)
}

/// Reads a file of proc(5); `None` if the system does not provide it.
pub fn read_proc(path: impl AsRef<Path>) -> Option<String> {
    let bytes = read_within(open(path.as_ref()).ok()?, LARGEST_OF_OURS).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether both give the same bytes.
pub fn are_same(a: impl Read, b: impl Read) -> io::Result<bool> {
    const AT_ONCE: u64 = 1 << 16;
    let (mut a, mut b) = (a, b);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        left.clear();
        right.clear();
        a.by_ref().take(AT_ONCE).read_to_end(&mut left)?;
        b.by_ref().take(AT_ONCE).read_to_end(&mut right)?;
        if left != right || left.is_empty() {
            return Ok(left == right);
        }
    }
}

/// Reads a file of a few lines written by git or git-wt, with as few system calls as possible: listing worktrees reads
/// five such files for each.
pub fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    read_start(rustix::fs::openat(CWD, path, FOR_READING, Mode::empty())?.into())
}

fn read_start(mut file: File) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 4096];
    let length = file.read(&mut buffer)?;
    let mut content = buffer[..length].to_vec();
    if length == buffer.len() {
        content.extend(read_within(file, LARGEST_OF_OURS)?);
    }
    Ok(content)
}

/// A directory of very many small files: its path is resolved once, not for each of them.
pub struct Dir(File);

impl Dir {
    /// Opens the directory at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = FOR_READING.union(OFlags::DIRECTORY);
        Ok(Self(rustix::fs::openat(CWD, path, flags, Mode::empty())?.into()))
    }

    /// Reads the file at `path`, relative to this directory.
    pub fn read_small(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = rustix::fs::openat(&self.0, path, FOR_READING, Mode::empty())?;
        read_start(file.into())
    }
}

/// Reads something for each element of `all`, in order; in several threads if there are many, since the kernel takes
/// most of the time.
pub fn read_each<T: Sync, R: Send>(all: &[T], read: impl Fn(&T) -> R + Sync) -> Vec<R> {
    const MANY: usize = 200;
    const THREADS: usize = 4;
    if all.len() < MANY {
        return all.iter().map(read).collect();
    }
    let read = &read;
    std::thread::scope(|scope| {
        let parts = all.chunks(all.len().div_ceil(THREADS));
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(read).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a panic ends the process")).collect()
    })
}

/// Returns where a file is written before it is renamed to its place. It is always the same, so that the next write
/// cleans up after one that was killed.
pub fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

/// Creates the file at `aside` anew. What is there, from a write that was killed or from a stranger, is never written
/// through: it may be a link, or another name of somebody's file.
fn open_aside(aside: &Path, mode: u32) -> io::Result<File> {
    match fs::remove_file(aside) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    File::options().create_new(true).write(true).mode(mode).open(aside)
}

/// Replaces the whole of one of our own files, as `replace` does.
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path);
    let file = open_aside(&aside, 0o600).and_then(|file| {
        // the umask may have removed some of the owner's permissions
        file.set_permissions(Permissions::from_mode(0o600)).map(|()| file)
    });
    rename_written(file, bytes, &aside, path)
}

/// Opens one of our own files and makes it accessible only to the owner, even if its mode was wider before. A link is not
/// followed, and nothing but a regular file is opened.
pub fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
    let irregular = || io::Error::other("it is no regular file");
    let opened = options.mode(0o600).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|cause| match cause.raw_os_error().map(Errno::from_raw_os_error) {
        // a link, and a pipe that nobody reads
        Some(Errno::LOOP | Errno::NXIO) => irregular(),
        _ => cause,
    })?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(irregular());
    }
    if meta.permissions().mode() & 0o777 != 0o600 {
        unless_anothers(file.set_permissions(Permissions::from_mode(0o600)))?;
    }
    Ok(file)
}

/// Keeps room on a disk for what has to be written even when it is full: the file at `path` is given up then.
pub fn keep_room(path: &Path, bytes: usize) {
    if fs::symlink_metadata(path).is_ok() {
        return;
    }
    let mut options = OpenOptions::new();
    let kept = open_private(options.create_new(true).write(true), path)
        .and_then(|mut file| file.write_all(&vec![0; bytes]));
    if kept.is_err() {
        let _ = fs::remove_file(path);
    }
}

/// Waits for the lock on a file, until a signal asks us to stop. The kernel releases it when its holder dies.
pub fn lock(file: &File, failed: impl Fn() -> String) -> Result<()> {
    const AT_MOST: Duration = Duration::from_millis(20);
    let mut pause = Duration::from_micros(200);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(cause)) => return Err(cause).explain(failed),
        }
        check_stopped()?;
        std::thread::sleep(pause);
        pause = (pause * 2).min(AT_MOST);
    }
}

/// Makes one of our own directories, `below` in `root`, which is ours too. Both become accessible only to the owner,
/// even if their modes were wider before.
pub fn make_private_dir(root: &Path, below: &str) -> io::Result<()> {
    for dir in [root.to_owned(), root.join(below)] {
        make_narrow(&dir)?;
        let mode = fs::metadata(&dir)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            unless_anothers(fs::set_permissions(&dir, Permissions::from_mode(mode & 0o700)))?;
        }
    }
    Ok(())
}

fn make_narrow(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        // the umask may have removed some of the owner's permissions
        Ok(()) => fs::set_permissions(dir, Permissions::from_mode(0o700)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            make_narrow(dir.parent().ok_or(cause)?)?;
            make_narrow(dir)
        }
        Err(_) if dir.is_dir() => Ok(()),
        failed => failed,
    }
}

/// Accepts that we may not change the mode of somebody else's file, even if we may write to it.
fn unless_anothers(changed: io::Result<()>) -> io::Result<()> {
    match changed {
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        changed => changed,
    }
}

/// Makes a directory of the user's or of git's, including its parents, with the modes that the umask gives.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn make_shared_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Replaces a whole file: writes beside it, then renames; keeps the mode of an existing file.
///
/// The caller holds the lock on whatever the file is part of.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path);
    let file = open_aside(&aside, 0o666)?;
    // set before anything is written, so that nobody can read here what the existing file keeps private
    let kept = match fs::metadata(path) {
        Ok(there) => file.set_permissions(there.permissions()),
        Err(_) => Ok(()),
    };
    rename_written(kept.map(|()| file), bytes, &aside, path)
}

/// Replaces a whole file that others, such as another user's git, read but must not write.
pub fn replace_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path);
    rename_written(open_aside(&aside, 0o644), bytes, &aside, path)
}

fn rename_written(file: io::Result<File>, bytes: &[u8], aside: &Path, path: &Path) -> io::Result<()> {
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| fs::rename(aside, path)).inspect_err(|_| {
        let _ = fs::remove_file(aside);
    })
}
