//! The program as a person uses it: one relay, several people, files from one to the other.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mimei_core::link::{At, Link};
use mimei_core::mimei::PIECE_BYTES;
use mimei_core::peer::CreditPolicy;
use relay_node::config::{Config, EXAMPLE, SETTINGS};
use relay_node::relay::Relay;
use tempfile::TempDir;

/// A relay and a place for people.
struct World {
    directory: TempDir,
    relay: Relay,
}

/// What a run of the program said.
#[derive(Debug)]
struct Said {
    is_well: bool,
    out: String,
    err: String,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let data = directory.path().join("relay");
        let (rtc, announce, send_buffer_bytes) = (vec![any], Vec::new(), 64 << 10);
        let config = Config { data, listen: any, rtc, announce, send_buffer_bytes, credit: CreditPolicy::open() };
        Self { relay: Relay::start(config).await.unwrap(), directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, contents: &[u8]) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs the program as somebody, in a directory and with an environment of theirs.
    async fn run(&self, who: &str, args: &[&str]) -> Said {
        let home = self.path(who);
        std::fs::create_dir_all(&home).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mimei"));
        command.args(args).current_dir(&home).env("XDG_DATA_HOME", &home).env("HOME", &home).env_remove("MIMEI_RELAY");
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let Output { status, stdout, stderr } = run.await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { is_well: status.success(), out: text(stdout), err: text(stderr) }
    }

    /// Adds files over this relay and gives the address.
    async fn add(&self, who: &str, args: &[&str]) -> String {
        let relay = self.relay.address();
        let said = self.run(who, &[&["add", "--to", relay], args].concat()).await;
        assert!(said.is_well, "{said:?}");
        let lines: Vec<_> = said.out.lines().collect();
        assert_eq!(lines.len(), 1, "one address and nothing else: {said:?}");
        lines[0].to_owned()
    }

    async fn get(&self, who: &str, link: &str, to: &str) -> Said {
        self.run(who, &["get", link, "-o", to]).await
    }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn read(directory: &Path, name: &str) -> Vec<u8> {
    std::fs::read(directory.join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_added_another_gets_byte_for_byte() {
    let world = World::new().await;
    let piece = PIECE_BYTES as usize;
    let contents = [("empty", 0), ("one.txt", 1), ("whole.bin", piece), ("large.bin", 9 * piece + 17)];
    let files: Vec<_> = contents.iter().map(|(name, length)| world.file(name, &noise(*length))).collect();
    let link = world.add("anna", &files.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(link.contains("r=relay:") && link.contains('#'), "enough to open it without anything else: {link}");
    let said = world.get("bert", &link, "out").await;
    assert!(said.is_well, "{said:?}");
    for (name, length) in contents {
        assert!(read(&world.path("bert/out"), name) == noise(length), "{name}");
    }
    assert_eq!(std::fs::read_dir(world.path("bert/out")).unwrap().count(), 4, "nothing is left over");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_secret_it_does_not_open() {
    let world = World::new().await;
    let link = world.add("anna", &[&world.file("a.txt", b"secret")]).await;
    let (without, _) = link.split_once('#').unwrap();
    let said = world.get("bert", without, "out").await;
    assert!(!said.is_well && said.err.contains("does not open it"), "{said:?}");
    assert!(!world.path("bert/out").exists());
    let other = world.add("anna", &[&world.file("b.txt", b"other")]).await;
    let (_, other) = other.split_once('#').unwrap();
    let said = world.get("bert", &format!("{without}#{other}"), "out").await;
    assert!(!said.is_well && said.err.contains("does not open it"), "the secret of something else: {said:?}");
    assert!(!world.path("bert/out").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_again_makes_a_version_and_the_first_stays() {
    let world = World::new().await;
    let link = world.add("anna", &[&world.file("a.txt", b"first"), &world.file("b.txt", b"kept")]).await;
    let again = world.add("anna", &["--mimei", &link, &world.file("a.txt", b"second")]).await;
    let at = |link: &str| link.parse::<Link>().unwrap();
    assert_eq!((at(&again).mimei, &at(&again).secret), (at(&link).mimei, &at(&link).secret));
    assert_ne!(at(&again).head, at(&link).head, "the new address knows the new state");

    let said = world.get("bert", &link, "now").await;
    assert!(said.is_well, "the first address shows the newest: {said:?}");
    assert_eq!(read(&world.path("bert/now"), "a.txt"), b"second");
    assert_eq!(read(&world.path("bert/now"), "b.txt"), b"kept");
    let first = Link { at: At::Number(1), ..at(&link) }.to_string();
    assert!(world.get("bert", &first, "then").await.is_well);
    assert_eq!(read(&world.path("bert/then"), "a.txt"), b"first");
    let third = Link { at: At::Number(3), ..at(&link) }.to_string();
    let said = world.get("bert", &third, "none").await;
    assert!(!said.is_well && said.err.contains("no such version"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_address_that_writes_lets_others_write() {
    let world = World::new().await;
    let file = world.file("a.txt", b"anna");
    let link = world.add("anna", &[&file]).await;
    let changed = world.file("x/a.txt", b"bert");
    let said = world.run("bert", &["add", &changed, "--mimei", &link]).await;
    assert!(!said.is_well && said.err.contains("only reads"), "{said:?}");
    let writes = world.add("anna", &["--write", "--mimei", &link, &file]).await;
    let said = world.run("bert", &["add", &changed, "--mimei", &writes]).await;
    assert!(said.is_well, "{said:?}");
    assert!(world.get("anna", &link, "back").await.is_well);
    assert_eq!(std::fs::read(world.path("anna/back")).unwrap(), b"bert");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_here_is_replaced_unasked() {
    let world = World::new().await;
    let link = world.add("anna", &[&world.file("a.txt", b"new")]).await;
    world.file("bert/a.txt", b"old");
    let said = world.run("bert", &["get", &link]).await;
    assert!(!said.is_well && said.err.contains("--force"), "{said:?}");
    assert_eq!(read(&world.path("bert"), "a.txt"), b"old");
    assert!(world.run("bert", &["get", &link, "--force"]).await.is_well);
    assert_eq!(read(&world.path("bert"), "a.txt"), b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_would_hide_or_deceive_is_not_written() {
    let world = World::new().await;
    for name in [".bashrc", "a\x1b[2J.txt", "a\u{202e}txt.exe"] {
        let link = world.add("anna", &[&world.file(name, b"evil"), &world.file("good.txt", b"good")]).await;
        let said = world.get("bert", &link, "out").await;
        assert!(!said.is_well && said.err.contains("is not written"), "{said:?}");
        assert!(!said.err.contains(['\x1b', '\u{202e}']), "{said:?}");
        assert!(!world.path("bert/out").exists(), "not even the good one");
        let said = world.run("bert", &["show", &link]).await;
        assert!(said.is_well && !said.out.contains(['\x1b', '\u{202e}']), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_that_was_used_first_is_used_again() {
    let world = World::new().await;
    let file = world.file("a.txt", b"a");
    let said = world.run("anna", &["add", &file]).await;
    assert!(!said.is_well && said.err.contains("--to"), "nobody said which: {said:?}");
    world.add("anna", &[&file]).await;
    let said = world.run("anna", &["add", &file]).await;
    assert!(said.is_well && said.out.contains(world.relay.user()), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_name_is_the_same_mimei() {
    let world = World::new().await;
    let one = world.add("anna", &["--name", "notes", &world.file("a.txt", b"a")]).await;
    let two = world.add("anna", &["--name", "notes", &world.file("b.txt", b"b")]).await;
    let id = |link: &str| link.parse::<Link>().unwrap().mimei;
    assert_eq!(id(&one), id(&two));
    assert!(world.get("bert", &one, "out").await.is_well);
    assert_eq!(
        (read(&world.path("bert/out"), "a.txt"), read(&world.path("bert/out"), "b.txt")),
        (b"a".into(), b"b".into())
    );
    let auto = world.add("anna", &[&world.file("a.txt", b"a")]).await;
    assert_ne!(id(&auto), id(&one));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_names_is_shown_in_words() {
    let world = World::new().await;
    let link = world.add("anna", &[&world.file("a.txt", &noise(1536))]).await;
    let said = world.run("bert", &["show", &link]).await;
    assert!(said.is_well, "{said:?}");
    let has = |line: &str| said.out.lines().any(|of| of.split_whitespace().collect::<Vec<_>>().join(" ") == line);
    assert!(has("kind folder") && has("you may read") && has("everyone nothing") && has("tips 1"), "{}", said.out);
    assert!(has("file 1.5 KiB a.txt"), "{}", said.out);
    let id = link.parse::<Link>().unwrap().mimei.to_string();
    let said = world.run("anna", &["show", &id]).await;
    assert!(said.is_well && said.out.contains("setRights"), "its author needs the id alone: {said:?}");
    let said = world.run("carl", &["show", &id, "--to", world.relay.address()]).await;
    assert!(!said.is_well && said.out.is_empty(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_never_the_relay() {
    let world = World::new().await;
    world.file(&format!("other/{SETTINGS}"), EXAMPLE.as_bytes());
    let other = world.path("other");
    let file = world.file("a.txt", b"a");
    let args = ["add", &file, "--data", other.to_str().unwrap(), "--to", world.relay.address()];
    let said = world.run("anna", &args).await;
    assert!(!said.is_well && said.err.contains("directory of a relay"), "{said:?}");
    assert!(!other.join("device.key").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_taken_back_opens_nothing_and_others_go_on() {
    let world = World::new().await;
    let link = world.add("anna", &[&world.file("a.txt", b"first")]).await;
    assert!(world.get("bert", &link, "before").await.is_well);
    let stranger = world.run("carl", &["unshare", &link]).await;
    assert!(!stranger.is_well && stranger.err.contains("only its author"), "{stranger:?}");
    let bare = link.split_once('#').unwrap().0;
    let keyless = world.run("anna", &["unshare", bare]).await;
    assert!(!keyless.is_well && keyless.err.contains("--everyone"), "{keyless:?}");
    let said = world.run("anna", &["unshare", &link]).await;
    assert!(said.is_well && said.out.contains("Taken back"), "{said:?}");
    let said = world.get("carl", &link, "after").await;
    assert!(!said.is_well && !world.path("carl/after").exists(), "{said:?}");
    assert!(!world.run("anna", &["show", bare]).await.out.contains("with link"));

    let open = world.add("anna", &["--public", &world.file("b.txt", b"for all")]).await;
    assert!(world.get("dora", &open, "open").await.is_well);
    let said = world.run("anna", &["unshare", "--everyone", &open]).await;
    assert!(said.is_well, "{said:?}");
    assert!(!world.get("emil", &open, "closed").await.is_well);
}
