//! A relay whose disk becomes full, as its owner and its guests meet it: what was acknowledged is there, what
//! is refused says so, and all goes on when there is room.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use tests::small_disk::SmallDisk;

const MIB: usize = 1 << 20;

/// A relay with its data on a small disk, and a place for people on a large one.
struct World {
    relay: Option<Child>,
    address: String,
    disk: SmallDisk,
    directory: TempDir,
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
        self.kill();
    }
}

fn mimei(home: &Path) -> Command {
    std::fs::create_dir_all(home).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mimei"));
    command.current_dir(home).env("XDG_DATA_HOME", home).env("HOME", home).env_remove("MIMEI_RELAY");
    command
}

impl World {
    fn new(test: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let disk = SmallDisk::mount(&directory.path().join("disk"), 64, test)?;
        let mut world = Self { relay: None, address: String::new(), disk, directory };
        world.start();
        Some(world)
    }

    /// Starts the relay; its log goes on in the same file.
    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = mimei(self.directory.path());
        command.args(["run", "--listen", "127.0.0.1:0", "--rtc", "127.0.0.1:0", "--data"]).arg(self.data());
        command.env("MIMEI_WELCOME_TRAFFIC", "1G/month").env("MIMEI_WELCOME_SPACE", "1G").env("MIMEI_STRANGERS", "1G");
        let mut relay = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let lines = BufReader::new(relay.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.into_iter().find_map(|line| line.strip_prefix("address ").map(|at| at.trim().to_owned()));
        self.relay = Some(relay);
        self.address = address.unwrap_or_else(|| panic!("the relay does not start: {}", self.said_to_owner()));
    }

    /// As the loss of power would end it.
    fn kill(&mut self) {
        if let Some(mut relay) = self.relay.take() {
            let _ = relay.kill();
            let _ = relay.wait();
        }
    }

    fn is_running(&mut self) -> bool {
        self.relay.as_mut().is_some_and(|relay| relay.try_wait().unwrap().is_none())
    }

    fn data(&self) -> PathBuf {
        self.disk.path().join("relay")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("relay.log")
    }

    fn said_to_owner(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    fn person(&self, who: &str, args: &[&str]) -> Said {
        let Output { status, stdout, stderr } = mimei(&self.directory.path().join(who)).args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { is_well: status.success(), out: text(stdout), err: text(stderr) }
    }

    /// A file of bytes that are like no other's.
    fn file(&self, name: &str, length: usize) -> (String, Vec<u8>) {
        let start = name.bytes().fold(1, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let bytes: Vec<u8> =
            (start..).take(length).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        let path = self.directory.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        (path.to_str().unwrap().to_owned(), bytes)
    }

    fn add(&self, who: &str, file: &str) -> Said {
        self.person(who, &["add", "--to", &self.address, file])
    }

    /// Somebody who was never here reads what an address names.
    fn assert_reads(&self, who: &str, link: &str, expected: &[u8]) {
        // The port is another after each start; whose address it is stays.
        let said = self.person(who, &["get", link, "--to", &self.address, "-o", "out", "--force"]);
        assert!(said.is_well, "{said:?}");
        let out = self.directory.path().join(who).join("out");
        let file = if out.is_dir() { std::fs::read_dir(&out).unwrap().next().unwrap().unwrap().path() } else { out };
        assert!(std::fs::read(file).unwrap() == expected, "{who} reads other bytes");
    }
}

#[test]
fn a_full_disk_refuses_with_a_sentence_loses_nothing_and_goes_on_when_there_is_room() {
    let Some(mut world) = World::new("a_full_disk_refuses_with_a_sentence_loses_nothing_and_goes_on") else { return };
    let ballast = world.disk.ballast("ballast", 20 * MIB);
    let mut acknowledged = Vec::new();
    let refused = loop {
        let (file, bytes) = world.file(&format!("file-{}", acknowledged.len()), 6 * MIB);
        let said = world.add("anna", &file);
        if !said.is_well {
            break (said, bytes);
        }
        acknowledged.push((said.out.trim().to_owned(), bytes));
    };
    let (said, unsent) = refused;
    assert!((1..7).contains(&acknowledged.len()), "{}: {said:?}", acknowledged.len());
    assert!(said.err.contains("the relay's disk is full"), "{said:?}");
    assert!(said.err.contains("The next mimei command with this relay sends the rest"), "{said:?}");
    assert!(world.is_running());
    for (link, bytes) in &acknowledged {
        world.assert_reads("bert", link, bytes);
    }
    let (file, _) = world.file("another", 2 * MIB);
    assert!(!world.add("carl", &file).is_well, "nobody else fills the reserve either");
    let told = world.said_to_owner();
    assert_eq!(told.matches("is full: new data is refused").count(), 1, "once, not for each block: {told}");

    world.kill();
    world.start();
    for (link, bytes) in &acknowledged {
        world.assert_reads("dora", link, bytes);
    }

    std::fs::remove_file(ballast).unwrap();
    let (file, bytes) = world.file("after", MIB);
    let after = world.add("anna", &file);
    assert!(after.is_well, "{after:?}");
    world.assert_reads("emil", after.out.trim(), &bytes);
    // What was refused has been sent, as it was promised.
    let link = said.err.lines().find(|line| line.contains("?")).unwrap();
    world.assert_reads("emil", link, &unsent);
}

#[test]
fn a_relay_starts_on_a_disk_without_a_byte_left_and_takes_data_again_when_there_is_room() {
    let Some(mut world) = World::new("a_relay_starts_on_a_disk_without_a_byte_left") else { return };
    let (file, bytes) = world.file("kept", 3 * MIB);
    let said = world.add("anna", &file);
    assert!(said.is_well, "{said:?}");
    world.kill();
    let ballast = world.disk.ballast("ballast", usize::MAX);
    world.start();
    let (refused, _) = world.file("refused", MIB);
    assert!(!world.add("anna", &refused).is_well);
    assert!(world.is_running());
    std::fs::remove_file(ballast).unwrap();
    world.assert_reads("bert", said.out.trim(), &bytes);
    assert!(world.add("anna", &refused).is_well, "the same relay takes again what it refused");
    assert!(world.said_to_owner().contains("there is room under"), "the owner is told that it is over");
}
