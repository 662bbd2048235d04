//! `git wt remove`: remove what was made for a worktree, and nothing else.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::Result;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::remove::{self, Options, Which};
use crate::ops::take_away;
use crate::record::worktrees::Worktrees;
use crate::shell::complete;
use crate::ui::Ui;

/// Remove worktrees with all that was made for them
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktrees: name, branch, unique end of a path, path, . (the current one)
    #[arg(value_name = "WORKTREE", required_unless_present_any = ["all", "merged"], add = ArgValueCompleter::new(complete::linked_worktrees))]
    pub targets: Vec<String>,
    /// Remove all linked worktrees that are clean and not locked
    #[arg(long, conflicts_with = "targets")]
    pub all: bool,
    /// Remove all of those whose branches are merged
    #[arg(long, conflicts_with_all = ["targets", "all"])]
    pub merged: bool,
    /// Remove it though it has changes; twice: though it is locked
    #[arg(short = 'f', long, action = clap::ArgAction::Count)]
    pub force: u8,
    /// Take --force back
    #[arg(long, hide = true, overrides_with = "force")]
    pub no_force: bool,
    /// Answer yes: to what --purge deletes, and for a protected one
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Delete it at once, without the trash
    #[arg(long)]
    pub purge: bool,
    /// Keep its database
    #[arg(long)]
    pub keep_db: bool,
    /// Delete its branch too, unless that has commits that are nowhere else
    #[arg(long)]
    pub delete_branch: bool,
    /// Delete its branch too, whatever it has
    #[arg(short = 'D', long)]
    pub force_delete_branch: bool,
    /// Delete the remote's branch that its branch tracks, too
    #[arg(long)]
    pub delete_remote_branch: bool,
    /// Do not run the recipe's teardown hooks
    #[arg(long)]
    pub no_hooks: bool,
    /// Print what would go and stop
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// How to speak
    #[command(flatten)]
    pub ui: Ui,
}

/// Removes worktrees; prints the directory to go to if the current one is removed.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let which = match (args.all, args.merged) {
        (true, _) => Which::All,
        (_, true) => Which::Merged,
        _ => Which::Named(args.targets.clone()),
    };
    let options = Options {
        force: args.force,
        yes: args.yes,
        keep_db: args.keep_db,
        purge: args.purge || take_away::kept_for(&context.repo)?.is_zero(),
        delete_branch: args.delete_branch,
        force_delete_branch: args.force_delete_branch,
        delete_remote_branch: args.delete_remote_branch,
        no_hooks: args.no_hooks,
        dry_run: args.dry_run,
    };
    let worktrees = Worktrees::read(&context.repo)?;
    let removals = remove::judge(&which, &options, &worktrees, context)?;
    if args.dry_run {
        context.ui.print_lines(removals.iter().flat_map(|removal| removal.describe(&options)))?;
        return Ok(0);
    }
    remove::remove(&removals, &options, context)?;
    if removals.iter().any(|removal| worktrees.is_current(removal.tree)) {
        context.arrive(&worktrees.listing.main().path)?;
    }
    Ok(0)
}
