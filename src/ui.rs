//! The only door to the terminal: answers on stdout, narration on stderr, questions.
//!
//! Colour goes through anstream, which handles NO_COLOR, CLICOLOR_FORCE, TERM=dumb and pipes. Names, files and commands
//! are shown with every character visible: each line is escaped here, never by the caller.

pub mod live;
pub mod picker;
pub mod screen;
mod status;
pub mod table;

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::{Error, Explain, Hint, Result};
use crate::text::name::escaped;
use crate::text::quote;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// How much a run prints: the options of verbs that have both. With `-v`, each step is printed with its duration and
/// with the output of each child.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Ui {
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say each step
    #[arg(short, long)]
    pub verbose: bool,
}

impl Ui {
    /// Prints one line about what is being done.
    pub fn say(self, line: &str) {
        if !self.quiet {
            let _line = status::cleared();
            let _ = writeln!(anstream::stderr(), "{}", escaped(line));
        }
    }

    /// Prints a line that only `-v` asks for.
    pub fn detail(self, line: &str) {
        if self.verbose {
            let _line = status::cleared();
            let _ = writeln!(anstream::stderr(), "{DIM}{}{PLAIN}", escaped(line));
        }
    }

    /// Prints how long the step just reported took.
    pub fn took(self, time: Duration) {
        let time = if time.as_secs() == 0 {
            format!("{} ms", time.as_millis())
        } else {
            format!("{:.1} s", time.as_secs_f64())
        };
        self.detail(&format!("  took {time}"));
    }

    /// Prints what another program or library has to say, with its lines and colours.
    pub fn tell(self, text: &str) {
        let _line = status::cleared();
        let _ = write!(anstream::stderr(), "{}", escaped_but_colours(text));
    }

    /// Warns, even with `-q`, that something will not be as expected.
    pub fn warn(self, line: &str) {
        let _line = status::cleared();
        let _ = writeln!(anstream::stderr(), "{YELLOW}warning:{PLAIN} {}", escaped(line));
    }

    /// Shows a command to paste.
    pub fn hint(self, hint: impl Into<Hint>) {
        self.offer("hint", hint);
    }

    /// Shows a command to paste, and what it is for.
    pub fn offer(self, what: &str, hint: impl Into<Hint>) {
        if !self.quiet {
            let _line = status::cleared();
            let _ = writeln!(anstream::stderr(), "{DIM}{what}:{PLAIN} {}", quote::command(&hint.into()));
        }
    }

    /// Shows an error: what failed, why, what was undone, and what to do.
    pub fn error(self, error: &Error) {
        let _line = status::cleared();
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "{RED}error:{PLAIN} {}", escaped(&error.headline()));
        for cause in &error.why {
            let lines: Vec<String> = cause.lines().map(escaped).collect();
            let _ = writeln!(err, "caused by: {}", lines.join("\n           "));
        }
        for thing in &*error.undone {
            let _ = writeln!(err, "undone: {}", escaped(thing));
        }
        for hint in &error.hints {
            let _ = writeln!(err, "{DIM}hint:{PLAIN} {}", quote::command(hint));
        }
    }

    /// Whether somebody watches progress on a terminal.
    pub fn is_watched(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Does work that may take long, and meanwhile shows its progress in one line, which disappears at the end.
    pub fn watch<T>(self, how_far: &(dyn Fn() -> String + Sync), work: impl FnOnce() -> T) -> T {
        if self.is_watched() { status::during(&|_| how_far(), work) } else { work() }
    }

    /// Does a step that may take long, and meanwhile shows its name, how long it has taken, and what it last said.
    pub fn spin<T>(self, step: &str, last: &(dyn Fn() -> String + Sync), work: impl FnOnce() -> T) -> T {
        let told = |time| format!("{} {step}  {:5} {}", status::turn(time), short_time(time), last());
        if self.is_watched() && !is_dumb() { status::during(&told, work) } else { work() }
    }

    /// Passes on a child's stderr, byte for byte.
    pub fn relay(self, bytes: &[u8]) {
        let _ = io::stderr().lock().write_all(bytes);
    }

    /// Prints an answer for people, line by line.
    pub fn print_lines<L: AsRef<str>>(self, lines: impl IntoIterator<Item = L>) -> Result<()> {
        let text: String = lines.into_iter().map(|line| escaped(line.as_ref()) + "\n").collect();
        self.answer(text.as_bytes())
    }

    /// Prints an answer for programs, byte for byte. It is not an error if the reader has gone away.
    pub fn answer(self, bytes: &[u8]) -> Result<()> {
        Self::print(&mut io::stdout().lock(), bytes)
    }

    /// Prints an answer for people, with its lines and colours.
    pub fn show(self, text: &str) -> Result<()> {
        Self::print(&mut anstream::stdout().lock(), escaped_but_colours(text).as_bytes())
    }

    /// Whether somebody reads the answer on a terminal.
    pub fn is_read_on_terminal(self) -> bool {
        io::stdout().is_terminal()
    }

    fn print(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.explain(|| "cannot write to stdout".into()),
        }
    }

    /// Whether there is somebody at a terminal to ask.
    pub fn can_ask(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a yes/no question; `None` if there is no terminal to ask on. Being `stopped` counts as no.
    pub fn ask(self, question: &str, stopped: &dyn Fn() -> bool) -> Option<bool> {
        let answer = || Self::read_answer(&format!("{question} [y/N]"), stopped);
        self.can_ask().then(|| matches!(answer().as_deref(), Some("y" | "Y" | "yes")))
    }

    /// Asks a yes/no question whose default is yes; the end of input counts as no.
    pub fn agree(self, question: &str) -> bool {
        let answer = Self::read_answer(&format!("{question} [Y/n]"), &|| false);
        matches!(answer.as_deref(), Some("" | "y" | "Y" | "yes"))
    }

    /// Has the user choose one of several answers by its number, or the first with Enter alone; `None` if the user
    /// leaves, with `q` or the end of input.
    pub fn choose(self, question: &str, answers: &[&str]) -> Option<usize> {
        let _ = writeln!(anstream::stderr(), "\n{}", escaped(question));
        for (at, answer) in answers.iter().enumerate() {
            let _ = writeln!(anstream::stderr(), "  {}  {}", at + 1, escaped(answer));
        }
        loop {
            let line = Self::read_answer("which [1]", &|| false)?;
            match line.as_str() {
                "" => return Some(0),
                "q" | "quit" => return None,
                number => match number.parse() {
                    Ok(number) if (1..=answers.len()).contains(&number) => return Some(number - 1),
                    _ => {
                        let _ = writeln!(
                            anstream::stderr(),
                            "1 to {}, Enter for 1, or q to leave",
                            answers.len()
                        );
                    }
                },
            }
        }
    }

    /// Reads one line; `None` at the end of input, or if we are stopped. It polls, because a blocking read would
    /// restart after a signal that is caught, and would miss one that comes just before it.
    fn read_answer(prompt: &str, stopped: &dyn Fn() -> bool) -> Option<String> {
        const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        let mut err = anstream::stderr();
        let _ = write!(err, "{} ", escaped(prompt)).and_then(|()| err.flush());
        let mut line = String::new();
        let stdin = io::stdin();
        let waits = || {
            let ready = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&MOMENT));
            matches!(ready, Ok(0) | Err(Errno::INTR))
        };
        while !stopped() && waits() {}
        let answered = if stopped() { Ok(0) } else { stdin.lock().read_line(&mut line) };
        match answered {
            Ok(0) | Err(_) => {
                let _ = writeln!(err);
                None
            }
            Ok(_) => Some(line.trim().to_owned()),
        }
    }
}

/// Escapes everything but line breaks and colour sequences.
fn escaped_but_colours(text: &str) -> String {
    let is_colour = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest[end..].starts_with('m').then_some(end + 1)
    };
    let line = |line: &str| {
        let mut pieces = line.split("\x1b[");
        let mut out = escaped(pieces.next().unwrap_or_default());
        for piece in pieces {
            match is_colour(piece) {
                Some(end) => out += &format!("\x1b[{}{}", &piece[..end], escaped(&piece[end..])),
                None => out += &escaped(&format!("\x1b[{piece}")),
            }
        }
        out
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Whether the terminal only takes one line after another.
fn is_dumb() -> bool {
    crate::host::exec::variable("TERM").is_none_or(|term| term == "dumb")
}

/// Formats a duration for people: `0.4s`, `12s`, `2m 5s`.
pub fn short_time(time: Duration) -> String {
    match time.as_secs() {
        // nothing takes no time
        0..10 => format!("{:.1}s", time.as_secs_f64().max(0.1)),
        seconds @ 10..120 => format!("{seconds}s"),
        seconds => format!("{}m {}s", seconds / 60, seconds % 60),
    }
}

/// Formats a number of bytes for people in as few characters as tell it apart: `4 kB`, `1.2 GB`.
pub fn short_bytes(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB")];
    match units.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) if bytes < 10 * size => {
            format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size)
        }
        Some((size, unit)) => format!("{} {unit}", bytes / size),
        None => format!("{} kB", bytes.div_ceil(1000)),
    }
}

/// Returns what another program has printed, without its colours.
pub fn without_colours(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Formats a number of bytes for people: `994 MB`.
pub fn bytes(number: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.iter().find(|(size, _)| number >= 10 * size) {
        Some((size, unit)) => format!("{} {unit}", number / size),
        None => format!("{number} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{bytes, escaped_but_colours, short_bytes, short_time};

    #[test]
    fn only_colours_and_line_breaks_are_passed_on() {
        for (text, shown) in [
            ("\x1b[1;31merror:\x1b[0m x\n\n  y\n", "\x1b[1;31merror:\x1b[0m x\n\n  y\n"),
            ("\x1b[2Jx\x1b[m", "\\u{1b}[2Jx\x1b[m"),
            ("\x1b]0;title\x07\r\u{202e}", "\\u{1b}]0;title\\u{7}\\r\\u{202e}"),
            ("\x1b[31", "\\u{1b}[31"),
        ] {
            assert_eq!(escaped_but_colours(text), shown);
        }
    }

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0, "0 kB"),
            (1, "1 kB"),
            (999_999, "1000 kB"),
            (1_250_000, "1.2 MB"),
            (12_500_000, "12 MB"),
            (3_000_000_000, "3.0 GB"),
        ] {
            assert_eq!(short_bytes(number), text);
        }
        for (millis, text) in [(40, "0.1s"), (3140, "3.1s"), (12_900, "12s"), (125_000, "2m 5s")] {
            assert_eq!(short_time(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn bytes_are_short() {
        for (number, text) in [
            (0, "0 bytes"),
            (9999, "9999 bytes"),
            (10_000, "10 kB"),
            (9_999_999, "9999 kB"),
            (994_000_000, "994 MB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
