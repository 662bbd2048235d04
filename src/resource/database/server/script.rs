//! A script for psql without the two psql commands that pg_dump itself puts around it, `\restrict` and `\unrestrict`:
//! it runs under our own restriction, whose key it does not know.
//!
//! Only the first and the last command of the file can be pg_dump's. What is between them is not judged, since it may
//! be the data of a `COPY`.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Take};
use std::path::Path;

use crate::host::file;

/// How far from the ends of the file the two may be; before and after them pg_dump writes only comments.
const REACH: u64 = 1 << 16;

/// The script as psql reads it.
pub(super) struct Script {
    head: Cursor<Vec<u8>>,
    rest: Take<File>,
}

impl Script {
    /// Opens the file and leaves out the two commands, if it has them.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = file::open(path)?;
        let length = file.metadata()?.len();
        let mut head = Vec::new();
        file.by_ref().take(REACH).read_to_end(&mut head)?;
        let read = head.len() as u64;
        let mut end = length;
        if take_out(&mut head) {
            let from = length.saturating_sub(REACH).max(read);
            let mut tail = Vec::new();
            file.seek(SeekFrom::Start(from))?;
            file.by_ref().take(REACH).read_to_end(&mut tail)?;
            if let Some(at) = last_command(&tail) {
                end = from + at as u64;
            } else if let Some(at) =
                last_command(&head).filter(|_| tail.split(|byte| *byte == b'\n').all(is_comment))
            {
                head.truncate(at);
                end = read;
            }
        }
        file.seek(SeekFrom::Start(read))?;
        Ok(Self { head: Cursor::new(head), rest: file.take(end.saturating_sub(read)) })
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.head.read(buffer)? {
            0 => self.rest.read(buffer),
            length => Ok(length),
        }
    }
}

fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty() || line.starts_with(b"--")
}

/// Blanks out the `\restrict` line, keeping the line numbers, if only comments come before it.
fn take_out(head: &mut Vec<u8>) -> bool {
    let mut at = 0;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let length = line.trim_ascii_end().len();
        if line.starts_with(b"\\restrict ") {
            head.drain(at..at + length);
            return true;
        }
        if !is_comment(line) {
            return false;
        }
        at += line.len();
    }
    false
}

/// Returns where the last line that is not a comment begins, if it is `\unrestrict`.
fn last_command(text: &[u8]) -> Option<usize> {
    let mut end = text.len();
    for line in text.split_inclusive(|byte| *byte == b'\n').rev() {
        let begin = end - line.len();
        if !is_comment(line) {
            return line.starts_with(b"\\unrestrict ").then_some(begin);
        }
        end = begin;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Sandbox;

    #[test]
    fn the_commands_around_a_dump_are_left_out_and_no_other() {
        let long = "x\n".repeat(100_000);
        let framed =
            format!("--\n-- dump\n\n\\restrict a1\n\nCREATE;\n{long}\n\\unrestrict a1\n\n--\n-- done\n");
        for (text, want) in [
            ("SELECT 1;\n".to_owned(), "SELECT 1;\n".to_owned()),
            ("-- a\n\\restrict k\nSELECT;\n\\unrestrict k\n-- b\n".into(), "-- a\n\nSELECT;\n".into()),
            (framed, format!("--\n-- dump\n\n\n\nCREATE;\n{long}\n")),
            // in the middle of the file it is data, or not from pg_dump
            ("COPY;\n\\restrict k\n\\.\n".into(), "COPY;\n\\restrict k\n\\.\n".into()),
            (
                "\\restrict k\nA;\n\\unrestrict k\n\\connect x\n".into(),
                "\nA;\n\\unrestrict k\n\\connect x\n".into(),
            ),
            (String::new(), String::new()),
        ] {
            let sandbox = Sandbox::new();
            let path = sandbox.write("dump.sql", &text);
            let mut read = String::new();
            Script::open(&path).unwrap().read_to_string(&mut read).unwrap();
            assert!(read == want, "{}", &text[..text.len().min(80)]);
        }
    }
}
