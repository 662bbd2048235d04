//! The post-checkout hook that sets up worktrees made by plain git: installed and removed on request, never over
//! another hook.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::error::{Error, Explain, Hint, Result};
use crate::git::hooks::{self, Setting};
use crate::host::file;
use crate::ops::context::{Context, Ignored};
use crate::ops::provision::{self, Options};
use crate::record::RecordState;
use crate::record::worktrees::Worktrees;

/// What the hook does: it acts only in a new worktree, asks nothing, and never fails a checkout.
const LINE: &str = "case $1 in *[!0]*) ;; *) ! command -v git-wt >/dev/null || git-wt setup --quiet --from-hook </dev/null || : ;; esac";

/// Returns the whole hook, for a repository that has none.
fn script() -> String {
    format!(
        "#!/bin/sh\n# git-wt: worktrees of plain git get their environment; to undo: git wt setup --uninstall-hook\n{LINE}\n"
    )
}

/// Writes the hook, or says how to add the line to an existing one.
pub fn install(context: &Context) -> Result<u8> {
    let hook = Hook::of(context)?;
    if hook.text.as_ref().is_some_and(|text| text.contains(LINE)) {
        context.ui.say(&format!("it is in '{}' already", hook.path.display()));
        return Ok(0);
    }
    if hook.text.is_some() {
        return Err(hook
            .by_hand("there is a hook already")
            .advise(format!("the line to add to it is: {LINE}")));
    }
    if hook.setting.is_for_all {
        let why = "core.hooksPath is the same for all your repositories";
        let own = hooks::own_dir(&context.repo);
        return Err(hook.by_hand(why).hint(Hint::of("git config --local core.hooksPath").name(own)));
    }
    hooks::write_new(&hook.path, &script()).explain(|| format!("cannot write '{}'", hook.path.display()))?;
    context.ui.say(&format!("wrote '{}': worktrees of plain git are set up too", hook.path.display()));
    if hook.setting.is_inside_worktree {
        context.ui.say("note: commit it, since core.hooksPath means each worktree's own directory");
    }
    Ok(0)
}

/// Removes the hook if it is entirely ours.
pub fn uninstall(context: &Context) -> Result<u8> {
    let hook = Hook::of(context)?;
    match &hook.text {
        Some(text) if *text == script() => {
            fs::remove_file(&hook.path).explain(|| format!("cannot delete '{}'", hook.path.display()))?;
            context.ui.say(&format!("deleted '{}'", hook.path.display()));
            Ok(0)
        }
        Some(text) if text.contains("--from-hook") => Err(hook
            .by_hand("it has more than git-wt has put there")
            .advise("take the line with '--from-hook' out of it")),
        _ => {
            context.ui.say(&format!("it is not in '{}'", hook.path.display()));
            Ok(0)
        }
    }
}

/// Sets up the worktree that git has just made, unless git-wt is making it or wants it without an environment.
pub fn set_up(options: Options, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(".")?;
    let in_the_making = || {
        worktrees.records.iter().any(|record| record.stage == RecordState::Adding && tree.is_at(&record.path))
    };
    if tree.is_main() || tree.record.is_some() || in_the_making() {
        return Ok(0);
    }
    let recipe = context.recipe_for(&worktrees.name(tree), tree.head.branch(), None, Ignored::NotLookedAt)?;
    if !recipe.env_enabled {
        return Ok(0);
    }
    provision::set_up(tree, &worktrees, options, context).map(|outcome| outcome.status)
}

/// The repository's post-checkout hook.
struct Hook {
    path: PathBuf,
    /// Its text, if it exists; empty for a link, since we know nothing of what is behind it.
    text: Option<String>,
    setting: Setting,
}

impl Hook {
    fn of(context: &Context) -> Result<Self> {
        let path = hooks::path_of(context.root(), "post-checkout")?;
        let text = match fs::symlink_metadata(&path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => None,
            Ok(meta) if meta.is_file() => {
                let bytes = file::read(&path)?;
                bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => Some(String::new()),
        };
        Ok(Self { path, text, setting: Setting::of(context.root())? })
    }

    /// Returns a note on the tool that manages the repository's hooks, if one can be recognised.
    fn manager(&self) -> Option<String> {
        let text = self.text.as_deref().unwrap_or_default();
        let drop_in = self.path.with_file_name("post-checkout.d");
        if self.path.components().any(|part| part.as_os_str() == ".husky") {
            Some("husky keeps the hooks: the line belongs into '.husky/post-checkout'".into())
        } else if text.contains("pre-commit") {
            Some("pre-commit keeps the hooks: the line belongs into '.pre-commit-config.yaml'".into())
        } else if text.contains("lefthook") {
            Some("lefthook keeps the hooks: the line belongs into 'lefthook.yml'".into())
        } else {
            drop_in
                .is_dir()
                .then(|| format!("the line may stand in a file of its own in '{}'", drop_in.display()))
        }
    }

    fn by_hand(&self, why: &str) -> Error {
        let error = Error::new(format!("'{}' is not ours to change", self.path.display())).because(why);
        self.manager().into_iter().fold(error, Error::because)
    }
}
