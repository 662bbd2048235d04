//! Which processes listen on a port right now.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::occupants::Occupant;

use crate::host::file::read_proc;

/// The state of a listening socket, as written in the kernel's tables.
const LISTENING: &str = "0A";

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub port: u16,
    pub process: Occupant,
    /// Its current directory, if known.
    pub dir: Option<PathBuf>,
}

/// Returns the processes that listen on these ports; several may share one socket.
///
/// This is known only on Linux (proc(5)), and only for our own user's processes; otherwise nothing is returned. Without
/// ports nothing is read, and if no port has a listener, no process is examined.
pub fn listeners(ports: &BTreeSet<u16>) -> Vec<Listener> {
    let sockets = if ports.is_empty() { HashMap::new() } else { sockets(ports) };
    if sockets.is_empty() {
        return Vec::new();
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<Listener> = pids.flat_map(|pid| of_process(pid, &sockets)).collect();
    found.sort_by_key(|listener| (listener.port, listener.process.pid));
    found
}

/// Whether some process listens on a port, whoever it is. The port is not bound to find out, which would get in the way
/// of a server that is just starting.
pub fn is_listened_on(port: u16) -> bool {
    const PATIENCE: Duration = Duration::from_millis(200);
    if Path::new("/proc/net/tcp").exists() {
        return !sockets(&BTreeSet::from([port])).is_empty();
    }
    let hosts: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    hosts.into_iter().any(|host| TcpStream::connect_timeout(&(host, port).into(), PATIENCE).is_ok())
}

/// Returns all ports that some processes listen on, in order. Known only on Linux.
pub fn ports_of(pids: &[u32]) -> BTreeSet<u16> {
    let sockets = all_sockets();
    pids.iter().flat_map(|pid| of_process(*pid, &sockets)).map(|listener| listener.port).collect()
}

/// Returns the sockets that listen on these ports, by inode.
fn sockets(ports: &BTreeSet<u16>) -> HashMap<u64, u16> {
    let mut sockets = all_sockets();
    sockets.retain(|_, port| ports.contains(port));
    sockets
}

fn all_sockets() -> HashMap<u64, u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| read_proc(table).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).filter_map(listening_socket).collect()
}

/// Returns the inode and port from a line of the table, if the socket listens.
fn listening_socket(line: &str) -> Option<(u64, u16)> {
    let mut fields = line.split_ascii_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    (state == LISTENING).then_some((inode, u16::from_str_radix(port, 16).ok()?))
}

/// Returns the ports that one process listens on.
fn of_process(pid: u32, sockets: &HashMap<u64, u16>) -> Vec<Listener> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let ports: BTreeSet<u16> = open
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
        .filter_map(|inode: u64| sockets.get(&inode).copied())
        .collect();
    let listener = |port| Listener { port, process: Occupant::of(pid), dir: super::occupants::dir_of(pid) };
    ports.into_iter().map(listener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn sockets_that_listen_are_read() {
        let line = |state: &str| {
            format!(
                "   0: 0100007F:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0"
            )
        };
        assert_eq!(listening_socket(&line("0A")), Some((4242, 8080)));
        assert_eq!(listening_socket(&line("01")), None);
        let six = "1: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7 1";
        assert_eq!(listening_socket(six), Some((7, 80)));
        for other in [
            "",
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        ] {
            assert_eq!(listening_socket(other), None, "{other}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn we_are_found_where_we_listen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // another test's child also has our files open, until it executes its own program
        let ours = |ports: &BTreeSet<u16>| {
            listeners(ports).into_iter().find(|listener| listener.process.pid == std::process::id())
        };
        let found = ours(&BTreeSet::from([port])).unwrap();
        assert_eq!((found.port, found.dir), (port, std::env::current_dir().ok()));
        drop(listener);
        assert_eq!(ours(&BTreeSet::from([port])), None);
        assert_eq!(listeners(&BTreeSet::new()), []);
    }
}
