//! The table that people see: which columns there are, and what a row says in each.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::ops::list::serving::Listener;
use crate::ops::list::{Asked, Row, url};
use crate::ops::up::EntryState;
use crate::ui::screen::{Span, Style};
use crate::ui::table::{self, Cell, Column, Cut, Table};

/// What stands for what is not found out yet.
const UNKNOWN_YET: &str = "…";
/// What stands for what cannot be found out.
const UNKNOWN: &str = "?";

/// Returns the table. With `later`, cells are filled in later, and columns are wide enough for what usually comes.
pub fn of(rows: &[Row], later: bool) -> Table {
    let reserved = |usual: usize, is_asked: fn(&Row) -> bool| {
        if later && rows.iter().any(is_asked) { usual } else { 0 }
    };
    let has_status = |row: &Row| !row.status.is_not();
    let has_base = |row: &Row| !row.compared.is_not();
    let column = |header, rank, cut, least, reserved| Column { header, rank, cut, least, reserved };
    let columns = vec![
        column("Name", 0, Cut::Middle, None, 0),
        column("Changes", 1, Cut::Word, None, reserved(14, has_status)),
        column("Base", 4, Cut::Word, None, reserved(8, has_base)),
        column("Size (ignored)", 2, Cut::End, None, reserved(14, |row| !row.size.is_not())),
        column("Address", 3, Cut::End, None, 0),
        column("Age", 5, Cut::End, None, reserved(3, |row| !row.commit.is_not())),
        column("Note", 6, Cut::End, Some(10), 0),
    ];
    let rows = rows.iter().map(|row| table::Row { marked: row.current, cells: row.cells(later) });
    Table { columns, rows: rows.collect() }
}

impl Row {
    fn cells(&self, later: bool) -> Vec<Cell> {
        let plain = |text: String| Cell::plain(&text);
        // nothing stands for what still comes, since it would draw the eye to where there is mostly nothing to tell
        let pending = if later { "" } else { UNKNOWN_YET };
        let asked = |known: Option<String>, is_pending, is_unknown| match known {
            Some(known) => known,
            None if is_pending => pending.into(),
            None if is_unknown => UNKNOWN.into(),
            None => String::new(),
        };
        let base = self.compared.known().map(|compared| compared.divergence.describe());
        let size = self.size.known().map(|size| size.describe());
        let time = self.commit.known().map(|commit| age(commit.committed));
        let changes = match self.changes() {
            _ if self.status == Asked::Pending && !self.detached => vec![pending.to_owned()],
            changes => changes,
        };
        vec![
            self.name_cell(),
            plain(changes.join(" ")),
            plain(asked(base, self.compared == Asked::Pending, self.compared == Asked::Unknown)),
            plain(asked(size, self.size == Asked::Pending, self.size == Asked::Unknown)),
            self.address_cell(),
            plain(asked(time, self.commit == Asked::Pending, self.commit == Asked::Unknown)),
            plain(self.note_and_needs()),
        ]
    }

    /// The name, and the branch where it is another word.
    fn name_cell(&self) -> Cell {
        let style = match (self.current, self.protected) {
            (true, true) => Style::StrongAlarm,
            (true, false) => Style::Strong,
            (false, true) => Style::Alarm,
            (false, false) => Style::Plain,
        };
        let mut spans = vec![Span::new(style, &self.name)];
        let branch = self.branch.as_deref().filter(|branch| *branch != self.name);
        if let Some(more) = branch.or(self.bare.then_some("(bare)")) {
            spans.push(Span::new(Style::Dim, &format!(" {more}")));
        }
        Cell::of(spans)
    }

    /// What is uncommitted, or the operation in progress, or why there is nothing to tell of that.
    pub fn changes(&self) -> Vec<String> {
        if self.missing {
            return vec!["missing".into()];
        }
        if let Some(operation) = self.operation {
            return vec![operation.describe().into()];
        }
        let mut parts = Vec::new();
        if self.detached {
            parts.push("detached".to_owned());
        }
        match &self.status {
            Asked::Known(summary) => parts.extend(summary.parts()),
            Asked::Unknown => parts.push(UNKNOWN.into()),
            Asked::Pending | Asked::Not => {}
        }
        parts
    }

    fn address_cell(&self) -> Cell {
        let Some(port) = self.address.filter(|_| !self.missing) else { return Cell::default() };
        let spans = |text: &str| {
            let mut spans = vec![Span::new(Style::Plain, text).leading_to(&url(port))];
            let sign = match (self.listening.is_some(), self.run.iter().any(EntryState::has_died)) {
                (_, true) => Some(Span::new(Style::Alarm, "×")),
                (true, false) => Some(Span::new(Style::Good, "●")),
                (false, false) => None,
            };
            if let Some(sign) = sign {
                spans.extend([Span::new(Style::Plain, " "), sign]);
            }
            spans
        };
        Cell::of(spans(&url(port))).or_short(spans(&format!(":{port}")))
    }

    /// The user's note, then what needs the user, then the place, if it is not where one would look.
    fn note_and_needs(&self) -> String {
        let place = self.elsewhere.iter().map(|path| format!("in {path}"));
        self.note.iter().cloned().chain(self.needs()).chain(place).collect::<Vec<_>>().join("; ")
    }

    /// What needs the user's attention or care.
    pub fn needs(&self) -> Vec<String> {
        let mut needs = Vec::new();
        if self.protected {
            needs.push("protected".to_owned());
        }
        if let Some(reason) = &self.locked {
            needs.push(if reason.is_empty() { "locked".into() } else { format!("locked: {reason}") });
        }
        needs.extend(self.unfinished.clone());
        needs.extend(self.run.iter().filter_map(EntryState::need));
        if self.drifted == Some(true) {
            needs.push("drifted".to_owned());
        }
        needs.extend(self.not_pushed_to.as_ref().map(|_| "not pushed".to_owned()));
        let own = self.listeners.iter().map(|(name, listener)| (self.ports[name], listener));
        let mains = self.address.zip(self.listening.as_ref()).filter(|_| self.main);
        for (port, listener) in own.chain(mains) {
            if let Listener::Process { elsewhere: Some(_), .. } = listener {
                needs.push(format!("port {port} {}", listener.describe()));
            }
        }
        needs
    }
}

/// Says how long ago a time was: `2h ago`.
pub fn ago(seconds: i64) -> String {
    match age(seconds).as_str() {
        "now" => "just now".into(),
        age => format!("{age} ago"),
    }
}

/// Returns how long ago a time was, as short as it can be said.
pub fn age(seconds: i64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let age = now.saturating_sub(u64::try_from(seconds).unwrap_or_default());
    match age {
        0..MINUTE => "now".into(),
        MINUTE..HOUR => format!("{}m", age / MINUTE),
        HOUR..DAY => format!("{}h", age / HOUR),
        _ if age < 14 * DAY => format!("{}d", age / DAY),
        _ if age < 70 * DAY => format!("{}w", age / (7 * DAY)),
        _ if age < 730 * DAY => format!("{}mo", age / (30 * DAY)),
        _ => format!("{}y", age / (365 * DAY)),
    }
}
