//! File systems that are mounted somewhere in a directory: they are not part of what is there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::host::file::read_proc;

/// The mount points below `dir`, and `dir` itself if it is one. Known on Linux only (proc_pid_mountinfo(5)).
pub fn inside(dir: &Path) -> Vec<PathBuf> {
    let table = read_proc("/proc/self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(decoded);
    points.filter(|point| point.starts_with(dir)).collect()
}

/// A path as the kernel writes it: blanks, line breaks and backslashes are `\` and three octal digits.
fn decoded(text: &str) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        let digits =
            tail.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsStr::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_read_back() {
        assert_eq!(decoded(r"/a\040b\134n\012"), Path::new("/a b\\n\n"));
        assert_eq!(decoded(r"/a\0"), Path::new(r"/a\0"));
    }
}
