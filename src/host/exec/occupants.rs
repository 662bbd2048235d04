//! Who works in a directory just now: whoever takes it away should know.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::file::read_proc;

/// A process that stands in a directory, or listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// Its process id.
    pub pid: u32,
    pub name: String,
}

/// The processes whose current directory is `root` or below it, without ourselves and those that started us.
///
/// Known on Linux only (proc(5)); elsewhere, and of other users' processes, nothing is told.
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

/// The directory that a process stands in.
pub(super) fn dir_of(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// We, our parent, its parent, and so on.
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
