//! The ports used in tests.
//!
//! Tests say 8000 to 8098, as a Django developer would. On disk and for git-wt these are ports of the host where
//! nothing listens, whatever the developer has running; in output they are translated back to the test's numbers.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::LazyLock;

/// The first port that tests name.
const SPOKEN: u16 = 8000;
/// The number of ports in a block.
const SIZE: u16 = 100;
/// Hundreds without a port that browsers block, that is well known for a service, or that a test uses literally. They
/// have four digits, so that tables are as wide as with the test's ports, and none lies where very many worktrees would
/// reach the test's ports from below.
const HUNDREDS: [u16; 31] = [
    82, 83, 84, 85, 86, 87, 71, 72, 73, 74, 11, 12, 13, 15, 16, 24, 25, 26, 27, 28, 29, 34, 35, 36, 37, 38,
    43, 44, 46, 47, 48,
];

/// A hundred ports on which nothing listens except the last one, which is held so that another run takes other ports.
struct Block {
    first: u16,
    _held: TcpListener,
}

static BLOCK: LazyLock<Block> = LazyLock::new(|| {
    let turn = usize::try_from(std::process::id()).unwrap() % HUNDREDS.len();
    let turns = HUNDREDS.iter().cycle().skip(turn).take(HUNDREDS.len());
    let blocks = turns.filter_map(|hundred| {
        let first = hundred * SIZE;
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, first + SIZE - 1)).ok()?;
        (first..first + SIZE - 1).all(is_free).then_some(Block { first, _held: held })
    });
    { blocks }.next().expect("a hundred free ports in a row")
});

fn is_free(port: u16) -> bool {
    let is_taken = |error: std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    let by_4 = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map(drop);
    let by_6 = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).map(drop);
    !by_4.is_err_and(is_taken) && !by_6.is_err_and(is_taken)
}

/// Returns the host's port for one that a test names.
pub fn host(spoken: u16) -> u16 {
    shifted(spoken, SPOKEN, BLOCK.first).unwrap_or(spoken)
}

/// Returns the text with the host's ports instead of the test's.
pub fn to_host(text: &str) -> String {
    translated(text, SPOKEN, BLOCK.first)
}

/// Returns the text with the test's ports instead of the host's.
pub fn to_spoken(text: &str) -> String {
    translated(text, BLOCK.first, SPOKEN)
}

fn shifted(port: u16, from: u16, to: u16) -> Option<u16> {
    (from..from + SIZE - 1).contains(&port).then(|| port - from + to)
}

/// Shifts every number in the block that is not part of a word.
fn translated(text: &str, from: u16, to: u16) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let word = &word[..word.find(|c| !is_part(c)).unwrap_or(word.len())];
        out.push_str(&rest[..start]);
        let port = word.parse().ok().filter(|_| word.len() == 4).and_then(|port| shifted(port, from, to));
        match port {
            Some(port) => out.push_str(&port.to_string()),
            None => out.push_str(word),
        }
        rest = &rest[start + word.len()..];
    }
    out + rest
}

#[test]
fn ports_are_translated_and_nothing_else_is() {
    let text = "PORT=8000 http://[::1]:8098/8001 '8099' x8001 8001x 80010 \u{e9}8002 API_PORT=8011\n";
    let there = translated(text, 8000, 7300);
    assert_eq!(there, "PORT=7300 http://[::1]:7398/7301 '8099' x8001 8001x 80010 \u{e9}7302 API_PORT=7311\n");
    assert_eq!(translated(&there, 7300, 8000), text);
    assert!(is_free(host(8000)) && !is_free(BLOCK.first + SIZE - 1));
}
