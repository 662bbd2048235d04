//! Which ports of the worktrees have a listener now, and which process it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::git::worktrees::Worktree;
use crate::host::exec::listeners::{self, listeners};
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use crate::resource::port;

/// The listeners, looked up once for all worktrees.
pub struct Serving<'a> {
    worktrees: &'a Worktrees,
    bound: BTreeSet<u16>,
    listeners: Vec<listeners::Listener>,
}

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Listener {
    Process {
        /// Its process id.
        pid: u32,
        name: String,
        /// The worktree that is its current directory; null in JSON if it is in none.
        worktree: Option<String>,
        /// Its current directory, if that is not in the worktree whose port it has.
        #[serde(skip)]
        elsewhere: Option<PathBuf>,
    },
    /// The system does not say: null in JSON.
    Unknown,
}

impl<'a> Serving<'a> {
    /// Tries each port that is claimed for a worktree, and the main one's; processes are looked up only for ports in
    /// use.
    pub fn look(worktrees: &'a Worktrees, mains_port: Option<u16>) -> Self {
        let ports = worktrees.records.iter().flat_map(Record::ports).map(|(_, port)| port);
        let bound: BTreeSet<u16> = ports.chain(mains_port).filter(|port| port::is_bound(*port)).collect();
        Self { worktrees, listeners: listeners(&bound), bound }
    }

    /// Returns who listens on this worktree's port. If several processes share the port, one running here is preferred.
    pub fn on(&self, port: u16, tree: &Worktree) -> Option<Listener> {
        if !self.bound.contains(&port) {
            return None;
        }
        let stands_here =
            |one: &&listeners::Listener| one.dir.as_deref().is_some_and(|dir| dir.starts_with(&tree.path));
        let there = || self.listeners.iter().filter(|one| one.port == port);
        let Some(one) = there().find(stands_here).or_else(|| there().next()) else {
            return Some(Listener::Unknown);
        };
        let around = one.dir.as_deref().and_then(|dir| self.around(dir));
        Some(Listener::Process {
            pid: one.process.pid,
            name: one.process.name.clone(),
            worktree: around.map(|tree| self.worktrees.name(tree)),
            elsewhere: one.dir.clone().filter(|_| !stands_here(&one)),
        })
    }

    /// Returns the innermost worktree around a directory.
    fn around(&self, dir: &Path) -> Option<&Worktree> {
        let trees = self.worktrees.listing.worktrees.iter().filter(|tree| dir.starts_with(&tree.path));
        trees.max_by_key(|tree| tree.path.as_os_str().len())
    }
}

impl Listener {
    /// Describes the listener, as in "running (python 4242)".
    pub fn describe(&self) -> String {
        match self {
            Self::Unknown => "running".into(),
            Self::Process { pid, name, elsewhere: None, .. } => format!("running ({name} {pid})"),
            Self::Process { pid, name, elsewhere: Some(dir), .. } => {
                format!("taken by {name} {pid} in {}", dir.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_elsewhere_has_taken_the_port() {
        let process = |name: &str, elsewhere: Option<&str>| Listener::Process {
            pid: 4242,
            name: name.into(),
            worktree: None,
            elsewhere: elsewhere.map(PathBuf::from),
        };
        assert_eq!(Listener::Unknown.describe(), "running");
        assert_eq!(process("python", None).describe(), "running (python 4242)");
        assert_eq!(process("node", Some("/other/place")).describe(), "taken by node 4242 in /other/place");
        assert_eq!(serde_json::to_string(&Listener::Unknown).unwrap(), "null");
    }
}
