//! The few requests that a plug understands, out of HTTP/1.1.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// Browsers send less than a thousand bytes.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// A head that is not there by then never comes.
pub(super) const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// A request without a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) host: String,
    /// The page that asks, as its browser says.
    pub(super) origin: Option<String>,
}

/// Reads up to the empty line. An error is for what comes too slowly or is too long.
pub(super) fn read_head(from: &mut impl Read) -> io::Result<String> {
    let by = Instant::now() + HEAD_TIME_MAX;
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        let count = from.read(&mut part)?;
        head.extend_from_slice(&part[..count]);
        if count == 0 || head.len() > HEAD_BYTES_MAX || Instant::now() > by {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
    }
    String::from_utf8(head).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// What a head asks for; none for whatever is not exactly a request without a body.
pub(super) fn parse(head: &str) -> Option<Request> {
    let mut lines = head.strip_suffix("\r\n\r\n")?.split("\r\n");
    let [method, path, "HTTP/1.1"] = lines.next()?.split(' ').collect::<Vec<_>>()[..] else { return None };
    let (mut hosts, mut origins) = (Vec::new(), Vec::new());
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']);
        match name.to_ascii_lowercase().as_str() {
            "host" => hosts.push(value.to_owned()),
            "origin" => origins.push(value.to_owned()),
            "content-length" if value != "0" => return None,
            "transfer-encoding" => return None,
            _ if name.is_empty() || name.contains([' ', '\t']) => return None,
            _ => {}
        }
    }
    let (1, 0..=1) = (hosts.len(), origins.len()) else { return None };
    Some(Request { method: method.to_owned(), path: path.to_owned(), host: hosts.pop()?, origin: origins.pop() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<Request> {
        parse(&format!("{}\r\n\r\n", lines.join("\r\n")))
    }

    #[test]
    fn a_request_without_a_body_is_understood() {
        let asked =
            of(&["POST /plug/in HTTP/1.1", "HOST: localhost:1", "Origin:http://a", "Content-Length: 0"]).unwrap();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/plug/in"));
        assert_eq!((asked.host.as_str(), asked.origin.as_deref()), ("localhost:1", Some("http://a")));
    }

    #[test]
    fn whatever_is_not_exactly_that_is_refused() {
        for lines in [
            &["GET / HTTP/1.0", "Host: a"][..],
            &["GET  / HTTP/1.1", "Host: a"],
            &["GET / HTTP/1.1"],
            &["GET / HTTP/1.1", "Host: a", "Host: b"],
            &["GET / HTTP/1.1", "Host: a", "Origin: b", "Origin: c"],
            &["GET / HTTP/1.1", "Host: a", "Content-Length: 1"],
            &["GET / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"],
            &["GET / HTTP/1.1", "Host: a", "Origin : b"],
            &["GET / HTTP/1.1", "Host: a", "nonsense"],
        ] {
            assert_eq!(of(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn a_head_that_is_too_long_or_cut_off_is_an_error() {
        let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX));
        assert!(read_head(&mut long.as_bytes()).is_err());
        assert!(read_head(&mut &b"GET / HTTP/1.1\r\n"[..]).is_err());
        assert!(read_head(&mut &b"\xff\r\n\r\n"[..]).is_err());
        assert_eq!(read_head(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).unwrap(), "GET / HTTP/1.1\r\n\r\n");
    }
}
