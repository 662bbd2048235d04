//! `git wt trust`: show what the repository asks for, and remember consent.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Result};
use crate::git::worktrees::Worktree;
use crate::ops::context::Context;
use crate::ops::facts;
use crate::recipe::Recipe;
use crate::recipe::consent::{self, Action, ConsentFile};
use crate::record::worktrees::Worktrees;
use crate::shell::complete;

/// Show what a repository asks for that needs your consent, and remember it
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree whose files count; the current one if absent
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::worktrees))]
    pub target: Option<String>,
    /// Consent without being asked
    #[arg(short, long, conflicts_with = "forget")]
    pub yes: bool,
    /// Consent without being asked if all that is asked for comes to this hash, which is shown with it
    #[arg(long, value_name = "HASH", conflicts_with_all = ["yes", "forget"])]
    pub hash: Option<String>,
    /// Forget all consent given in this repository
    #[arg(long)]
    pub forget: bool,
}

/// Asks for consent to what the repository asks for.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    if args.forget {
        let _lock = context.records.lock()?;
        ConsentFile::forget(&context.repo, &context.claims)?;
        context.ui.say("forgotten: all is asked for again");
        return Ok(0);
    }
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(args.target.as_deref().unwrap_or("."))?;
    let requested = requested(args, tree, &worktrees, context)?;
    // the hash also covers what already has consent, so that it is the same for users who have not consented yet
    let (hash, asks) = (consent::hash_of(&requested), !requested.is_empty());
    let missing = context.consent()?.missing(requested);
    if missing.is_empty() && args.hash.as_ref().is_none_or(|expected| *expected == hash) {
        context.ui.say("nothing waits for your consent");
        if asks {
            context.ui.say(&format!("hash {hash}"));
        }
        return Ok(0);
    }
    if !missing.is_empty() {
        context.show(&missing)?;
    }
    let agreed = match &args.hash {
        Some(expected) if *expected == hash => true,
        Some(_) => {
            let error = Error::new("this is not what was consented to in advance");
            return Err(error.because(format!("all of it comes to the hash {hash}")));
        }
        None if args.yes => true,
        None => {
            context.ui.say(&format!("hash {hash}"));
            let answer = context.ask("trust this repository with it?")?;
            answer.ok_or_else(|| {
                Error::new("there is no terminal to ask on").because("a person has to agree")
            })?
        }
    };
    if !agreed {
        return Err(Error::new("not trusted: nothing of it is done"));
    }
    context.remember(&missing)?;
    context.ui.say("trusted; you are asked again when one of these, or a file that it names, changes");
    Ok(0)
}

/// Returns what a worktree asks for; in the main worktree, also what each template asks for, since templates are used
/// from there.
fn requested(args: &Args, tree: &Worktree, worktrees: &Worktrees, context: &Context) -> Result<Vec<Action>> {
    let mut all: Vec<Action> = Vec::new();
    for recipe in recipes(args, tree, worktrees, context)? {
        let actions = facts::actions(context.main.as_deref(), &tree.path, &recipe, false)?;
        for action in actions {
            if !all.contains(&action) {
                all.push(action);
            }
        }
    }
    Ok(all)
}

fn recipes(args: &Args, tree: &Worktree, worktrees: &Worktrees, context: &Context) -> Result<Vec<Recipe>> {
    let source = context.recipe()?;
    if args.target.is_none() && tree.is_main() && source.configured() {
        return source.all();
    }
    Ok(vec![context.recipe_of(tree, worktrees)?.with_servers_to_consent_to()])
}
