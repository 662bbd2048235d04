//! Which variables a shell should have set in the worktree it enters.

use std::path::Path;

use crate::environment::{Environment, VariableOrigin, drift};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::{exec, file};
use crate::ops::context::{Context, Ignored};
use crate::recipe::Recipe;
use crate::recipe::consent::Consent;
use crate::record::worktrees::Worktrees;
use crate::shell::channel::Channel;
use crate::shell::state::Wanted;
use crate::ui::Ui;

/// Returns what the current worktree wants set; `None` for a worktree that git-wt has neither made nor adopted.
pub fn wanted(root: &Path, direnv: bool, repo: Repo, ui: Ui) -> Result<Option<Wanted>> {
    let context = Context::with(repo, ui, Channel::default())?;
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(".")?;
    let Some(record) = worktrees.record(tree) else { return Ok(None) };
    let head = tree.git_dir.join("HEAD");
    let arrives = exec::variable("GIT_WT_HEAD").is_none_or(|before| *before != *head);
    let mut whole = true;
    let mut tell = |error: Error| {
        whole = false;
        if arrives {
            ui.warn(&error.in_one_line());
        }
    };
    // what cannot be read is reported, but the rest is used all the same
    let (name, template) = (record.name.as_str(), record.template.as_deref());
    let recipe = context.recipe_for(name, tree.head.branch(), template, Ignored::AsRecorded(record));
    let recipe = recipe.unwrap_or_else(|error| {
        tell(error);
        Recipe::default()
    });
    let consent = context.consent().unwrap_or_else(|error| {
        tell(error);
        Consent::default()
    });
    let environment = Environment::of(&context.repo, &tree.path, Some(record), &recipe, &consent)
        .unwrap_or_else(|error| {
            tell(error);
            Environment::default()
        });
    if arrives {
        context.warn_of_strays(&context.watch(tree, &worktrees, &recipe, &consent), &environment);
    }
    let first_port = record.ports().into_iter().next();
    let drifted = !whole || drift::has_drifted(record, &recipe, &tree.path, &context.words_in(record, tree));
    let mut wanted = Wanted {
        name: record.name.as_str().to_owned(),
        head: head.to_string_lossy().into_owned(),
        protected: record.protected,
        // the env file may have a different port from the claimed one, and the file's is the one served
        port: first_port.and_then(|(name, _)| environment.get(&name)?.parse().ok()),
        drifted,
        ..Wanted::default()
    };
    if !is_off() && !is_loaded_by_another(root, direnv) {
        let made_its_venv = environment.made_its_venv;
        let (venv, others): (Vec<_>, Vec<_>) =
            environment.variables.into_iter().partition(|variable| variable.origin == VariableOrigin::Venv);
        // a shell's words are text
        let others = others.into_iter().filter(|variable| variable.bytes.is_none());
        wanted.variables = others.map(|v| (v.name, v.value)).collect();
        if made_its_venv {
            wanted.own = venv.into_iter().map(|v| (v.name, v.value)).collect();
            wanted.path_entry = environment.bin.map(|bin| bin.to_string_lossy().into_owned());
        }
    }
    Ok(Some(wanted))
}

/// Whether the user wants no environment in the shell.
fn is_off() -> bool {
    text_of("GIT_WT_ENV").is_some_and(|setting| setting == "off")
}

/// Whether direnv or mise, active in the shell, loads an environment for this very worktree: two would undo each other.
fn is_loaded_by_another(root: &Path, direnv: bool) -> bool {
    const MISE: [&str; 8] = [
        "mise.toml",
        ".mise.toml",
        "mise.local.toml",
        ".mise.local.toml",
        "mise/config.toml",
        ".mise/config.toml",
        ".config/mise.toml",
        ".config/mise/config.toml",
    ];
    // a mise.toml that only pins tool versions leaves the variables to us
    let sets_variables = |file: &str| {
        let text = file::read_text(&root.join(file)).ok().flatten();
        let table = text.and_then(|text| text.parse::<toml::Table>().ok());
        table.is_some_and(|table| table.contains_key("env"))
    };
    // DIRENV_DIR has a '-' before the path, as in "-/home/you/shop"
    let is_direnvs = text_of("DIRENV_DIR").is_some_and(|dir| Path::new(dir.trim_start_matches('-')) == root);
    is_direnvs
        || (direnv && root.join(".envrc").exists())
        || (text_of("MISE_SHELL").is_some_and(|shell| !shell.is_empty())
            && MISE.into_iter().any(sets_variables))
}

fn text_of(name: &str) -> Option<String> {
    exec::variable(name).and_then(|value| value.into_string().ok())
}
