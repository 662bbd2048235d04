//! `git wt init`: examine the project and write a commented recipe.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use clap::Args as ClapArgs;

use crate::error::{Error, Explain, Result};
use crate::git::{self, Repo};
use crate::ops::context::Context;
use crate::ops::push_guard;
use crate::recipe;
use crate::recipe::detect::{Project, Topic};
use crate::ui::Ui;

/// Look at the project and write a commented .wt.toml
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Print it and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Ask nothing: the first answer to every question
    #[arg(short, long)]
    pub yes: bool,
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
    let path = main.join(recipe::FILE);
    if !args.dry_run && path.symlink_metadata().is_ok() {
        return Err(exists(&path));
    }
    let mut project = Project::look(main, &|path| git::is_ignored(main, Path::new(path)))?;
    project.look_for_branches(&|name| is_branch(&context.repo, name));
    for finding in project.findings() {
        context.ui.say(&format!("found {finding}"));
    }
    for trouble in project.troubles() {
        context.ui.say(&format!("note: {trouble}"));
    }
    let is_dialogue = !args.dry_run && !args.yes && context.ui.can_ask();
    if is_dialogue && !settle(&mut project, context.ui) {
        return Err(Error::new(format!("'{}' is not written", path.display())));
    }
    let text = project.recipe_text();
    if args.dry_run {
        context.ui.answer(text.as_bytes())?;
        return Ok(0);
    }
    write(&path, &text)?;
    context.ui.say(&format!("wrote '{}': read it, change it, commit it", path.display()));
    if project.has_hooks() {
        context.ui.hint("git wt trust");
    }
    Ok(0)
}

/// Asks about what detection cannot know, and whether the result is right; where there is no choice, nothing is asked.
fn settle(project: &mut Project, ui: Ui) -> bool {
    let mut is_asked = false;
    for topic in Topic::ALL {
        let Some(choice) = project.choice(topic) else { continue };
        let answers: Vec<&str> = choice.answers.iter().map(|answer| answer.text.as_str()).collect();
        let Some(at) = ui.choose(&choice.question, &answers) else { return false };
        project.decide(&choice.answers[at]);
        is_asked = true;
    }
    if !is_asked {
        return true;
    }
    ui.tell(&format!("\n{}\n", project.recipe_text()));
    ui.agree(&format!("write this to '{}'?", recipe::FILE))
}

fn is_branch(repo: &Repo, name: &str) -> bool {
    repo.reference(&format!("refs/heads/{name}")).is_some() || !repo.on_remotes(name).is_empty()
}

/// Writes the recipe, but never over one that has appeared meanwhile.
fn write(path: &Path, text: &str) -> Result<()> {
    match File::options().create_new(true).write(true).open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        file => file
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .explain(|| format!("cannot write '{}'", path.display())),
    }
}

fn exists(path: &Path) -> Error {
    Error::new(format!("'{}' exists already", path.display())).hint("git wt init --dry-run")
}
