//! A table for people, fitted to the width of their terminal: no line is ever longer.
//!
//! It knows which columns give way, in which order and how; not what is in them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::ui::screen::{Span, Style, cut};

/// The blanks between two columns.
const GAP: usize = 2;
/// The mark before each line, with its blank.
const MARK: usize = 2;
/// The width that the first column keeps beside a second one.
const SHORTEST: usize = 12;
/// The width of the first column that is worth more than any other column, even where that is most of the line.
const ORDINARY: usize = 28;
/// What stands for what was cut.
const ELLIPSIS: &str = "…";

/// Where a cell is cut that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    Middle,
    End,
    /// At the end of a word.
    Word,
}

/// A column of the table. Those of a lower rank get room first.
#[derive(Debug, Clone)]
pub struct Column {
    pub header: &'static str,
    pub rank: usize,
    pub cut: Cut,
    /// The width from which on it is worth showing; `None` for one that is not shortened.
    pub least: Option<usize>,
    /// The width it has at least, for cells that are filled in later.
    pub reserved: usize,
}

/// What one column says about one row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    full: Vec<Span>,
    /// What it says where there is not room for everything.
    short: Option<Vec<Span>>,
}

impl Cell {
    pub fn of(full: Vec<Span>) -> Self {
        Self { full, short: None }
    }

    pub fn plain(text: &str) -> Self {
        Self::of(vec![Span::new(Style::Plain, text)])
    }

    #[must_use]
    pub fn or_short(mut self, short: Vec<Span>) -> Self {
        self.short = Some(short);
        self
    }

    fn spans(&self, short: bool) -> &[Span] {
        self.short.as_deref().filter(|_| short).unwrap_or(&self.full)
    }

    fn width(&self, short: bool) -> usize {
        width(self.spans(short))
    }
}

/// A row of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Whether it has the mark.
    pub marked: bool,
    pub cells: Vec<Cell>,
}

/// The table: as many cells a row as there are columns.
#[derive(Debug, Clone)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

/// Which columns are shown, and how wide. It stays the same while cells are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The width of each column; `None` for one that is left out.
    widths: Vec<Option<usize>>,
    short: bool,
}

impl Table {
    /// Returns the layout for a terminal of so many columns, or for one without an end.
    pub fn layout(&self, columns: Option<usize>) -> Layout {
        let full = self.natural(false);
        // some terminals wrap a line of exactly their width
        let Some(room) = columns.map(|columns| columns.saturating_sub(1)) else {
            return Layout { widths: full, short: false };
        };
        if total(&full) <= room {
            return Layout { widths: full, short: false };
        }
        let natural = self.natural(true);
        let mut widths = vec![None; natural.len()];
        let mut order: Vec<usize> = (0..natural.len()).filter(|at| natural[*at].is_some()).collect();
        order.sort_by_key(|at| self.columns[*at].rank);
        for at in order.iter().copied() {
            let wanted = natural[at].unwrap_or_default();
            let least = match (self.columns[at].rank, self.columns[at].least) {
                // not more, so that a single long one does not cost all other columns
                (0, _) => wanted.min(ORDINARY.max(room * 2 / 5)).min(room.saturating_sub(MARK)),
                (_, Some(least)) => wanted.min(least),
                (_, None) => wanted,
            };
            widths[at] = Some(least);
            let over = total(&widths).saturating_sub(room);
            // the first is shortened only for the second
            if let (1, Some(first)) = (self.columns[at].rank, &mut widths[order[0]]) {
                *first -= over.min(*first - SHORTEST.min(*first));
            }
            if total(&widths) > room {
                widths[at] = None;
                break;
            }
        }
        // what is left goes to the last columns only once the first is whole
        for at in order {
            let left = room.saturating_sub(total(&widths));
            if let (Some(width), Some(wanted)) = (&mut widths[at], natural[at]) {
                *width = wanted.min(*width + left);
            }
        }
        Layout { widths, short: true }
    }

    /// Returns the width that each column takes if nothing is cut; `None` for one that has nothing to show.
    fn natural(&self, short: bool) -> Vec<Option<usize>> {
        let width_of = |(at, column): (usize, &Column)| {
            let widest = self.rows.iter().map(|row| row.cells[at].width(short)).max().unwrap_or(0);
            let widest = widest.max(column.reserved);
            (widest > 0).then(|| widest.max(column.header.width()))
        };
        self.columns.iter().enumerate().map(width_of).collect()
    }

    /// Returns the lines, the header first.
    pub fn lines(&self, layout: &Layout) -> Vec<Vec<Span>> {
        let header = |column: &Column| vec![Span::new(Style::Dim, column.header)];
        let header = self.line(layout, false, |at| header(&self.columns[at]));
        let rows = self.rows.iter();
        let rows =
            rows.map(|row| self.line(layout, row.marked, |at| row.cells[at].spans(layout.short).to_vec()));
        std::iter::once(header).chain(rows).collect()
    }

    fn line(&self, layout: &Layout, marked: bool, cell: impl Fn(usize) -> Vec<Span>) -> Vec<Span> {
        let mut line = vec![Span::new(Style::Plain, if marked { "* " } else { "  " })];
        let mut missing = 0;
        for (at, columns) in layout.widths.iter().enumerate() {
            let Some(columns) = columns else { continue };
            let spans = shortened(cell(at), *columns, self.columns[at].cut);
            let taken = width(&spans);
            if taken > 0 {
                // nothing but blanks at the end of a line would be copied with it
                line.push(Span::blank(missing));
                missing = 0;
            }
            line.extend(spans);
            missing += columns - taken + GAP;
        }
        line
    }
}

fn width(spans: &[Span]) -> usize {
    spans.iter().map(Span::width).sum()
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten();
    MARK + shown.clone().sum::<usize>() + GAP * shown.count().saturating_sub(1)
}

/// Returns spans that take at most so many columns.
fn shortened(spans: Vec<Span>, columns: usize, how: Cut) -> Vec<Span> {
    if width(&spans) <= columns {
        return spans;
    }
    let room = columns.saturating_sub(ELLIPSIS.width());
    let dots = |style: &[Span]| style.first().map(|span| span.saying(ELLIPSIS.into()));
    match how {
        Cut::End | Cut::Word => {
            let mut kept = head(&spans, room);
            if how == Cut::Word {
                at_a_word(&mut kept);
            }
            let end = dots(&spans[kept.len().saturating_sub(1)..]);
            kept.into_iter().chain(end).collect()
        }
        Cut::Middle => {
            let end = tail(&spans, room / 2);
            let begin = head(&spans, room - width(&end));
            let middle = dots(&spans[begin.len().saturating_sub(1)..]);
            begin.into_iter().chain(middle).chain(end).collect()
        }
    }
}

/// Returns the beginning that takes at most so many columns.
fn head(spans: &[Span], columns: usize) -> Vec<Span> {
    let mut left = columns;
    let mut kept = Vec::new();
    for span in spans {
        let part = cut(span.text(), left);
        left -= part.width();
        if !part.is_empty() {
            kept.push(span.saying(part.to_owned()));
        }
        if part.len() < span.text().len() {
            break;
        }
    }
    kept
}

/// Returns the end that takes at most so many columns.
fn tail(spans: &[Span], columns: usize) -> Vec<Span> {
    let mut left = columns;
    let mut kept = Vec::new();
    for span in spans.iter().rev() {
        let text = span.text();
        let mut from = text.len();
        for (at, character) in text.char_indices().rev() {
            let wide = character.width().unwrap_or(0);
            if wide > left {
                break;
            }
            left -= wide;
            from = at;
        }
        // a mark that combines with what was cut would sit on the dots
        let rest = text[from..].trim_start_matches(|c: char| from > 0 && c.width() == Some(0));
        if !rest.is_empty() {
            kept.push(span.saying(rest.to_owned()));
        }
        if from > 0 {
            break;
        }
    }
    kept.reverse();
    kept
}

/// Drops the beginning of a word at the end, if there is a whole one before it.
fn at_a_word(spans: &mut [Span]) {
    if let Some(last) = spans.last_mut()
        && let Some(blank) = last.text().rfind(' ')
    {
        *last = last.saying(last.text()[..=blank].to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(header: &'static str, rank: usize, cut: Cut, least: Option<usize>) -> Column {
        Column { header, rank, cut, least, reserved: 0 }
    }

    fn table(rows: &[(&str, &str, &str)]) -> Table {
        let columns = vec![
            column("Name", 0, Cut::Middle, Some(8)),
            column("Address", 1, Cut::End, None),
            column("Note", 2, Cut::End, Some(6)),
        ];
        let address = |port: &str| {
            let [long, short] = [format!("http://localhost:{port}"), format!(":{port}")]
                .map(|text| vec![Span::new(Style::Plain, &text)]);
            if port.is_empty() { Cell::default() } else { Cell::of(long).or_short(short) }
        };
        let row = |(name, port, note): &(&str, &str, &str)| Row {
            marked: *name == "main",
            cells: vec![Cell::plain(name), address(port), Cell::plain(note)],
        };
        Table { columns, rows: rows.iter().map(row).collect() }
    }

    fn shown(table: &Table, columns: Option<usize>) -> Vec<String> {
        let text = |line: &Vec<Span>| line.iter().map(Span::text).collect::<String>();
        table.lines(&table.layout(columns)).iter().map(text).collect()
    }

    #[test]
    fn columns_give_way_in_their_order() {
        let table = table(&[("main", "8000", ""), ("feature/user-dashboard", "", "the new checkout")]);
        let at = |columns| shown(&table, columns);
        assert_eq!(
            at(None),
            [
                "  Name                    Address                Note",
                "* main                    http://localhost:8000",
                "  feature/user-dashboard                         the new checkout",
            ]
        );
        assert_eq!(at(Some(67)), at(None));
        assert_eq!(
            at(Some(60)),
            [
                "  Name                    Address  Note",
                "* main                    :8000",
                "  feature/user-dashboard           the new checkout",
            ]
        );
        assert_eq!(at(Some(48))[2], "  feature/user-dashboard           the new che…");
        assert_eq!(
            at(Some(40)),
            [
                "  Name                    Address",
                "* main                    :8000",
                "  feature/user-dashboard"
            ]
        );
        assert_eq!(at(Some(20)), ["  Name", "* main", "  feature/…ashboard"]);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let rows = [
            ("main", "8000", "a note of many words, that goes on"),
            ("日本語の長い名前のブランチ", "8001", "日本語"),
            (
                "e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}",
                "8002",
                "",
            ),
        ];
        let table = table(&rows);
        for columns in 4..120 {
            for line in shown(&table, Some(columns)) {
                assert!(line.width() < columns, "{columns}: {line}");
                assert!(!line.contains("…\u{301}"), "{line}");
            }
        }
        assert_eq!(shown(&table, Some(20))[2], "  日本語の…ブランチ");
    }

    #[test]
    fn what_is_filled_in_later_moves_nothing() {
        let mut table = table(&[("main", "8000", "")]);
        table.columns[2].reserved = 7;
        let layout = table.layout(Some(60));
        table.rows[0].cells[2] = Cell::plain("+12 -3 ?1");
        table.columns[2].cut = Cut::Word;
        let line: String = table.lines(&layout)[1].iter().map(Span::text).collect();
        assert_eq!(line, "* main  http://localhost:8000  +12 …");
    }
}
