//! A child and all its descendants, including those that have left its process group.
//!
//! The system tells which process is whose parent now. A process orphaned before we looked (a daemon that has forked
//! twice) is nobody's child any more, and is not found.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::Program;
use crate::host::file::read_proc;

/// How long a process has to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A process that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    /// When it was started. Its process id may be reused, but never with the same start time.
    pub(super) start: String,
}

impl Process {
    /// Returns the process with this id, if it has not ended.
    pub(super) fn find(pid: i32) -> Option<Self> {
        match read_proc(format!("/proc/{pid}/stat")) {
            Some(stat) => of_stat(pid, &stat),
            None if Path::new("/proc/self/stat").exists() => None,
            None => all().into_iter().find(|process| process.pid == pid),
        }
    }

    /// Sends it a signal, unless another process has its id by now. Returns whether it was sent.
    pub(super) fn signal(&self, signal: Signal) -> bool {
        let Some(pid) = Pid::from_raw(self.pid) else { return false };
        // without a start time it is a child of ours that nobody has waited for, whose id cannot be another's
        let is_it =
            || self.start.is_empty() || Self::find(self.pid).is_some_and(|now| now.start == self.start);
        #[cfg(target_os = "linux")]
        if let Ok(file) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
            // looked at once the file stands for the process: from here on its id cannot become another's
            return is_it() && rustix::process::pidfd_send_signal(file, signal).is_ok();
        }
        is_it() && rustix::process::kill_process(pid, signal).is_ok()
    }
}

/// Processes, each listed before its children.
#[derive(Debug)]
pub(super) struct Family(Vec<Process>);

impl Family {
    /// Stops a process and all its descendants, so that none of them starts another that would be missed; each
    /// continues once `tell` or `end` is called.
    pub(super) fn held_still(root: Pid) -> Self {
        let mut held = Self(Vec::new());
        loop {
            let now = Self::of(root);
            let new: Vec<_> = now.0.into_iter().filter(|process| !held.0.contains(process)).collect();
            if new.is_empty() {
                return held;
            }
            let new = Self(new);
            new.signal(Signal::STOP);
            held.0.extend(new.0);
        }
    }

    /// Finds a process and all its descendants.
    fn of(root: Pid) -> Self {
        let root = root.as_raw_nonzero().get();
        let (mut found, mut others): (Vec<_>, Vec<_>) =
            all().into_iter().partition(|process| process.pid == root);
        loop {
            let is_child = |process: &Process| found.iter().any(|parent| parent.pid == process.parent);
            let (children, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(is_child);
            if children.is_empty() {
                break;
            }
            found.extend(children);
            others = rest;
        }
        if found.is_empty() {
            // the system tells nothing, or the child has just ended and has not been waited for
            found.push(Process { pid: root, parent: 0, group: 0, start: String::new() });
        }
        Self(found)
    }

    /// Splits off those in a process group; returns them and the others.
    pub(super) fn split(self, group: Pid) -> (Self, Self) {
        let group = group.as_raw_nonzero().get();
        let (inside, outside) = self.0.into_iter().partition(|process| process.group == group);
        (Self(inside), Self(outside))
    }

    /// Sends a signal to all, if there is one, and lets them continue.
    pub(super) fn tell(&self, signal: Option<Signal>) {
        if let Some(signal) = signal {
            self.signal(signal);
        }
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        for process in &self.0 {
            process.signal(signal);
        }
    }

    /// Asks all to end, and kills those that do not.
    pub(super) fn end(mut self) {
        const GLANCE: Duration = Duration::from_millis(20);
        self.tell(Some(Signal::TERM));
        let asked = Instant::now();
        while !self.0.is_empty() && asked.elapsed() < GRACE {
            std::thread::sleep(GLANCE);
            self.forget_ended();
        }
        self.signal(Signal::KILL);
    }

    fn forget_ended(&mut self) {
        let now = all();
        self.0.retain(|process| {
            now.iter().any(|other| other.pid == process.pid && other.start == process.start)
        });
    }
}

/// Returns all processes that have not ended; zombies count as ended.
pub(super) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of_proc = |pid| of_stat(pid, &read_proc(format!("/proc/{pid}/stat"))?);
    let found: Vec<Process> = pids.filter_map(of_proc).collect();
    if found.is_empty() { of_ps() } else { found }
}

/// Parses `/proc/PID/stat` (proc_pid_stat(5)): the name in it may contain anything, including spaces and parentheses.
fn of_stat(pid: i32, stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    let [state, parent, group, ..] = fields[..] else { return None };
    let begun = fields.get(19)?;
    let (parent, group) = (parent.parse().ok()?, group.parse().ok()?);
    let process = Process { pid, parent, group, start: (*begun).to_owned() };
    (state != "Z").then_some(process)
}

/// Asks ps(1), if there is no /proc.
fn of_ps() -> Vec<Process> {
    let columns = ["pid=", "ppid=", "pgid=", "stat=", "lstart="].map(|column| ["-o", column]);
    // not started like other children: the list of those that get signals is locked here
    let mut ps = Program::new("ps").env("LC_ALL", "C").arg("-A").args(columns.concat()).command;
    let listed = ps.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&listed).lines().filter_map(of_line).collect()
}

fn of_line(line: &str) -> Option<Process> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [pid, parent, group, state, start @ ..] = &fields[..] else { return None };
    let [pid, parent, group] = [pid, parent, group].map(|number| number.parse().ok());
    let process = Process { pid: pid?, parent: parent?, group: group?, start: start.join(" ") };
    (!state.starts_with('Z')).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_read_from_both_sources() {
        let stat = "7 (a) b) S 3 5 5 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 9911 1 1 1";
        let seven = Process { pid: 7, parent: 3, group: 5, start: "9911".into() };
        assert_eq!(of_stat(7, stat), Some(seven));
        assert_eq!(of_stat(7, &stat.replace(" S ", " Z ")), None);
        let line = "    7     3     5 Ss   Sat Nov 21 10:00:00 2026";
        let seven = Process { pid: 7, parent: 3, group: 5, start: "Sat Nov 21 10:00:00 2026".into() };
        assert_eq!(of_line(line), Some(seven));
        assert_eq!(of_line(&line.replace("Ss", "Z+")), None);
    }

    #[test]
    fn ps_knows_us_as_well() {
        let us = i32::try_from(std::process::id()).unwrap();
        if which::which("ps").is_ok() {
            assert!(of_ps().iter().any(|process| process.pid == us));
        }
        assert!(all().iter().any(|process| process.pid == us));
    }
}
