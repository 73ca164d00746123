//! The plug: a port of this machine at which the demo's own page, and nobody else, pulls the relay and puts it in.
//!
//! The attack it stops is a page of another site that asks this machine. Whoever asks must know the
//! token, which only the link of the demo has; must be a page of the demo's origin, which browsers
//! say truthfully; and must have meant this machine by its name, which a rebound name would not.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::mains::Mains;
use super::request::{HEAD_TIME_MAX, Request, parse, read_head};
use crate::failure::{Failure, OrFail};

/// Connections at once: browsers open some of which they use few.
const CONNECTIONS_MAX: usize = 16;
const TOKEN_BYTES: usize = 16;
/// By which names this machine is meant.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Where it listens, and for whom.
#[derive(Clone)]
pub(super) struct Plug {
    port: u16,
    token: String,
    /// Where the page is from, by each of the names.
    origins: [String; 2],
}

/// An answer's status and body.
type Answer = (&'static str, String);

impl Plug {
    /// Listens from now on, to the page that the relay serves at `page_port`.
    pub(super) fn open(mains: Arc<Mains>, page_port: u16) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).or_fail(|| "listen for the plug".to_owned())?;
        let port = listener.local_addr().or_fail(|| "listen for the plug".to_owned())?.port();
        let origins = NAMES.map(|name| format!("http://{name}:{page_port}"));
        let plug = Self { port, token: token()?, origins };
        let served = plug.clone();
        thread::spawn(move || served.serve(&listener, &mains));
        Ok(plug)
    }

    /// What the page needs, as it stands in its link.
    pub(super) fn fragment(&self) -> String {
        format!("{}-{}", self.port, self.token)
    }

    #[cfg(test)]
    pub(super) fn named(port: u16, token: &str) -> Self {
        Self { port, token: token.to_owned(), origins: NAMES.map(|name| format!("http://{name}:8080")) }
    }

    fn serve(&self, listener: &TcpListener, mains: &Arc<Mains>) {
        let open = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming().flatten() {
            if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (plug, mains, open) = (self.clone(), Arc::clone(mains), Arc::clone(&open));
            thread::spawn(move || {
                // Whoever hangs up needs no answer.
                let _ = plug.attend(stream, &mains);
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    fn attend(&self, mut stream: TcpStream, mains: &Mains) -> io::Result<()> {
        stream.set_read_timeout(Some(HEAD_TIME_MAX))?;
        stream.set_write_timeout(Some(HEAD_TIME_MAX))?;
        let request = parse(&read_head(&mut stream)?);
        let origin = request.as_ref().and_then(|request| self.admitted(request));
        let (status, body) = match (&request, origin) {
            (None, _) => ("400 Bad Request", "this is no request that a plug understands".to_owned()),
            (_, None) => ("403 Forbidden", "the plug is for the page of this demo".to_owned()),
            (Some(request), Some(_)) => self.answer(request, mains),
        };
        stream.write_all(response(status, &body, origin).as_bytes())
    }

    /// The origin of the page that asks, if it is ours.
    fn admitted(&self, request: &Request) -> Option<&str> {
        let is_here = NAMES.iter().any(|name| request.host == format!("{name}:{}", self.port));
        let origin = request.origin.as_deref().filter(|_| is_here)?;
        self.origins.iter().map(String::as_str).find(|own| *own == origin)
    }

    fn answer(&self, Request { method, path, .. }: &Request, mains: &Mains) -> Answer {
        let Some(what) = self.asked(path) else { return ("404 Not Found", "there is nothing here".to_owned()) };
        let done = match (method.as_str(), what) {
            ("GET", "") => Ok(()),
            ("POST", "/pull") => mains.pull(),
            ("POST", "/in") => mains.put_in().map(|_| ()),
            _ => return ("405 Method Not Allowed", "a plug is looked at, pulled and put in".to_owned()),
        };
        match done {
            Ok(()) => ("200 OK", format!("{{\"in\":{}}}", mains.is_in())),
            Err(failure) => ("503 Service Unavailable", failure.to_string()),
        }
    }

    /// What follows the token, if it is ours.
    fn asked<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (token, what) = path.strip_prefix("/plug/")?.split_at_checked(2 * TOKEN_BYTES)?;
        // As long for a token that begins right as for any other.
        let differing = token.bytes().zip(self.token.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
        (differing == 0 && matches!(what, "" | "/pull" | "/in")).then_some(what)
    }
}

/// Every answer ends its connection.
fn response(status: &str, body: &str, origin: Option<&str>) -> String {
    let kind = if body.starts_with('{') { "application/json" } else { "text/plain; charset=utf-8" };
    let allow = origin.map_or_else(String::new, |origin| format!("access-control-allow-origin: {origin}\r\n"));
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\nvary: origin\r\n{allow}connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// 128 random bits in hex.
fn token() -> Result<String, Failure> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).or_fail(|| "draw a token".to_owned())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::PathBuf;

    use super::*;

    const PAGE: &str = "http://localhost:8080";

    /// A relay that says where it is, waits, and counts its starts in a file.
    fn mains(folder: &std::path::Path) -> Arc<Mains> {
        let program: PathBuf = folder.join("relay");
        let lines = "echo run >> \"$3/starts\"\necho 'relay    b'\necho 'open     http://localhost:8080'\necho 'address  relay:b'\nexec sleep 600\n";
        std::fs::write(&program, format!("#!/bin/sh\n{lines}")).unwrap();
        executable(&program);
        let mains = Arc::new(Mains::new(vec![program.into()], folder.to_owned(), 0, || {}));
        assert_eq!(mains.put_in().unwrap().port, 8080);
        mains
    }

    fn executable(path: &std::path::Path) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn ask(plug: &Plug, line: &str, host: &str, origin: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, plug.port)).unwrap();
        write!(stream, "{line} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_page_looks_pulls_and_puts_in_again() {
        let folder = crate::scratch::Scratch::new();
        let mains = mains(folder.path());
        let plug = Plug::open(Arc::clone(&mains), 8080).unwrap();
        let here = format!("localhost:{}", plug.port);
        let say = |method: &str, what: &str| ask(&plug, &format!("{method} /plug/{}{what}", plug.token), &here, PAGE);

        let answer = say("GET", "");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"in\":true}"), "{answer}");
        assert!(answer.contains("access-control-allow-origin: http://localhost:8080\r\n"));
        for _ in 0..2 {
            assert!(say("POST", "/pull").ends_with("{\"in\":false}"));
        }
        assert!(!mains.is_in());
        for _ in 0..2 {
            assert!(say("POST", "/in").ends_with("{\"in\":true}"));
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("starts")).unwrap().lines().count(), 2);
        for (method, what, status) in
            [("GET", "/pull", "405"), ("POST", "", "405"), ("OPTIONS", "/pull", "405"), ("POST", "/other", "404")]
        {
            assert!(say(method, what).starts_with(&format!("HTTP/1.1 {status}")), "{method} {what}");
        }
        mains.stop();
        assert!(!mains.is_in());
    }

    #[test]
    fn other_pages_other_names_and_other_tokens_are_refused() {
        let folder = crate::scratch::Scratch::new();
        let mains = mains(folder.path());
        let plug = Plug::open(Arc::clone(&mains), 8080).unwrap();
        let here = format!("localhost:{}", plug.port);
        let line = format!("POST /plug/{}/pull", plug.token);
        for (host, origin) in [
            (here.as_str(), "http://localhost:8081"),
            (&here, "https://localhost:8080"),
            (&here, "null"),
            ("evil.example", PAGE),
            ("localhost", PAGE),
        ] {
            let answer = ask(&plug, &line, host, origin);
            assert!(
                answer.starts_with("HTTP/1.1 403") && !answer.contains("allow-origin"),
                "{host} {origin}: {answer}"
            );
        }
        let other = format!("POST /plug/{}/pull", "0".repeat(2 * TOKEN_BYTES));
        assert!(ask(&plug, &other, &here, PAGE).starts_with("HTTP/1.1 404"));
        assert!(ask(&plug, "POST /plug/é", &here, PAGE).starts_with("HTTP/1.1 404"));
        assert!(mains.is_in(), "nobody pulled it");
        mains.stop();
    }
}
