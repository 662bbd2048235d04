//! A world in which servers run, for tests. No test leaves a process behind, even if it fails.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::ports;
use crate::world::{Seen, World};

/// How long a test waits for anything at most.
const DEADLINE: Duration = Duration::from_secs(30);

/// The ports of one world in which servers run: worlds exist side by side, and so do their servers. They are not among
/// those of other tests.
pub struct Slot(u16);

/// Which slots are taken.
static SLOTS: Mutex<[bool; 13]> = Mutex::new([false; 13]);
static RELEASED: Condvar = Condvar::new();

impl Slot {
    const SIZE: u16 = 4;

    pub fn take() -> Self {
        let taken = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |taken: &mut [bool; 13]| !taken.contains(&false);
        let mut taken = RELEASED.wait_while(taken, is_full).unwrap_or_else(PoisonError::into_inner);
        let at = taken.iter().position(|taken| !taken).unwrap();
        taken[at] = true;
        Self(u16::try_from(at).unwrap())
    }

    fn first(&self) -> u16 {
        8044 + self.0 * Self::SIZE
    }

    /// Returns a text with the ports of the slot for 8000 to 8003.
    pub fn here(&self, text: &str) -> String {
        (0..Self::SIZE).fold(text.to_owned(), |text, at| {
            text.replace(&(8000 + at).to_string(), &(self.first() + at).to_string())
        })
    }

    /// Does the reverse.
    pub fn back(&self, text: &str) -> String {
        (0..Self::SIZE).fold(text.to_owned(), |text, at| {
            text.replace(&(self.first() + at).to_string(), &(8000 + at).to_string())
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        SLOTS.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(self.0)] = false;
        RELEASED.notify_one();
    }
}

/// A world in which servers run, on ports that tests call 8000 to 8003. All are gone with it.
pub struct Servers {
    pub world: World,
    pub slot: Slot,
}

impl Drop for Servers {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

impl Servers {
    /// Makes a repository whose recipe names these servers, with consent, and a worktree `staging`.
    pub fn with(run: &str) -> Self {
        let servers = Self::without_consent(run);
        servers.world.trust();
        servers.add("staging");
        servers
    }

    /// Makes the same with worktrees that have no port.
    pub fn without_ports(run: &str) -> Self {
        let servers = Self::of_recipe(&format!("[run]\n{run}\n"));
        servers.world.trust();
        servers.add("staging");
        servers
    }

    pub fn without_consent(run: &str) -> Self {
        Self::of_recipe(&format!("[port]\nPORT = 8000\n[run]\n{run}\n"))
    }

    pub fn of_recipe(recipe: &str) -> Self {
        let (world, slot) = (World::with_repo(), Slot::take());
        world.write("myproject/.wt.toml", &slot.here(recipe));
        world.write("myproject/sub/here", "in the directory\n");
        world.commit(&world.path("myproject"), "recipe");
        Self { world, slot }
    }

    pub fn add(&self, name: &str) {
        self.world.wt(&["add", "-q", name]).ok();
    }

    #[must_use = "how did it end?"]
    pub fn wt(&self, args: &[&str]) -> Seen {
        self.wt_in("myproject", args)
    }

    #[must_use = "how did it end?"]
    pub fn wt_in(&self, dir: &str, args: &[&str]) -> Seen {
        let seen = self.world.wt_in(dir, args);
        Seen { stdout: self.slot.back(&seen.stdout), stderr: self.slot.back(&seen.stderr), ..seen }
    }

    pub fn port(&self, port: u16) -> u16 {
        let is_of_slot = (8000..8000 + Slot::SIZE).contains(&port);
        ports::host(if is_of_slot { self.slot.first() + port - 8000 } else { port })
    }

    /// Returns the answer of an HTTP server.
    pub fn get(&self, port: u16, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port(port))).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn is_free(&self, port: u16) -> bool {
        TcpStream::connect(("127.0.0.1", self.port(port))).is_err()
    }

    pub fn ids(&self) -> impl Iterator<Item = i32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    /// Returns the processes that were started in this world as servers, or by them.
    pub fn processes(&self) -> Vec<Pid> {
        let home = format!("HOME={}", self.world.path("home").display());
        let is_ours = |pid: &i32| {
            let text = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            text.contains("GIT_WT_UP=") && text.split('\0').any(|variable| variable == home)
        };
        self.ids().filter(is_ours).filter_map(Pid::from_raw).collect()
    }

    /// Asserts that none of them is left.
    #[track_caller]
    pub fn are_gone(&self) {
        assert_eq!(self.processes(), []);
    }

    /// Returns what `list --json` says of the servers of a worktree.
    #[track_caller]
    pub fn listed(&self, name: &str) -> Vec<Value> {
        let seen = self.wt(&["list", "--no-status", "--json"]).ok();
        let all: Value = serde_json::from_str(&seen.stdout).unwrap();
        let trees = all["worktrees"].as_array().unwrap();
        let tree = trees.iter().find(|tree| tree["name"] == name).unwrap();
        tree["run"].as_array().cloned().unwrap_or_default()
    }

    pub fn state_file(&self, entry: &str) -> PathBuf {
        let run = self.world.path("myproject/.git/wt/run");
        let dirs = fs::read_dir(run).unwrap().flatten();
        let files = dirs.map(|dir| dir.path().join(format!("{entry}.json")));
        { files }.find(|file| file.exists()).unwrap()
    }

    pub fn state(&self, entry: &str) -> Value {
        serde_json::from_slice(&fs::read(self.state_file(entry)).unwrap()).unwrap()
    }

    pub fn supervisor(&self, entry: &str) -> Pid {
        let pid = self.state(entry)["supervisor"]["pid"].as_i64().unwrap();
        Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
    }
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}
