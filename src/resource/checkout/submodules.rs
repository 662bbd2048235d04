//! The submodules of a new worktree: git leaves them empty, and we clone those that the main worktree has.

use std::path::Path;

use crate::git::submodules::{cloned, initialise};

/// Clones the submodules that the main worktree of the repository at `common_dir` has cloned, and theirs in turn.
/// Returns those that stay empty, with the reasons: this never makes a worktree fail.
pub(super) fn bring(common_dir: &Path, root: &Path) -> Vec<String> {
    let mut empty = Vec::new();
    let submodules = match cloned(common_dir, root) {
        Ok(submodules) => submodules,
        Err(error) => return vec![format!("submodules stay empty: {}", error.in_one_line())],
    };
    for submodule in submodules {
        match initialise(root, &submodule) {
            Ok(()) => empty.extend(bring(&submodule.clone, &root.join(&submodule.path))),
            Err(error) => empty.push(format!(
                "the submodule '{}' stays empty: {}",
                submodule.path.display(),
                error.in_one_line()
            )),
        }
    }
    empty
}
