//! Env files as bytes: read without interpreting them, edited without touching anything but values.
//!
//! Programs disagree about the dialect (quotes, comments, expansion, duplicates). So a value that they would read
//! differently is called dynamic and left to them, and values written here are read alike by all of them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::error::{Error, Result};

/// The line above variables that were not in the file before.
const MARKER: &[u8] = b"# set by git-wt for this worktree";

/// The text of an env file.
#[derive(Debug, Clone)]
pub struct EnvText {
    bytes: Vec<u8>,
    assignments: Vec<Assignment>,
    /// The indices of each variable's assignments, in order.
    by_name: HashMap<String, Vec<usize>>,
}

impl PartialEq for EnvText {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for EnvText {}

/// A variable's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The text that every program reads.
    Text(String),
    /// The bytes as written: an expansion or a quoting that programs read differently.
    Dynamic(String),
}

/// How a value is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    /// Quotes that node knows but others take literally; or pieces that only a shell joins.
    Odd,
}

/// Where an assignment is in the text.
#[derive(Debug, Clone)]
struct Assignment {
    name: Range<usize>,
    /// Including its quotes, without surrounding blanks and comment.
    value: Range<usize>,
    quote: Quote,
    /// Where the next line begins.
    end: usize,
}

impl Value {
    /// Returns the text, or the bytes as written if it is dynamic.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Dynamic(text) => text,
        }
    }
}

impl EnvText {
    /// Parses any bytes; lines that are not assignments stay as they are.
    pub fn parse(bytes: Vec<u8>) -> Self {
        let assignments = Scan(&bytes).assignments();
        let mut text = Self { bytes, assignments, by_name: HashMap::new() };
        for at in 0..text.assignments.len() {
            let name = text.name(&text.assignments[at]).to_owned();
            text.by_name.entry(name).or_default().push(at);
        }
        text
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the value of a variable; if there are several assignments, the last one counts.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.last(name).map(|found| self.value(found))
    }

    fn last(&self, name: &str) -> Option<&Assignment> {
        Some(&self.assignments[*self.by_name.get(name)?.last()?])
    }

    /// Returns the bytes of a variable's value if they are no UTF-8, which its text cannot show.
    pub fn bytes_of(&self, name: &str) -> Option<Vec<u8>> {
        let found = self.last(name)?;
        let raw = &self.bytes[found.value.clone()];
        if std::str::from_utf8(raw).is_ok() || !matches!(self.value(found), Value::Text(_)) {
            return None;
        }
        Some(match found.quote {
            Quote::Single => raw[1..raw.len() - 1].to_vec(),
            Quote::Double => {
                // a character for each byte, and back
                let text: String = raw[1..raw.len() - 1].iter().copied().map(char::from).collect();
                unescaped(&text).chars().filter_map(|c| u8::try_from(c).ok()).collect()
            }
            Quote::None | Quote::Odd => raw.to_vec(),
        })
    }

    /// Returns all variables, each once, in the order of their first appearance.
    pub fn variables(&self) -> Vec<(String, Value)> {
        let firsts = self.assignments.iter().enumerate().filter_map(|(at, found)| {
            let name = self.name(found);
            let all = &self.by_name[name];
            (all[0] == at).then(|| (name.to_owned(), self.value(&self.assignments[all[all.len() - 1]])))
        });
        firsts.collect()
    }

    /// Sets variables, all or none. Each is set in all of its assignments, since programs disagree about which one
    /// counts, or at the end of the file if it has none. Every other byte stays. If a value is refused, nothing
    /// changes.
    pub fn set_all(&mut self, values: &[(&str, &str)]) -> Result<()> {
        let edited = self.with_values(values)?;
        if !edited.is_with(values, self) {
            return Err(Error::new(format!("{} cannot be set to a value in quotes", self.culprit(values)?))
                .because("a quote that begins on a line before has no end"));
        }
        *self = edited;
        Ok(())
    }

    /// Takes over variables that this text lacks, as `from` has them: their last assignments, with quotes and comments.
    pub fn take_over(&mut self, from: &Self, names: &[String]) -> Result<()> {
        let lines: Vec<Vec<u8>> = names.iter().filter_map(|name| from.line_of(name)).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let edited = Self::parse(with_own_lines(self.bytes.clone(), &lines));
        let has_arrived = |name: &String| edited.get(name) == from.get(name);
        let are_kept = self.variables().iter().all(|(name, value)| edited.get(name).as_ref() == Some(value));
        if !are_kept || !names.iter().all(has_arrived) {
            return Err(Error::new(format!("{} cannot be added", names.join(", ")))
                .because("a quote that begins on a line before has no end"));
        }
        *self = edited;
        Ok(())
    }

    /// Returns the last assignment of a variable as written, without the end of its line.
    fn line_of(&self, name: &str) -> Option<Vec<u8>> {
        let found = self.last(name)?;
        let start = self.bytes[..found.name.start].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = self.bytes[start..found.end].trim_ascii_end();
        Some(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).to_owned())
    }

    /// Whether these variables are set, and all others are as `before`.
    fn is_with(&self, values: &[(&str, &str)], before: &Self) -> bool {
        let wanted: HashMap<&str, &str> = values.iter().copied().collect();
        let others = |text: &Self| {
            let mut others = text.variables();
            others.retain(|(name, _)| !wanted.contains_key(name.as_str()));
            others
        };
        let is_set = |(name, value): (&&str, &&str)| self.get(name) == Some(Value::Text((*value).to_owned()));
        wanted.iter().all(is_set) && others(self) == others(before)
    }

    /// Returns a variable that keeps the others from being set.
    fn culprit<'a>(&self, values: &[(&'a str, &str)]) -> Result<&'a str> {
        if let [(name, _)] = values {
            return Ok(name);
        }
        let (first, second) = values.split_at(values.len() / 2);
        if self.with_values(first)?.is_with(first, self) { self.culprit(second) } else { self.culprit(first) }
    }

    fn with_values(&self, values: &[(&str, &str)]) -> Result<Self> {
        let mut edits = Vec::new();
        let (mut seen, mut lines) = (HashSet::new(), Vec::new());
        // if a variable is given several times, its last value counts
        for (name, value) in values.iter().rev().filter(|(name, _)| seen.insert(*name)) {
            if !is_name(name.as_bytes()) {
                return Err(Error::new(format!(
                    "'{}' is no name of a variable",
                    crate::text::name::escaped(name)
                )));
            }
            let Some(places) = self.by_name.get(*name) else {
                lines.push(format!("{name}={}", written(name, value, Quote::None)?));
                continue;
            };
            for place in places.iter().map(|at| &self.assignments[*at]) {
                if self.value(place) != Value::Text((*value).to_owned()) {
                    edits.push((place.value.clone(), written(name, value, place.quote)?));
                }
            }
        }
        lines.reverse();
        let bytes = self.with_edits(edits);
        Ok(Self::parse(if lines.is_empty() { bytes } else { with_lines(bytes, &lines) }))
    }

    fn with_edits(&self, mut edits: Vec<(Range<usize>, String)>) -> Vec<u8> {
        edits.sort_by_key(|(place, _)| place.start);
        let (mut bytes, mut done) = (Vec::with_capacity(self.bytes.len()), 0);
        for (place, text) in edits {
            bytes.extend_from_slice(&self.bytes[done..place.start]);
            bytes.extend_from_slice(text.as_bytes());
            done = place.end;
        }
        bytes.extend_from_slice(&self.bytes[done..]);
        bytes
    }

    /// Returns the bytes of a variable's value as written, including quotes; if there are several assignments, the last
    /// one counts.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.last(name).and_then(|found| self.raw_of(found))
    }

    fn raw_of(&self, found: &Assignment) -> Option<&str> {
        std::str::from_utf8(&self.bytes[found.value.clone()]).ok()
    }

    /// Replaces values including their quotes: in each assignment for which `edit`, given the name and the bytes as
    /// written, returns other bytes.
    pub fn edit(&mut self, edit: impl Fn(&str, &str) -> Option<String>) {
        let edits = self
            .assignments
            .iter()
            .filter_map(|found| Some((found.value.clone(), edit(self.name(found), self.raw_of(found)?)?)));
        *self = Self::parse(self.with_edits(edits.collect()));
    }

    fn name(&self, found: &Assignment) -> &str {
        std::str::from_utf8(&self.bytes[found.name.clone()]).unwrap_or_default()
    }

    fn value(&self, found: &Assignment) -> Value {
        let raw = String::from_utf8_lossy(&self.bytes[found.value.clone()]).into_owned();
        match found.quote {
            Quote::None | Quote::Double if raw.contains(['$', '`']) => Value::Dynamic(raw),
            Quote::None => Value::Text(raw),
            // some programs expand this even in single quotes
            Quote::Single if raw.contains("${") => Value::Dynamic(raw),
            Quote::Single => Value::Text(raw[1..raw.len() - 1].to_owned()),
            Quote::Double => Value::Text(unescaped(&raw[1..raw.len() - 1])),
            Quote::Odd => Value::Dynamic(raw),
        }
    }
}

/// Whether a file is UTF-16, which PowerShell's `>` writes and no program reads as an env file.
pub fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// Env file text that is being read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn assignments(&self) -> Vec<Assignment> {
        let mut found = Vec::new();
        let mut at = if self.0.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        while at < self.0.len() {
            match self.assignment(at) {
                Some(assignment) => {
                    at = assignment.end;
                    found.push(assignment);
                }
                None => at = self.next_line(at),
            }
        }
        found
    }

    /// Reads the line that begins at `at`, and further lines if a quoted value continues on them.
    fn assignment(&self, at: usize) -> Option<Assignment> {
        let mut start = self.past_blanks(at);
        if let Some(rest) = self.0[start..].strip_prefix(b"export")
            && rest.first().is_some_and(|b| is_blank(*b))
        {
            start = self.past_blanks(start + b"export".len());
        }
        let length = self.0[start..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let name = start..start + length;
        let equals = self.past_blanks(name.end);
        if !is_name(&self.0[name.clone()]) || self.0.get(equals) != Some(&b'=') {
            return None;
        }
        let after = equals + 1;
        let begin = self.past_blanks(after);
        let (mut value, quote) = self.quoted(begin).unwrap_or_else(|| self.bare(begin, begin > after));
        if value.is_empty() {
            // the value must begin right there for a shell, and a comment needs the blank before it
            value = after..after;
        }
        let end = self.next_line(value.end);
        Some(Assignment { name, value, quote, end })
    }

    /// Reads a quoted value. Only blanks or a comment may follow on the line; otherwise the quote is not one.
    fn quoted(&self, begin: usize) -> Option<(Range<usize>, Quote)> {
        let quote = *self.0.get(begin).filter(|b| b"'\"`".contains(b))?;
        let mut at = begin + 1;
        loop {
            match self.0.get(at)? {
                b'\\' if quote == b'"' => at += 2,
                b if *b == quote => break,
                _ => at += 1,
            }
        }
        let rest = self.past_blanks(at + 1);
        let ends =
            matches!(self.0.get(rest), None | Some(b'\n' | b'\r')) || (rest > at + 1 && self.0[rest] == b'#');
        let kind = match quote {
            b'\'' => Quote::Single,
            b'"' => Quote::Double,
            _ => Quote::Odd,
        };
        ends.then_some((begin..at + 1, kind))
    }

    /// Reads an unquoted value: up to a comment or the end of the line, without trailing blanks.
    fn bare(&self, begin: usize, after_blank: bool) -> (Range<usize>, Quote) {
        let line = &self.0[begin..];
        let line = &line[..line.iter().position(|b| *b == b'\n').unwrap_or(line.len())];
        let comment = (0..line.len()).find(|at| {
            let apart = if *at == 0 { after_blank } else { is_blank(line[at - 1]) };
            line[*at] == b'#' && apart
        });
        let value = line[..comment.unwrap_or(line.len())].trim_ascii_end();
        let quote = if value.first().is_some_and(|b| b"'\"`".contains(b)) { Quote::Odd } else { Quote::None };
        (begin..begin + value.len(), quote)
    }

    fn past_blanks(&self, at: usize) -> usize {
        at + self.0[at..].iter().take_while(|b| is_blank(**b)).count()
    }

    fn next_line(&self, at: usize) -> usize {
        self.0[at..].iter().position(|b| *b == b'\n').map_or(self.0.len(), |length| at + length + 1)
    }

    /// Returns where the line of our marker begins.
    fn marker(&self) -> Option<usize> {
        let mut at = 0;
        while at < self.0.len() {
            let next = self.next_line(at);
            if self.0[at..next].trim_ascii_end() == MARKER {
                return Some(at);
            }
            at = next;
        }
        None
    }

    /// Returns where the assignments below our marker end.
    fn block_end(&self) -> Option<usize> {
        let mut end = self.next_line(self.marker()?);
        while let Some(found) = (end < self.0.len()).then(|| self.assignment(end)).flatten() {
            end = found.end;
        }
        Some(end)
    }
}

/// Returns how the lines of a text end.
fn line_end(bytes: &[u8]) -> &'static str {
    let crlf = bytes.iter().position(|b| *b == b'\n').is_some_and(|at| at > 0 && bytes[at - 1] == b'\r');
    if crlf { "\r\n" } else { "\n" }
}

/// Returns the text with lines of the project's own: at its end, but above our marker.
fn with_own_lines(mut bytes: Vec<u8>, lines: &[Vec<u8>]) -> Vec<u8> {
    let eol = line_end(&bytes);
    let at = Scan(&bytes).marker().unwrap_or_else(|| {
        if bytes.last().is_some_and(|b| *b != b'\n') {
            bytes.extend_from_slice(eol.as_bytes());
        }
        bytes.len()
    });
    let lines = lines.iter().flat_map(|line| [line.as_slice(), eol.as_bytes()].concat());
    bytes.splice(at..at, lines.collect::<Vec<u8>>());
    bytes
}

/// Returns the text with lines below our marker, which is added at the end of the file if it is missing.
fn with_lines(mut bytes: Vec<u8>, lines: &[String]) -> Vec<u8> {
    let eol = line_end(&bytes);
    let block = Scan(&bytes).block_end();
    let at = block.filter(|at| *at < bytes.len()).unwrap_or_else(|| {
        if bytes.last().is_some_and(|b| *b != b'\n') {
            bytes.extend_from_slice(eol.as_bytes());
        }
        if block.is_none() {
            bytes.extend_from_slice(&[MARKER, eol.as_bytes()].concat());
        }
        bytes.len()
    });
    let lines: String = lines.iter().flat_map(|line| [line, eol]).collect();
    bytes.splice(at..at, lines.into_bytes());
    bytes
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_name(name: &[u8]) -> bool {
    name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// Undoes the escapes in double quotes that programs agree on; other backslashes stay.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, rest.clone().next()) {
            ('\\', Some(next @ ('"' | '\\' | 'n'))) => {
                out.push(if next == 'n' { '\n' } else { next });
                rest.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// Writes a value so that every program reads it alike, in the given quotes if they allow it.
fn written(name: &str, value: &str, quote: Quote) -> Result<String> {
    let bare = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./:@%+,=?-".contains(&b));
    let inside = !value.chars().any(|c| c.is_control() || "\\$`".contains(c));
    match quote {
        Quote::None if bare => Ok(value.to_owned()),
        Quote::Single if inside && !value.contains('\'') => Ok(format!("'{value}'")),
        _ if inside && !value.contains('"') => Ok(format!("\"{value}\"")),
        _ if inside && !value.contains('\'') => Ok(format!("'{value}'")),
        _ => Err(Error::new(format!(
            "the value of {name} cannot be written so that all programs read it alike"
        ))
        .because("it holds a line break, both kinds of quotes, or one of \\ $ `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "compared with what get returns")]
    fn text(value: &str) -> Option<Value> {
        Some(Value::Text(value.into()))
    }

    #[test]
    fn values_are_read_as_programs_agree() {
        for (line, want) in [
            ("A=1", text("1")),
            ("  export  A = 1 ", text("1")),
            ("A=has#hash", text("has#hash")),
            ("A=1 # comment", text("1")),
            ("A= # comment", text("")),
            ("A=", text("")),
            ("A='x # y' # z", text("x # y")),
            ("A=\"x \\\"y\\\"\\n\"", text("x \"y\"\n")),
            ("A='one\ntwo'\nB=2", text("one\ntwo")),
            ("A=\"unterminated\nB=2", Some(Value::Dynamic("\"unterminated".into()))),
            ("A=1\r\n", text("1")),
            ("\u{feff}A=1", text("1")),
            ("A=1\nA=2", text("2")),
            ("A=$B", Some(Value::Dynamic("$B".into()))),
            ("A='${B}'", Some(Value::Dynamic("'${B}'".into()))),
            ("A='it'\\''s'", Some(Value::Dynamic("'it'\\''s'".into()))),
            ("A=`x`", Some(Value::Dynamic("`x`".into()))),
            ("#A=1", None),
            ("A B=1", None),
            ("AA=1", None),
            ("a.A=1", None),
        ] {
            assert_eq!(EnvText::parse(line.into()).get("A"), want, "{line:?}");
        }
    }

    #[test]
    fn only_the_value_changes() {
        for (before, value, after) in [
            ("# c\nA=1 # web\nB=2", "8001", "# c\nA=8001 # web\nB=2"),
            ("export A='1'\r\nB=2\r\n", "x", "export A='x'\r\nB=2\r\n"),
            ("A = \"1\"\n", "x y", "A = \"x y\"\n"),
            ("A=1\n", "x&y", "A=\"x&y\"\n"),
            ("A=1\n", "~/x", "A=\"~/x\"\n"),
            ("A=1\n", "say \"x\"", "A='say \"x\"'\n"),
            ("A='1'\n", "it's", "A=\"it's\"\n"),
            ("A=1\nB=2\nA=3\n", "4", "A=4\nB=2\nA=4\n"),
            ("A='one\ntwo' # c\nB=2\n", "1", "A='1' # c\nB=2\n"),
            ("A=`x`\n", "1", "A=\"1\"\n"),
            ("A=\n", "1", "A=1\n"),
            ("A= # c\n", "1", "A=1 # c\n"),
            ("A =  # c\n", "1", "A =1  # c\n"),
            ("A= \r\n", "1", "A=1 \r\n"),
            ("", "1", "# set by git-wt for this worktree\nA=1\n"),
            ("B=2", "1", "B=2\n# set by git-wt for this worktree\nA=1\n"),
            ("B=2\r\n", "1", "B=2\r\n# set by git-wt for this worktree\r\nA=1\r\n"),
            (
                "# set by git-wt for this worktree\nB=2\n\nC=3\n",
                "1",
                "# set by git-wt for this worktree\nB=2\nA=1\n\nC=3\n",
            ),
            ("# set by git-wt for this worktree\nB=2", "1", "# set by git-wt for this worktree\nB=2\nA=1\n"),
        ] {
            let mut env = EnvText::parse(before.into());
            env.set_all(&[("A", value)]).unwrap();
            assert_eq!(String::from_utf8_lossy(env.as_bytes()), after, "{before:?}");
            assert_eq!(env.get("A"), text(value));
            let once = env.clone();
            env.set_all(&[("A", value)]).unwrap();
            assert_eq!(env, once, "a second time");
        }
    }

    #[test]
    fn many_are_set_at_once_or_none() {
        let before = EnvText::parse(b"A=1\nB=\"x\nC=1\nD='1'\nA=2".to_vec());
        let mut env = before.clone();
        let error = env.set_all(&[("A", "3"), ("E", "1"), ("C", " # y"), ("D", "2")]).unwrap_err();
        assert!(error.what.contains('C'), "{error:?}");
        assert_eq!(env, before);
        env.set_all(&[("E", "0"), ("A", "3"), ("D", "2"), ("F", "5"), ("E", "4")]).unwrap();
        let after = "A=3\nB=\"x\nC=1\nD='2'\nA=3\n# set by git-wt for this worktree\nF=5\nE=4\n";
        assert_eq!(String::from_utf8_lossy(env.as_bytes()), after);
        assert!(env.variables().iter().map(|(name, _)| name).eq(["A", "B", "C", "D", "F", "E"]));
    }

    #[test]
    fn bytes_are_edited_at_their_place() {
        let text = "\u{feff}A=\"x:1\\n\" # c\r\nB='$x:1'\r\nexport A = x:1\n";
        let mut env = EnvText::parse(text.into());
        assert_eq!((env.raw("A"), env.raw("B"), env.raw("C")), (Some("x:1"), Some("'$x:1'"), None));
        for name in ["A", "B", "C"] {
            env.edit(|known, raw| (known == name && raw.contains(":1")).then(|| raw.replace(":1", ":20")));
        }
        assert_eq!(String::from_utf8_lossy(env.as_bytes()), text.replace(":1", ":20"));
    }

    #[test]
    fn what_cannot_be_written_portably_is_refused_and_not_shown() {
        for value in ["a\nb", "a$b", "a\\b", "a`b", "'\"", "\0"] {
            let error = EnvText::parse(b"A=1\n".to_vec()).set_all(&[("A", value)]).unwrap_err();
            assert!(error.what.contains('A') && !error.in_one_line().contains(value), "{error:?}");
        }
        assert!(EnvText::parse(Vec::new()).set_all(&[("A B", "1")]).is_err());
    }

    #[test]
    fn a_quote_without_an_end_takes_no_quoted_value_in() {
        let before = EnvText::parse(b"B=\"x\nA=1\n".to_vec());
        let mut env = before.clone();
        assert!(env.set_all(&[("A", " # y")]).is_err());
        assert_eq!(env, before);
        env.set_all(&[("A", "2")]).unwrap();
        assert_eq!(env.as_bytes(), b"B=\"x\nA=2\n");
    }
}
