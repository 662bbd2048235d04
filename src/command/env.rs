//! `git wt env`: a worktree's variables, and where each comes from.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::environment::Environment;
use crate::environment::stray_venv::StrayVenv;
use crate::error::Result;
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;
use crate::shell::complete;
use crate::text::name::escaped;
use crate::text::quote;

/// Show a worktree's variables and where each came from
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree; the current one if absent
    #[arg(value_name = "WORKTREE", add = ArgValueCompleter::new(complete::worktrees))]
    pub target: Option<String>,
    /// Print export commands for a POSIX shell
    #[arg(long, conflicts_with = "json")]
    pub export: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints the environment of a worktree.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(args.target.as_deref().unwrap_or("."))?;
    let record = worktrees.record(tree);
    let recipe = context.recipe_of(tree, &worktrees)?;
    let environment = Environment::of(&context.repo, &tree.path, record, &recipe, &context.consent()?)?;
    let text = if args.json {
        json(&environment)
    } else if args.export {
        for variable in environment.variables.iter().filter(|variable| variable.bytes.is_some()) {
            context.ui.warn(&format!("{} is left out: its bytes are no UTF-8", variable.name));
        }
        exports(&environment)
    } else {
        for (name, why) in &environment.left_out {
            context.ui.say(&format!("note: {name} is not set: {why}"));
        }
        for what in
            StrayVenv::find(tree, &environment, &worktrees)?.iter().flat_map(|it| it.describe(&worktrees))
        {
            context.ui.warn(&what);
            context.ui.hint("git wt doctor --fix");
        }
        return context.ui.print_lines(table(&environment)).map(|()| 0);
    };
    context.ui.answer(text.as_bytes())?;
    Ok(0)
}

fn table(environment: &Environment) -> Vec<String> {
    let lines: Vec<(String, &str)> = environment
        .variables
        .iter()
        .map(|variable| {
            (format!("{}={}", variable.name, escaped(&variable.value)), variable.origin.describe())
        })
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|n| *n < 60).max().unwrap_or(0);
    lines.iter().map(|(line, origin)| format!("{line:width$}  # {origin}")).collect()
}

fn exports(environment: &Environment) -> String {
    let mut text: String = environment
        .variables
        .iter()
        .filter(|variable| variable.bytes.is_none())
        .map(|variable| format!("export {}={}\n", variable.name, quote::posix(&variable.value)))
        .collect();
    if let Some(bin) = &environment.bin {
        text += &format!("export PATH={}:\"$PATH\"\n", quote::path(bin));
    }
    text
}

fn json(environment: &Environment) -> String {
    let variables: Vec<serde_json::Value> = environment
        .variables
        .iter()
        .map(|v| serde_json::json!({"name": v.name, "value": v.value, "origin": v.origin.describe()}))
        .collect();
    let path = environment.bin.as_ref().map(|bin| bin.to_string_lossy());
    format!("{}\n", serde_json::json!({"version": 1, "variables": variables, "path": path}))
}
