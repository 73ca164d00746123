//! Public MiMeis over HTTP, as browsers and `curl` see them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::process::Command;

use mimei_core::cid::{MimeiId, VersionId};
use mimei_core::link::Link;
use mimei_core::mimei::PIECE_BYTES;
use mimei_core::peer::{CreditPolicy, Terms};
use relay_node::config::Config;
use relay_node::relay::Relay;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and then something";

struct World {
    directory: TempDir,
    relay: Relay,
}

/// An answer; names of headers are in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}

impl World {
    async fn new() -> Self {
        Self::that_serves(CreditPolicy::open()).await
    }

    async fn that_serves(credit: CreditPolicy) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let data = directory.path().join("relay");
        let (rtc, announce, send_buffer_bytes) = (vec![any], Vec::new(), 64 << 10);
        let config = Config { data, listen: any, rtc, announce, send_buffer_bytes, credit };
        Self { relay: Relay::start(config).await.unwrap(), directory }
    }

    /// Adds files with these contents, as a person does.
    async fn add(&self, args: &[&str], files: &[(&str, &[u8])]) -> Link {
        let person = self.directory.path().join("person");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mimei"));
        command.args(["add", "--to", self.relay.address(), "--data"]).arg(&person).args(args);
        for (name, contents) in files {
            let path = self.directory.path().join(name);
            std::fs::write(&path, contents).unwrap();
            command.arg(path);
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }

    async fn public(&self, files: &[(&str, &[u8])]) -> MimeiId {
        self.add(&["--public"], files).await.mimei
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        request(self.relay.http_at(), method, path, headers).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }
}

async fn request(at: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    parse(&answer)
}

fn parse(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    };
    Answer { status, headers: lines.map(header).collect(), body: answer[end + 4..].to_vec() }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_picture_is_shown_with_everything_that_keeps_it_harmless() {
    let world = World::new().await;
    let id = world.public(&[("a.png", PNG)]).await;
    let answer = world.get(&format!("/mm/{id}/a.png")).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, PNG));
    let expected = [
        ("content-type", "image/png"),
        ("content-length", "27"),
        ("content-disposition", "inline; filename=\"a.png\""),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("access-control-allow-origin", "*"),
        ("cache-control", "no-cache"),
        ("accept-ranges", "bytes"),
    ];
    for (name, value) in expected {
        assert_eq!(answer.header(name), Some(value), "{name}");
        let times = answer.headers.iter().filter(|(of, _)| of == name).count();
        assert_eq!(times, 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_would_run_is_only_saved() {
    let world = World::new().await;
    let page: &[u8] = b"<script>alert(1)</script>";
    let id = world.public(&[("a.html", page), ("b.svg", page), ("c.png", page), ("d\u{e4}.js", page)]).await;
    for (name, saved) in [
        ("a.html", "attachment; filename=\"a.html\""),
        ("b.svg", "attachment; filename=\"b.svg\""),
        ("c.png", "attachment; filename=\"c.png\""),
        ("d%C3%A4.js", "attachment; filename=\"d_.js\"; filename*=UTF-8''d%C3%A4.js"),
    ] {
        let answer = world.get(&format!("/mm/{id}/{name}")).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, page), "{name}");
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"), "{name}");
        assert_eq!(answer.header("content-disposition"), Some(saved));
        assert_eq!(answer.header("content-security-policy"), Some("sandbox; default-src 'none'"));
    }
    for header in [("Service-Worker", "script"), ("Sec-Fetch-Dest", "serviceworker")] {
        let answer = world.ask("GET", &format!("/mm/{id}/d%C3%A4.js"), &[header]).await;
        assert_eq!(answer.status, 403, "{header:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_everyone_looks_like_what_is_not_here() {
    let world = World::new().await;
    let private = world.add(&[], &[("a.txt", b"private")]).await.mimei;
    let unknown = MimeiId::of(b"nobody made this");
    let without_date = |mut answer: Answer| {
        answer.headers.retain(|(name, _)| name != "date");
        answer
    };
    for rest in ["", "/", "/a.txt", "@1/a.txt", "@last", "@release/a.txt", &format!("@{}", VersionId::of(b"x"))] {
        let here = without_date(world.get(&format!("/mm/{private}{rest}")).await);
        let nowhere = without_date(world.get(&format!("/mm/{unknown}{rest}")).await);
        assert_eq!((here.status, &here), (404, &nowhere), "{rest}");
    }
    assert_eq!(world.get("/mm/nonsense/a.txt").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_it_to_everyone_later_shows_it() {
    let world = World::new().await;
    let link = world.add(&[], &[("a.txt", b"first")]).await;
    assert_eq!(world.get(&format!("/mm/{}/a.txt", link.mimei)).await.status, 404);
    let public = world.add(&["--public", "--mimei", &link.to_string()], &[("b.txt", b"second")]).await;
    assert_eq!((public.mimei, public.secret), (link.mimei, None));
    let answer = world.get(&format!("/mm/{}/a.txt", link.mimei)).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"first"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_served_whole_and_in_parts() {
    let world = World::new().await;
    let piece = PIECE_BYTES as usize;
    let contents = noise(5 * piece + 99);
    let id = world.public(&[("a.bin", &contents), ("empty.txt", b"")]).await;
    let path = format!("/mm/{id}/a.bin");
    let whole = world.get(&path).await;
    assert!(whole.body == contents && whole.header("content-length") == Some(&*contents.len().to_string()));
    let length = contents.len();
    for (range, part) in [
        ("bytes=0-0".to_owned(), 0..1),
        (format!("bytes={}-{}", piece - 1, piece), piece - 1..piece + 1),
        (format!("bytes={}-{}", 2 * piece, 4 * piece - 1), 2 * piece..4 * piece),
        (format!("bytes={}-", length - 100), length - 100..length),
        ("bytes=-1".to_owned(), length - 1..length),
    ] {
        let answer = world.ask("GET", &path, &[("Range", &range)]).await;
        let said = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        assert_eq!((answer.status, answer.header("content-range")), (206, Some(&*said)), "{range}");
        assert!(answer.body == contents[part], "{range}");
    }
    let beyond = world.ask("GET", &path, &[("Range", &format!("bytes={length}-"))]).await;
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    assert_eq!(beyond.header("content-range"), Some(&*format!("bytes */{length}")));
    let empty = world.get(&format!("/mm/{id}/empty.txt")).await;
    assert_eq!((empty.status, empty.header("content-length")), (200, Some("0")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_has_is_not_sent_again() {
    let world = World::new().await;
    let id = world.public(&[("a.png", PNG)]).await;
    let path = format!("/mm/{id}/a.png");
    let first = world.get(&path).await;
    let etag = first.header("etag").unwrap();
    let known = world.ask("GET", &path, &[("If-None-Match", etag)]).await;
    assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, Some(etag)));
    let other = world.ask("GET", &path, &[("If-None-Match", "\"other\"")]).await;
    assert_eq!((other.status, other.body.as_slice()), (200, PNG));
    let head = world.ask("HEAD", &path, &[("Range", "bytes=0-1")]).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some("27")));
    assert_eq!(head.header("content-type"), first.header("content-type"));
    let post = world.ask("POST", &path, &[("Content-Length", "0")]).await;
    assert_eq!(post.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_addresses_and_only_exact_ones_are_cached_for_ever() {
    let world = World::new().await;
    let first = world.add(&["--public"], &[("a.txt", b"first")]).await;
    let id = first.mimei;
    // A listing's tag is its version's id.
    let listing = world.get(&format!("/mm/{id}")).await;
    assert_eq!((listing.status, listing.body.as_slice()), (200, &b"5\ta.txt\n"[..]));
    assert_eq!(listing.header("content-type"), Some("text/plain; charset=utf-8"));
    let version = listing.header("etag").unwrap().trim_matches('"').to_owned();
    world.add(&["--mimei", &first.to_string()], &[("a.txt", b"second"), ("b.txt", b"")]).await;
    let text = async |at: &str| world.get(&format!("/mm/{id}{at}/a.txt")).await;
    for (at, contents, cache) in [
        ("", "second", "no-cache"),
        ("@last", "second", "no-cache"),
        ("@2", "second", "no-cache"),
        ("@1", "first", "no-cache"),
        (&*format!("@{version}"), "first", "public, max-age=31536000, immutable"),
    ] {
        let answer = text(at).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, contents.as_bytes()), "{at}");
        assert_eq!(answer.header("cache-control"), Some(cache), "{at}");
    }
    for at in ["@3", "@release", "@0", "@x"] {
        assert_eq!(text(at).await.status, 404, "{at}");
    }
    assert_eq!(world.get(&format!("/mm/{id}/none.txt")).await.status, 404);
    assert_eq!(world.get(&format!("/mm/{id}@1/b.txt")).await.status, 404, "it came later");
    assert_eq!(world.get(&format!("/mm/{id}/")).await.body, b"6\ta.txt\n0\tb.txt\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_ask_for_parts() {
    let world = World::new().await;
    let id = MimeiId::of(b"whatever");
    let answer = world.ask("OPTIONS", &format!("/mm/{id}/a.png"), &[("Origin", "https://example.org")]).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("*")));
    assert_eq!(answer.header("access-control-allow-headers"), Some("range, if-none-match, if-range"));
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_read_at_somebodys_expense_or_not_at_all() {
    // Of a line of 3.2 MB a share may cost 200 kB, half of it a day; strangers get 50 kB beside that.
    let welcome = Some(Terms { limit: 3_200_000, space: 1_000_000, until: None, renews: None });
    let world = World::that_serves(CreditPolicy { welcome, strangers: 50_000, ..CreditPolicy::default() }).await;
    let mimei = world.public(&[("film.bin", &[7; 60_000])]).await;
    let path = format!("/mm/{mimei}/film.bin");
    assert_eq!(world.get(&path).await.status, 200, "the author pays");
    let part = world.ask("GET", &path, &[("range", "bytes=0-29999")]).await;
    assert_eq!((part.status, part.body.len()), (206, 30_000), "for a part, a part");
    let refused = loop {
        let answer = world.get(&path).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(refused.status, 402);
    let why = String::from_utf8(refused.body).unwrap();
    assert!(why.contains("pays for no more readers today"), "{why}");
    assert_eq!(world.ask("HEAD", &path, &[]).await.status, 200, "what costs nothing is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_sdks_own_script_becomes_a_service_worker() {
    let world = World::new().await;
    for header in [("Service-Worker", "script"), ("Sec-Fetch-Dest", "serviceworker")] {
        for path in ["/", "/assets/worker.js", "/health", "/sdk/other.js", "/sdk/mimei-sw.js/x", "/~stream/a/b/c"] {
            assert_eq!(world.ask("GET", path, &[header]).await.status, 403, "{path} {header:?}");
        }
        let own = world.ask("GET", "/sdk/mimei-sw.js", &[header]).await;
        assert_ne!(own.status, 403, "it is there, or was not built");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_no_service_worker_answers_is_not_here() {
    let world = World::new().await;
    let answer = world.get("/~stream/tab/stream/film.webm").await;
    assert_eq!((answer.status, answer.header("cache-control")), (404, Some("no-store")));
    assert!(String::from_utf8_lossy(&answer.body).contains("service worker"));
}
