//! Addresses of this host inside any text, and the ports in them.
//!
//! A value may contain one address, a list of them, or something that only looks like one; if in doubt it stays as it
//! is.

use std::net::Ipv4Addr;

/// The characters that may come right before a host, which is then not part of a longer word.
const OPENING: [char; 14] = [' ', '\t', '\n', '\r', ',', ';', '|', '=', '\'', '"', '`', '(', '[', '{'];
/// The characters that may come right after a port.
const CLOSING: [char; 18] =
    [' ', '\t', '\n', '\r', ',', ';', '|', '&', '\'', '"', '`', ')', ']', '}', '/', '?', '#', '\\'];

/// How far before a port to look for its host, user and password.
const REACH: usize = 4096;

/// Returns the text with the ports replaced where it names this host with one of the old ports; `None` if it does not.
///
/// Only the digits change. `http://localhost:8000/x`, `[::1]:8000` and lists are recognised; `https://example.com:8000`
/// is somebody else's, and `localhost` in `http://localhost:8000@example.com` is not a host.
pub fn with_ports(text: &str, moved: &[(u16, u16)]) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    for (colon, _) in text.match_indices(':') {
        let begin = colon + 1;
        let end = begin + text[begin..].bytes().take_while(u8::is_ascii_digit).count();
        let port = text[begin..end].parse::<u16>().ok().filter(|_| !text[begin..].starts_with('0'));
        let Some((_, to)) = moved.iter().find(|(from, _)| port == Some(*from)) else { continue };
        let ends = text[end..].is_empty() || text[end..].starts_with(CLOSING);
        let before = &text[text.floor_char_boundary(colon.saturating_sub(REACH))..colon];
        if ends && host_before(before).is_some_and(is_local) {
            out.push_str(&text[done..begin]);
            out.push_str(&to.to_string());
            done = end;
        }
    }
    (done > 0).then(|| out + &text[done..])
}

/// Returns the host that a text ends with.
fn host_before(text: &str) -> Option<&str> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._*".contains(c);
    let at = match text.strip_suffix(']') {
        Some(inside) => inside.rfind('[')?,
        None => text
            .rfind(|c| !is_host(c))
            .map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8)),
    };
    let (before, host) = text.split_at(at);
    let begins = before.is_empty()
        || before.ends_with("//")
        || before.ends_with(OPENING)
        || before.strip_suffix('@').is_some_and(ends_in_user);
    begins.then_some(host)
}

/// Whether a text ends with the user and password of a URL.
fn ends_in_user(text: &str) -> bool {
    text.rsplit_once("//").is_some_and(|(_, user)| !user.contains(['/', '?', '#', ' ']))
}

fn is_local(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || ["[::1]", "[::]", "0.0.0.0"].contains(&host.as_str())
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_read_once() {
        let moved = [(8000, 8001)];
        let hosts = |port: u16| format!("@localhost:{port}").repeat(20_000);
        assert_eq!(with_ports(&format!("x//{}", hosts(8000)), &moved), None);
        assert_eq!(with_ports(&"]:8000".repeat(20_000), &moved), None);
        let urls = |port: u16| format!("http://[::1]:{port},").repeat(20_000);
        assert_eq!(with_ports(&urls(8000), &moved), Some(urls(8001)));
    }

    #[test]
    fn only_the_port_of_this_host_changes() {
        let moved = [(8000, 8001), (8001, 8011)];
        for (before, after) in [
            ("http://localhost:8000/admin?x=1#y", "http://localhost:8001/admin?x=1#y"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8001"),
            ("http://127.1.2.3:8001/", "http://127.1.2.3:8011/"),
            ("HTTP://LocalHost:8000", "HTTP://LocalHost:8001"),
            ("ws://main.localhost:8000/ws", "ws://main.localhost:8001/ws"),
            ("https://*.localhost:8000", "https://*.localhost:8001"),
            ("http://u:p%40ss@[::1]:8000/x", "http://u:p%40ss@[::1]:8001/x"),
            ("http://localhost:8000,https://localhost:8001", "http://localhost:8001,https://localhost:8011"),
            (
                "[\"http://localhost:8000\", 'http://[::1]:8000']",
                "[\"http://localhost:8001\", 'http://[::1]:8001']",
            ),
            ("\"[\\\"http://localhost:8000\\\"]\"", "\"[\\\"http://localhost:8001\\\"]\""),
            ("0.0.0.0:8000", "0.0.0.0:8001"),
            ("--bind=localhost:8000", "--bind=localhost:8001"),
            ("https://x.org/?next=http://localhost:8000&a", "https://x.org/?next=http://localhost:8001&a"),
            ("http://localhost:8000 https://x.org:8000", "http://localhost:8001 https://x.org:8000"),
            ("http://localhost:8000/${X}", "http://localhost:8001/${X}"),
        ] {
            assert_eq!(with_ports(before, &moved).as_deref(), Some(after), "{before}");
        }
    }

    #[test]
    fn what_is_not_sure_stays() {
        for text in [
            "",
            "8000",
            ":8000",
            "http://example.com:8000",
            "http://localhost:80000",
            "http://localhost:08000",
            "http://localhost:8000@example.com/",
            "http://mylocalhost:8000",
            "http://localhost.example.com:8000",
            "https://x.org/localhost:8000",
            "http://127.0.0.1.nip.io:8000",
            "redis://:8000@localhost:6379/0",
            "127.0.0.1:8000:80",
            "http://localhost/:8000",
            "a@localhost:8000",
            "é:8000",
            "]:8000",
        ] {
            assert_eq!(with_ports(text, &[(8000, 8001)]), None, "{text}");
        }
    }
}
