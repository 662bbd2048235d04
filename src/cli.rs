//! The words of the command line; man pages and completion are made from them.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::command::{
    add, cd, doctor, env, help, hook, init, list, prune, remove, run, setup, shell_init, sweep, trust,
};

/// git worktree, with an environment of its own for each worktree
///
/// `git wt add staging` makes, beside the repository, a second working tree on its own branch with its own .env, ports,
/// Python venv and database. `git wt remove staging` takes back all that was made, and nothing else.
#[derive(Debug, Parser)]
#[command(
    name = "git-wt",
    bin_name = "git wt",
    version,
    disable_help_subcommand = true,
    after_help = "'git wt help VERB' shows a verb's manual; 'git wt --help' is git's and needs the man page installed."
)]
pub struct Cli {
    /// The verb; `list` if absent
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a worktree with its own environment
    Add(Box<add::Args>),
    /// Go to a worktree: print its path, and have the shell follow
    #[command(visible_alias = "switch")]
    Cd(cd::Args),
    /// List the worktrees
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Remove worktrees with all that was made for them
    #[command(visible_alias = "rm")]
    Remove(remove::Args),
    /// Give a worktree its environment, or finish what failed
    Setup(setup::Args),
    /// Show a worktree's variables and where each came from
    Env(env::Args),
    /// Run a command in a worktree's directory and environment
    Run(run::Args),
    /// Forget worktrees whose directories are gone
    Prune(prune::Args),
    /// Show the commands a committed recipe wants to run, and remember your consent
    Trust(trust::Args),
    /// Look at the project and write a commented .wt.toml
    Init(init::Args),
    /// Lock a worktree, as git worktree does
    #[command(disable_help_flag = true)]
    Lock(AsGit),
    /// Unlock a worktree, as git worktree does
    #[command(disable_help_flag = true)]
    Unlock(AsGit),
    /// Move a worktree, as git worktree does
    #[command(name = "move", disable_help_flag = true)]
    Move(AsGit),
    /// Repair the links between worktrees and repository, as git worktree does
    #[command(disable_help_flag = true)]
    Repair(AsGit),
    /// Print the shell functions that make cd, the prompt and completion work
    ShellInit(shell_init::Args),
    /// Look for what is broken: records, claims, entries; with --fix repair it
    Doctor(doctor::Args),
    /// Show the manual of git wt or of one verb
    Help(help::Args),
    /// Print the change of environment on entering or leaving a worktree
    #[command(hide = true)]
    Hook(hook::Args),
    /// Delete what was put aside
    #[command(hide = true)]
    Sweep(sweep::Args),
}

/// The arguments of a verb that is git's own.
#[derive(Debug, Clone, Args)]
pub struct AsGit {
    /// As of git-worktree(1)
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub args: Vec<OsString>,
}
