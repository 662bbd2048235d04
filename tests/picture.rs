//! The picture of the README is what a terminal shows: an interactive shell of 80 columns, as SVG.
//!
//! `SNAPSHOTS=overwrite cargo test picture` draws it anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use vt100::{Cell, Color, Parser, Screen};

use crate::ports;
use crate::readme::{django, has_python};
use crate::servers::{Servers, Slot};
use crate::terminal::{PROMPT, Setup, Terminal};
use crate::world::World;

const LINES: [&str; 5] =
    ["git wt add staging", "git wt up -d", "git wt list", "git wt remove staging", "git wt undo"];
const ROWS: u16 = 80;
const COLUMNS: u16 = 80;

/// The size of a character in the picture.
const WIDTH: f32 = 8.4;
const HEIGHT: f32 = 18.0;
const MARGIN: f32 = 14.0;
const FOREGROUND: &str = "#d3d7cf";
const BACKGROUND: &str = "#1e2127";
/// The colours of a terminal, by number.
const COLOURS: [&str; 16] = [
    "#3f444d", "#f0716b", "#8cc570", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d3d7cf", "#7f848e",
    "#ff8a84", "#a5e08a", "#f5d590", "#7fc4ff", "#dc93f0", "#70d0dc", "#ffffff",
];

fn picture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man/terminal.svg")
}

/// Makes the project with its recipe committed two and a half hours ago.
fn shop() -> Servers {
    let servers = Servers { world: World::new(), slot: Slot::take() };
    let world = &servers.world;
    django(world);
    let env = "SECRET_KEY=change-me\nDEBUG=1\nDATABASE_URL=sqlite:///db.sqlite3\nPORT=8000\n";
    world.write("shop/.env", &servers.slot.here(env));
    world.wt_in("shop", &["init"]).ok();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut commit = world.command("sh", &world.path("shop"));
    commit.env("GIT_COMMITTER_DATE", format!("@{} +0000", now - 9000));
    world.see(commit.args(["-c", "git add --all && git commit --quiet --message 'A recipe'"])).ok();
    world.wt_in("shop", &["trust", "--yes"]).ok();
    servers
}

/// Puts words in place of what differs between runs, as wide as before where columns depend on it.
fn steady(servers: &Servers, raw: &str) -> String {
    let world = &servers.world;
    let id = world.git(&world.path("shop"), &["rev-parse", "--short", "HEAD"]);
    let raw = raw.replace(&*world.root().to_string_lossy(), "/home/you").replace(&id, "1a2b3c4");
    let raw = servers.slot.back(&ports::to_spoken(&raw)).replace(PROMPT, "$ ");
    let mut steady = String::new();
    for word in raw.split_inclusive([' ', '\n', '\x1b']) {
        let text = word.trim_end_matches([' ', '\n', '\r', '\x1b', ',', ':', ')']);
        let begin = text.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        let is_time =
            text.strip_suffix('s').is_some_and(|text| text[begin..].parse::<f64>().is_ok_and(f64::is_finite));
        steady += &if is_time { word.replace(&text[begin..], "0.4s") } else { word.to_owned() };
    }
    steady
}

/// Types the lines, and returns what a terminal shows in the end.
fn session(servers: &Servers) -> Option<Parser> {
    let world = &servers.world;
    fs::create_dir(world.path("myproject")).unwrap();
    let setup = Setup {
        after: r"PS1='\[\e[1;34m\]\W\[\e[0m\] @@ '",
        variables: &[("TERM", "xterm-256color"), ("GIT_WT_PROMPT", "")],
        ..Setup::default()
    };
    let mut terminal = Terminal::open_with(world, "bash", &setup)?;
    terminal.line(&format!("stty rows {ROWS} cols {COLUMNS}; cd ../shop"));
    let mut raw = terminal.raw.rsplit('\n').next().unwrap().to_owned();
    for line in LINES {
        terminal.line(line);
        raw += &terminal.raw;
    }
    terminal.line("git wt down --all");
    servers.are_gone();
    let mut parser = Parser::new(ROWS, COLUMNS, 0);
    parser.process(steady(servers, &raw).as_bytes());
    Some(parser)
}

/// How a cell is drawn.
#[derive(PartialEq)]
struct Style {
    colour: String,
    is_bold: bool,
    is_dim: bool,
    is_underlined: bool,
}

impl Style {
    fn of(cell: &Cell) -> Self {
        let colour = match if cell.inverse() { cell.bgcolor() } else { cell.fgcolor() } {
            Color::Default => FOREGROUND.to_owned(),
            Color::Idx(number) => COLOURS.get(usize::from(number)).unwrap_or(&FOREGROUND).to_string(),
            Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        };
        Self { colour, is_bold: cell.bold(), is_dim: cell.dim(), is_underlined: cell.underline() }
    }

    fn attributes(&self) -> String {
        let mut text = format!("fill=\"{}\"", self.colour);
        for (is_so, attribute) in [
            (self.is_bold, " font-weight=\"bold\""),
            (self.is_dim, " opacity=\"0.65\""),
            (self.is_underlined, " text-decoration=\"underline\""),
        ] {
            text += if is_so { attribute } else { "" };
        }
        text
    }
}

/// Draws a row: a `<text>` for each run of one style, as wide as its columns whatever the font is.
fn row(screen: &Screen, row: u16) -> String {
    let mut runs: Vec<(u16, Style, String)> = Vec::new();
    for column in 0..COLUMNS {
        let cell = screen.cell(row, column).unwrap();
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let style = Style::of(cell);
        match runs.last_mut() {
            Some((_, last, run)) if *last == style => run.push_str(text),
            _ => runs.push((column, style, text.to_owned())),
        }
    }
    let y = MARGIN + HEIGHT * (f32::from(row) + 0.75);
    let mut svg = String::new();
    for (column, style, text) in runs {
        let inner = text.trim_start_matches(' ');
        let skipped = text.chars().count() - inner.chars().count();
        let inner = inner.trim_end_matches(' ');
        let count = u16::try_from(inner.chars().count()).unwrap();
        if count == 0 {
            continue;
        }
        let x = MARGIN + WIDTH * f32::from(column + u16::try_from(skipped).unwrap());
        let escaped = inner.replace('&', "&amp;").replace('<', "&lt;");
        svg += &format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{:.1}\" {}>{escaped}</text>\n",
            WIDTH * f32::from(count),
            style.attributes()
        );
    }
    svg
}

fn svg(screen: &Screen) -> String {
    let rows = screen.contents().trim_end().lines().count();
    let rows = u16::try_from(rows).unwrap();
    let width = WIDTH * f32::from(COLUMNS) + 2.0 * MARGIN;
    let height = HEIGHT * f32::from(rows) + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"14\" xml:space=\"preserve\" style=\"white-space:pre\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    svg.extend((0..rows).map(|at| row(screen, at)));
    svg + "</svg>\n"
}

#[test]
fn the_picture_is_what_a_terminal_shows() {
    if !has_python() {
        return;
    }
    let servers = shop();
    let Some(parser) = session(&servers) else { return };
    let drawn = svg(parser.screen());
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(picture(), &drawn).unwrap();
    }
    let committed = fs::read_to_string(picture()).unwrap_or_default();
    let shown = parser.screen().contents();
    assert!(
        committed == drawn,
        "the picture is not what is seen: SNAPSHOTS=overwrite cargo test picture\n{shown}"
    );
}
