//! The submodules of a repository, by gitmodules(5) and the layout of `.git/modules`.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{looking_at, one_line};
use crate::error::{Explain, Result};
use crate::host::exec::Program;

/// A submodule that has been cloned for the main worktree, as it is in another worktree.
#[derive(Debug, Clone)]
pub struct Submodule {
    pub name: String,
    /// Its path in the worktree.
    pub path: PathBuf,
    /// The URL it is cloned from.
    pub url: String,
    /// The main worktree's clone of it.
    pub clone: PathBuf,
}

/// Returns those submodules of the worktree at `root` that are cloned in the repository at `common_dir`.
///
/// `.gitmodules` contains whatever the branch says. So a submodule counts only if git has it in the index, its name is
/// nothing but a name, and no second one claims the same path.
pub fn cloned(common_dir: &Path, root: &Path) -> Result<Vec<Submodule>> {
    let open = |file: &Path, source| gix::config::File::from_path_no_includes(file.to_owned(), source).ok();
    let Some(wanted) = open(&root.join(".gitmodules"), gix::config::Source::Worktree) else {
        return Ok(Vec::new());
    };
    let Some(config) = open(&common_dir.join("config"), gix::config::Source::Local) else {
        return Ok(Vec::new());
    };
    let mut named = Vec::new();
    for section in wanted.sections_by_name("submodule").into_iter().flatten() {
        let Some(name) = section.header().subsection_name().map(ToString::to_string) else { continue };
        let Some(path) = section.value("path") else { continue };
        named.push((name, PathBuf::from(OsStr::from_bytes(&path))));
    }
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let links = links(root, named.iter().map(|(_, path)| path.as_path()))?;
    let real_root = fs::canonicalize(root).explain(|| format!("cannot read '{}'", root.display()))?;
    let mut found = Vec::new();
    for (at, (name, path)) in named.iter().enumerate() {
        let is_claimed_twice = named
            .iter()
            .enumerate()
            .any(|(other, known)| other != at && (known.1 == *path || known.0 == *name));
        let is_itself = fs::canonicalize(root.join(path)).is_ok_and(|real| real == real_root.join(path));
        if !is_name(name) || is_claimed_twice || !links.contains(path) || !is_itself {
            continue;
        }
        let clone = common_dir.join("modules").join(name);
        let url = config.string(&format!("submodule.{name}.url"));
        if let Some(url) = url.filter(|_| clone.join("HEAD").exists()) {
            let (name, path) = (name.clone(), path.clone());
            found.push(Submodule { name, path, url: url.to_string(), clone });
        }
    }
    Ok(found)
}

/// Whether a submodule's name can be used in a setting and in a path without meaning anything else there.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.starts_with('-');
    name.split('/').all(is_part) && !name.contains(|c: char| c.is_control() || "=\\\"".contains(c))
}

/// Returns those of the paths, or of all if there are none, at which the index of the worktree at `root` has a submodule.
fn links<'a>(root: &Path, paths: impl Iterator<Item = &'a Path>) -> Result<HashSet<PathBuf>> {
    let git = looking_at(root).env("GIT_LITERAL_PATHSPECS", "1").args(["ls-files", "--stage", "-z", "--"]);
    let listed = git.args(paths).stdout()?;
    let links = listed.split(|b| *b == 0).filter_map(|line| {
        let at = line.iter().position(|b| *b == b'\t')?;
        line.starts_with(b"160000 ").then(|| PathBuf::from(OsStr::from_bytes(&line[at + 1..])))
    });
    Ok(links.collect())
}

/// Clones a submodule into the worktree at `root` from the main worktree's clone, without the network. Afterwards it
/// has the same remote branches.
pub fn initialise(root: &Path, submodule: &Submodule) -> Result<()> {
    let Submodule { name, path, url, clone } = submodule;
    let git = || Program::new("git").env("GIT_LITERAL_PATHSPECS", "1").arg("-C").arg(root);
    git().args(["submodule", "--quiet", "init", "--"]).arg(path).stdout()?;
    // only for this command, which clones from a directory of our own repository
    let from = format!("submodule.{name}.url={}", clone.display());
    git()
        .args(["-c", "protocol.file.allow=always", "-c", "clone.defaultRemoteName=origin", "-c", &from])
        .args(["submodule", "--quiet", "update", "--"])
        .arg(path)
        .stdout()?;
    // names its git directory: if it were not a repository after all, git would go on to the one around it
    let around = git().args(["rev-parse", "--absolute-git-dir"]).stdout()?;
    let git_dir = Path::new(OsStr::from_bytes(one_line(&around))).join("modules").join(name);
    let inside = || Program::new("git").arg(super::joined("--git-dir=", &git_dir));
    inside().args(["remote", "set-url", "origin", url]).stdout()?;
    let branches = "+refs/remotes/origin/*:refs/remotes/origin/*";
    inside().args(["fetch", "--quiet", "--prune", "--no-tags"]).arg(clone).arg(branches).stdout().map(drop)
}

/// Returns commits, stashes and tags that only the submodules of one worktree have, and that are lost with the
/// repositories below `modules`: the newest of each, as `NAME: COMMIT SUBJECT`. What a reference in the clone of the same
/// name below `of_main` leads to is not lost.
pub fn unpushed(modules: &Path, of_main: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for git_dir in repositories(modules) {
        let name = git_dir.strip_prefix(modules).unwrap_or(&git_dir);
        let git = || Program::new("git").arg(super::joined("--git-dir=", &git_dir));
        let log = ["log", "--format=%h %s", "--max-count=20", "--all"];
        // 'refs/prefetch' is what git fetches in the background
        let not = ["--not", "--remotes", "--glob=refs/prefetch"];
        let mut commits = git().args(log).args(not).stdout()?;
        if !commits.is_empty() {
            let known = known_to(&of_main.join(name))?;
            let output = git().args(log).args(["--ignore-missing", "--stdin"]).args(not).output_of(&known)?;
            commits = if output.code == 0 { output.stdout } else { commits };
        }
        let commits = String::from_utf8_lossy(&commits).into_owned();
        found.extend(commits.lines().map(|commit| format!("{}: {commit}", name.display())));
    }
    Ok(found)
}

/// Returns what the references of a repository, if there is one, lead to: as git leaves it out, `^OID`.
fn known_to(clone: &Path) -> Result<Vec<u8>> {
    if !clone.join("HEAD").exists() {
        return Ok(Vec::new());
    }
    let git = Program::new("git").arg(super::joined("--git-dir=", clone));
    let known = git.args(["for-each-ref", "--format=^%(objectname)"]).output()?;
    Ok(if known.code == 0 { known.stdout } else { Vec::new() })
}

/// The places of submodules in a worktree, and of theirs in turn, relative to it.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Those that are repositories.
    pub cloned: Vec<PathBuf>,
    /// Those that are not, but where there is something.
    pub strange: Vec<PathBuf>,
}

impl Places {
    /// Looks in the index of the worktree at `root` for them, whether or not `.gitmodules` names them.
    pub fn of(root: &Path) -> Result<Self> {
        let mut places = Self::default();
        let mut links: Vec<_> = links(root, std::iter::empty())?.into_iter().collect();
        links.sort();
        for link in links {
            let at = root.join(&link);
            if is_root(&at)? {
                let inner = Self::of(&at)?;
                places.cloned.extend(inner.cloned.iter().map(|path| link.join(path)));
                places.strange.extend(inner.strange.iter().map(|path| link.join(path)));
                places.cloned.push(link);
            } else if !is_empty(&at) {
                places.strange.push(link);
            }
        }
        Ok(places)
    }

    /// Returns those whose only repository lies in the worktree itself.
    pub fn embedded(&self, root: &Path) -> impl Iterator<Item = &PathBuf> {
        let is_inside = move |path: &&PathBuf| !root.join(path).join(".git").is_file();
        self.cloned.iter().filter(is_inside)
    }
}

/// Whether a directory is the top of a worktree, and not in one of the repository around it.
pub fn is_root(dir: &Path) -> Result<bool> {
    if !dir.join(".git").exists() {
        return Ok(false);
    }
    let prefix = looking_at(dir).args(["rev-parse", "--show-prefix"]).output()?;
    Ok(prefix.code == 0 && one_line(&prefix.stdout).is_empty())
}

/// Whether there is nothing at a path, or a directory without anything in it.
fn is_empty(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => path.symlink_metadata().is_err(),
    }
}

/// Returns the git directories below a directory `modules`, and those nested in them; names of submodules may contain
/// slashes.
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

/// Writes new places into the repositories of a worktree's submodules, and into the submodules: `entry` is git's entry where
/// it is now, `git_dir` where it will be, `tree` the worktree's directory, and `path` where that will be.
pub fn relink(entry: &Path, git_dir: &Path, tree: &Path, path: &Path) -> Result<()> {
    let modules = entry.join("modules");
    for repository in repositories(&modules) {
        let inside = repository.strip_prefix(entry).unwrap_or(&repository);
        let Some(below) = checked_out_at(&repository, tree)? else { continue };
        config(&repository).arg("core.worktree").arg(path.join(&below)).stdout()?;
        let pointer = [b"gitdir: ", git_dir.join(inside).as_os_str().as_bytes(), b"\n"].concat();
        let dot_git = tree.join(&below).join(".git");
        crate::host::file::replace(&dot_git, &pointer)
            .explain(|| format!("cannot write '{}'", dot_git.display()))?;
    }
    Ok(())
}

fn config(repository: &Path) -> Program {
    Program::new("git").args(["config", "--file"]).arg(repository.join("config"))
}

/// Where a submodule is checked out below `tree`, relative to that.
fn checked_out_at(repository: &Path, tree: &Path) -> Result<Option<PathBuf>> {
    let worktree = config(repository).args(["--get", "core.worktree"]).output()?;
    let worktree = PathBuf::from(OsStr::from_bytes(one_line(&worktree.stdout)));
    // where it lies in the worktree is what is left of '../../../../NAME/lib' once all else is taken away
    Ok(submodule_below(&worktree, tree))
}

/// The end of a submodule's recorded place that is a directory with a `.git` below `tree`.
fn submodule_below(recorded: &Path, tree: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = recorded.components().collect();
    let ends = (0..parts.len()).map(|from| parts[from..].iter().collect::<PathBuf>());
    ends.into_iter()
        .find(|end| end.is_relative() && tree.join(end).join(".git").is_file() && !end.starts_with(".."))
}
