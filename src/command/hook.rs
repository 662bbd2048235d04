//! Hidden: what the shell's prompt asks when its directory came into another worktree.

use std::io::Write;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::channel::Channel;
use crate::command::Context;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::exec;
use crate::git::Repo;
use crate::shell_state::{self, Change, Wanted};
use crate::target::Worktrees;
use crate::ui::Ui;

/// The version of the protocol between the shell functions and this program.
const PROTOCOL: &str = "1";

/// Print the change of environment on entering or leaving a worktree
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Version of the protocol the shell functions speak
    pub protocol: String,
    /// Root of the worktree entered; absent outside of all
    pub root: Option<PathBuf>,
}

/// Prints NUL-separated `set NAME VALUE` and `unset NAME` records, closed by `end`.
pub fn run(args: &Args, ui: Ui) -> Result<u8> {
    if args.protocol != PROTOCOL {
        return Err(Error::new("this shell's git-wt functions are of another version").hint("exec $SHELL"));
    }
    let wanted = args.root.as_ref().and_then(|_| wanted(ui).ok().flatten());
    let state = exec::variable("GIT_WT_STATE").map(|state| state.to_string_lossy().into_owned());
    let env = |name: &str| exec::variable(name).and_then(|value| value.into_string().ok());
    let mut out = Vec::new();
    for change in shell_state::changes(state.as_deref(), wanted.as_ref(), &env) {
        match change {
            Change::Set(name, value) => write!(out, "set\0{name}\0{value}\0"),
            Change::Unset(name) => write!(out, "unset\0{name}\0"),
        }
        .map_err(|cause| Error::new("cannot answer the shell").because(cause))?;
    }
    out.extend_from_slice(b"end\0");
    ui.answer(&out)?;
    Ok(0)
}

/// What the current worktree wants set; nothing for one that was not made or adopted with git-wt.
fn wanted(ui: Ui) -> Result<Option<Wanted>> {
    let context = Context::with(Repo::discover()?, ui, Channel::default())?;
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(".")?;
    let Some(record) = worktrees.record(tree) else { return Ok(None) };
    let recipe = context.recipe_for(record.name.as_str(), tree.head.branch(), record.template.as_deref())?;
    let environment = Environment::of(&tree.path, Some(record), &recipe)?;
    let arrives = exec::variable("GIT_WT_HEAD").is_none_or(|head| head != tree.git_dir.join("HEAD"));
    if arrives {
        context.warn_of_strays(&context.watch(tree, &worktrees, &recipe), &environment);
    }
    Ok(Some(Wanted {
        name: record.name.as_str().to_owned(),
        head: tree.git_dir.join("HEAD").to_string_lossy().into_owned(),
        protected: record.protected,
        variables: environment.variables.iter().map(|v| (v.name.clone(), v.value.clone())).collect(),
        path_entry: environment.bin.map(|bin| bin.to_string_lossy().into_owned()),
    }))
}
