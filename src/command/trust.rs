//! `git wt trust`: show the commands a committed recipe wants to run, and remember consent.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use super::{Context, setup};
use crate::complete;
use crate::error::{Error, Result};
use crate::facts::RECIPE;
use crate::recipe::{HookCommand, Recipe};
use crate::target::Worktrees;
use crate::trust::Trust;

/// Show the commands a committed recipe wants to run, and remember your consent
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree whose commands are meant; the current one if absent
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::worktrees))]
    pub target: Option<String>,
    /// Consent without being asked
    #[arg(short, long, conflicts_with = "forget")]
    pub yes: bool,
    /// Forget all consent given in this repository
    #[arg(long)]
    pub forget: bool,
}

/// Asks for consent to what the recipe runs in a worktree.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let mut trust = Trust::of(&context.repo, &context.claims)?;
    if args.forget {
        trust.forget()?;
        context.ui.say("forgotten: every command is asked for again");
        return Ok(0);
    }
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(args.target.as_deref().unwrap_or("."))?;
    let recipes = recipes(args.target.as_deref(), tree, &worktrees, context)?;
    let mut missing = trust.missing(&commands(&recipes), &tree.path);
    let root = context.main.as_deref().unwrap_or(&tree.path);
    for recipe in &recipes {
        let request = setup::restoring(recipe, root)?.filter(|request| !trust.covers(request));
        missing.extend(request.filter(|request| !missing.contains(request)));
    }
    if missing.is_empty() {
        context.ui.say(&format!("nothing in '{RECIPE}' needs consent"));
        return Ok(0);
    }
    setup::show(&missing, context);
    let agreed = args.yes || context.ui.ask("trust these commands?", &|| false).ok_or_else(no_terminal)?;
    if !agreed {
        return Err(Error::new("not trusted: the commands will not be run"));
    }
    let _lock = context.records.lock()?;
    trust.approve(&missing)?;
    context.ui.say("trusted; you are asked again when a command or a file that it names changes");
    Ok(0)
}

fn no_terminal() -> Error {
    Error::new("no terminal to ask on").hint("git wt trust --yes    (after reading the commands above)")
}

/// A worktree's recipe; in the main worktree that of every template, as they will be used from there.
fn recipes(
    target: Option<&str>,
    tree: &crate::git::worktrees::Worktree,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Vec<Recipe>> {
    if target.is_none() && tree.is_main() {
        return context.recipe()?.all();
    }
    let template = worktrees.record(tree).and_then(|record| record.template.as_deref());
    Ok(vec![context.recipe_for(&worktrees.name(tree), tree.head.branch(), template)?])
}

/// All commands of these recipes, each once.
fn commands(recipes: &[Recipe]) -> Vec<HookCommand> {
    let mut all: Vec<HookCommand> = Vec::new();
    for recipe in recipes {
        let run = recipe.run.iter().map(|(_, command)| command);
        for command in recipe.hooks.setup.iter().chain(&recipe.hooks.teardown).chain(run) {
            if !all.contains(command) {
                all.push(command.clone());
            }
        }
    }
    all
}
