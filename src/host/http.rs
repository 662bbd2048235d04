//! Asks a server on this host whether it answers, and nothing more.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns the status that a server gives for `http://HOST[:PORT][/PATH]`; `None` if it does not answer.
pub fn status_of(url: &str) -> Option<u16> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    if url.chars().any(|c| c.is_control() || c == ' ') {
        return None;
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, 80),
    };
    let address = (host.trim_start_matches('[').trim_end_matches(']'), port);
    let ours = address.to_socket_addrs().ok()?.filter(|address| address.ip().is_loopback());
    ours.into_iter().find_map(|address| {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        // "HTTP/1.1 200"
        stream.take(12).read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).ok()?;
        answer.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_status_of_an_answer_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        assert_eq!(status_of(&format!("http://127.0.0.1:{port}/health?x")), Some(503));
        assert!(server.join().unwrap().starts_with("GET /health?x HTTP/1.1\r\nHost: 127.0.0.1:"));
        assert_eq!(status_of(&format!("http://127.0.0.1:{port}/")), None);
        for bad in ["https://localhost", "http://localhost:x/", "http://a b/", "http://192.0.2.1/", ""] {
            assert_eq!(status_of(bad), None, "{bad}");
        }
    }
}
