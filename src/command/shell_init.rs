//! `git wt shell-init`: the shell's side, to be evaluated in its start file.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::error::{Error, Result};
use crate::host::exec;
use crate::ops::install;
use crate::shell::functions::{self, FUNCTION, Shell, is_function_name};
use crate::ui::Ui;

/// Print the shell functions that make cd, the prompt and completion work
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The shell; if absent, that of $SHELL is told how to use this
    #[arg(value_name = "SHELL", conflicts_with = "uninstall")]
    pub shell: Option<Shell>,
    /// Name of the function that moves the shell at once
    #[arg(long, value_name = "NAME", default_value = FUNCTION, conflicts_with = "no_cmd")]
    pub cmd: String,
    /// Define no such function: only the prompt follows
    #[arg(long)]
    pub no_cmd: bool,
    /// Install the manual pages, and add the line that loads this to the shell's start file
    #[arg(long, group = "change")]
    pub install: bool,
    /// Take back what --install has done, for every shell
    #[arg(long, group = "change")]
    pub uninstall: bool,
    /// Show what would be done to which file, and stop
    #[arg(short = 'n', long, requires = "change")]
    pub dry_run: bool,
    /// Do it without being asked
    #[arg(short, long, requires = "change")]
    pub yes: bool,
    /// Print what TAB calls, which the functions load at the first TAB
    #[arg(long, hide = true, requires = "shell", conflicts_with = "change")]
    pub completion: bool,
    /// Where git-wt will be, for a package that brings the functions along as a file
    #[arg(long, hide = true, value_name = "PATH", requires = "shell", conflicts_with = "change")]
    pub program: Option<PathBuf>,
}

impl Args {
    fn options(&self) -> install::Options {
        install::Options { dry_run: self.dry_run, yes: self.yes }
    }
}

/// Prints a shell's functions, or how to use them.
pub fn run(args: &Args, ui: Ui) -> Result<u8> {
    let function = (!args.no_cmd).then_some(args.cmd.as_str());
    if function.is_some_and(|name| !is_function_name(name)) {
        return Err(Error::usage(format!(
            "'{}' is no name for a function",
            crate::text::name::escaped(&args.cmd)
        )));
    }
    if args.uninstall {
        return install::uninstall(args.options(), ui);
    }
    if args.install {
        return install::install(args.shell.map_or_else(login_shell, Ok)?, function, args.options(), ui);
    }
    let Some(shell) = args.shell else { return how_to(login_shell()?, function, ui) };
    if args.completion {
        ui.answer(shell.completion().as_bytes())?;
        return Ok(0);
    }
    let program = args.program.clone().map_or_else(functions::program, Ok)?;
    ui.answer(shell.script(&program, function)?.as_bytes())?;
    Ok(0)
}

/// Returns the user's login shell.
fn login_shell() -> Result<Shell> {
    let login = exec::variable("SHELL").map(PathBuf::from).unwrap_or_default();
    let name = login.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Shell::from_str(&name, false).map_err(|_| {
        Error::usage("which shell?")
            .advise("bash, zsh, fish, nu or powershell")
            .hint("git wt shell-init SHELL")
    })
}

fn how_to(shell: Shell, function: Option<&str>, ui: Ui) -> Result<u8> {
    match shell.start_file() {
        Some(file) => {
            ui.hint("git wt shell-init --install");
            ui.say(&format!("or add this line to '{}', and open a new shell:", file.display()));
        }
        None => ui.say("add this line to the start file of your shell, and open a new shell:"),
    }
    ui.answer(format!("{}\n", shell.line(function)).as_bytes())?;
    Ok(0)
}
