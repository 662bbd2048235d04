//! One tmux session a repository, with a window for each worktree, which shows what its servers print.
//!
//! Windows are found by a mark of ours and addressed by their ids: names may be prefixes of each other, and numbers begin
//! where the user's tmux says.

use std::os::unix::ffi::OsStrExt;

use crate::error::{Error, Result};
use crate::git::worktrees::Worktree;
use crate::host::exec::{self, Program};
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;
use crate::text::hash::hash;
use crate::text::name::slug;

/// The option of a window that says which worktree it is for.
const MARK: &str = "@git_wt";
/// What a window runs: the output of the servers until Ctrl-C, then a shell in the worktree's environment.
const IN_WINDOW: &str = "cd -- \"$2\" || exit\ntrap : INT\n\"$1\" up --attach \"$2\"\nexec \"$1\" run \"$2\" -- \"${SHELL:-/bin/sh}\"";

/// Opens a window for each worktree that has none yet; returns the name of the session.
pub fn open(trees: &[&Worktree], worktrees: &Worktrees, context: &Context) -> Result<String> {
    let session = session(context);
    let mut known = windows(&session)?;
    for tree in trees {
        let mark = hash(tree.git_dir.as_os_str().as_bytes());
        if known.contains(&mark) {
            continue;
        }
        // a '.' would separate a window from a pane, and tmux runs what stands in '#(…)' of a name or a directory
        let is_plain = |c: char| c.is_alphanumeric() || "-_/".contains(c);
        let name = worktrees.name(tree).replace(|c| !is_plain(c), "-");
        let create = if known.is_empty() && !exists(&session)? {
            tmux().args(["new-session", "-d", "-s", &session])
        } else {
            tmux().args(["new-window", "-d", "-t", &format!("={session}:")])
        };
        let exe = std::env::current_exe()
            .map_err(|cause| Error::new("cannot find our own program").because(cause))?;
        let create = create.args(["-P", "-F", "#{window_id}", "-n", &name, "-c", "/"]);
        let create = create.args(["sh", "-c", IN_WINDOW, "sh"]).arg(exe).arg(&tree.path);
        let id = String::from_utf8_lossy(&create.stdout()?).trim().to_owned();
        tmux().args(["set-option", "-w", "-t", &id, MARK, &mark]).stdout()?;
        tmux().args(["set-option", "-w", "-t", &id, "automatic-rename", "off"]).stdout()?;
        known.push(mark);
    }
    Ok(session)
}

/// Becomes tmux, attached to the session; returns only if that fails.
pub fn attach(session: &str) -> Error {
    let verb = if exec::variable("TMUX").is_some() { "switch-client" } else { "attach-session" };
    tmux().args([verb, "-t", &format!("={session}")]).replace()
}

/// Returns the session's name: that of the repository, without what tmux takes for a separator, and told from another
/// repository of the same name.
fn session(context: &Context) -> String {
    let place = hash(context.repo.common_dir().as_os_str().as_bytes());
    format!("{}-{}", slug(&context.repo.name()), &place[..6]).trim_start_matches('-').to_owned()
}

/// Returns the marks of a session's windows.
fn windows(session: &str) -> Result<Vec<String>> {
    if !exists(session)? {
        return Ok(Vec::new());
    }
    let format = format!("#{{{MARK}}}");
    let listed = tmux().args(["list-windows", "-t", &format!("={session}"), "-F", &format]).stdout()?;
    Ok(String::from_utf8_lossy(&listed).lines().map(str::to_owned).collect())
}

fn exists(session: &str) -> Result<bool> {
    Ok(tmux().args(["has-session", "-t", &format!("={session}")]).output()?.code == 0)
}

fn tmux() -> Program {
    Program::new("tmux")
}
