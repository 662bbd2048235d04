//! Lines on the terminal that are written again as more becomes known.
//!
//! They stay where they are when the program ends, as if they had been printed at once.

use std::io::{self, IsTerminal, Write};

use rustix::termios::tcgetwinsize;

use crate::host::exec::variable;
use crate::ui::screen::Span;

/// A terminal shows nothing of what comes between these until the end; one that does not know them passes over them.
pub(super) const BEGIN: &str = "\x1b[?2026h";
pub(super) const END: &str = "\x1b[?2026l";

/// The lines on stdout.
#[derive(Debug)]
pub struct Live {
    coloured: bool,
    linked: bool,
    /// How many lines are written for good.
    settled: usize,
    /// The widths of those that may be written again.
    loose: Vec<usize>,
}

/// Writes to the terminal at once: stdout keeps what comes after the last line break.
pub(super) fn write(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether stdout is a terminal on which lines can be written again.
pub fn is_possible() -> bool {
    io::stdout().is_terminal() && variable("TERM").is_some_and(|term| term != "dumb")
}

/// Returns the rows and columns of the terminal that stdout is; `None` if it is none.
pub fn size() -> Option<(usize, usize)> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    Some(size.map_or((24, 80), |size| (size.ws_row.into(), size.ws_col.into())))
}

/// Returns lines as text, with colours if stdout takes them.
pub fn painted(lines: &[Vec<Span>]) -> String {
    let coloured = is_coloured();
    lines.iter().map(|line| paint(line, coloured, false) + "\n").collect()
}

fn paint(line: &[Span], coloured: bool, linked: bool) -> String {
    line.iter().map(|span| span.painted(coloured, linked)).collect()
}

pub(super) fn is_coloured() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

impl Live {
    pub fn new() -> Self {
        Self { coloured: is_coloured(), linked: takes_links(), settled: 0, loose: Vec::new() }
    }

    /// Writes the lines. The first `fixed` of them never change again, so that they may scroll away; of the others only
    /// as many are written as the terminal can still take back.
    pub fn draw(&mut self, lines: &[Vec<Span>], fixed: usize) {
        let (rows, columns) = size().unwrap_or((24, 80));
        let end = lines.len().min(fixed.max(self.settled) + rows - 1);
        let mut text = format!("{BEGIN}\r");
        // a terminal that has become narrower has wrapped them
        match self.loose.iter().map(|width| width.div_ceil(columns).max(1)).sum::<usize>() {
            0 => {}
            up => text += &format!("\x1b[{up}A"),
        }
        for line in &lines[self.settled.min(end)..end] {
            text += &format!("{}\x1b[K\r\n", paint(line, self.coloured, self.linked));
        }
        text += &format!("\x1b[J{END}");
        self.settled = self.settled.max(fixed.min(end));
        let width = |line: &Vec<Span>| line.iter().map(Span::width).sum();
        self.loose = lines[self.settled.min(end)..end].iter().map(width).collect();
        write(&text);
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the terminal is known to show hyperlinks (OSC 8) as such, and to say nothing about them elsewhere.
pub(super) fn takes_links() -> bool {
    let text = |name| variable(name).map(|value| value.to_string_lossy().into_owned());
    let number = |name| text(name).and_then(|value| value.parse::<u32>().ok()).unwrap_or(0);
    let term = text("TERM").unwrap_or_default();
    // what a multiplexer passes on depends on its version and on the terminal around it
    if ["screen", "tmux", "dumb", "linux"].iter().any(|plain| term.starts_with(plain)) {
        return false;
    }
    let programs = ["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio", "Tabby", "WarpTerminal"];
    programs.iter().any(|known| text("TERM_PROGRAM").as_deref() == Some(known))
        || ["kitty", "alacritty", "foot", "ghostty", "wezterm"].iter().any(|known| term.contains(known))
        || number("VTE_VERSION") >= 5000
        || number("KONSOLE_VERSION") >= 201_200
        || variable("WT_SESSION").is_some()
}
