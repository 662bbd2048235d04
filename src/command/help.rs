//! `git wt help`: the manual, wherever its pages are installed or not.

use clap::{Args as ClapArgs, CommandFactory};

use crate::cli::Cli;
use crate::error::{Error, Result};
use crate::exec::{self, Program};
use crate::ui::Ui;

macro_rules! pages {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../man/", $name, ".1")))),*]
    };
}

/// The pages of the manual by name.
pub const PAGES: &[(&str, &str)] = pages! {
    "git-wt"
    "git-wt-add"
    "git-wt-cd"
    "git-wt-doctor"
    "git-wt-env"
    "git-wt-help"
    "git-wt-init"
    "git-wt-list"
    "git-wt-lock"
    "git-wt-move"
    "git-wt-prune"
    "git-wt-remove"
    "git-wt-repair"
    "git-wt-run"
    "git-wt-setup"
    "git-wt-shell-init"
    "git-wt-trust"
    "git-wt-unlock"
};

/// Show the manual of git wt or of one verb
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// The verb
    #[arg(value_name = "VERB")]
    pub verb: Option<String>,
}

/// Shows a page by `man` on a terminal; else, or where there is no `man`, prints the long help.
pub fn run(args: &Args, ui: Ui) -> Result<u8> {
    let mut command = Cli::command();
    command.build();
    let (name, command) = match &args.verb {
        None => ("git-wt".to_owned(), &mut command),
        Some(verb) => match command.find_subcommand_mut(verb) {
            Some(command) => (format!("git-wt-{}", command.get_name()), command),
            None => return Err(Error::usage(format!("no verb '{verb}'")).hint("git wt help")),
        },
    };
    if ui.is_read_on_terminal() && is_shown_by_man(&name)? {
        return Ok(0);
    }
    ui.show(&command.render_long_help().ansi().to_string())?;
    Ok(0)
}

/// Has `man` show our own copy of a page; says whether it did.
fn is_shown_by_man(name: &str) -> Result<bool> {
    let page = PAGES.iter().find(|(page, _)| *page == name).filter(|_| which::which("man").is_ok());
    let Some((_, text)) = page else { return Ok(false) };
    // Ctrl-C is the pager's
    exec::watch_signals()?;
    Ok(matches!(Program::new("man").args(["-l", "-"]).status_of(text.as_bytes()), Ok(0)))
}
