//! `git wt list --watch`: the same table on a screen of its own, as it is now.

use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::list::examine::{self, Findings};
use crate::ops::list::{self, Row, Wanted, table};
use crate::record::worktrees::Worktrees;
use crate::ui::screen::{Key, Screen, Span, Style};

/// How often the worktrees are looked at, unless that takes longer.
const PERIOD: Duration = Duration::from_secs(1);
/// How long it takes at most to notice a finding, a resize or a signal.
const MOMENT: Duration = Duration::from_millis(50);
/// The exit status of what Ctrl-C has ended, which here is the ordinary end.
const INTERRUPTED: u8 = 130;

/// Shows the table until the user has seen enough.
pub fn run(wanted: Wanted, context: &Context) -> Result<u8> {
    if !Screen::is_there_whole() {
        return Err(Error::usage("--watch needs a terminal").hint("git wt list"));
    }
    exec::watch_signals()?;
    let mut view = View { rows: Vec::new(), top: 0, drawn: None };
    let mut look = Look::begin(&mut view.rows, wanted, context)?;
    let screen = Screen::open_whole()?;
    loop {
        match exec::check_stopped() {
            Err(stopped) if stopped.exit == INTERRUPTED => return Ok(0),
            stopped => stopped?,
        }
        look.gather(&mut view.rows);
        if look.is_due() {
            // the configuration and the current directory may have changed; if they are gone, so is the list
            let fresh =
                Repo::discover().and_then(|repo| Context::with(repo, context.ui, context.channel.clone()));
            look = Look::begin(&mut view.rows, wanted, fresh.as_ref().unwrap_or(context))?;
        }
        view.draw(&screen);
        match screen.key(MOMENT) {
            Some(Key::Text('q' | 'Q') | Key::Cancel | Key::EndOfInput) => return Ok(0),
            Some(Key::Suspend) => {
                screen.leave();
                exec::suspend();
                screen.enter()?;
                view.drawn = None;
            }
            Some(Key::Up) => view.top = view.top.saturating_sub(1),
            Some(Key::Down) => view.top += 1,
            _ => {}
        }
    }
}

/// One look at all worktrees, which takes as long as it takes.
struct Look {
    findings: Findings,
    begun: Instant,
    took: Option<Duration>,
}

impl Look {
    /// Reads the names anew. What was found out before stays until it is found out again.
    fn begin(rows: &mut Vec<Row>, wanted: Wanted, context: &Context) -> Result<Self> {
        let begun = Instant::now();
        let worktrees = Worktrees::read(&context.repo)?;
        let mut new = list::rows(&worktrees, wanted, context);
        let findings = examine::begin(&mut new, &worktrees, wanted, context);
        for row in &mut new {
            if let Some(old) = rows.iter().find(|old| old.path == row.path) {
                row.keep_what_is_pending(old);
            }
        }
        *rows = new;
        Ok(Self { findings, begun, took: None })
    }

    fn gather(&mut self, rows: &mut [Row]) {
        loop {
            match self.findings.try_recv() {
                // what cannot be told is shown as such
                Ok((at, finding)) => drop(rows[at].take(finding)),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => break,
            }
        }
        self.took = self.took.or_else(|| Some(self.begun.elapsed()));
    }

    /// Whether it is time for the next one. A look that keeps the processors busy is followed by as long a rest.
    fn is_due(&self) -> bool {
        self.took.is_some_and(|took| self.begun.elapsed() >= PERIOD.max(2 * took))
    }
}

/// What is on the screen.
struct View {
    rows: Vec<Row>,
    /// The first row in view.
    top: usize,
    /// What was drawn last.
    drawn: Option<Frame>,
}

/// A drawn screen: its rows and columns, and the lines on it.
type Frame = ((usize, usize), Vec<Vec<Span>>);

impl View {
    fn draw(&mut self, screen: &Screen) {
        let size = screen.size();
        let lines = self.lines(size);
        if self.drawn.as_ref().is_none_or(|drawn| *drawn != (size, lines.clone())) {
            screen.draw_whole(&lines);
            self.drawn = Some((size, lines));
        }
    }

    fn lines(&mut self, (height, columns): (usize, usize)) -> Vec<Vec<Span>> {
        let table = table::of(&self.rows, true);
        let mut lines = table.lines(&table.layout(Some(columns)));
        // the header, an empty line and the last one
        let room = height.saturating_sub(3).max(1);
        self.top = self.top.min(self.rows.len().saturating_sub(room));
        lines.drain(1..=self.top);
        let left_out = self.rows.len().saturating_sub(room);
        lines.truncate(1 + room);
        let more = if left_out > 0 { format!("  arrows: {left_out} more") } else { String::new() };
        lines.push(Vec::new());
        lines.push(vec![Span::new(Style::Strong, "q"), Span::new(Style::Dim, &format!(" quit{more}"))]);
        lines
    }
}
