//! A real project: packages from the network, the host's package tools, and servers that are queried over TCP.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::world::{Seen, World, is_here};

/// A project in a world, with the host's package tools within reach.
pub struct Project {
    /// The world that contains it.
    pub world: World,
}

impl Project {
    /// Returns a place for a project that this tool installs; `None` without `GIT_WT_TEST_NETWORK=1`, or if the tool is
    /// missing outside CI.
    pub fn new(tool: &str) -> Option<Self> {
        if std::env::var_os("GIT_WT_TEST_NETWORK").is_none() {
            eprintln!("skipped: set GIT_WT_TEST_NETWORK=1 to download packages");
            return None;
        }
        is_here(tool, which::which(tool).is_ok()).then(|| Self { world: World::new() })
    }

    /// Returns a command that also finds the host's tools and their settings for package indexes.
    pub fn command(&self, dir: &str, line: &[&str]) -> Command {
        let mut command = self.world.command(line[0], &self.world.path(dir));
        let own = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path);
        let own = own.unwrap().to_owned();
        let host = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", [own, host].join(OsStr::new(":")));
        let caches = Path::new(env!("CARGO_TARGET_TMPDIR"));
        command.env("UV_CACHE_DIR", caches.join("uv-cache"));
        command.env("npm_config_cache", caches.join("npm-cache"));
        for (name, value) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_uppercase();
            let tools =
                ["PIP_", "UV_", "SSL_", "PYENV_", "REQUESTS_CA", "NODE_EXTRA_CA", "NPM_CONFIG_REGISTRY"]
                    .iter()
                    .any(|family| text.starts_with(family));
            if tools || text.ends_with("_PROXY") {
                command.env(name, value);
            }
        }
        command.args(&line[1..]);
        command
    }

    /// Runs a command and returns what it showed.
    pub fn see(&self, dir: &str, line: &[&str]) -> Seen {
        self.world.see(&mut self.command(dir, line))
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn run(&self, dir: &str, line: &[&str]) {
        self.see(dir, line).ok();
    }

    /// Starts a server.
    pub fn serve(&self, dir: &str, line: &[&str]) -> Server {
        let mut command = self.command(dir, line);
        // in its own process group, so that servers started by it end too
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Server(command.spawn().unwrap())
    }
}

/// A server that ends with the test.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Queries a server that may still be starting.
#[track_caller]
pub fn get(port: u16, path: &str) -> String {
    let start = Instant::now();
    loop {
        let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        });
        match asked {
            Ok(answer) if answer.contains(" 200 OK") => {
                return answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned();
            }
            answer if start.elapsed() > Duration::from_mins(1) => panic!("port {port}: {answer:?}"),
            _ => std::thread::park_timeout(Duration::from_millis(50)),
        }
    }
}

/// Returns a port that is free along with the next two.
pub fn free_port(first: u16) -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (first..first + 4000).step_by(7).find(|port| (0..3).all(|offset| free(port + offset))).unwrap()
}
