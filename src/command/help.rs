//! `git wt help`: the manual, whether its pages are installed or not.

use clap::{Args as ClapArgs, CommandFactory};

use crate::cli::Cli;
use crate::error::{Error, Result};
use crate::host::exec::{self, Program};
use crate::text::manual::PAGES;
use crate::ui::Ui;

/// Show the manual of git wt or of one verb
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// The verb, or `security`: who is protected from what
    #[arg(value_name = "VERB")]
    pub verb: Option<String>,
}

/// Shows a page with `man` on a terminal; otherwise, or if there is no `man`, prints the long help.
pub fn run(args: &Args, ui: Ui) -> Result<u8> {
    let mut command = Cli::command();
    command.build();
    let (page, text) = match &args.verb {
        None => ("git-wt.1".to_owned(), command.render_long_help().ansi().to_string()),
        Some(verb) => match (command.find_subcommand_mut(verb), text_of(&format!("git-wt-{verb}.7"))) {
            (Some(command), _) => {
                (format!("git-wt-{}.1", command.get_name()), command.render_long_help().ansi().to_string())
            }
            (None, Some(text)) => (format!("git-wt-{verb}.7"), plain(text)),
            (None, None) => return Err(Error::usage(format!("no verb '{verb}'")).hint("git wt help")),
        },
    };
    if ui.is_read_on_terminal() && is_shown_by_man(&page)? {
        return Ok(0);
    }
    ui.show(&text)?;
    Ok(0)
}

fn text_of(page: &str) -> Option<&'static str> {
    PAGES.iter().find(|(name, _)| *name == page).map(|(_, text)| *text)
}

/// Has `man` show our own copy of a page; returns whether it did.
fn is_shown_by_man(page: &str) -> Result<bool> {
    let Some(text) = text_of(page).filter(|_| which::which("man").is_ok()) else { return Ok(false) };
    // Ctrl-C is for the pager
    exec::watch_signals()?;
    Ok(matches!(Program::new("man").args(["-l", "-"]).status_of(text.as_bytes()), Ok(0)))
}

/// Strips the markup from a page of section 7, which has only headings, paragraphs, breaks and fonts.
fn plain(page: &str) -> String {
    let mut text = String::new();
    for line in page.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            (".TH" | ".br", _) => {}
            (".PP", _) => text.push('\n'),
            (".SH", heading) => text += &format!("\n{}\n", heading.trim_matches('"')),
            _ => {
                let words = ["\\fB", "\\fI", "\\fR"]
                    .iter()
                    .fold(line.to_owned(), |line, font| line.replace(font, ""));
                text += &format!("    {}\n", words.replace("\\-", "-"));
            }
        }
    }
    text.trim_start().to_owned()
}
