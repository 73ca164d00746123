//! The program as an owner and their guests use it: invites, lines that end, what is not served.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use relay_node::control::Reply;
use tempfile::TempDir;

/// A relay that runs as a program of its own, and a place for people.
struct World {
    directory: TempDir,
    relay: Option<Child>,
    address: String,
    web: String,
}

/// What a run of the program said.
#[derive(Debug)]
struct Said {
    is_well: bool,
    out: String,
    err: String,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut relay) = self.relay.take() {
            let _ = relay.kill();
            let _ = relay.wait();
        }
    }
}

fn mimei(home: &Path) -> Command {
    std::fs::create_dir_all(home).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mimei"));
    command.current_dir(home).env("XDG_DATA_HOME", home).env("HOME", home).env_remove("MIMEI_RELAY");
    command
}

fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { is_well: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut world = Self { directory, relay: None, address: String::new(), web: String::new() };
        world.start();
        world
    }

    /// Starts the relay; the lines it says until it says where it is, and whose it is.
    fn start(&mut self) -> Vec<String> {
        let mut command = mimei(self.directory.path());
        command.args(["run", "--listen", "127.0.0.1:0", "--data"]).arg(self.data()).stdout(Stdio::piped());
        command.env("MIMEI_STRANGERS", "100M");
        let mut relay = command.spawn().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(relay.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            let newest = lines.last().unwrap();
            let of = |name: &str| newest.strip_prefix(name).map(|value| value.trim().to_owned());
            self.web = of("open ").unwrap_or_else(|| std::mem::take(&mut self.web));
            if let Some(address) = of("address ") {
                self.address = address;
                break;
            }
        }
        self.relay = Some(relay);
        lines
    }

    fn stop(&mut self) {
        let mut relay = self.relay.take().unwrap();
        let _ = Command::new("kill").arg(relay.id().to_string()).status();
        relay.wait().unwrap();
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("relay")
    }

    fn person(&self, who: &str, args: &[&str]) -> Said {
        said(mimei(&self.directory.path().join(who)).args(args).output().unwrap())
    }

    /// Runs a command of the owner's.
    fn owner(&self, args: &[&str]) -> Said {
        let data = self.data();
        said(mimei(self.directory.path()).args(args).arg("--data").arg(data).output().unwrap())
    }

    fn invite(&self, args: &[&str]) -> String {
        let said = self.owner(&[&["invite", "--no-qr"], args].concat());
        assert!(said.is_well, "{said:?}");
        said.out.lines().next().unwrap().to_owned()
    }

    fn file(&self, name: &str, length: usize) -> (String, Vec<u8>) {
        let bytes: Vec<u8> = (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        let path = self.directory.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        (path.to_str().unwrap().to_owned(), bytes)
    }

    fn add(&self, who: &str, file: &str) -> Said {
        self.person(who, &["add", "--to", &self.address, file])
    }
}

#[test]
fn an_invite_is_a_link_to_this_relay_that_one_person_uses_once() {
    let world = World::new();
    let link = world.invite(&["--space", "5M", "--traffic", "50M/month", "--for", "Ada"]);
    assert!(link.starts_with(&format!("{}/#mimei:invite?r=relay:", world.web)), "{link}");
    let joined = world.person("ada", &["join", &link]);
    assert!(joined.is_well, "{joined:?}");
    assert!(joined.out.contains("of 50 MB used") && joined.out.contains("0 bytes of 5 MB used"), "{joined:?}");
    let late = world.person("bob", &["join", &link]);
    assert!(!late.is_well && late.err.contains("used already"), "{late:?}");
    assert!(world.owner(&["credit"]).out.contains("Ada"));
    // Nothing more is to be named: the relay of the invite is the default now.
    let (file, bytes) = world.file("song", 300_000);
    let added = world.person("ada", &["add", &file]);
    assert!(added.is_well, "{added:?}");
    let got = world.person("eve", &["get", added.out.trim(), "-o", "here"]);
    assert!(got.is_well, "a stranger reads by link: {got:?}");
    assert_eq!(std::fs::read(world.directory.path().join("eve/here")).unwrap(), bytes);
    let wallet = world.person("ada", &["wallet"]);
    assert!(wallet.out.contains("reserved for your readers"), "{wallet:?}");
    let account = world.owner(&["credit", "Ada", "--json"]);
    let account: serde_json::Value = serde_json::from_str(&account.out).unwrap();
    assert!(account[0]["stored"].as_u64().unwrap() > 300_000, "{account}");
}

#[test]
fn a_stranger_stores_nothing_and_is_told_what_to_do() {
    let world = World::new();
    let (file, _) = world.file("mine", 1_000);
    let said = world.add("eve", &file);
    assert!(!said.is_well && said.err.contains("ask its owner for an invite"), "{said:?}");
    let wrong = world.person("eve", &["join", "mimei:invite?r=relay:nonsense#x"]);
    assert!(!wrong.is_well, "{wrong:?}");
}

#[test]
fn an_upload_pauses_and_goes_on_when_the_owner_raises_the_line() {
    let world = World::new();
    let link = world.invite(&["--space", "50M", "--traffic", "1M", "--for", "Ada"]);
    assert!(world.person("ada", &["join", &link]).is_well);
    let (file, bytes) = world.file("film", 5_000_000);
    let mut command = mimei(&world.directory.path().join("ada"));
    let mut adding = command.args(["add", &file]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(adding.stderr.take().unwrap()).lines().map(Result::unwrap);
    let paused = said.find(|line| line.contains("paused: ")).expect("it says that it waits");
    assert!(paused.contains("1 MB is used up; ask the relay's owner to raise it"), "{paused}");
    let raised = world.owner(&["credit", "Ada", "--traffic", "80M"]);
    assert!(raised.is_well, "{raised:?}");
    let mut link = String::new();
    adding.stdout.take().unwrap().read_to_string(&mut link).unwrap();
    assert!(adding.wait().unwrap().success(), "it did not go on: {:?}", said.collect::<Vec<_>>());
    assert!(world.person("eve", &["get", link.trim(), "-o", "here"]).is_well);
    assert_eq!(std::fs::read(world.directory.path().join("eve/here")).unwrap(), bytes);
}

#[test]
fn what_is_blocked_is_not_served_until_it_is_allowed_again() {
    let world = World::new();
    let invite = world.invite(&[]);
    assert!(world.person("ada", &["join", &invite]).is_well);
    let (file, _) = world.file("film", 10_000);
    let link = world.add("ada", &file).out;
    assert!(world.owner(&["block", link.trim()]).is_well);
    assert!(world.owner(&["block", "--list"]).out.contains("mimei  "));
    let refused = world.person("eve", &["get", link.trim(), "-o", "here"]);
    assert!(!refused.is_well && refused.err.contains("does not serve this"), "{refused:?}");
    assert!(world.owner(&["block", "--undo", link.trim()]).is_well);
    assert!(world.person("eve", &["get", link.trim(), "-o", "here"]).is_well);
}

#[test]
fn accounts_are_seen_and_changed_while_no_relay_runs() {
    let mut world = World::new();
    let invite = world.invite(&["--for", "Ada", "--traffic", "10M"]);
    assert!(world.person("ada", &["join", &invite]).is_well);
    world.stop();
    assert!(world.owner(&["credit"]).out.contains("Ada"));
    assert!(world.owner(&["credit", "Ada", "--traffic", "20M", "--settle", "1M", "--reason", "service"]).is_well);
    let no_relay = world.owner(&["invite", "--no-qr"]);
    assert!(!no_relay.is_well && no_relay.err.contains("start it with `mimei run`"), "{no_relay:?}");
    world.start();
    let account = world.owner(&["credit", "Ada"]);
    assert!(account.out.contains("20 MB") && account.out.contains("1 MB  service"), "{account:?}");
    let export: serde_json::Value = serde_json::from_str(&world.owner(&["credit", "--export"]).out).unwrap();
    let kinds: Vec<_> = export.as_array().unwrap().iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["line", "receipt"]);
    let unknown = world.owner(&["credit", "Nobody", "--traffic", "1G"]);
    assert!(!unknown.is_well && unknown.err.contains("nobody here is called Nobody"), "{unknown:?}");
}

#[test]
fn a_new_relay_gives_its_owner_an_invite_until_somebody_has_an_account() {
    let mut world = World::new();
    let invite = world.invite(&[]);
    world.stop();
    let mut command = mimei(world.directory.path());
    command.args(["run", "--listen", "127.0.0.1:0", "--data"]).arg(world.data()).stdout(Stdio::piped());
    let mut relay = command.spawn().unwrap();
    let mut lines = BufReader::new(relay.stdout.take().unwrap()).lines().map(Result::unwrap);
    let yours = lines.find_map(|line| line.strip_prefix("yours ").map(|link| link.trim().to_owned()));
    let yours = yours.expect("a link for the owner");
    assert_ne!(yours, invite);
    let joined = world.person("owner", &["join", &yours]);
    assert!(joined.is_well && joined.out.contains("of 1 TB used"), "{joined:?}");
    relay.kill().unwrap();
    relay.wait().unwrap();
    world.start();
    assert!(world.owner(&["credit"]).out.contains("owner"));
}

#[test]
fn only_the_owner_opens_the_socket_and_nonsense_is_answered() {
    let world = World::new();
    let socket = world.data().join("control.sock");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&world.data()), mode(&socket)), (0o700, 0o600));
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"{\"Steal\":{}}\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let reply: Result<Reply, String> = serde_json::from_str(&line).unwrap();
    assert!(reply.unwrap_err().contains("not understood"));
    assert!(world.owner(&["credit"]).is_well, "it goes on after that");
}
