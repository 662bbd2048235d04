//! Small reads, and whole-file writes that survive the death of the process at any moment.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Reads a file of a few lines, with as few calls as can be: a list of worktrees reads five for each.
pub fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    read_start(File::open(path)?)
}

fn read_start(mut file: File) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 4096];
    let length = file.read(&mut buffer)?;
    let mut content = buffer[..length].to_vec();
    if length == buffer.len() {
        file.read_to_end(&mut content)?;
    }
    Ok(content)
}

/// A directory of very many small files: the way to it is walked once, not for each of them.
pub struct Dir(File);

impl Dir {
    /// Opens the directory at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// Reads the file at `path`, from here.
    pub fn read_small(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = rustix::fs::openat(&self.0, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        read_start(file.into())
    }
}

/// Reads something of each of `all`, in order: of many in several threads, since the kernel takes most of the time.
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

/// Where a file is written before it takes its place: always the same, so that the next write clears up after one
/// that was killed.
pub fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

/// Replaces a file whole: written aside, then renamed; keeps the mode of the one that is there.
///
/// The caller holds a lock on whatever the file is part of.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path);
    let mut file = File::options().create(true).write(true).truncate(true).open(&aside)?;
    // before anybody can read in it what the other keeps to its owner
    let kept = match fs::metadata(path) {
        Ok(there) => file.set_permissions(there.permissions()),
        Err(_) => Ok(()),
    };
    kept.and_then(|()| file.write_all(bytes)).and_then(|()| fs::rename(&aside, path)).inspect_err(|_| {
        let _ = fs::remove_file(&aside);
    })
}
