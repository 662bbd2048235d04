//! Hidden: called by the shell's prompt when its directory has moved to another worktree.

use std::io::Write;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::exec;
use crate::ops::enter;
use crate::shell::state::{self, Change};
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
    /// The shell has direnv's hook
    #[arg(long)]
    pub direnv: bool,
}

/// Prints NUL-separated `set NAME VALUE` and `unset NAME` records, with `end` as the last.
pub fn run(args: &Args, ui: Ui) -> Result<u8> {
    if args.protocol != PROTOCOL {
        return Err(Error::new("this shell's git-wt functions are of another version").hint("exec $SHELL"));
    }
    // a repository that git would not enter does not count for the shell either
    let repo = args.root.as_ref().and_then(|_| Repo::discover().ok());
    let root = args.root.as_ref().filter(|_| repo.is_some());
    let wanted =
        root.zip(repo).and_then(|(root, repo)| enter::wanted(root, args.direnv, repo, ui).ok().flatten());
    let state = text_of(state::STATE);
    let root = root.and_then(|root| root.to_str());
    let mut out = Vec::new();
    for change in state::changes(state.as_deref(), root, wanted.as_ref(), &text_of) {
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

fn text_of(name: &str) -> Option<String> {
    exec::variable(name).and_then(|value| value.into_string().ok())
}
