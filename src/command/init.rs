//! `git wt init`: look at the project, write a commented recipe.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use clap::Args as ClapArgs;

use super::{Context, RECIPE, push_guard};
use crate::detect::Project;
use crate::error::{Error, Explain, Result};
use crate::git;

/// Look at the project and write a commented .wt.toml
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Print it and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Write no recipe, but a pre-push hook: a protected worktree pushes its own branch only
    #[arg(long, conflicts_with = "dry_run")]
    pub push_guard: bool,
}

/// Writes the recipe that the project seems to need.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    if args.push_guard {
        return push_guard::install(context);
    }
    let Some(main) = &context.main else {
        return Err(Error::new("there is no worktree to look at").hint("git wt add BRANCH"));
    };
    let project = Project::look(main, &|path| git::is_ignored(main, Path::new(path)))?;
    for finding in project.findings() {
        context.ui.say(&format!("found {finding}"));
    }
    let text = project.recipe_text();
    if args.dry_run {
        context.ui.answer(text.as_bytes())?;
        return Ok(0);
    }
    let path = main.join(RECIPE);
    let shown = path.display();
    match File::options().create_new(true).write(true).open(&path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::new(format!("'{shown}' exists already"))
                .hint("git wt init --dry-run    (prints what it would write)"));
        }
        file => file
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .explain(|| format!("cannot write '{shown}'"))?,
    }
    context.ui.say(&format!("wrote '{shown}': read it, change it, commit it"));
    context.ui.hint("git wt trust    (so that its hooks may run)");
    Ok(0)
}
