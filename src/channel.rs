//! How a directory reaches the shell that asked: a file that only this user can have made, named by the shell.
//!
//! The file holds a raw path ended by NUL: data, never code. Inside the shell function the shell follows at once
//! (`GIT_WT_CD_FILE`); for a plain `git wt` the shell's prompt looks for the file (`GIT_WT_PROMPT_CD_FILE`), and it is
//! written only when that very shell started us in the foreground.

use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::{Pid, getpgrp, getpid, getppid, getsid};

use crate::error::{Explain, Result};
use crate::exec;

/// Where the shell waits for a directory, if it does.
#[derive(Debug, Clone, Default)]
pub struct Channel {
    file: Option<PathBuf>,
}

impl Channel {
    /// Reads the request from our environment; children never see it.
    pub fn take() -> Self {
        let asked = |name| exec::variable(name).map(PathBuf::from);
        let at_prompt = || asked("GIT_WT_PROMPT_CD_FILE").filter(|file| is_started_by(file));
        Self { file: asked("GIT_WT_CD_FILE").or_else(at_prompt) }
    }

    /// Tells the shell to go to `to`; returns whether it will.
    pub fn tell(&self, to: &Path) -> Result<bool> {
        let Some(path) = &self.file else { return Ok(false) };
        let failed = || format!("cannot tell the shell where to go through '{}'", path.display());
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(flags)
            .open(path)
            .explain(failed)?;
        file.write_all(to.as_os_str().as_bytes()).and_then(|()| file.write_all(b"\0")).explain(failed)?;
        Ok(true)
    }
}

/// Whether the command line was typed at the shell whose process id the file's name carries.
///
/// Then our process group is the terminal's foreground group, its leader is we or our parent (git), and the leader's
/// parent is that shell. A script, a background job, `$( )`, an editor's `:!` and a nested shell all fail this.
fn is_started_by(file: &Path) -> bool {
    is_typed_at(file).unwrap_or(false)
}

fn is_typed_at(file: &Path) -> Option<bool> {
    // git-wt.PID.RANDOM
    let pid = file.file_name()?.to_str()?.split('.').nth(1)?.parse().ok()?;
    let shell = Pid::from_raw(pid)?;
    let terminal = File::open("/dev/tty").ok()?;
    let foreground = rustix::termios::tcgetpgrp(terminal).ok()?;
    let (group, parent) = (getpgrp(), getppid()?);
    if foreground != group || getsid(None).ok()? != getsid(Some(shell)).ok()? {
        return Some(false);
    }
    if group == getpid() {
        return Some(parent == shell);
    }
    // git stands between us and the shell
    Some(group == parent && parent_of(parent).is_none_or(|of_git| of_git == shell))
}

/// The parent of a process; `None` where the system does not tell.
fn parent_of(process: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    // the program's name may hold anything, but the last ')' ends it
    Pid::from_raw(stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?)
}
