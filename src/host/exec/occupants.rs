//! Which processes are in a directory right now: whoever removes it should know.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::file::read_proc;

/// A process whose current directory is in a directory, or that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// Its process id.
    pub pid: u32,
    pub name: String,
}

/// Returns the processes whose current directory is `root` or below it, except ourselves and our ancestors.
///
/// This is known only on Linux (proc(5)), and only for our own user's processes; otherwise nothing is returned.
pub fn occupants(root: &Path) -> Vec<Occupant> {
    let ours = ancestors();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stands_there = |pid: &u32| dir_of(*pid).is_some_and(|dir| dir.starts_with(root));
    pids.filter(|pid| !ours.contains(pid)).filter(stands_there).map(Occupant::of).collect()
}

impl Occupant {
    pub(super) fn of(pid: u32) -> Self {
        let name = read_proc(format!("/proc/{pid}/comm")).unwrap_or_default();
        Self { pid, name: name.trim_end().to_owned() }
    }
}

/// Returns the current directory of a process.
pub(super) fn dir_of(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// Returns our process, its parent, the parent's parent, and so on.
fn ancestors() -> Vec<u32> {
    let mut all = vec![std::process::id()];
    while let Some(parent) = all.last().copied().and_then(parent_of).filter(|parent| *parent > 0) {
        all.push(parent);
    }
    all
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = read_proc(format!("/proc/{pid}/status"))?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
