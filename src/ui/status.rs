//! One line at the end of what was said, about what is being done right now. It is only for a terminal, and goes before
//! anything else is said.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr;

use crate::text::name::escaped;
use crate::ui::screen::cut;

/// How long a step takes at least before anything is shown.
const SHORT: Duration = Duration::from_millis(250);
/// How often the line is written anew.
const GLANCE: Duration = Duration::from_millis(100);
const TURNS: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The line on the terminal.
#[derive(Debug)]
pub(super) struct Line {
    /// How many steps are under way, each a part of the one before; the last one is shown.
    depth: usize,
    /// How many columns are written.
    shown: usize,
}

static LINE: Mutex<Line> = Mutex::new(Line { depth: 0, shown: 0 });

fn lock() -> MutexGuard<'static, Line> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the line away, and keeps it away until what is returned is dropped.
pub(super) fn cleared() -> MutexGuard<'static, Line> {
    let mut line = lock();
    line.write("");
    line
}

impl Line {
    fn write(&mut self, text: &str) {
        // a wrapped line could not be overwritten
        let columns = tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        let columns = if columns == 0 { 80 } else { columns };
        let text = cut(text, columns.saturating_sub(1));
        let width = text.width();
        let blank = " ".repeat(self.shown.saturating_sub(width));
        let back = if width == 0 { "\r" } else { "" };
        if width + self.shown > 0 {
            let _ = write!(io::stderr(), "\r{text}{blank}{back}");
        }
        self.shown = width;
    }
}

/// Does work, and shows meanwhile what `told` says; it is given how long the work has taken.
pub(super) fn during<T>(told: &(dyn Fn(Duration) -> String + Sync), work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let (working, end) = mpsc::channel::<()>();
    let depth = {
        let mut line = lock();
        line.depth += 1;
        line.depth
    };
    let done = std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut wait = SHORT;
            while end.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = GLANCE;
                let mut line = lock();
                if line.depth == depth {
                    line.write(&escaped(&told(begun.elapsed())));
                }
            }
        });
        let done = work();
        drop(working);
        done
    });
    let mut line = cleared();
    line.depth -= 1;
    done
}

/// Returns a sign that turns as time passes.
pub(super) fn turn(time: Duration) -> &'static str {
    let at = usize::try_from(time.as_millis() / GLANCE.as_millis()).unwrap_or(0);
    TURNS[at % TURNS.len()]
}
