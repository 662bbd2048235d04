//! What is known on disk about the servers of a worktree: one small file a server, written by its supervisor, and its
//! log. What such a file says of a process counts only as long as that very process runs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::git::Repo;
use crate::git::worktrees::Worktree;
use crate::host::exec::tree::ProcessKey;
use crate::host::identity::Identity;
use crate::host::{file, log};
use crate::record::Record;

/// The format that this version writes.
const VERSION: u32 = 1;

/// How far a server has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    Starting,
    /// It listens on this port, or answers.
    Ready {
        listens: Option<u16>,
    },
    /// It has no port to listen on, and has not ended at once.
    Running,
    /// It was stopped on request.
    Stopped,
    Died {
        status: u8,
    },
    /// It did not get ready in time, and was ended.
    TimedOut {
        seconds: u64,
    },
    /// Its port was taken by this process, and it was ended.
    Taken {
        pid: u32,
        name: String,
    },
    /// It could not be started.
    Failed {
        why: Vec<String>,
        exit: u8,
    },
}

impl Phase {
    /// Whether the server has come to its end.
    pub fn is_end(&self) -> bool {
        !matches!(self, Self::Starting | Self::Ready { .. } | Self::Running)
    }
}

/// What is known about one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// The common directory of its repository: a copy of a repository has no servers of the original.
    pub repository: Option<Identity>,
    pub entry: String,
    /// What its worktree was called when it was started.
    pub worktree: String,
    /// The command, as it runs.
    pub command: String,
    /// The mark of its processes.
    pub mark: String,
    pub supervisor: Option<ProcessKey>,
    /// The process id of its command.
    pub pid: Option<i32>,
    /// Whether it runs in the foreground of some terminal, where its output is.
    pub foreground: bool,
    /// The port that it should listen on.
    pub port: Option<u16>,
    /// When it was started, RFC 3339.
    pub started: String,
    /// How long it took to get ready, in milliseconds.
    pub took: Option<u64>,
    pub ended: Option<String>,
    /// How long it lived, in milliseconds.
    pub lived: Option<u64>,
    /// A hash of the variables that it was started with.
    pub environment: String,
    #[serde(flatten)]
    pub phase: Phase,
}

impl State {
    /// Returns the state of a server that is about to be started.
    pub fn new(entry: &str, worktree: &str, command: &str, mark: String, environment: String) -> Self {
        Self {
            version: VERSION,
            repository: None,
            entry: entry.to_owned(),
            worktree: worktree.to_owned(),
            command: command.to_owned(),
            mark,
            supervisor: None,
            pid: None,
            foreground: false,
            port: None,
            started: now(),
            took: None,
            ended: None,
            lived: None,
            environment,
            phase: Phase::Starting,
        }
    }

    /// Whether its supervisor runs: this very process, marked as it was started.
    pub fn is_alive(&self) -> bool {
        !self.phase.is_end()
            && self.supervisor.as_ref().is_some_and(|supervisor| supervisor.is_alive_with(&self.mark))
    }

    /// Returns the address that it serves, if it listens.
    pub fn url(&self) -> Option<String> {
        let Phase::Ready { listens: Some(port) } = self.phase else { return None };
        Some(format!("http://localhost:{port}"))
    }

    /// Sets how far it has come.
    pub fn reach(&mut self, phase: Phase) {
        if phase.is_end() {
            self.ended = Some(now());
        }
        self.phase = phase;
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Where the files of a worktree's servers are.
#[derive(Debug, Clone)]
pub struct Place {
    common_dir: PathBuf,
    repository: Option<Identity>,
    /// The names of its directories: the one for new servers, and the one from before it had a record.
    keys: Vec<String>,
}

impl Place {
    pub fn of(repo: &Repo, tree: &Worktree, record: Option<&Record>) -> Self {
        // no record has such an id
        let by_entry = format!("@{}", tree.id.as_deref().unwrap_or_default());
        // a record that cannot be read has servers all the same
        let named = tree.record.clone().filter(|id| !id.contains('/') && !id.starts_with(['.', '@']));
        let by_record = record.map(|record| record.id.clone()).or(named.filter(|id| !id.is_empty()));
        Self::with(repo, by_record.into_iter().chain([by_entry]).collect())
    }

    /// Returns the place with this name, whatever it belongs to.
    pub fn at(repo: &Repo, key: &str) -> Self {
        Self::with(repo, vec![key.to_owned()])
    }

    fn with(repo: &Repo, keys: Vec<String>) -> Self {
        let common_dir = repo.common_dir().to_owned();
        Self { repository: Identity::of(&common_dir), common_dir, keys }
    }

    /// Returns what tells its repository from a copy.
    pub fn repository(&self) -> Option<Identity> {
        self.repository
    }

    /// Whether one of its directories has this name.
    pub fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known == key)
    }

    fn root(&self) -> PathBuf {
        self.common_dir.join("wt")
    }

    /// Its directories. A link is none of ours: it leads to somebody else's files.
    fn dirs(&self) -> impl Iterator<Item = PathBuf> {
        let dirs = self.keys.iter().map(|key| self.root().join("run").join(key));
        dirs.filter(|dir| fs::symlink_metadata(dir).is_ok_and(|found| found.is_dir()))
    }

    fn dir(&self) -> PathBuf {
        self.root().join("run").join(&self.keys[0])
    }

    /// Makes the directory, and takes its lock: as long as it is held, nobody else starts or stops servers here.
    pub fn lock(&self) -> Result<File> {
        let path = self.dir().join("lock");
        let failed = || format!("cannot lock '{}'", path.display());
        if self.dir().is_symlink() {
            return Err(Error::new(failed()).because(format!("'{}' is a link", self.dir().display())));
        }
        for below in ["run".to_owned(), format!("run/{}", self.keys[0])] {
            file::make_private_dir(&self.root(), &below).explain(failed)?;
        }
        let lock = file::open_private(File::options().create(true).append(true), &path).explain(failed)?;
        file::lock(&lock, failed)?;
        Ok(lock)
    }

    /// Returns where the state of a server is.
    pub fn state(&self, entry: &str) -> PathBuf {
        self.dir().join(format!("{entry}.json"))
    }

    /// Returns where the log of a server is.
    pub fn log(&self, entry: &str) -> PathBuf {
        let logs = self.dirs().map(|dir| dir.join(format!("{entry}.log")));
        logs.into_iter().find(|log| log.exists()).unwrap_or_else(|| self.dir().join(format!("{entry}.log")))
    }

    /// Returns all servers that were ever started here, by name. A file that cannot be read is passed over.
    pub fn states(&self) -> Vec<State> {
        let mut states: Vec<State> = Vec::new();
        for dir in self.dirs() {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let is_state =
                    name.to_str().is_some_and(|name| name.ends_with(".json") && !name.starts_with('.'));
                let state = is_state.then(|| self.read(&entry.path())).flatten();
                states.extend(state.filter(|state| states.iter().all(|known| known.entry != state.entry)));
            }
        }
        states.sort_by(|a, b| a.entry.cmp(&b.entry));
        states
    }

    /// Returns what is known of one server.
    pub fn find(&self, entry: &str) -> Option<State> {
        let files = self.dirs().map(|dir| dir.join(format!("{entry}.json")));
        { files }.find_map(|path| self.read(&path))
    }

    fn read(&self, path: &Path) -> Option<State> {
        read(path).ok().flatten().filter(|state| state.repository == self.repository)
    }

    /// Deletes all that is known here. The servers have ended.
    pub fn forget(&self) {
        for dir in self.dirs() {
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
                if name.ends_with(".log") {
                    log::delete(&path);
                } else if name == "lock" || name.ends_with(".json") || name.ends_with(".new") {
                    let _ = fs::remove_file(&path);
                }
            }
            let _ = fs::remove_dir(dir);
        }
        let _ = fs::remove_dir(self.root().join("run"));
    }
}

/// Reads a state; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<State>> {
    let opened = match file::open_private(File::options().read(true), path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let state: State = serde_json::from_slice(&file::read_open(opened)?)?;
    // its name names files
    let is_its = path.file_name().is_some_and(|name| name.to_str() == Some(&format!("{}.json", state.entry)));
    Ok(Some(state).filter(|state| state.version == VERSION && is_its))
}

pub fn write(path: &Path, state: &State) -> Result<()> {
    let bytes = serde_json::to_vec(state).explain(|| "cannot write a state".into())?;
    file::replace_private(path, &bytes).explain(|| format!("cannot write '{}'", path.display()))
}
