//! A part of the terminal that is redrawn, and gone without a trace at the end: a few lines below the cursor, or a whole
//! screen of its own.
//!
//! Keys come from stdin. Lines below the cursor go to stderr; the cursor rests in the first one, so that all our lines
//! are below it whatever a resize does to them. A whole screen is an answer, and goes to stdout. The terminal's modes are
//! restored when this is dropped, and on a panic.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, Once};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::live;
use crate::error::{Explain, Result};
use crate::text::name::escaped;

/// The terminal's previous modes, and the part of it that is ours, while our modes are set.
static BEFORE: Mutex<Option<(Termios, Part)>> = Mutex::new(None);
static PANICS: Once = Once::new();

/// Which part of the terminal is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    BelowTheCursor,
    Whole,
}

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Text(char),
    Enter,
    /// Escape, Ctrl-C, Ctrl-G, or the terminal is gone.
    Cancel,
    /// Ctrl-D.
    EndOfInput,
    /// Ctrl-Z.
    Suspend,
    /// The up arrow, or Ctrl-P.
    Up,
    /// The down arrow, Ctrl-N, or Tab.
    Down,
    /// Backspace, or Ctrl-H.
    Erase,
    /// Ctrl-W.
    EraseWord,
    /// Ctrl-U.
    EraseAll,
    /// Anything else.
    Other,
}

/// How a part of a line is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Strong,
    /// For less important parts.
    Dim,
    /// For what asks for care.
    Alarm,
    StrongAlarm,
    /// For what runs well.
    Good,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Dim => super::DIM,
            Self::Alarm => "\x1b[31m",
            Self::StrongAlarm => super::RED,
            Self::Good => "\x1b[32m",
        }
    }
}

/// A part of a line; control characters in it never reach the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    style: Style,
    text: String,
    /// Where it leads, on a terminal that takes links.
    link: Option<String>,
}

impl Span {
    pub fn new(style: Style, text: &str) -> Self {
        Self { style, text: escaped(text), link: None }
    }

    /// Returns so many blanks.
    pub fn blank(columns: usize) -> Self {
        Self { style: Style::Plain, text: " ".repeat(columns), link: None }
    }

    /// Returns it as a link.
    #[must_use]
    pub fn leading_to(mut self, url: &str) -> Self {
        self.link = Some(escaped(url));
        self
    }

    /// Returns it padded with blanks to `columns`.
    #[must_use]
    pub fn padded(mut self, columns: usize) -> Self {
        let missing = columns.saturating_sub(self.width());
        self.text.extend(std::iter::repeat_n(' ', missing));
        self
    }

    /// Returns it in another style.
    #[must_use]
    pub fn styled(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Returns how many columns it takes.
    pub fn width(&self) -> usize {
        // nearly all text is plain, and there is no control character in it
        if self.text.is_ascii() { self.text.len() } else { self.text.width() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns it with another text, of which nothing is escaped again.
    #[must_use]
    pub(super) fn saying(&self, text: String) -> Self {
        Self { text, ..self.clone() }
    }

    /// Returns its text with the sequences that a terminal understands.
    pub(super) fn painted(&self, coloured: bool, linked: bool) -> String {
        let code = self.style.code();
        let text = if coloured && !code.is_empty() && !self.text.is_empty() {
            format!("{code}{}{}", self.text, super::PLAIN)
        } else {
            self.text.clone()
        };
        match &self.link {
            Some(url) if linked => format!("\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\"),
            _ => text,
        }
    }
}

/// The part of the terminal.
#[derive(Debug)]
pub struct Screen {
    part: Part,
    coloured: bool,
}

impl Screen {
    /// Whether there is a terminal to draw on and to read keys from.
    pub fn is_there() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether there is a terminal to take whole and to read keys from.
    pub fn is_there_whole() -> bool {
        io::stdin().is_terminal() && live::is_possible()
    }

    /// Takes the lines below the cursor.
    pub fn open() -> Result<Self> {
        let coloured = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
        Self::take(Self { part: Part::BelowTheCursor, coloured })
    }

    /// Takes the whole terminal.
    pub fn open_whole() -> Result<Self> {
        Self::take(Self { part: Part::Whole, coloured: live::is_coloured() })
    }

    fn take(screen: Self) -> Result<Self> {
        PANICS.call_once(|| {
            let tell = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                tell(panic);
            }));
        });
        screen.enter()?;
        Ok(screen)
    }

    /// Sets the modes in which keys arrive as they are typed.
    pub fn enter(&self) -> Result<()> {
        let failed = || "cannot set the terminal".into();
        let before = tcgetattr(io::stdin()).explain(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        if let Ok(mut kept) = BEFORE.lock() {
            *kept = Some((before, self.part));
        }
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).explain(failed)?;
        if self.part == Part::Whole {
            // the alternate screen, without a cursor
            live::write("\x1b[?1049h\x1b[?25l");
        }
        Ok(())
    }

    /// Gives the terminal back in its previous state, for a while.
    pub fn leave(&self) {
        leave();
    }

    /// Returns the terminal's rows and columns.
    pub fn size(&self) -> (usize, usize) {
        if self.part == Part::Whole {
            return live::size().unwrap_or((24, 80));
        }
        let size = tcgetwinsize(io::stderr()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
        size.map_or((24, 80), |size| (size.ws_row.into(), size.ws_col.into()))
    }

    /// Shows these lines and nothing else, with the cursor at `column` of the first.
    pub fn draw(&self, lines: &[Vec<Span>], column: usize) {
        let columns = self.size().1;
        // some terminals wrap a line of exactly their width
        let lines: Vec<String> = lines.iter().map(|line| self.painted(line, columns - 1)).collect();
        let mut text = format!("\r{}\x1b[J", lines.join("\x1b[K\r\n"));
        if lines.len() > 1 {
            text += &format!("\x1b[{}A", lines.len() - 1);
        }
        text += "\r";
        if let right @ 1.. = column.min(columns - 1) {
            text += &format!("\x1b[{right}C");
        }
        // in one piece, so that it does not flicker
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Shows these lines from the top of a whole screen, and nothing else.
    pub fn draw_whole(&self, lines: &[Vec<Span>]) {
        let (rows, columns) = self.size();
        let lines = lines.iter().take(rows).map(|line| self.painted(line, columns - 1));
        let lines: Vec<String> = lines.collect();
        let text = format!("{}\x1b[H{}\x1b[J{}", live::BEGIN, lines.join("\x1b[K\r\n"), live::END);
        live::write(&text);
    }

    fn painted(&self, line: &[Span], columns: usize) -> String {
        let mut left = columns;
        let mut text = String::new();
        for span in line {
            let part = cut(&span.text, left);
            left -= part.width();
            text += &span.saying(part.to_owned()).painted(self.coloured, false);
        }
        text
    }

    /// Waits up to `patience` for a key.
    pub fn key(&self, patience: Duration) -> Option<Key> {
        // further bytes of the same key follow at once, or within the delay of a slow line
        read_key(&mut |again| next_byte(if again { Duration::from_millis(30) } else { patience }))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Erases our lines and restores the terminal's modes.
fn leave() {
    let before = BEFORE.lock().ok().and_then(|mut kept| kept.take());
    if let Some((before, part)) = before {
        match part {
            Part::BelowTheCursor => drop(io::stderr().lock().write_all(b"\r\x1b[J")),
            Part::Whole => live::write("\x1b[?25h\x1b[?1049l"),
        }
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// Returns the beginning of a text that fits into this many columns.
pub(super) fn cut(text: &str, columns: usize) -> &str {
    let mut width = 0;
    let end = text.char_indices().find(|(_, c)| {
        width += c.width().unwrap_or(0);
        width > columns
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// What was read of a key.
enum Byte {
    Read(u8),
    NotYet,
    Gone,
}

/// Reads only one byte, so that anything typed ahead for the shell is left for it.
fn next_byte(patience: Duration) -> Byte {
    let stdin = io::stdin();
    let patience = Timespec { tv_sec: 0, tv_nsec: patience.subsec_nanos().into() };
    match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&patience)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Byte::NotYet,
        _ => {}
    }
    let mut byte = [0];
    match rustix::io::read(&stdin, &mut byte) {
        Ok(1..) => Byte::Read(byte[0]),
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Byte::NotYet,
        Ok(0) | Err(_) => Byte::Gone,
    }
}

/// Reads a key from its bytes; `next` is told whether another byte of the same key is wanted.
fn read_key(next: &mut dyn FnMut(bool) -> Byte) -> Option<Key> {
    let first = match next(false) {
        Byte::Read(first) => first,
        Byte::NotYet => return None,
        Byte::Gone => return Some(Key::Cancel),
    };
    Some(match first {
        // a Return typed before our modes were set arrives as a line feed
        b'\r' | b'\n' => Key::Enter,
        0x03 | 0x07 => Key::Cancel,
        0x04 => Key::EndOfInput,
        0x1a => Key::Suspend,
        0x10 => Key::Up,
        0x0e | b'\t' => Key::Down,
        0x08 | 0x7f => Key::Erase,
        0x17 => Key::EraseWord,
        0x15 => Key::EraseAll,
        0x1b => read_escape(next),
        0x20.. => read_text(first, next),
        _ => Key::Other,
    })
}

/// Reads what follows an escape: nothing, or the rest of a function key.
fn read_escape(next: &mut dyn FnMut(bool) -> Byte) -> Key {
    match next(true) {
        Byte::Read(b'[' | b'O') => {}
        Byte::Read(_) => return Key::Other,
        Byte::NotYet | Byte::Gone => return Key::Cancel,
    }
    loop {
        match next(true) {
            Byte::Read(b'A') => return Key::Up,
            Byte::Read(b'B') => return Key::Down,
            Byte::Read(0x40..=0x7e) | Byte::NotYet | Byte::Gone => return Key::Other,
            Byte::Read(_) => {}
        }
    }
}

/// Reads a character of UTF-8.
fn read_text(first: u8, next: &mut dyn FnMut(bool) -> Byte) -> Key {
    let more = match first {
        0xc0..=0xdf => 1,
        0xe0..=0xef => 2,
        0xf0..=0xf7 => 3,
        _ => 0,
    };
    let mut bytes = vec![first];
    for _ in 0..more {
        let Byte::Read(byte) = next(true) else { break };
        bytes.push(byte);
    }
    let read = str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
    read.filter(|c| !c.is_control()).map_or(Key::Other, Key::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(typed: &[u8]) -> Vec<Key> {
        let mut bytes = typed.iter();
        let mut next = |_| bytes.next().map_or(Byte::NotYet, |byte| Byte::Read(*byte));
        std::iter::from_fn(|| read_key(&mut next)).collect()
    }

    #[test]
    fn keys_are_told_apart() {
        let cases: [(&[u8], &[Key]); 9] = [
            (b"a\r", &[Key::Text('a'), Key::Enter]),
            ("é日".as_bytes(), &[Key::Text('é'), Key::Text('日')]),
            (b"\x1b[A\x1b[B\x1bOA\x1bOB", &[Key::Up, Key::Down, Key::Up, Key::Down]),
            (b"\x10\x0e\t", &[Key::Up, Key::Down, Key::Down]),
            (b"\x1b", &[Key::Cancel]),
            (b"\x03\x07\x04\x1a", &[Key::Cancel, Key::Cancel, Key::EndOfInput, Key::Suspend]),
            (b"\x7f\x08\x17\x15", &[Key::Erase, Key::Erase, Key::EraseWord, Key::EraseAll]),
            // Alt-x, Delete, Shift-Up as some terminals send it, then a letter
            (b"\x1bx\x1b[3~\x1b[1;2Az", &[Key::Other, Key::Other, Key::Up, Key::Text('z')]),
            (b"\xffa\xc3(", &[Key::Other, Key::Text('a'), Key::Other]),
        ];
        for (typed, want) in cases {
            assert_eq!(keys(typed), want, "{typed:?}");
        }
        assert_eq!(read_key(&mut |_| Byte::Gone), Some(Key::Cancel));
    }

    #[test]
    fn a_line_is_cut_by_columns_and_holds_no_control_characters() {
        let screen = Screen { part: Part::BelowTheCursor, coloured: false };
        let line = |text| vec![Span::new(Style::Plain, "> "), Span::new(Style::Strong, text)];
        assert_eq!(screen.painted(&line("日本語"), 7), "> 日本");
        assert_eq!(screen.painted(&line("a\x1b[2Jb\n"), 80), "> a\\u{1b}[2Jb\\n");
        let screen = Screen { part: Part::BelowTheCursor, coloured: true };
        assert_eq!(screen.painted(&line("ab"), 80), "> \x1b[1mab\x1b[0m");
        assert_eq!(Span::new(Style::Plain, "日本").padded(6).text(), "日本  ");
    }
}
