//! `git wt setup`: adopt a worktree, resume failed hooks, update an environment that has drifted.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Result};
use crate::git::worktrees::Worktree;
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::post_checkout;
use crate::ops::provision::{self, Options};
use crate::record::worktrees::Worktrees;
use crate::shell::complete;
use crate::ui::Ui;

/// Give a worktree its environment, or finish what failed
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree; the current one if absent
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::worktrees))]
    pub target: Option<String>,
    /// All linked worktrees, also those made by plain git
    #[arg(long, conflicts_with = "target")]
    pub all: bool,
    /// Show what would be made, changed and kept, and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not run the recipe's hooks
    #[arg(long)]
    pub no_hooks: bool,
    /// Run all hooks again, also those that ended well
    #[arg(long)]
    pub again: bool,
    /// Have worktrees made by plain git set up at once, by a post-checkout hook
    #[arg(long, conflicts_with_all = ["target", "all", "dry_run", "uninstall_hook"])]
    pub install_hook: bool,
    /// Take that hook out again
    #[arg(long, conflicts_with_all = ["target", "all", "dry_run"])]
    pub uninstall_hook: bool,
    /// Called by that hook
    #[arg(long, hide = true)]
    pub from_hook: bool,
    /// How to speak
    #[command(flatten)]
    pub ui: Ui,
}

/// Sets up existing worktrees.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let options = Options { no_hooks: args.no_hooks, again: args.again };
    if args.install_hook {
        return post_checkout::install(context);
    }
    if args.uninstall_hook {
        return post_checkout::uninstall(context);
    }
    if args.from_hook {
        return post_checkout::set_up(options, context);
    }
    let worktrees = Worktrees::read(&context.repo)?;
    if args.all {
        return every_one(args.dry_run, &worktrees, options, context);
    }
    let tree = worktrees.find(args.target.as_deref().unwrap_or("."))?;
    if tree.is_main() {
        return Err(Error::new("the main worktree is set up by hand: it is what the others are made from"));
    }
    if tree.missing {
        return Err(Error::new(format!("'{}' is missing", tree.path.display())).hint("git wt prune"));
    }
    one(args.dry_run, tree, &worktrees, options, context)
}

/// Sets up all linked worktrees; a failure does not stop the others. Returns the worst exit status.
fn every_one(dry_run: bool, worktrees: &Worktrees, options: Options, context: &Context) -> Result<u8> {
    let mut worst = 0;
    for tree in worktrees.listing.worktrees.iter().filter(|tree| !tree.is_main()) {
        exec::check_stopped()?;
        if tree.missing {
            context.ui.say(&format!("note: '{}' is missing, and left as it is", tree.path.display()));
            continue;
        }
        let status = one(dry_run, tree, worktrees, options, context).unwrap_or_else(|mut error| {
            error.what = format!("'{}': {}", worktrees.name(tree), error.what);
            context.ui.error(&error);
            error.exit
        });
        worst = worst.max(status);
    }
    Ok(worst)
}

fn one(
    dry_run: bool,
    tree: &Worktree,
    worktrees: &Worktrees,
    options: Options,
    context: &Context,
) -> Result<u8> {
    if dry_run {
        context.ui.print_lines(provision::preview(tree, worktrees, options, context)?)?;
        return Ok(0);
    }
    let outcome = provision::set_up(tree, worktrees, options, context)?;
    if outcome.was_done {
        context.ui.say(&format!("{}: nothing to do", worktrees.name(tree)));
    }
    Ok(outcome.status)
}
