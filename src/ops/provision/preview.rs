//! What setting up a worktree would do, and where the worktree has drifted from the recipe.
//!
//! It shows names, never values, and changes nothing.

use std::path::Path;

use super::{Options, disown_strays, fresh, has_gone, note_missing};
use crate::error::Result;
use crate::git::worktrees::Worktree;
use crate::ops::context::Context;
use crate::ops::hooks;
use crate::record::worktrees::Worktrees;
use crate::record::{HookRun, HookStatus, Record, Step, StepState};
use crate::resource::env_file::EnvFile;
use crate::resource::{Database, Exclude, Resource, Reversible};

/// Describes, line by line, what would be done to a worktree.
pub fn preview(
    tree: &Worktree,
    worktrees: &Worktrees,
    options: Options,
    context: &Context,
) -> Result<Vec<String>> {
    let known = worktrees.readable_record(tree)?;
    let mut record = known.cloned().map_or_else(|| fresh(tree, worktrees, context), Ok)?;
    let vanished =
        record.steps.iter().filter(|step| step.resource.database().is_some() && has_gone(step, &tree.path));
    let vanished: Vec<String> = vanished
        .map(|step| format!("ask whether to make {}, which has gone", step.resource.describe()))
        .collect();
    let pending = note_missing(&mut record, tree, context)?;
    disown_strays(&mut record, context)?;
    let mut waiting = pending.waiting;
    let mut lines = vanished;
    for step in record.steps.iter().filter(|step| step.state != StepState::Made) {
        match &step.resource {
            Resource::EnvFile(file) => lines.extend(env_file(file, &tree.path)?),
            Resource::Copies(copies) => {
                let copies = copies.preview(context.main.as_deref(), &tree.path)?;
                if !copies.is_empty() {
                    lines.push(format!("make {}", copies.describe()));
                }
            }
            resource if is_there(resource, &tree.path) => {}
            resource if is_left_out(resource, &record, &tree.path, context)? => {}
            resource => lines.push(format!("make {}", resource.describe())),
        }
    }
    if options.again {
        record.hooks.clear();
    }
    if !options.no_hooks {
        hooks::schedule(&mut record, &pending.hooks);
        let missing = hooks::not_consented_to(&record, &tree.path, &pending.hooks, context)?;
        let waits = |hook: &&HookRun| missing.iter().any(|action| action.text == hook.command);
        let unfinished = record.hooks.iter().filter(|hook| hook.ended != HookStatus::Done);
        lines.extend(unfinished.filter(|hook| !waits(hook)).map(|hook| format!("run {}", hook.command)));
        waiting.extend(missing);
    }
    lines.extend(waiting.iter().map(|action| format!("wait for your consent: {}", action.describe())));
    if lines.is_empty() {
        lines.push("nothing to do".into());
    }
    let title = format!("worktree '{}' at '{}'", record.name, tree.path.display());
    let lines = lines.iter().map(|line| format!("  {line}"));
    Ok(std::iter::once(title).chain(lines).collect())
}

fn env_file(file: &EnvFile, root: &Path) -> Result<Vec<String>> {
    let changes = file.preview(root)?;
    if let Some(why) = changes.obstacle {
        let verdict = if file.required { "fail to write" } else { "leave out" };
        return Ok(vec![format!("{verdict} '{}': {why}", file.path)]);
    }
    if changes.is_new {
        return Ok(vec![format!("make {}", Resource::EnvFile(file.clone()).describe())]);
    }
    let line = |verb: &str, names: Vec<String>| {
        (!names.is_empty()).then(|| format!("{verb} in '{}': {}", file.path, names.join(", ")))
    };
    let lines = [
        line("add", changes.added),
        line("change", changes.changed),
        line("keep yours", changes.kept),
        line("gone from the main worktree, and kept", changes.gone),
    ];
    Ok(lines.into_iter().flatten().collect())
}

/// Whether a thing would be left out, as it is each time.
fn is_left_out(resource: &Resource, record: &Record, root: &Path, context: &Context) -> Result<bool> {
    match resource {
        Resource::Link(link) => {
            let wanted = Exclude::of_link(&link.path, &record.name);
            let hides =
                |step: &Step| matches!(&step.resource, Resource::Exclude(it) if it.pattern == wanted.pattern);
            link.is_left_out(context.main.as_deref(), root, record.steps.iter().any(hides))
        }
        Resource::Database(Database::Sqlite(database)) => Ok(database.would_show_data(root)),
        _ => Ok(false),
    }
}

/// Whether something of the user's is already where a thing would be made, and so stays.
fn is_there(resource: &Resource, root: &Path) -> bool {
    resource.place(root).is_some_and(|path| path.symlink_metadata().is_ok())
}
