//! One person on two devices, the second made from the recovery file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::MimeiId;
use mimei_core::identity::IdentityLog;
use mimei_core::mimei::{Kind, Rights};
use mimei_core::peer::{Command, ItemCommand, Outcome, ShareTo};
use mimei_core::secret::{
    DeviceSecrets, add_device_from_recovery, create_identity, read_recovery_file, write_recovery_file,
};
use mimei_core::time::Millis;
use tests::desk::{Desk, Seat};
use tests::sim::{self, Temper};

/// Somebody at two devices, of which each knows the log as it was when it was made.
struct Scene {
    desk: Desk,
    first: Seat,
    second: Seat,
    mimei: MimeiId,
}

fn scene(seed: u64, kind: Kind) -> Scene {
    let mut desk = Desk::new(seed, sim::Link::good());
    let new = create_identity(&[seed as u8; 32], Millis(1_700_000_000_000));
    let log = IdentityLog::new(new.first).unwrap();
    let file = write_recovery_file(&new.root, &log);
    let first = desk.sim.add_node(new.device, log, Temper::calm());
    desk.sim.node_mut(first).set_root(new.root);
    let (root, mut log) = read_recovery_file(&file).unwrap();
    let device = DeviceSecrets::generate(&[seed as u8 + 1; 32]);
    add_device_from_recovery(&root, &mut log, &device, &[3; 32], Millis(1_700_000_000_001)).unwrap();
    let second = desk.sim.add_node(device, log, Temper::calm());
    desk.sim.node_mut(second).set_root(root);
    for node in [first, second] {
        desk.sim.crash(node);
        desk.sim.restart(node);
    }
    let [first, second] = [first, second].map(|node| Seat { node, session: desk.dial(node) });
    let name = (kind == Kind::Folder).then_some("base.txt");
    let mimei = desk.create(first.node, kind, "shared", false);
    desk.save(first.node, mimei, name, b"base").unwrap();
    desk.settle(first.node, mimei).unwrap();
    // The same app and name are the same MiMei on every device of a person.
    assert_eq!(desk.create(second.node, kind, "shared", false), mimei);
    desk.sim.run_for(5_000);
    assert_eq!(desk.view(second.node, mimei).versions.len(), 1);
    Scene { desk, first, second, mimei }
}

impl Scene {
    fn apart(&mut self) {
        for seat in [self.first, self.second] {
            self.desk.sim.tear(seat.session);
        }
        self.desk.sim.run_for(1_000);
    }

    fn together(&mut self) {
        for seat in [self.first, self.second] {
            self.desk.dial(seat.node);
            self.desk.settle(seat.node, self.mimei).unwrap();
        }
        self.desk.sim.run_for(10_000);
    }
}

#[test]
fn both_write_a_folder_offline_and_what_both_did_is_joined() {
    let mut scene = scene(1, Kind::Folder);
    let mimei = scene.mimei;
    // The second has the folder's nodes, so that it can change it offline.
    let base = scene.desk.view(scene.second.node, mimei).tips[0].last;
    scene.desk.list(scene.second.node, mimei, base).unwrap();
    scene.apart();
    scene.desk.save(scene.first.node, mimei, Some("first.txt"), b"at home").unwrap();
    scene.desk.save(scene.second.node, mimei, Some("second.txt"), b"on the way").unwrap();
    scene.together();
    let view = scene.desk.view(scene.first.node, mimei);
    assert_eq!((view.tips.len(), view.forks.len()), (2, 0), "unmerged, and nobody is to blame");
    scene.desk.run(scene.first.node, ItemCommand::Merge { mimei }).unwrap();
    scene.desk.settle(scene.first.node, mimei).unwrap();
    scene.desk.sim.run_for(5_000);
    for node in [scene.first.node, scene.second.node] {
        let view = scene.desk.view(node, mimei);
        assert_eq!((view.tips.len(), view.forks.len()), (1, 0));
        for (name, text) in [("base.txt", "base"), ("first.txt", "at home"), ("second.txt", "on the way")] {
            assert_eq!(scene.desk.read(node, mimei, view.tips[0].last, Some(name)).unwrap(), text.as_bytes());
        }
    }
}

#[test]
fn a_file_that_both_replaced_is_unmerged_for_readers_too_until_one_is_chosen() {
    let mut scene = scene(2, Kind::File);
    let mimei = scene.mimei;
    let link = scene.desk.share(scene.first.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    scene.desk.settle(scene.first.node, mimei).unwrap();
    let base = scene.desk.view(scene.second.node, mimei).tips[0].last;
    scene.desk.list(scene.second.node, mimei, base).unwrap();
    scene.apart();
    scene.desk.save(scene.first.node, mimei, None, b"one way").unwrap();
    let (chosen, _) = scene.desk.save(scene.second.node, mimei, None, b"or another").unwrap();
    scene.together();
    let reader = scene.desk.seat();
    let (view, _, _) = scene.desk.open(reader, &link).unwrap();
    assert_eq!((view.tips.len(), view.forks.len(), view.versions.len()), (2, 0, 3));
    scene.desk.run(scene.first.node, ItemCommand::Choose { mimei, version: chosen }).unwrap();
    scene.desk.settle(scene.first.node, mimei).unwrap();
    scene.desk.sim.run_for(5_000);
    let view = scene.desk.view(reader.node, mimei);
    assert_eq!((view.tips.len(), view.tips[0].last), (1, chosen));
    assert_eq!(scene.desk.read(reader.node, mimei, chosen, None).unwrap(), b"or another");
}

#[test]
fn each_device_learns_of_the_other_and_knows_it_after_the_next_start() {
    let mut scene = scene(3, Kind::Folder);
    let mimei = scene.mimei;
    scene.desk.save(scene.second.node, mimei, Some("b.txt"), b"b").unwrap();
    scene.desk.settle(scene.second.node, mimei).unwrap();
    scene.desk.sim.run_for(5_000);
    let devices = |desk: &mut Desk, node| {
        let id = desk.sim.command(node, Command::Devices);
        assert!(desk.sim.run_until(5_000, |sim| sim.outcome(node, id).is_some()));
        match desk.sim.outcome(node, id) {
            Some(Ok(Outcome::Devices(devices))) => devices.clone(),
            other => panic!("no devices: {other:?}"),
        }
    };
    for node in [scene.first.node, scene.second.node] {
        let known = devices(&mut scene.desk, node);
        assert_eq!(known.len(), 2, "one does not know of the other");
        assert!(known[0].added < known[1].added && known.iter().all(|device| !device.is_revoked));
        scene.desk.sim.crash(node);
        scene.desk.sim.restart(node);
        assert_eq!(devices(&mut scene.desk, node), known);
    }
    // What the first device says of itself at a relay that has met neither holds the second, too.
    let first = scene.first.node;
    scene.desk.dial(first);
    let (version, _) = scene.desk.save(first, mimei, Some("c.txt"), b"c").unwrap();
    scene.desk.settle(first, mimei).unwrap();
    assert_eq!(scene.desk.read(first, mimei, version, Some("b.txt")).unwrap(), b"b");
}
