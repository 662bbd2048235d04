//! The push guard: a protected worktree may push only its own branch. The hook that calls it is installed on request.

use std::io::{self, Read};

use crate::error::{Error, Explain, Hint, Result};
use crate::git::hooks::{self, Setting};
use crate::host::{exec, file};
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;
use crate::text::name::{BranchName, escaped};

/// The variable with which the user says that a push is intended.
const OVERRIDE: &str = "GIT_WT_PUSH";

/// The line that a hook has to contain.
const CALL: &str = "git-wt push-guard || exit 1";

/// The hook as we write it. A clone must still be able to push once its git-wt is gone.
const HOOK: &str = "#!/bin/sh
# Written by git-wt: from a protected worktree only its own branch is pushed. Delete it to be rid of that.
if command -v git-wt >/dev/null; then
    git-wt push-guard || exit 1
else
    echo 'warning: git-wt is not on PATH: the push guard does not look' >&2
fi
";

/// Reads what is being pushed, in the format of githooks(5), and refuses anything but the protected worktree's own
/// branch.
pub fn judge(context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(".")?;
    let Some(record) = worktrees.record(tree).filter(|record| record.protected) else { return Ok(0) };
    if exec::variable(OVERRIDE).is_some_and(|word| word == "1") {
        return Ok(0);
    }
    let mut pushed = Vec::new();
    io::stdin().read_to_end(&mut pushed).explain(|| "cannot read what is pushed".into())?;
    let own = record.branch.as_ref().or(tree.head.branch());
    match foreign(&String::from_utf8_lossy(&pushed), own) {
        None => Ok(0),
        Some(branch) => {
            let error =
                Error::new(format!("'{}' is protected: it pushes nothing to '{branch}'", record.name));
            let own =
                own.map_or("it has no branch of its own".into(), |own| format!("its own branch is '{own}'"));
            Err(error.because(own).hint("GIT_WT_PUSH=1 git push").exit(1))
        }
    }
}

/// Returns the first branch of the remote that a push changes and that is not `own`. Each line is `LOCAL-REF LOCAL-OID
/// REMOTE-REF REMOTE-OID`.
fn foreign(pushed: &str, own: Option<&BranchName>) -> Option<String> {
    let references = pushed.lines().filter_map(|line| line.split(' ').nth(2));
    let mut branches = references.filter_map(|reference| reference.strip_prefix("refs/heads/"));
    branches.find(|branch| own.is_none_or(|own| own.as_str() != *branch)).map(escaped)
}

/// Writes the hook where git looks for it; an existing hook belongs to somebody and stays.
pub fn install(context: &Context) -> Result<u8> {
    let path = hooks::path_of(context.root(), "pre-push")?;
    let shown = path.display();
    match file::read(&path) {
        Ok(Some(found)) if found == HOOK.as_bytes() => {
            context.ui.say(&format!("the push guard is there already: '{shown}'"));
            return Ok(0);
        }
        Ok(None) => {}
        _ => {
            return Err(Error::new(format!("there is a pre-push hook already: '{shown}'"))
                .because("what is to be pushed comes on a hook's stdin, once")
                .advise(format!("the line to add to it is: {CALL}")));
        }
    }
    if Setting::of(context.root())?.is_for_all {
        return Err(Error::new(format!("'{shown}' is not ours to write"))
            .because("core.hooksPath is the same for all your repositories")
            .advise("with the repository's own hooks, those of all repositories do not run in it")
            .hint(Hint::of("git config --local core.hooksPath").name(hooks::own_dir(&context.repo))));
    }
    hooks::write_new(&path, HOOK).explain(|| format!("cannot write '{shown}'"))?;
    context.ui.say(&format!("wrote '{shown}': a protected worktree pushes its own branch only"));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_branches_are_foreign() {
        let line = |remote: &str| format!("refs/heads/x {0} {remote} {0}\n", "0".repeat(40));
        let own = BranchName::parse("release/2").unwrap();
        for (pushed, own, want) in [
            (String::new(), Some(&own), None),
            (line("refs/heads/release/2"), Some(&own), None),
            (line("refs/tags/v1"), Some(&own), None),
            (line("refs/heads/main"), Some(&own), Some("main")),
            (line("refs/heads/release/2") + &line("refs/heads/main"), Some(&own), Some("main")),
            (line("refs/heads/main"), None, Some("main")),
        ] {
            assert_eq!(foreign(&pushed, own).as_deref(), want, "{pushed}");
        }
    }

    #[test]
    fn the_hook_has_the_call_that_others_are_told_to_add() {
        assert!(HOOK.contains(CALL));
    }
}
