//! The processes of a server: those below its supervisor, also those that have forked twice or have left its process
//! group or session, and those that a killed supervisor has left behind.
//!
//! A process is named by its id, its start time and the boot of the machine, so that an id that is used again is never
//! taken for the one that was meant.

use std::collections::HashSet;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::family::{Process, all};
use crate::host::file::read_proc;

/// The variable that marks the processes of a server, so that they are found when their supervisor is gone.
pub const MARKER: &str = "GIT_WT_UP";

/// What names a process once and for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessKey {
    pub pid: i32,
    start: String,
    /// The boot of the machine; empty where the system does not tell, whose start times have a date.
    boot: String,
}

impl ProcessKey {
    /// Returns the key of this process.
    pub fn ours() -> Self {
        let pid = std::process::id().cast_signed();
        let start = Process::find(pid).map(|process| process.start).unwrap_or_default();
        Self { pid, start, boot: boot() }
    }

    /// Whether the process has not ended.
    pub fn is_alive(&self) -> bool {
        self.process().is_some()
    }

    /// Whether it has not ended, and was started with this mark. Where the system does not show the variables of a
    /// process, the first alone decides.
    pub fn is_alive_with(&self, mark: &str) -> bool {
        self.is_alive() && is_marked(self.pid, mark) != Some(false)
    }

    fn process(&self) -> Option<Process> {
        let process = Process::find(self.pid).filter(|_| self.boot == boot() && !self.start.is_empty());
        process.filter(|process| process.start == self.start)
    }

    /// Asks the process to end; returns whether it could be asked.
    pub fn ask_to_end(&self) -> bool {
        self.process().is_some_and(|process| process.signal(Signal::TERM))
    }
}

/// Processes that belong together.
#[derive(Debug, Default)]
pub struct Tree(Vec<Process>);

impl Tree {
    /// Returns all processes below this one.
    pub fn below_us() -> Self {
        Self::below(std::process::id().cast_signed(), &all())
    }

    /// Returns all processes below another one.
    pub fn below_key(key: &ProcessKey) -> Self {
        if key.is_alive() { Self::below(key.pid, &all()) } else { Self::default() }
    }

    fn below(root: i32, all: &[Process]) -> Self {
        let mut known = HashSet::from([root]);
        let mut found = Vec::new();
        loop {
            let is_new =
                |process: &&Process| known.contains(&process.parent) && !known.contains(&process.pid);
            let new: Vec<Process> = all.iter().filter(is_new).cloned().collect();
            if new.is_empty() {
                return Self(found);
            }
            known.extend(new.iter().map(|process| process.pid));
            found.extend(new);
        }
    }

    /// Returns the processes that were started with this mark, and all below them. We do not count.
    pub fn marked(mark: &str) -> Self {
        // such a mark would be everybody's who has none
        if mark.is_empty() {
            return Self::default();
        }
        let all = all();
        let us = std::process::id().cast_signed();
        let roots: Vec<Process> = all
            .iter()
            .filter(|process| process.pid != us && is_marked(process.pid, mark) == Some(true))
            .cloned()
            .collect();
        let mut found: Vec<Process> = Vec::new();
        for root in roots {
            let below = Self::below(root.pid, &all).0;
            for process in std::iter::once(root).chain(below) {
                if process.pid != us && !found.iter().any(|known| known.pid == process.pid) {
                    found.push(process);
                }
            }
        }
        Self(found)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn pids(&self) -> Vec<u32> {
        self.0.iter().map(|process| process.pid.unsigned_abs()).collect()
    }

    /// Returns those that `earlier` does not have.
    #[must_use]
    pub fn without(self, earlier: &Self) -> Self {
        let is_known = |process: &Process| {
            earlier.0.iter().any(|known| (known.pid, &known.start) == (process.pid, &process.start))
        };
        Self(self.0.into_iter().filter(|process| !is_known(process)).collect())
    }

    /// Adds other processes.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Asks all to end; those that are stopped are woken for it.
    pub fn ask_to_end(&self) {
        for process in &self.0 {
            process.signal(Signal::TERM);
            process.signal(Signal::CONT);
        }
    }

    pub fn kill(&self) {
        for process in &self.0 {
            process.signal(Signal::KILL);
        }
    }
}

/// Whether a process was started with this mark; `None` if the system does not show its variables to us.
fn is_marked(pid: i32, mark: &str) -> Option<bool> {
    let variables = read_proc(format!("/proc/{pid}/environ"))?;
    let is_it =
        |variable: &str| variable.strip_prefix(MARKER).and_then(|rest| rest.strip_prefix('=')) == Some(mark);
    Some(variables.split('\0').any(is_it))
}

/// Returns what names this boot of the machine.
fn boot() -> String {
    read_proc("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_id_and_another_boot_are_not_the_process() {
        let ours = ProcessKey::ours();
        assert!(ours.is_alive());
        let reused = ProcessKey { start: format!("{}0", ours.start), ..ours.clone() };
        let another_boot = ProcessKey { boot: "x".into(), ..ours.clone() };
        let unknown = ProcessKey { start: String::new(), ..ours.clone() };
        for key in [reused, another_boot, unknown] {
            assert!(!key.is_alive() && !key.ask_to_end(), "{key:?}");
        }
        assert_eq!(is_marked(ours.pid, "no such mark"), Some(false));
    }

    #[test]
    fn what_is_below_is_found_at_any_depth() {
        let process = |pid, parent| Process { pid, parent, group: 0, start: String::new() };
        // listed in any order
        let all = [process(5, 4), process(4, 3), process(3, 2), process(9, 1), process(2, 1), process(1, 0)];
        let mut found: Vec<i32> = Tree::below(2, &all).0.iter().map(|process| process.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [3, 4, 5]);
    }
}
