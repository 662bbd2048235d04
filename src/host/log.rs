//! The output of a server, kept in two files of limited size: when one is full, it takes the place of the one before.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::host::file;

/// The largest size of one of the two files.
const HALF: u64 = 5 << 20;

/// Returns where a log's older half is.
fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// A log that is being written.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    size: u64,
}

impl Log {
    /// Opens a log; what is written comes after what it has.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = file::open_private(File::options().create(true).append(true), path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        if self.size + length > HALF && self.size > 0 {
            fs::rename(&self.path, older(&self.path))?;
            *self = Self::open(&self.path)?;
        }
        self.file.write_all(bytes)?;
        self.size += length;
        Ok(())
    }
}

/// Deletes a log.
pub fn delete(path: &Path) {
    for path in [older(path), path.to_owned()] {
        let _ = fs::remove_file(path);
    }
}

/// Reads a log as it grows.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: Option<File>,
    /// What came after the last line break.
    rest: Vec<u8>,
}

impl Reader {
    /// Returns a reader of a log and what it has now. Without `lines`, that is everything; otherwise the last of it.
    pub fn open(path: &Path, lines: Option<usize>) -> io::Result<(Self, Vec<u8>)> {
        let mut text = Vec::new();
        if let Some(before) = open(&older(path))? {
            before.take(2 * HALF).read_to_end(&mut text)?;
        }
        let mut reader = Self { path: path.to_owned(), file: open(path)?, rest: Vec::new() };
        text.extend(reader.more()?);
        if let Some(lines) = lines {
            let ends = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
            let start = ends.skip(usize::from(text.ends_with(b"\n"))).nth(lines.saturating_sub(1));
            if let Some((at, _)) = start.filter(|_| lines > 0) {
                text.drain(..=at);
            } else if lines == 0 {
                text.clear();
            }
        }
        Ok((reader, text))
    }

    /// Returns a reader of what comes from now on.
    pub fn at_end(path: &Path) -> io::Result<Self> {
        let mut file = open(path)?;
        if let Some(file) = &mut file {
            file.seek(SeekFrom::End(0))?;
        }
        Ok(Self { path: path.to_owned(), file, rest: Vec::new() })
    }

    /// Returns what has been written since.
    pub fn more(&mut self) -> io::Result<Vec<u8>> {
        let mut text = self.read()?;
        // a full file has been moved away
        let now = fs::symlink_metadata(&self.path).ok().map(|meta| meta.ino());
        let ours = self.file.as_ref().and_then(|file| file.metadata().ok()).map(|meta| meta.ino());
        if now.is_some() && now != ours {
            self.file = open(&self.path)?;
            text.extend(self.read()?);
        }
        Ok(text)
    }

    /// Returns the whole lines that have been written since; at the end also one without a line break.
    pub fn lines(&mut self, at_end: bool) -> io::Result<Vec<Vec<u8>>> {
        let more = self.more()?;
        self.rest.extend(more);
        let mut lines: Vec<Vec<u8>> =
            self.rest.split_inclusive(|byte| *byte == b'\n').map(Vec::from).collect();
        self.rest.clear();
        if !at_end && lines.last().is_some_and(|line| !line.ends_with(b"\n")) {
            self.rest = lines.pop().unwrap_or_default();
        }
        Ok(lines)
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        if let Some(file) = &mut self.file {
            file.take(2 * HALF).read_to_end(&mut text)?;
        }
        Ok(text)
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match file::open_private(File::options().read(true), path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_stays_small_and_is_read_across_its_halves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.log");
        let mut log = Log::open(&path).unwrap();
        let mut reader = Reader::at_end(&path).unwrap();
        let line = |number: u32| format!("{number:09} {}\n", "x".repeat(1 << 16));
        let mut seen = 0;
        for number in 0..200 {
            log.write(line(number).as_bytes()).unwrap();
            seen += reader.lines(false).unwrap().len();
            let sizes = [&path, &older(&path)].map(|path| fs::metadata(path).map_or(0, |meta| meta.len()));
            assert!(sizes.iter().all(|size| *size <= HALF), "{sizes:?}");
        }
        assert_eq!(seen, 200);
        let (_, all) = Reader::open(&path, None).unwrap();
        assert!(all.ends_with(line(199).as_bytes()) && all.len() > 5_000_000);
        let (_, last) = Reader::open(&path, Some(2)).unwrap();
        assert_eq!(last, [line(198), line(199)].concat().as_bytes());
        drop(log);
        Log::open(&path).unwrap().write(b"no end").unwrap();
        assert_eq!(Reader::open(&path, Some(1)).unwrap().1, b"no end");
        assert_eq!(Reader::open(&path, Some(0)).unwrap().1, b"");
        delete(&path);
        assert_eq!(Reader::open(&path, None).unwrap().1, b"");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_log_is_not_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.log");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        assert!(Log::open(&path).is_err() && Reader::open(&path, None).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
