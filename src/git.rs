//! The only door to gix and to `git`.
//!
//! Reading goes through gix and through files that git documents (gitrepository-layout(5)); every change to a
//! repository goes through `git` itself. Nothing here decides anything.

pub mod commits;
pub mod divergence;
pub mod hidden;
pub mod hooks;
pub mod merged;
pub mod operation;
mod owner;
mod parameters;
mod refs;
mod settings_source;
pub mod status;
pub mod submodules;
pub mod tracked;
pub mod version;
pub mod worktrees;

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gix::bstr::{BStr, BString, ByteSlice};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::host::exec::{self, Output, Program};
use crate::host::identity::Identity;
use crate::text::name::BranchName;

/// An object id in hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Oid(String);

impl Oid {
    /// Parses 40 (SHA-1) or 64 (SHA-256) hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
        (hex && matches!(text.len(), 40 | 64)).then(|| Self(text.to_owned()))
    }

    /// Whether it is all zeros, which git writes if it does not know the id yet.
    pub fn is_null(&self) -> bool {
        self.0.bytes().all(|digit| digit == b'0')
    }

    /// Returns all hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first seven digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl Display for Oid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A remote branch: `refs/remotes/REMOTE/BRANCH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteBranch {
    pub remote: String,
    pub branch: String,
    /// The commit that the remote-tracking reference points at.
    pub oid: Oid,
}

impl RemoteBranch {
    /// Returns `REMOTE/BRANCH`, as git shows it.
    pub fn short(&self) -> String {
        format!("{}/{}", self.remote, self.branch)
    }
}

/// The file in the common directory that says where the main worktree is, if git does not say.
const MAIN_ROOT: &str = "wt/main";

/// The file in the common directory that the configuration includes for branches that have not been pushed yet.
pub const PUSH_SETTINGS: &str = "wt-push";

/// A repository with all its worktrees, as seen from the current directory.
pub struct Repo {
    gix: gix::Repository,
    git_dir: PathBuf,
    common_dir: PathBuf,
    root: Option<PathBuf>,
    /// The file of packed references, once it has been read for their names.
    packed: OnceLock<Vec<u8>>,
    /// The sections of the configuration through which a file in a worktree includes others.
    brought_includes: OnceLock<Vec<gix::config::file::Metadata>>,
}

impl Repo {
    /// Finds the repository of the current directory, or the one `GIT_DIR` names.
    pub fn discover() -> Result<Self> {
        let here = std::env::current_dir().explain(|| "cannot tell the current directory".into())?;
        let repo = Self::discover_at(&here)?.that_is_meant(&here)?;
        repo.check_owner()?;
        Ok(repo)
    }

    /// Returns the same repository, seen from its own directory, which does not go away with any worktree.
    pub fn seen_from_outside(&self) -> Result<Self> {
        let gix = gix::open_opts(
            &self.common_dir,
            gix::open::Options::default().open_path_as_is(true).cli_overrides(overrides()),
        )
        .map_err(|cause| Error::new(format!("cannot open '{}'", self.common_dir.display())).because(cause))?;
        let root = gix.workdir().map(Path::to_owned);
        let (git_dir, common_dir) = (self.common_dir.clone(), self.common_dir.clone());
        Ok(Self::with(gix, git_dir, common_dir, root))
    }

    /// Takes the full path of the current directory, since given `.` gix does not notice that it is called `.git`.
    fn discover_at(here: &Path) -> Result<Self> {
        let options = |trust| gix::open::Options::default().with(trust).cli_overrides(overrides());
        let trust = gix::sec::trust::Mapping {
            full: options(gix::sec::Trust::Full),
            reduced: options(gix::sec::Trust::Reduced),
        };
        let ceilings = gix::discover::upwards::Options {
            match_ceiling_dir_or_error: false,
            ..gix::discover::upwards::Options::default()
        };
        let gix = gix::ThreadSafeRepository::discover_with_environment_overrides_opts(here, ceilings, trust)
            .map_err(|cause| {
                let plain = cause.to_string().contains("not a git repository")
                    || cause.to_string().contains("Could not find a git repository");
                let error = Error::new("not a git repository (or any of the parent directories): .git");
                if plain { error } else { error.because(cause) }
            })?
            .to_thread_local();
        let git_dir = absolute(here, gix.git_dir());
        let common_dir = absolute(here, gix.common_dir());
        let root = gix.workdir().map(|root| absolute(here, root));
        Ok(Self::with(gix, git_dir, common_dir, root))
    }

    fn with(gix: gix::Repository, git_dir: PathBuf, common_dir: PathBuf, root: Option<PathBuf>) -> Self {
        let (packed, brought_includes) = Default::default();
        Self { gix, git_dir, common_dir, root, packed, brought_includes }.without_root_if_bare()
    }

    /// Drops the root if the repository is bare: gix overlooks `core.bare` if the main worktree has settings of its
    /// own, and takes the directory around `.git` for a worktree.
    fn without_root_if_bare(mut self) -> Self {
        let asked = exec::variable("GIT_WORK_TREE").is_some();
        if !asked && self.git_dir == self.common_dir && self.is_bare() {
            self.root = None;
        }
        self
    }

    /// Returns the git directory of the current worktree.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Returns the git directory that all worktrees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Returns the root of the current worktree; `None` in a bare repository or inside `.git`.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Returns the identity of the common directory on this disk: a copy of the repository has another one.
    pub fn identity(&self) -> Result<Identity> {
        Identity::of(&self.common_dir)
            .ok_or_else(|| Error::new(format!("cannot look at '{}'", self.common_dir.display())))
    }

    /// Whether the main repository has no worktree of its own.
    pub fn is_bare(&self) -> bool {
        // a linked worktree's own view is never bare, so read the shared setting
        let bare = |file: gix::config::File| file.boolean("core.bare").ok().flatten();
        let bare = self.main_settings().and_then(bare).or_else(|| self.flag("core.bare"));
        bare.unwrap_or(false) && self.main_worktree_setting().is_none()
    }

    /// Returns the main worktree's own settings, if it has any (`extensions.worktreeConfig`); linked worktrees do not
    /// see them.
    fn main_settings(&self) -> Option<gix::config::File> {
        if self.flag("extensions.worktreeConfig") != Some(true) {
            return None;
        }
        let file = self.common_dir.join("config.worktree");
        gix::config::File::from_path_no_includes(file, gix::config::Source::Worktree).ok()
    }

    fn main_worktree_setting(&self) -> Option<BString> {
        let own = |file: gix::config::File| file.string("core.worktree");
        self.main_settings().and_then(own).or_else(|| self.text("core.worktree"))
    }

    /// Whether the repository calls all its worktrees bare. That happens if `core.bare` was not moved to the main
    /// worktree's own settings when those were enabled (`extensions.worktreeConfig`).
    pub fn calls_worktrees_bare(&self) -> bool {
        let shared = || {
            let file = self.common_dir.join("config");
            let file = gix::config::File::from_path_no_includes(file, gix::config::Source::Local).ok()?;
            file.boolean("core.bare").ok().flatten()
        };
        self.flag("extensions.worktreeConfig") == Some(true) && shared() == Some(true)
    }

    /// Returns the main worktree's directory; `None` if the repository is bare.
    pub fn main_root(&self) -> Option<PathBuf> {
        if self.git_dir == self.common_dir
            && let Some(root) = &self.root
        {
            return Some(root.clone());
        }
        if self.is_bare() {
            return None;
        }
        if let Some(root) = self.main_worktree_setting() {
            return Some(absolute(&self.common_dir, Path::new(OsStr::from_bytes(&root))));
        }
        if self.common_dir.file_name() == Some(OsStr::new(".git")) {
            return Some(parent(&self.common_dir));
        }
        self.remembered_main_root()
    }

    /// Returns where the main worktree is, as we wrote it down for a git directory elsewhere (`git init
    /// --separate-git-dir`): git records it nowhere, so a linked worktree would not know. It counts only if it still
    /// leads here.
    fn remembered_main_root(&self) -> Option<PathBuf> {
        let root = crate::host::file::read_small(&self.common_dir.join(MAIN_ROOT)).ok()?;
        let root = PathBuf::from(OsStr::from_bytes(&root));
        let git_dir = pointed_git_dir(&root)?;
        (Identity::of(&git_dir)? == Identity::of(&self.common_dir)?).then_some(root)
    }

    /// Writes down where the main worktree is, if it is the current one and git does not record it.
    pub fn remember_main_root(&self) -> Result<()> {
        let Some(root) = self.root.as_ref().filter(|_| self.git_dir == self.common_dir) else {
            return Ok(());
        };
        let says =
            self.common_dir.file_name() == Some(OsStr::new(".git")) || self.main_worktree_setting().is_some();
        if says || self.remembered_main_root().as_ref() == Some(root) {
            return Ok(());
        }
        let file = self.common_dir.join(MAIN_ROOT);
        crate::host::file::make_private_dir(file.parent().unwrap_or(&file), "")
            .and_then(|()| crate::host::file::replace_private(&file, root.as_os_str().as_bytes()))
            .explain(|| format!("cannot write '{}'", file.display()))
    }

    /// Returns the main worktree of the superproject, if this is a submodule's repository.
    pub fn superproject(&self) -> Option<PathBuf> {
        let modules = self.common_dir.ancestors().find(|dir| dir.ends_with(".git/modules"))?;
        modules.parent().and_then(Path::parent).map(Path::to_owned)
    }

    /// Returns the repository's name: that of the main worktree's directory, or of the bare repository without `.git`.
    pub fn name(&self) -> String {
        let place = self.main_root().unwrap_or_else(|| {
            let common = &self.common_dir;
            let dotted = common.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
            if dotted { parent(common) } else { common.clone() }
        });
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.strip_suffix(".git").map(str::to_owned).unwrap_or(name)
    }

    /// Returns the last value of a setting, including settings from `git -c`.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.text(key).map(|value| value.to_string())
    }

    /// Returns a boolean setting; `None` if it is absent or not a boolean.
    pub fn flag(&self, key: &str) -> Option<bool> {
        let snapshot = self.gix.config_snapshot();
        if is_git_wts(key) {
            snapshot.plumbing().boolean_filter(key, |meta| self.is_the_users(meta)).ok().flatten()
        } else {
            snapshot.boolean(key)
        }
    }

    fn text(&self, key: &str) -> Option<BString> {
        let snapshot = self.gix.config_snapshot();
        if is_git_wts(key) {
            snapshot.plumbing().string_filter(key, |meta| self.is_the_users(meta))
        } else {
            snapshot.string(key)
        }
    }

    /// Reads a time in git's format for expiry (`now`, `never`, `3.months.ago`), in seconds since 1970.
    pub fn expiry(&self, time: &str) -> Result<u64> {
        let given = self.git().arg("-c").arg(format!("wt.expire={time}"));
        let output = given.args(["config", "--type=expiry-date", "--get", "wt.expire"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().map_err(|_| {
            Error::usage(format!("'{}' is no time that git knows", crate::text::name::escaped(time)))
                .advise("one is '3.months.ago'")
        })
    }

    /// Returns the values of a setting that come from outside the repository: from the user's own configuration or the
    /// system's. Files of this repository do not count, even if the user's configuration includes them.
    pub fn values_from_outside(&self, key: &str) -> Vec<String> {
        let snapshot = self.gix.config_snapshot();
        let mut is_from_outside = |meta: &gix::config::file::Metadata| {
            let is_local = matches!(meta.source, gix::config::Source::Local | gix::config::Source::Worktree);
            !is_local && self.is_the_users(meta)
        };
        let values = snapshot.plumbing().strings_filter(key, &mut is_from_outside);
        values.unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    /// Returns all values below `section` as `section.subsection.key` (section and key in lower case), in git's order.
    pub fn settings(&self, section: &str) -> Vec<(String, String)> {
        let snapshot = self.gix.config_snapshot();
        let Some(sections) = snapshot.plumbing().sections_by_name(section) else { return Vec::new() };
        let mut all = Vec::new();
        for found in sections.filter(|found| !is_git_wts(section) || self.is_the_users(found.meta())) {
            let mut seen = std::collections::HashMap::<String, usize>::new();
            for key in found.value_names() {
                let key = key.clone();
                let nth = seen.entry(key.to_ascii_lowercase()).or_default();
                // a key without `=` means true
                let value = found.values(&key).get(*nth).map_or_else(|| "true".into(), ToString::to_string);
                *nth += 1;
                all.push((full_key(section, &found, &key), value));
            }
        }
        all
    }

    /// Whether the user has configured, either way, what the first push of a branch does.
    pub fn configures_first_push(&self) -> bool {
        let snapshot = self.gix.config_snapshot();
        let Some(mut sections) = snapshot.plumbing().sections_by_name("push") else { return false };
        sections.any(|section| {
            let ours = section.meta().path.as_ref().is_some_and(|path| path.ends_with(PUSH_SETTINGS));
            section.contains_value_name("autoSetupRemote") && !ours
        })
    }

    /// Whether a plain push of a branch without an upstream can set one there: not with refspecs of the remote's own, nor
    /// where `push.default` pushes something else, or nothing.
    pub fn push_can_set_upstream(&self, remote: &str) -> bool {
        let is_pushed_otherwise = self.setting(&format!("remote.{remote}.push")).is_some()
            || self.flag(&format!("remote.{remote}.mirror")) == Some(true);
        let by_default = self.setting("push.default").unwrap_or_default();
        !is_pushed_otherwise
            && match by_default.as_str() {
                "nothing" | "matching" => false,
                "upstream" | "tracking" => self.default_remote().as_deref() == Some(remote),
                _ => true,
            }
    }

    /// Whether a branch tracks another one, whether that is known here or not.
    pub fn has_upstream(&self, branch: &BranchName) -> bool {
        self.setting(&format!("branch.{branch}.merge")).is_some()
    }

    /// Returns the local branches that track another one.
    pub fn tracking(&self) -> Vec<BranchName> {
        let settings = self.settings("branch").into_iter();
        let names = settings.filter_map(|(key, _)| {
            let name = key.strip_prefix("branch.")?.strip_suffix(".merge")?;
            BranchName::parse(name).ok()
        });
        names.collect()
    }

    /// Returns where git pushes a branch that tracks nothing; `None` without a remote.
    pub fn push_remote(&self) -> Option<String> {
        self.setting("remote.pushDefault").or_else(|| self.default_remote())
    }

    /// Returns the names of the configured remotes.
    pub fn remotes(&self) -> Vec<String> {
        self.gix.remote_names().iter().map(ToString::to_string).collect()
    }

    /// Whether references are in a format that only git itself can read (reftable).
    fn only_git_reads_refs(&self) -> bool {
        self.text("extensions.refstorage").is_some_and(|format| format != "files")
    }

    /// Returns the object, usually a commit, that a full reference name points at, not peeled; `None` if there is none.
    pub fn reference(&self, full: &str) -> Option<Oid> {
        if self.only_git_reads_refs() {
            return self.ask_git(&["rev-parse", "--verify", "--quiet", "--end-of-options", full]);
        }
        // a loose reference is quick to read, while gix always looks at the packed ones too
        let loose = crate::host::file::read_small(&self.common_dir.join(full)).ok();
        let loose = loose.and_then(|content| Oid::parse(String::from_utf8_lossy(&content).trim()));
        if loose.is_some() && full.starts_with("refs/") {
            return loose;
        }
        let mut found = self.gix.try_find_reference(full).ok()??;
        (found.name().as_bstr() == full).then_some(())?;
        found.follow_to_object().ok().and_then(|id| Oid::parse(&id.to_string()))
    }

    /// Returns the commit of a local branch.
    pub fn branch(&self, branch: &BranchName) -> Option<Oid> {
        self.reference(&branch.full())
    }

    /// Returns the commit that the current worktree's `HEAD` points at; `None` on an unborn branch.
    pub fn head(&self) -> Option<Oid> {
        if self.only_git_reads_refs() {
            return self.ask_git(&["rev-parse", "--verify", "--quiet", "HEAD"]);
        }
        self.gix.head_id().ok().and_then(|id| Oid::parse(&id.to_string()))
    }

    /// Returns the commit that `revision` names, by git's own rules (gitrevisions(7)); `None` if it names none.
    pub fn commit(&self, revision: &str) -> Option<Oid> {
        if revision == "HEAD" {
            return self.head();
        }
        self.ask_git(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &format!("{revision}^{{commit}}"),
        ])
    }

    /// Runs git repeatedly for a while, as long as it ends with `busy`: the exit status for a file that another process
    /// has locked, usually just for milliseconds.
    pub fn patiently(&self, busy: u8, args: &[&str]) -> Result<Output> {
        const PATIENCE: Duration = Duration::from_secs(5);
        let start = Instant::now();
        loop {
            let output = self.git().args(args).output()?;
            if output.code != busy || start.elapsed() > PATIENCE {
                return Ok(output);
            }
            exec::check_stopped()?;
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ask_git(&self, args: &[&str]) -> Option<Oid> {
        let output = self.git().args(args).output().ok()?;
        Oid::parse(String::from_utf8_lossy(&output.stdout).trim())
    }

    /// Returns the branch `refs/remotes/REMOTE/NAME` of each remote that has it.
    pub fn on_remotes(&self, name: &str) -> Vec<RemoteBranch> {
        self.remotes()
            .into_iter()
            .filter_map(|remote| {
                let oid = self.reference(&format!("refs/remotes/{remote}/{name}"))?;
                Some(RemoteBranch { remote, branch: name.to_owned(), oid })
            })
            .collect()
    }

    /// Reads `REMOTE/BRANCH` as a remote-tracking branch that exists.
    pub fn remote_branch(&self, text: &str) -> Option<RemoteBranch> {
        self.remotes().into_iter().find_map(|remote| {
            let branch = text.strip_prefix(&remote)?.strip_prefix('/')?;
            let oid = self.reference(&format!("refs/remotes/{remote}/{branch}"))?;
            (branch != "HEAD").then(|| RemoteBranch { remote, branch: branch.to_owned(), oid })
        })
    }

    /// Returns the remote that is meant if none is named: `checkout.defaultRemote`, the only one, or `origin`.
    pub fn default_remote(&self) -> Option<String> {
        let remotes = self.remotes();
        let preferred = self.setting("checkout.defaultRemote").filter(|name| remotes.contains(name));
        preferred.or_else(|| match remotes.as_slice() {
            [only] => Some(only.clone()),
            several => several.iter().find(|name| *name == "origin").cloned(),
        })
    }

    /// Describes a commit for people: `1a2b3c4 'subject', 3 weeks ago`.
    pub fn describe_commit(&self, oid: &Oid) -> Result<String> {
        let shown = self.git().args(["log", "-1", "--format=%h '%s', %cr", oid.as_str()]).stdout()?;
        Ok(String::from_utf8_lossy(&shown).trim().to_owned())
    }

    /// Returns the default branch of a remote, as far as it is known here.
    pub fn default_branch(&self) -> Option<RemoteBranch> {
        let remote = self.default_remote()?;
        let head = format!("refs/remotes/{remote}/HEAD");
        let full = if self.only_git_reads_refs() {
            let output = self.git().args(["symbolic-ref", "--quiet", &head]).output().ok()?;
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        } else {
            let found = self.gix.try_find_reference(head.as_str()).ok()??;
            found.target().try_name()?.as_bstr().to_string()
        };
        let short = full.strip_prefix("refs/remotes/")?;
        self.remote_branch(short)
    }

    /// Returns a `git` program for this repository, with a scrubbed environment; its output is only for us.
    pub fn git(&self) -> Program {
        let git = Program::new("git").env("GIT_TERMINAL_PROMPT", "0");
        // other processes mostly hold a lock on a reference only for milliseconds
        let git = git.args(["-c", "core.filesRefLockTimeout=5000", "-c", "core.packedRefsTimeout=5000"]);
        match exec::variable("GIT_DIR") {
            Some(_) => git.arg(joined("--git-dir=", &self.git_dir)),
            None => git.arg("-C").arg(self.root.as_deref().unwrap_or(&self.git_dir)),
        }
    }
}

/// Whether a setting or a section is git-wt's rather than git's.
fn is_git_wts(key: &str) -> bool {
    key.split('.').next() == Some("wt")
}

/// Returns the name of a setting, with its section and key in lower case.
fn full_key(section: &str, found: &gix::config::file::SectionRef<'_>, key: &str) -> String {
    let key = key.to_ascii_lowercase();
    match found.header().subsection_name() {
        Some(subsection) => format!("{section}.{subsection}.{key}"),
        None => format!("{section}.{key}"),
    }
}

/// Returns the settings that gix gets in addition to those from files: those of `git -c`, and one to ignore replaced
/// objects, because those are references, of which there may be very many, and gix reads no objects for us.
fn overrides() -> Vec<BString> {
    let mut all = parameters::of_environment();
    all.push("core.useReplaceRefs=false".into());
    all
}

/// Returns a read-only `git` program for a worktree, with a scrubbed environment: it takes no index lock.
pub fn looking_at(worktree: &Path) -> Program {
    Program::new("git").env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C").arg("-C").arg(worktree)
}

/// Returns a `git` program for a worktree, as the user would run it there.
pub fn working_in(worktree: &Path) -> Program {
    Program::new("git").arg("-C").arg(worktree)
}

/// Whether git ignores the relative `path` in the worktree at `root`.
pub fn is_ignored(root: &Path, path: &Path) -> bool {
    let output = looking_at(root).args(["check-ignore", "--quiet", "--"]).arg(path).output();
    output.is_ok_and(|output| output.code == 0)
}

/// Splits the output of git with `-z` into paths.
pub fn paths(output: &[u8]) -> Vec<PathBuf> {
    output.split(|b| *b == 0).filter(|p| !p.is_empty()).map(|p| PathBuf::from(OsStr::from_bytes(p))).collect()
}

pub fn joined(option: &str, path: &Path) -> OsString {
    let mut whole = OsString::from(option);
    whole.push(path);
    whole
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// Joins and normalises paths as text, as git does with its arguments; symbolic links are not resolved.
pub fn absolute(base: &Path, path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in base.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// Returns the git directory that a worktree's `.git` file names (gitrepository-layout(5)).
pub fn pointed_git_dir(root: &Path) -> Option<PathBuf> {
    let pointer = crate::host::file::read_small(&root.join(".git")).ok()?;
    let named = pointer.strip_prefix(b"gitdir: ")?;
    let end = named.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at + 1);
    Some(root.join(OsStr::from_bytes(&named[..end])))
}

/// Trims the line ending that git writes after a path in its own files.
fn one_line(content: &[u8]) -> &BStr {
    content.strip_suffix(b"\n").unwrap_or(content).as_bstr()
}
