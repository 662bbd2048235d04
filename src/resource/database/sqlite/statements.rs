//! The statements of an SQL script, one after another: a dump may be larger than memory.

use std::io::{self, BufRead, BufReader, Read};

/// The length of the longest statement that is read.
const LONGEST: usize = 1 << 26;

/// Splits a script into statements where SQLite would.
pub(super) struct Statements<R>(BufReader<R>);

impl<R: Read> Statements<R> {
    pub(super) fn of(script: R) -> Self {
        Self(BufReader::new(script))
    }

    fn next_statement(&mut self) -> io::Result<Option<String>> {
        let (mut text, mut scan) = (Vec::new(), Scan::default());
        loop {
            let next = self.0.fill_buf()?;
            let end = next.iter().position(|byte| scan.ends_with(*byte)).map(|at| at + 1);
            let length = end.unwrap_or(next.len());
            if text.len() + length > LONGEST {
                return Err(io::Error::other(format!("a statement is longer than {} MB", LONGEST >> 20)));
            }
            text.extend_from_slice(&next[..length]);
            self.0.consume(length);
            if end.is_some() || length == 0 {
                break;
            }
        }
        let statement = String::from_utf8(text).map_err(io::Error::other)?;
        Ok(Some(statement).filter(|statement| !statement.is_empty()))
    }
}

impl<R: Read> Iterator for Statements<R> {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_statement().transpose()
    }
}

/// What has been seen of a statement so far.
#[derive(Debug, Default)]
struct Scan {
    place: Place,
    last: u8,
    word: Vec<u8>,
    kind: Kind,
    /// What has come since the last semicolon.
    part: Part,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Code,
    /// Up to this quote; a doubled quote ends the text and starts it again.
    Quoted(u8),
    LineComment,
    BlockComment,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Create,
    /// `CREATE TRIGGER`, which has semicolons inside.
    Trigger,
    Other,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Empty,
    /// Nothing but `END`.
    End,
    Other,
}

impl Scan {
    /// Takes the next byte; returns whether the statement ends with it.
    fn ends_with(&mut self, byte: u8) -> bool {
        let last = std::mem::replace(&mut self.last, byte);
        match self.place {
            Place::Code => return self.code(last, byte),
            Place::Quoted(quote) if byte == quote => self.place = Place::Code,
            Place::LineComment if byte == b'\n' => self.place = Place::Code,
            Place::BlockComment if (last, byte) == (b'*', b'/') => {
                self.place = Place::Code;
                self.last = b' ';
            }
            _ => {}
        }
        false
    }

    fn code(&mut self, last: u8, byte: u8) -> bool {
        if byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii() {
            self.word.push(byte);
            return false;
        }
        let word = std::mem::take(&mut self.word);
        if !word.is_empty() {
            self.take(&word);
        }
        match byte {
            b'\'' | b'"' | b'`' => self.place = Place::Quoted(byte),
            b'[' => self.place = Place::Quoted(b']'),
            b'-' if last == b'-' => {
                self.place = Place::LineComment;
                return false;
            }
            b'*' if last == b'/' => {
                self.place = Place::BlockComment;
                self.last = b' ';
                return false;
            }
            b';' => {
                let part = std::mem::take(&mut self.part);
                return self.kind != Kind::Trigger || part == Part::End;
            }
            _ => {}
        }
        // either may begin a comment
        if !byte.is_ascii_whitespace() && byte != b'-' && byte != b'/' {
            self.part = Part::Other;
        }
        false
    }

    fn take(&mut self, word: &[u8]) {
        let is = |known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
        self.kind = match self.kind {
            Kind::Unknown if is(&["CREATE"]) => Kind::Create,
            Kind::Create if is(&["TEMP", "TEMPORARY"]) => Kind::Create,
            Kind::Create if is(&["TRIGGER"]) => Kind::Trigger,
            Kind::Unknown | Kind::Create => Kind::Other,
            known => known,
        };
        self.part = if self.part == Part::Empty && is(&["END"]) { Part::End } else { Part::Other };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_cut_where_statements_end() {
        for statements in [
            &["CREATE TABLE t(a);", " INSERT INTO t VALUES ('x;''y;', \";\", `;`, [;]);", "\n"][..],
            &["-- no; not here\nSELECT 1;", "/* nor; here '*/ SELECT 2 /*/ ; */;", " SELECT 4 - 2 / 1"],
            &["SELECT 'é;';", ";", "BEGIN;", "END;", "COMMIT;"],
            &[
                "create temp trigger a after insert on t begin\n\
                 update t set a = case a when 1 then 2 end; select 'END;'; -- ;\n end;",
                "SELECT 1;",
            ],
            &["CREATE TABLE trigger_log(a);", "CREATE VIEW v AS SELECT 1;"],
            &[],
        ] {
            let cut: Vec<String> =
                Statements::of(statements.concat().as_bytes()).map(Result::unwrap).collect();
            assert_eq!(cut, statements);
        }
    }

    #[test]
    fn a_statement_without_an_end_is_not_read_to_its_end() {
        let error = Statements::of(io::repeat(b' ')).next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "a statement is longer than 64 MB");
    }
}
