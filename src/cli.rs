//! The command line, from which man pages and completion are generated.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::command::{
    add, cd, doctor, down, env, help, hook, init, list, lock, logs, r#move, prune, push_guard, remove,
    repair, run, setup, shell_init, sweep, trust, undo, unlock, up,
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
    args_override_self = true,
    disable_help_subcommand = true,
    after_help = "'git wt help VERB' shows a verb's manual. 'git wt --help' is git's own, and\n\
                  needs the man page: git wt shell-init --install"
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
    /// Bring back a worktree that was removed
    Undo(undo::Args),
    /// Give a worktree its environment, or finish what failed
    Setup(setup::Args),
    /// Show a worktree's variables and where each came from
    Env(env::Args),
    /// Run a command in a worktree's directory and environment
    Run(run::Args),
    /// Start the servers of a worktree: the commands under [run] in .wt.toml
    Up(up::Args),
    /// Stop the servers of a worktree
    Down(down::Args),
    /// Show what the servers of a worktree have printed
    Logs(logs::Args),
    /// Forget worktrees whose directories are gone
    Prune(prune::Args),
    /// Show what a repository asks for that needs your consent, and remember it
    Trust(trust::Args),
    /// Look at the project and write a commented .wt.toml
    Init(init::Args),
    /// Lock a worktree against pruning, moving and removing
    Lock(lock::Args),
    /// Unlock a worktree
    Unlock(unlock::Args),
    /// Move a worktree, with its port, database, links and a venv that works at the new place
    #[command(name = "move")]
    Move(r#move::Args),
    /// Mend the links between worktrees and repository after one was moved by hand
    Repair(repair::Args),
    /// Print the shell functions that make cd, the prompt and completion work
    ShellInit(shell_init::Args),
    /// Look for what is broken: records, claims, entries; with --fix repair it
    Doctor(doctor::Args),
    /// Show the manual of git wt or of one verb
    Help(help::Args),
    /// Print the change of environment on entering or leaving a worktree
    #[command(hide = true)]
    Hook(hook::Args),
    /// Judge a push from the current worktree
    #[command(hide = true)]
    PushGuard(push_guard::Args),
    /// Run a server to its end
    #[command(hide = true)]
    Supervise,
    /// Delete what was put aside
    #[command(hide = true)]
    Sweep(sweep::Args),
}

impl Verb {
    /// Whether it makes git change worktrees, which requires a git version that we test with.
    pub fn changes_worktrees(&self) -> bool {
        matches!(
            self,
            Self::Add(_)
                | Self::Remove(_)
                | Self::Undo(_)
                | Self::Setup(_)
                | Self::Prune(_)
                | Self::Lock(_)
                | Self::Unlock(_)
                | Self::Move(_)
                | Self::Repair(_)
        )
    }

    /// Takes options that only a newer git knows, for verbs that pass them on to git; returns whether it did.
    pub fn pass_on(&mut self, options: Vec<OsString>) -> bool {
        let passed_on = match self {
            Self::Add(args) => &mut args.passed_on,
            Self::Lock(args) => &mut args.passed_on,
            Self::Unlock(args) => &mut args.passed_on,
            Self::Move(args) => &mut args.passed_on,
            Self::Repair(args) => &mut args.passed_on,
            _ => return options.is_empty(),
        };
        *passed_on = options;
        true
    }
}
