//! git-wt: git worktree, where each worktree has its own environment.
//!
//! The layers. Each folder is one layer, and imports go down only:
//!
//! ```text
//! main -> lib -> cli, command/   the verbs, one file each, thin
//!      -> ops/                   what git-wt does, each operation from top to bottom
//!      -> plan/                  pure: (request, recipe, facts) -> plan, or a refusal
//!      -> environment/           a worktree's variables; drift; what leads into another worktree
//!      -> shell/                 cd, what is set on entering, what TAB offers
//!      -> trash/                 what was removed and can be brought back
//!      -> record/                what was made, on disk, so that it can be undone; which worktree a word means
//!      -> resource/              create and destroy: branch, checkout, port, database …
//!      -> recipe/                what a worktree gets; the gate, recipe/consent; what a project needs, recipe/detect
//!      -> git/                   the only door to git
//!      -> ui/                    the only door to the terminal
//!      -> host/                  the only door to processes, whole files and the host's ports and databases
//!      -> text/                  bytes in, bytes out: names, quoting, env files, URLs
//!      -> error
//! ```
//!
//! What `git wt add staging` does, down through the layers and back once:
//!
//! 1. `main.rs` and `run` below parse the command line with `cli.rs`; `command/add.rs` turns it into a `Request`.
//! 2. `ops/add.rs` has `ops/facts.rs` look up what the words name, using `git/`, and reads the recipe, using `recipe/`.
//! 3. Under the repository lock, `ops/facts.rs` gathers `Facts`, and `plan.rs` makes a `Plan` from request, recipe and
//!    facts, or refuses. Whatever reaches outside the worktree is either `Granted` there or waits for consent.
//! 4. `record/store.rs` writes the record, which lists all that is to be made, and locks it. The repository lock is
//!    released.
//! 5. `record/unwind.rs` makes one thing after another, each in its own file in `resource/`, and writes the record
//!    before and after each. The first failure stops it, and everything made so far is unmade in reverse order.
//! 6. That was the commit point: `ops/hooks.rs` now runs the hooks in the environment from `environment.rs`.
//! 7. Back in `command/add.rs`, `shell/channel.rs` tells the shell where to go, and the directory is printed.
//!
//! Two ideas carry the design. `add` writes each thing into a record before it makes it, and marks it as made
//! afterwards; rollback, `remove` and repair after a crash walk that list backwards. And what a committed file asks for
//! is `Requested`; code that reaches outside the worktree takes `Granted`, which only the gate makes.

mod cli;
mod command;
mod environment;
mod error;
mod git;
mod host;
mod ops;
mod plan;
#[cfg(test)]
mod properties;
mod recipe;
mod record;
mod resource;
#[cfg(test)]
mod sandbox;
mod shell;
mod text;
mod trash;
mod ui;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::cli::{Cli, Verb};
use crate::command::git_mode;
use crate::error::{Error, Result};
use crate::git::{Repo, version};
use crate::ops::context::Context;
use crate::shell::channel::Channel;
use crate::ui::Ui;

pub use crate::text::manual::PAGES;
pub use crate::text::quote::{nu, posix, powershell};

/// Returns the command line definition, from which man pages and completion are generated.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one command line and returns its exit status.
pub fn run(args: &[OsString]) -> u8 {
    shell::complete::answer(Cli::command);
    let ui = Ui::default();
    match dispatch(args, ui) {
        Ok(status) => status,
        Err(error) => {
            ui.error(&error);
            error.exit
        }
    }
}

fn dispatch(args: &[OsString], ui: Ui) -> Result<u8> {
    let channel = Channel::take();
    let mut repo = None;
    if !is_ours_alone(args) {
        let found = Repo::discover();
        if git_mode::is_on(found.as_ref().ok()) {
            return git_mode::run(&args[1..], found, channel);
        }
        repo = Some(found);
    }
    let verb = match parse(args)? {
        Ok(cli) => cli.verb.unwrap_or_else(|| Verb::List(command::list::Args::default())),
        Err(error) if error.kind() == ErrorKind::DisplayVersion => return command::version::run(ui),
        Err(error) => return Ok(tell(&without_hidden(error), ui)),
    };
    match verb {
        Verb::ShellInit(args) => return command::shell_init::run(&args, ui),
        Verb::Help(args) => return command::help::run(&args, ui),
        Verb::Hook(args) => return command::hook::run(&args, ui),
        Verb::Sweep(args) => return command::sweep::run(&args),
        Verb::Supervise => return command::supervise::run(),
        _ => {}
    }
    let repo = repo.unwrap_or_else(Repo::discover);
    if let (Verb::Doctor(args), Err(error)) = (&verb, &repo)
        // there is no repository, rather than a broken one
        && error.why.is_empty()
    {
        return command::doctor::run_outside(args, ui);
    }
    if verb.changes_worktrees() {
        version::require()?;
    }
    let context = Context::with(repo?, speaking(&verb, ui), channel)?;
    match verb {
        Verb::Add(args) => command::add::run(&args, &context),
        Verb::Cd(args) => command::cd::run(&args, &context),
        Verb::List(args) => command::list::run(&args, &context),
        Verb::Remove(args) => command::remove::run(&args, &context),
        Verb::Undo(args) => command::undo::run(&args, &context),
        Verb::Setup(args) => command::setup::run(&args, &context),
        Verb::Env(args) => command::env::run(&args, &context),
        Verb::Run(args) => command::run::run(&args, &context),
        Verb::Up(args) => command::up::run(&args, &context),
        Verb::Down(args) => command::down::run(&args, &context),
        Verb::Logs(args) => command::logs::run(&args, &context),
        Verb::Prune(args) => command::prune::run(&args, &context),
        Verb::Lock(args) => command::lock::run(&args, &context),
        Verb::Unlock(args) => command::unlock::run(&args, &context),
        Verb::Move(args) => command::r#move::run(&args, &context),
        Verb::Repair(args) => command::repair::run(&args, &context),
        Verb::Trust(args) => command::trust::run(&args, &context),
        Verb::Init(args) => command::init::run(&args, &context),
        Verb::Doctor(args) => command::doctor::run(&args, &context),
        Verb::PushGuard(args) => command::push_guard::run(&args, &context),
        _ => unreachable!("verbs that need no repository were answered above"),
    }
}

/// Whether a command line is not one of git-worktree(1)'s, so that git's own interface does not apply to it.
fn is_ours_alone(args: &[OsString]) -> bool {
    let Some(first) = args.get(1).and_then(|first| first.to_str()) else { return false };
    let is_gits = git_mode::VERBS.contains(&first);
    // looking up an alias makes clap build all its commands once more, so do that only for words that name no verb
    !is_gits
        && (["--version", "-V", "--help"].contains(&first)
            || Verb::has_subcommand(first)
            || Cli::command().find_subcommand(first).is_some())
}

/// Returns how much a verb prints, from its -q and -v.
fn speaking(verb: &Verb, ui: Ui) -> Ui {
    match verb {
        Verb::Add(args) => args.ui,
        Verb::Remove(args) => args.ui,
        Verb::Setup(args) => args.ui,
        Verb::Move(args) => Ui { verbose: args.verbose, ..ui },
        Verb::Repair(args) => Ui { verbose: args.verbose, ..ui },
        _ => ui,
    }
}

/// Parses the command line. For verbs that git has too, abbreviations are read as git reads them, and options that only
/// a newer git knows are kept for git.
fn parse(args: &[OsString]) -> Result<std::result::Result<Cli, clap::Error>> {
    let Some(verb) = git_mode::VERBS.into_iter().find(|verb| args.get(1).is_some_and(|arg| arg == verb))
    else {
        return Ok(Cli::try_parse_from(args));
    };
    let mut args = git_mode::written_out(verb, args);
    let mut passed_on = Vec::new();
    loop {
        let (unknown, error) = match Cli::try_parse_from(&args) {
            Ok(mut cli) => {
                let option = passed_on.first().cloned().unwrap_or_default();
                let taken = cli.verb.as_mut().is_some_and(|verb| verb.pass_on(passed_on));
                return if taken { Ok(Ok(cli)) } else { Err(git_mode::only_gits(verb, &option)) };
            }
            Err(error) => match (error.kind(), error.get(ContextKind::InvalidArg)) {
                (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => (option.clone(), error),
                _ => return Ok(Err(error)),
            },
        };
        match git_mode::take_unknown(verb, &mut args, &unknown)? {
            Some(taken) => passed_on.extend(taken),
            None => return Ok(Err(error)),
        }
    }
}

/// Takes verbs that only programs call out of the suggestions.
fn without_hidden(mut error: clap::Error) -> clap::Error {
    let kind = ContextKind::SuggestedSubcommand;
    let Some(ContextValue::Strings(verbs)) = error.get(kind) else { return error };
    let command = Cli::command();
    let is_shown = |verb: &&String| command.find_subcommand(verb).is_some_and(|found| !found.is_hide_set());
    let shown: Vec<String> = verbs.iter().filter(is_shown).cloned().collect();
    if shown.is_empty() {
        error.remove(kind);
    } else {
        error.insert(kind, ContextValue::Strings(shown));
    }
    error
}

/// Prints clap's message: help and version on stdout, a usage error on stderr with git's exit status for it.
fn tell(error: &clap::Error, ui: Ui) -> u8 {
    if error.use_stderr() {
        ui.tell(&error.render().ansi().to_string());
        Error::USAGE
    } else {
        let _ = ui.show(&error.render().ansi().to_string());
        0
    }
}
