//! The submodules of a repository, by gitmodules(5) and the layout of `.git/modules`.

use std::fs;
use std::path::{Path, PathBuf};

use super::{one_line, paths};
use crate::error::Result;
use crate::host::exec::Program;

/// A submodule that has been cloned for the main worktree, as another worktree has it.
#[derive(Debug, Clone)]
pub struct Submodule {
    /// Its name in `.gitmodules`.
    pub name: String,
    /// Where it is in the worktree.
    pub path: PathBuf,
    /// Where it is cloned from.
    pub url: String,
    /// The main worktree's clone of it.
    pub clone: PathBuf,
}

/// The submodules that the worktree at `root` has, of those cloned in the repository at `common_dir`.
pub fn cloned(common_dir: &Path, root: &Path) -> Vec<Submodule> {
    let open = |file: &Path, source| gix::config::File::from_path_no_includes(file.to_owned(), source).ok();
    let Some(wanted) = open(&root.join(".gitmodules"), gix::config::Source::Worktree) else {
        return Vec::new();
    };
    let Some(config) = open(&common_dir.join("config"), gix::config::Source::Local) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for section in wanted.sections_by_name("submodule").into_iter().flatten() {
        let Some(name) = section.header().subsection_name().map(ToString::to_string) else { continue };
        let Some(path) = section.value("path") else { continue };
        let path = paths(one_line(&path)).into_iter().next().unwrap_or_default();
        let clone = common_dir.join("modules").join(&name);
        let url = config.string(&format!("submodule.{name}.url"));
        if let Some(url) = url.filter(|_| clone.join("HEAD").exists()) {
            found.push(Submodule { name, path, url: url.to_string(), clone });
        }
    }
    found
}

/// Clones a submodule into the worktree at `root` from the main worktree's clone, without the network; it knows the
/// same remote branches then.
pub fn initialise(root: &Path, submodule: &Submodule) -> Result<()> {
    let Submodule { name, path, url, clone } = submodule;
    let at = |dir: &Path| Program::new("git").arg("-C").arg(dir);
    at(root).args(["submodule", "--quiet", "init", "--"]).arg(path).stdout()?;
    // for this once, from a directory of our own repository
    let from = format!("submodule.{name}.url={}", clone.display());
    at(root)
        .args(["-c", "protocol.file.allow=always", "-c", "clone.defaultRemoteName=origin", "-c", &from])
        .args(["submodule", "--quiet", "update", "--"])
        .arg(path)
        .stdout()?;
    let inside = || at(&root.join(path));
    inside().args(["remote", "set-url", "origin", url]).stdout()?;
    let branches = "+refs/remotes/origin/*:refs/remotes/origin/*";
    inside().args(["fetch", "--quiet", "--prune", "--no-tags"]).arg(clone).arg(branches).stdout().map(drop)
}

/// Commits and stashes that only the submodules of one worktree have: what goes with the repositories below `modules`.
/// The newest of each, as `NAME: COMMIT SUBJECT`.
pub fn unpushed(modules: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for git_dir in repositories(modules) {
        let name = git_dir.strip_prefix(modules).unwrap_or(&git_dir).display().to_string();
        let log = ["log", "--format=%h %s", "--max-count=20", "HEAD", "--branches", "--glob=refs/stash"];
        let git = Program::new("git").arg(super::joined("--git-dir=", &git_dir)).args(log);
        let commits = git.args(["--not", "--remotes"]).stdout()?;
        let commits = String::from_utf8_lossy(&commits).into_owned();
        found.extend(commits.lines().map(|commit| format!("{name}: {commit}")));
    }
    Ok(found)
}

/// The git directories below a directory `modules`, and below their own; names of submodules may have slashes.
fn repositories(modules: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(modules).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.join("HEAD").exists() {
            found.extend(repositories(&path.join("modules")));
            found.push(path);
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(repositories(&path));
        }
    }
    found
}
