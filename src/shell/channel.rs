//! How a directory reaches the shell that asked: through a file named by the shell, which only this user can have made.
//!
//! The file holds a raw path ended by NUL: data, never code. Inside the shell function, the shell follows at once
//! (`GIT_WT_CD_FILE`). For a plain `git wt`, the shell's prompt looks for the file (`GIT_WT_PROMPT_CD_FILE`), which is
//! written only if that very shell started us in the foreground.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, getpgrp, getpid, getppid, getsid};

use crate::error::{Explain, Result};
use crate::host::exec;
use crate::host::file::{self, read_proc};

/// The file where the shell waits for a directory, if it does.
#[derive(Debug, Clone, Default)]
pub struct Channel {
    file: Option<PathBuf>,
}

impl Channel {
    /// Reads the request from our environment; children never see it.
    pub fn take() -> Self {
        let asked = |name| exec::variable(name).map(PathBuf::from);
        let at_prompt = || asked("GIT_WT_PROMPT_CD_FILE").filter(|file| is_typed_at_shell_of(file));
        Self { file: asked("GIT_WT_CD_FILE").or_else(at_prompt) }
    }

    /// Whether a shell will follow.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Tells the shell to go to `to`; returns whether it will.
    pub fn tell(&self, to: &Path) -> Result<bool> {
        let Some(path) = &self.file else { return Ok(false) };
        let failed = || format!("cannot tell the shell where to go through '{}'", path.display());
        // the last of several commands on one line has the last word
        if shell_of(path).is_some() {
            let _ = fs::remove_file(path);
        }
        let mut file =
            file::open_private(File::options().write(true).create_new(true), path).explain(failed)?;
        // written in one piece: a shell that looks too early sees nothing or everything
        let message = [to.as_os_str().as_bytes(), b"\0"].concat();
        file.write_all(&message).explain(failed)?;
        Ok(true)
    }
}

/// Whether the command line was typed at the shell whose process id is in the file's name.
///
/// This excludes scripts, background jobs, `$( )`, an editor's `:!` and nested shells.
fn is_typed_at_shell_of(file: &Path) -> bool {
    shell_of(file).is_some_and(|shell| is_foreground_of(shell).unwrap_or(false))
}

/// Returns the shell that named the file: `git-wt.PID.RANDOM`.
fn shell_of(file: &Path) -> Option<Pid> {
    let mut parts = file.file_name()?.to_str()?.split('.');
    parts.next().filter(|ours| *ours == "git-wt")?;
    Pid::from_raw(parts.next()?.parse().ok()?)
}

/// Whether that shell runs us in the foreground: our process group is the terminal's, its leader is our process or our
/// parent (git), and the leader's parent is the shell. `None` if there is no terminal.
#[allow(clippy::disallowed_methods, reason = "the terminal is asked, not read")]
fn is_foreground_of(shell: Pid) -> Option<bool> {
    let terminal = File::open("/dev/tty").ok()?;
    let foreground = rustix::termios::tcgetpgrp(terminal).ok()?;
    let (group, parent) = (getpgrp(), getppid()?);
    if foreground != group || getsid(None).ok()? != getsid(Some(shell)).ok()? {
        return Some(false);
    }
    if group == getpid() {
        return Some(parent == shell);
    }
    // if the system does not say who git's parent is, assume it is the shell
    Some(group == parent && parent_of(parent).is_none_or(|of_git| of_git == shell))
}

/// Returns the parent of a process; `None` if the system does not say.
fn parent_of(process: Pid) -> Option<Pid> {
    let stat = read_proc(format!("/proc/{}/stat", process.as_raw_nonzero()))?;
    parent_in(&stat)
}

/// Parses the fourth field of `/proc/PID/stat`; the second, the program's name, may contain anything, but the last ')'
/// ends it.
fn parent_in(stat: &str) -> Option<Pid> {
    Pid::from_raw(stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn channel(file: &Path) -> Channel {
        Channel { file: Some(file.to_owned()) }
    }

    #[test]
    fn the_path_arrives_byte_for_byte() {
        let dir = tempfile::tempdir().unwrap();
        for (at, odd) in
            [&b"/a b"[..], b"/-x", b"/new\nline", b"/$(touch x)", b"/\xff\xfe", b"/it's"].iter().enumerate()
        {
            let file = dir.path().join(at.to_string());
            assert!(channel(&file).tell(Path::new(OsStr::from_bytes(odd))).unwrap());
            assert_eq!(std::fs::read(&file).unwrap(), [odd, &b"\0"[..]].concat());
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn nobody_waits_so_nothing_is_written() {
        assert!(!Channel::default().tell(Path::new("/")).unwrap());
    }

    #[test]
    fn what_another_has_put_there_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        let file = dir.path().join("file");
        std::os::unix::fs::symlink(&target, &file).unwrap();
        assert!(channel(&file).tell(Path::new("/")).is_err());
        assert!(!target.exists());
        std::fs::remove_file(&file).unwrap();
        File::create(&file).unwrap();
        assert!(channel(&file).tell(Path::new("/")).is_err());
        assert_eq!(file.metadata().unwrap().len(), 0);
    }

    #[test]
    fn the_shell_is_in_the_name_of_its_file() {
        let cases = [
            ("/run/git-wt.42.123", Some(42)),
            ("git-wt.42.1.2", Some(42)),
            ("git-wt.0.1", None),
            ("git-wt.x.1", None),
            ("git-wt", None),
            ("/", None),
        ];
        for (file, pid) in cases {
            assert_eq!(shell_of(Path::new(file)), pid.and_then(Pid::from_raw), "{file}");
        }
    }

    #[test]
    fn a_parent_is_found_behind_any_program_name() {
        let cases =
            [("7 (bash) S 3 7", Some(3)), ("7 (a) S 9 (b) R 3 7", Some(3)), ("7 (bash", None), ("", None)];
        for (stat, parent) in cases {
            assert_eq!(parent_in(stat), parent.and_then(Pid::from_raw), "{stat}");
        }
    }
}
