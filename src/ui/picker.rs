//! Lets the user choose a worktree on the terminal by typing part of its name.
//!
//! It knows what is shown and in which order, but not what a worktree is, nor how a terminal works.

use std::cmp::Reverse;
use std::io::{self, IsTerminal};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::error::Result;
use crate::host::exec;
use crate::ui::screen::{Key, Screen, Span, Style};

/// The largest number of lines used, including the one for typing.
const MOST_LINES: usize = 15;
/// The largest width of a column that has a long name in it.
const WIDEST: usize = 40;
/// How long it takes at most to notice new findings, a resize or a signal.
const MOMENT: Duration = Duration::from_millis(50);
const PROMPT: &str = "> ";

/// One of the choices.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    pub name: String,
    /// What it has checked out.
    pub branch: String,
    /// Its uncommitted changes; `None` while they are not known.
    pub changes: Option<String>,
    pub port: Option<u16>,
    /// The time since it was last used.
    pub age: Option<Duration>,
    /// Further remarks.
    pub marks: String,
}

/// How the choice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Picked(usize),
    /// None was picked.
    Cancelled,
}

/// Whether there is a terminal to choose on.
pub fn can_ask() -> bool {
    Screen::is_there() && exec::variable("TERM").is_some_and(|term| term != "dumb")
}

/// Has the user choose, initially in the order given. `look` is called once for each choice that is shown, and the
/// changes found for it arrive through `found`.
pub fn pick(
    choices: Vec<Candidate>,
    look: impl Fn(usize),
    found: &Receiver<(usize, String)>,
) -> Result<Answer> {
    exec::watch_signals()?;
    let mut looked_at = vec![false; choices.len()];
    let mut picker = Picker::new(choices);
    let screen = Screen::open()?;
    let mut shown = None;
    loop {
        exec::check_stopped()?;
        let size = screen.size();
        if shown != Some(size) {
            let (lines, column) = picker.view(size.0);
            screen.draw(&lines, column);
            shown = Some(size);
            for at in picker.visible(size.0) {
                if !std::mem::replace(&mut looked_at[at], true) {
                    look(at);
                }
            }
        }
        while let Ok((at, changes)) = found.try_recv() {
            picker.choices[at].changes = Some(changes);
            shown = None;
        }
        match screen.key(MOMENT) {
            None => {}
            // inside `$( )` nobody could continue us
            Some(Key::Suspend) if io::stdout().is_terminal() => {
                screen.leave();
                exec::suspend();
                screen.enter()?;
                shown = None;
            }
            Some(key) => {
                if let Some(answer) = picker.press(key) {
                    return Ok(answer);
                }
                shown = None;
            }
        }
    }
}

/// The text typed, the choices that fit it, and the one selected.
struct Picker {
    choices: Vec<Candidate>,
    query: String,
    /// The choices that fit, best first.
    fitting: Vec<usize>,
    /// The index in `fitting` of the one that Return picks.
    chosen: usize,
    matcher: Matcher,
}

impl Picker {
    fn new(choices: Vec<Candidate>) -> Self {
        let fitting = (0..choices.len()).collect();
        Self { choices, query: String::new(), fitting, chosen: 0, matcher: Matcher::new(Config::DEFAULT) }
    }

    fn press(&mut self, key: Key) -> Option<Answer> {
        match key {
            Key::Enter => return self.fitting.get(self.chosen).map(|at| Answer::Picked(*at)),
            Key::Cancel => return Some(Answer::Cancelled),
            Key::EndOfInput if self.query.is_empty() => return Some(Answer::Cancelled),
            Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::Down => self.chosen = (self.chosen + 1).min(self.fitting.len().saturating_sub(1)),
            Key::Text(c) => self.edit(|query| query.push(c)),
            Key::Erase => self.edit(|query| _ = query.pop()),
            Key::EraseWord => self.edit(|query| {
                let kept = query.trim_end().rfind(' ').map_or(0, |blank| blank + 1);
                query.truncate(kept);
            }),
            Key::EraseAll => self.edit(String::clear),
            Key::EndOfInput | Key::Suspend | Key::Other => {}
        }
        None
    }

    /// Changes the typed text and sorts the choices: best first, and equals in the order given.
    fn edit(&mut self, change: impl FnOnce(&mut String)) {
        change(&mut self.query);
        let pattern = Pattern::parse(&self.query, CaseMatching::Smart, Normalization::Smart);
        let mut buffer = Vec::new();
        let mut scored = Vec::new();
        for (at, choice) in self.choices.iter().enumerate() {
            let names = if choice.branch == choice.name {
                choice.name.clone()
            } else {
                format!("{} {}", choice.name, choice.branch)
            };
            let score = pattern.score(Utf32Str::new(&names, &mut buffer), &mut self.matcher);
            scored.extend(score.map(|score| (score, at)));
        }
        scored.sort_by_key(|(score, _)| Reverse(*score));
        self.fitting = scored.into_iter().map(|(_, at)| at).collect();
        self.chosen = 0;
    }

    /// Returns those of `fitting` that a terminal with this many rows shows.
    fn visible(&self, rows: usize) -> Vec<usize> {
        let room = MOST_LINES.min(rows).saturating_sub(1).max(1);
        let first = (self.chosen + 1).saturating_sub(room);
        self.fitting.iter().skip(first).take(room).copied().collect()
    }

    /// Returns the lines to show, and the column of the cursor in the first one.
    fn view(&self, rows: usize) -> (Vec<Vec<Span>>, usize) {
        let typed = [Span::new(Style::Plain, PROMPT), Span::new(Style::Plain, &self.query)];
        let column = typed.iter().map(Span::width).sum();
        let count = format!("  {}/{}", self.fitting.len(), self.choices.len());
        let mut lines = vec![[typed.as_slice(), &[Span::new(Style::Dim, &count)]].concat()];
        let cells: Vec<[Span; 6]> = self.choices.iter().map(cells_of).collect();
        let widths: [usize; 6] = std::array::from_fn(|at| {
            cells.iter().map(|cells| cells[at].width()).max().unwrap_or(0).min(WIDEST)
        });
        for at in self.visible(rows) {
            let is_chosen = self.fitting.get(self.chosen) == Some(&at);
            let mut line = vec![Span::new(Style::Strong, if is_chosen { "> " } else { "  " })];
            let columns = cells[at].iter().zip(widths).enumerate();
            for (column, (cell, width)) in columns.filter(|(_, (_, width))| *width > 0) {
                let style = match column {
                    0 if is_chosen => Style::Strong,
                    0 => Style::Plain,
                    _ => Style::Dim,
                };
                line.push(cell.clone().padded(width + 2).styled(style));
            }
            lines.push(line);
        }
        (lines, column)
    }
}

/// Returns the cells of a row: name, branch, changes, port, age, marks.
fn cells_of(choice: &Candidate) -> [Span; 6] {
    let port = choice.port.map(|port| format!(":{port}")).unwrap_or_default();
    let age = choice.age.map(ago).unwrap_or_default();
    let changes = choice.changes.as_deref().unwrap_or("…");
    [&choice.name, &choice.branch, changes, &port, &age, &choice.marks]
        .map(|text| Span::new(Style::Plain, text))
}

/// Formats the time since something, for people.
fn ago(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = time.as_secs();
    match seconds {
        0..MINUTE => "now".into(),
        MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        HOUR..DAY => format!("{} h ago", seconds / HOUR),
        _ if seconds < 14 * DAY => format!("{} d ago", seconds / DAY),
        _ if seconds < 70 * DAY => format!("{} weeks ago", seconds / DAY / 7),
        _ => format!("{} months ago", seconds / DAY / 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picker(names: &[(&str, &str)]) -> Picker {
        let choice = |(name, branch): &(&str, &str)| Candidate {
            name: (*name).into(),
            branch: (*branch).into(),
            ..Candidate::default()
        };
        Picker::new(names.iter().map(choice).collect())
    }

    fn left(picker: &Picker) -> Vec<&str> {
        picker.fitting.iter().map(|at| picker.choices[*at].name.as_str()).collect()
    }

    fn type_in(picker: &mut Picker, text: &str) {
        for c in text.chars() {
            assert_eq!(picker.press(Key::Text(c)), None);
        }
    }

    #[test]
    fn the_best_come_first_and_equals_stay_in_the_order_given() {
        let mut picker = picker(&[
            ("my-star", "main"),
            ("staging-2", "staging-2"),
            ("staging-1", "staging-1"),
            ("x", "feature/stage"),
            ("other", "other"),
        ]);
        assert_eq!(left(&picker), ["my-star", "staging-2", "staging-1", "x", "other"]);
        type_in(&mut picker, "sta");
        assert_eq!(left(&picker)[..2], ["staging-2", "staging-1"], "{:?}", left(&picker));
        assert_eq!(left(&picker).len(), 4);
        picker.press(Key::EraseAll);
        type_in(&mut picker, "fst");
        assert_eq!(left(&picker), ["x"], "by branch, with gaps");
        picker.press(Key::EraseAll);
        type_in(&mut picker, "S");
        assert!(left(&picker).is_empty(), "a capital means itself");
        assert_eq!(picker.press(Key::Enter), None, "nothing to take");
        picker.press(Key::Erase);
        assert_eq!(left(&picker).len(), 5);
    }

    #[test]
    fn keys_move_edit_and_end() {
        let mut picker = picker(&[("one", "one"), ("two", "two"), ("three", "three")]);
        assert_eq!(picker.press(Key::Enter), Some(Answer::Picked(0)));
        for key in [Key::Up, Key::Down, Key::Down, Key::Down] {
            assert_eq!(picker.press(key), None);
        }
        assert_eq!(picker.press(Key::Enter), Some(Answer::Picked(2)));
        type_in(&mut picker, "tw o");
        assert_eq!(picker.press(Key::Enter), Some(Answer::Picked(1)));
        picker.press(Key::EraseWord);
        assert_eq!(picker.query, "tw ");
        picker.press(Key::EraseWord);
        assert_eq!(picker.query, "");
        type_in(&mut picker, "t");
        assert_eq!(picker.press(Key::EndOfInput), None);
        picker.press(Key::Erase);
        assert_eq!(picker.press(Key::EndOfInput), Some(Answer::Cancelled));
        assert_eq!(picker.press(Key::Cancel), Some(Answer::Cancelled));
    }

    #[test]
    fn what_is_chosen_is_always_in_view() {
        let names: Vec<String> = (0..40).map(|number| format!("tree-{number}")).collect();
        let names: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "b")).collect();
        let mut picker = picker(&names);
        assert_eq!(picker.view(50).0.len(), MOST_LINES);
        assert_eq!(picker.view(5).0.len(), 5);
        assert_eq!(picker.view(1).0.len(), 2, "there is always one to see");
        for _ in 0..20 {
            picker.press(Key::Down);
            assert!(picker.visible(8).contains(&picker.chosen));
        }
        assert_eq!(picker.visible(8), (14..21).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_has_all_that_is_known() {
        let mut picker = picker(&[("日本", "main"), ("a\x1b[2J", "x")]);
        picker.choices[0].port = Some(8001);
        picker.choices[0].age = Some(Duration::from_secs(7300));
        picker.choices[1].changes = Some("+1 -2".into());
        picker.choices[1].marks = "locked".into();
        let text = |line: &Vec<Span>| line.iter().map(Span::text).collect::<String>().trim_end().to_owned();
        type_in(&mut picker, " ");
        let (lines, column) = picker.view(50);
        let lines: Vec<String> = lines.iter().map(text).collect();
        assert_eq!(
            lines,
            [
                ">    2/2",
                "> 日本        main  …      :8001  2 h ago",
                "  a\\u{1b}[2J  x     +1 -2                  locked"
            ]
        );
        assert_eq!(column, 3);
    }

    #[test]
    fn times_are_told_as_people_do() {
        let cases = [(0, "now"), (61, "1 min ago"), (7200, "2 h ago"), (86400 * 3, "3 d ago")];
        let later = [(86400 * 20, "2 weeks ago"), (86400 * 100, "3 months ago")];
        for (seconds, text) in cases.into_iter().chain(later) {
            assert_eq!(ago(Duration::from_secs(seconds)), text);
        }
    }
}
