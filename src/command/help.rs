//! `git wt help`: the manual's text without `man`.

use clap::{Args as ClapArgs, CommandFactory};

use crate::cli::Cli;
use crate::error::{Error, Result};
use crate::ui::Ui;

/// Show the manual of git wt or of one verb
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// The verb
    #[arg(value_name = "VERB")]
    pub verb: Option<String>,
}

/// Prints the long help.
pub fn run(args: &Args, ui: Ui) -> Result<u8> {
    let mut command = Cli::command();
    command.build();
    let text = match &args.verb {
        None => command.render_long_help(),
        Some(verb) => match command.find_subcommand_mut(verb) {
            Some(command) => command.render_long_help(),
            None => return Err(Error::usage(format!("no verb '{verb}'")).hint("git wt help")),
        },
    };
    ui.show(&text.ansi().to_string())?;
    Ok(0)
}
