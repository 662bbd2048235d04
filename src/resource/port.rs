//! A port that no other worktree on this host has, and how it is chosen.
//!
//! The choice is pure: the caller provides claims, listeners and the ephemeral range. A port that is ours is not chosen
//! anew because something listens on it: most likely that is our own server.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt};
use serde::{Deserialize, Serialize};

use super::{Created, Destroyed, Reversible, Site, Unwind};
use crate::error::{Error, Result};
use crate::host::claims::{Claim, Claimed, Claims, Owner, Released, Thing};
use crate::host::file::read_proc;

/// The distance between worktrees that have several ports: dev servers often take the next port if theirs is in use.
const STRIDE: u16 = 10;
/// The ports that an ordinary program may listen on.
const ORDINARY: RangeInclusive<u16> = 1024..=u16::MAX;
/// "Bad ports" of the WHATWG fetch standard: browsers refuse to connect.
const BLOCKED_BY_BROWSERS: [u16; 19] = [
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679,
    6697, 10080,
];
/// Ports where databases, brokers, AirPlay and the like are expected, even if none is running now.
const WELL_KNOWN: [u16; 19] = [
    1433, 1521, 2181, 2375, 2376, 3306, 3389, 5000, 5432, 5672, 5900, 6379, 7000, 8080, 9092, 9200, 11211,
    15672, 27017,
];

/// A port, claimed for a worktree under the name of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The variable that holds it, such as `PORT`.
    pub variable: String,
    pub number: u16,
}

/// Which ports of this host are unavailable.
pub struct Host<'a> {
    pub claims: &'a BTreeMap<u16, Claim>,
    /// The ports of other users of this host.
    pub others: &'a BTreeSet<u16>,
    /// The range from which the kernel takes ports for outgoing connections.
    pub ephemeral: RangeInclusive<u16>,
    /// Whether something holds a port now.
    pub bound: &'a dyn Fn(u16) -> bool,
    /// Whether an owner's repository is gone.
    pub gone: &'a dyn Fn(&Owner) -> bool,
}

/// Chooses a port for each variable, given main's ports, so that all are the same distance from main's.
///
/// A single variable gets main's port + 1, + 2, …; if several are close together, they move in steps of ten, so that no
/// worktree's `PORT` is another's `API_PORT`.
pub fn choose(
    variables: &[(String, u16)],
    range: Option<&RangeInclusive<u16>>,
    host: &Host<'_>,
) -> Result<Vec<u16>> {
    let main: Vec<u16> = variables.iter().map(|(_, number)| *number).collect();
    let choice = Search { main: &main, range: range.unwrap_or(&ORDINARY), chosen: range.is_some(), host };
    let found =
        choice.blocks().find(|block| block.iter().zip(&main).all(|(port, of)| choice.is_free(*port, *of)));
    found.ok_or_else(|| choice.exhausted(variables))
}

/// A choice to be made.
struct Search<'a> {
    main: &'a [u16],
    range: &'a RangeInclusive<u16>,
    /// Whether the user chose the range.
    chosen: bool,
    host: &'a Host<'a>,
}

impl Search<'_> {
    /// Returns every set of ports inside the range: upwards from main's, then from the beginning of the range.
    fn blocks(&self) -> impl Iterator<Item = Vec<u16>> {
        let lowest = self.main.iter().min().copied().unwrap_or(0);
        let highest = self.main.iter().max().copied().unwrap_or(0);
        let step = i32::from(step(self.main));
        let first = i32::from(*self.range.start()) - i32::from(lowest);
        let last = i32::from(*self.range.end()) - i32::from(highest);
        // the steps start from main's own ports, or from the beginning of the range if main's are outside it
        let anchor = if first <= 0 && 0 <= last { 0 } else { first };
        let shifts = (anchor..=last).chain(first..anchor).filter(move |shift| (shift - anchor) % step == 0);
        shifts.filter_map(|shift| {
            self.main.iter().map(|port| u16::try_from(i32::from(*port) + shift).ok()).collect()
        })
    }

    fn is_free(&self, port: u16, of: u16) -> bool {
        let ephemeral = &self.host.ephemeral;
        // if main's port or the chosen range is in the ephemeral range, that is intended
        let wanted = ephemeral.contains(&of) || (self.chosen && ephemeral.contains(self.range.start()));
        !self.main.contains(&port)
            && !BLOCKED_BY_BROWSERS.contains(&port)
            && !WELL_KNOWN.contains(&port)
            && (wanted || !ephemeral.contains(&port))
            && !self.host.claims.contains_key(&port)
            && !self.host.others.contains(&port)
            && !(self.host.bound)(port)
    }

    fn exhausted(&self, variables: &[(String, u16)]) -> Error {
        const SHOWN: usize = 12;
        let names: Vec<String> = variables.iter().map(|(name, _)| format!("'{name}'")).collect();
        let range = format!("{}-{}", self.range.start(), self.range.end());
        let claims: Vec<_> = self.host.claims.iter().filter(|(port, _)| self.range.contains(port)).collect();
        let mut lines: Vec<String> =
            claims.iter().take(SHOWN).map(|(port, claim)| self.held(**port, claim)).collect();
        if claims.len() > SHOWN {
            lines.push(format!("and {} more", claims.len() - SHOWN));
        }
        lines
            .push("the others are main's, another user's, in use, reserved for something else or blocked by browsers".into());
        Error::new(format!("no port is free for {} in {range}", names.join(", ")))
            .quoting(&lines.join("\n"))
            .hint(if claims.iter().any(|(_, claim)| self.is_orphaned(claim)) {
                "git wt doctor --fix"
            } else {
                "git wt doctor"
            })
    }

    /// Describes who holds a port: `8001 'staging' of /path`.
    fn held(&self, port: u16, claim: &Claim) -> String {
        match &claim.owner {
            Some(owner) if self.is_orphaned(claim) => format!("{port} {owner}, which is gone"),
            Some(owner) => format!("{port} {owner}"),
            None => format!("{port} by a damaged claim"),
        }
    }

    fn is_orphaned(&self, claim: &Claim) -> bool {
        claim.owner.as_ref().is_some_and(|owner| (self.host.gone)(owner))
    }
}

/// Returns how far apart the ports of two worktrees are.
fn step(main: &[u16]) -> u16 {
    let sorted: Vec<u16> = main.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    if sorted.windows(2).any(|pair| pair[1] - pair[0] < STRIDE) { STRIDE } else { 1 }
}

/// Returns the range from which the kernel takes ports for outgoing connections: binding one of them fails now and
/// then.
pub fn ephemeral() -> RangeInclusive<u16> {
    if cfg!(target_os = "linux") {
        let text = read_proc("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        parse_range(&text).unwrap_or(32768..=60999)
    } else {
        49152..=65535
    }
}

fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_whitespace().map(str::parse::<u16>);
    Some(words.next()?.ok()?..=words.next()?.ok()?)
}

/// Whether something holds the port, on any address.
///
/// On Linux, binding the dual-stack wildcard address detects every holder. Other systems allow the wildcard beside a
/// specific address, and a host may have no IPv6; so the IPv4 wildcard and both loopback addresses are tried too.
pub fn is_bound(port: u16) -> bool {
    let addresses: [IpAddr; 4] = [
        Ipv6Addr::UNSPECIFIED.into(),
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv6Addr::LOCALHOST.into(),
        Ipv4Addr::LOCALHOST.into(),
    ];
    addresses.iter().any(|address| try_bind(*address, port) == Err(Errno::ADDRINUSE))
}

/// Binds for a moment without listening, so that nobody can connect to us.
fn try_bind(address: IpAddr, port: u16) -> Result<(), Errno> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket(family, SocketType::STREAM, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    // without this, a server that stopped a minute ago would still count
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::new(address, port))
}

impl Port {
    /// Claims the port; it may already be ours.
    pub fn claim(&self, claims: &Claims, owner: &Owner) -> Result<Created> {
        match claims.claim_port(self.number, owner)? {
            Claimed::Ours => Ok(Created::Made),
            Claimed::Taken(claim) => Err(Error::new(claim.to_string()).hint("git wt doctor")),
        }
    }

    /// Releases the port, if the claim is ours.
    fn release(&self, claims: &Claims, owner: &Owner) -> Result<Destroyed> {
        Ok(match claims.release_port(self.number, owner)? {
            Released::Done => Destroyed::Gone,
            Released::Another(claim) => Destroyed::Left(claim.to_string()),
        })
    }
}

impl Reversible for Port {
    fn create(&mut self, site: &Site) -> Result<Created> {
        self.claim(site.claims, site.owner)
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        self.release(site.claims, site.owner)
    }

    fn claimed(&self) -> Option<Thing> {
        Some(Thing::Port(self.number))
    }

    fn describe(&self) -> String {
        format!("port {} ({})", self.number, self.variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::claims::Thing;
    use crate::sandbox::Sandbox;
    use std::net::TcpListener;

    fn owner(record: &str) -> Owner {
        Owner { record: record.into(), name: "staging".into(), common_dir: "/p/.git".into(), dev: 1, ino: 2 }
    }

    fn claims(ports: &[u16]) -> BTreeMap<u16, Claim> {
        let claim = |port: &u16| (*port, Claim { thing: Thing::Port(*port), owner: Some(owner("a")) });
        ports.iter().map(claim).collect()
    }

    fn variables(main: &[u16]) -> Vec<(String, u16)> {
        let name = |n: usize| if n == 0 { "PORT".to_owned() } else { format!("PORT_{n}") };
        main.iter().enumerate().map(|(n, port)| (name(n), *port)).collect()
    }

    fn chosen(
        main: &[u16],
        range: Option<&RangeInclusive<u16>>,
        claimed: &[u16],
        bound: &[u16],
    ) -> Result<Vec<u16>> {
        let claims = claims(claimed);
        let host = Host {
            others: &BTreeSet::new(),
            claims: &claims,
            ephemeral: 32768..=60999,
            bound: &|port| bound.contains(&port),
            gone: &|_| false,
        };
        choose(&variables(main), range, &host)
    }

    #[test]
    fn one_variable_gets_the_next_free_port() {
        let cases: [(u16, &[u16], &[u16], u16); 12] = [
            (8000, &[], &[], 8001),
            (8000, &[8001], &[], 8002),
            (8000, &[8001], &[8002, 8003], 8004),
            (8079, &[], &[], 8081),
            (4999, &[], &[], 5001),
            (5059, &[], &[], 5062),
            (6664, &[], &[], 6670),
            (10079, &[], &[], 10081),
            (32767, &[], &[], 61000),
            (40000, &[], &[], 40001),
            (80, &[], &[], 1024),
            (65535, &[], &[], 1024),
        ];
        for (main, claimed, bound, expected) in cases {
            assert_eq!(
                chosen(&[main], None, claimed, bound).unwrap(),
                [expected],
                "{main} {claimed:?} {bound:?}"
            );
        }
    }

    #[test]
    fn several_keep_their_distances() {
        let cases: [(&[u16], &[u16], &[u16]); 7] = [
            (&[8000, 8001], &[], &[8010, 8011]),
            (&[8000, 8001], &[8011], &[8020, 8021]),
            (&[8001, 8000], &[], &[8011, 8010]),
            (&[8000, 5173], &[], &[8001, 5174]),
            (&[8000, 5173], &[5174], &[8002, 5175]),
            (&[8000, 8000], &[], &[8001, 8001]),
            (&[8000, 8001, 8010], &[], &[8020, 8021, 8030]),
        ];
        for (main, claimed, expected) in cases {
            assert_eq!(chosen(main, None, claimed, &[]).unwrap(), expected, "{main:?} {claimed:?}");
        }
    }

    #[test]
    fn no_port_is_given_twice() {
        let mut given: Vec<u16> = vec![8000, 8001];
        for _ in 0..50 {
            let block = chosen(&[8000, 8001], None, &given, &[]).unwrap();
            assert!(block.iter().all(|port| !given.contains(port)), "{block:?}");
            assert!(block[0].is_multiple_of(10) && block[1] == block[0] + 1, "{block:?}");
            given.extend(block);
        }
    }

    #[test]
    fn a_range_is_kept() {
        type Ports<'a> = &'a [u16];
        let cases: [(Ports<'_>, RangeInclusive<u16>, Ports<'_>, Ports<'_>); 7] = [
            (&[3000], 3000..=3010, &[], &[3001]),
            (&[3008], 3000..=3010, &[3009, 3010], &[3000]),
            (&[8000], 3000..=3010, &[], &[3000]),
            (&[2000], 3000..=3010, &[3000], &[3001]),
            (&[3000, 3001], 3000..=3021, &[], &[3010, 3011]),
            (&[80, 81], 3000..=3021, &[3000], &[3010, 3011]),
            (&[3000], 40000..=40010, &[], &[40000]),
        ];
        for (main, range, claimed, expected) in cases {
            assert_eq!(chosen(main, Some(&range), claimed, &[]).unwrap(), expected, "{main:?} {range:?}");
        }
    }

    #[test]
    fn an_exhausted_range_names_its_owners() {
        let error = chosen(&[3000], Some(&(3000..=3003)), &[3001, 3002, 9000], &[3003]).unwrap_err();
        assert_eq!(error.what, "no port is free for 'PORT' in 3000-3003");
        assert!(
            error.why[0].starts_with("3001 'staging' of /p/.git\n3002 'staging' of /p/.git\n"),
            "{:?}",
            error.why
        );
        assert!(!error.why[0].contains("9000"));
        for range in [3000..=3000, RangeInclusive::new(3010, 3000), 5000..=5000] {
            assert!(chosen(&[3000], Some(&range), &[9000], &[]).is_err(), "{range:?}");
        }
        assert!(chosen(&[3000, 3001], Some(&(3005..=3005)), &[], &[]).is_err());
    }

    #[test]
    fn the_ephemeral_range_is_read() {
        let cases =
            [("32768\t60999\n", Some(32768..=60999)), ("1 2 3", Some(1..=2)), ("", None), ("1 x", None)];
        for (text, expected) in cases {
            assert_eq!(parse_range(text), expected, "{text:?}");
        }
        assert!(!ephemeral().is_empty());
    }

    /// Somebody else may take a port right after we gave it back, but hardly three times in a row.
    fn some_port_comes_free(use_one: impl Fn() -> u16) {
        assert!((0..3).any(|_| !is_bound(use_one())));
    }

    #[test]
    fn listeners_are_found_on_every_address() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                assert!(address.starts_with('['), "no IPv4 here?");
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            assert!(is_bound(port), "{address}");
            some_port_comes_free(|| TcpListener::bind(address).unwrap().local_addr().unwrap().port());
        }
    }

    #[test]
    fn a_server_that_has_just_stopped_does_not_count() {
        some_port_comes_free(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let client = std::net::TcpStream::connect(address).unwrap();
            let (server, _) = listener.accept().unwrap();
            drop(server); // the side that closes first keeps the port in TIME_WAIT
            drop(client);
            address.port()
        });
    }

    #[test]
    fn a_port_is_claimed_and_released_by_its_owner_only() {
        let sandbox = Sandbox::new();
        let claims = sandbox.claims();
        let port = Port { variable: "PORT".into(), number: 8001 };
        assert_eq!(port.release(&claims, &owner("a")).unwrap(), Destroyed::Gone, "begun only");
        for _ in 0..2 {
            assert_eq!(port.claim(&claims, &owner("a")).unwrap(), Created::Made);
        }
        let error = port.claim(&claims, &owner("b")).unwrap_err();
        assert_eq!(error.what, "port 8001 is claimed by 'staging' of /p/.git");
        assert!(matches!(port.release(&claims, &owner("b")).unwrap(), Destroyed::Left(_)));
        for _ in 0..2 {
            assert_eq!(port.release(&claims, &owner("a")).unwrap(), Destroyed::Gone);
        }
    }
}
