//! People with devices, and one MiMei of the first of them.

use std::collections::BTreeMap;

use mimei_core::cbor::{Bytes, Cbor};
use mimei_core::cid::{AccessId, HeadId, MimeiId, UserId, VersionId};
use mimei_core::identity::{AddDevice, Entry, IdentityLog, RevokeDevice, SealGeneration};
use mimei_core::link::LinkSecret;
use mimei_core::mimei::{
    AccessChain, AccessChange, AccessRecord, AccessView, App, Audience, EpochKeys, Everyone, Ext, Genesis, Head,
    HeadSet, Judge, Kind, NextHead, Proof, Right, Rights, Signer, Tips, Who,
};
use mimei_core::seal::EpochKey;
use mimei_core::secret::{self, DeviceSecrets, NewIdentity};
use mimei_core::sign::{Domain, Signed};
use mimei_core::time::Millis;

pub(crate) const NOW: Millis = Millis(1_000_000);

/// A small generator, so that a seed replays.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

pub(crate) struct Person {
    pub(crate) root: NewIdentity,
    pub(crate) user: UserId,
    /// In the order of certification.
    pub(crate) devices: Vec<DeviceSecrets>,
}

/// A device: the number of its person and its own.
pub(crate) type Device = (usize, usize);

pub(crate) struct World {
    pub(crate) people: Vec<Person>,
    pub(crate) logs: BTreeMap<UserId, IdentityLog>,
    pub(crate) genesis: Genesis,
    pub(crate) mimei: MimeiId,
    count: u64,
}

impl World {
    /// People with two devices each; the first is the author.
    pub(crate) fn new(people: usize) -> Self {
        let people: Vec<Person> = (0..people).map(person).collect();
        let genesis = Genesis {
            app: App::new("org.example.test").unwrap(),
            ext: Ext::default(),
            kind: Kind::Folder,
            name: [7; 32],
            author: people[0].user,
        };
        let mut world = Self { logs: BTreeMap::new(), mimei: genesis.id(), genesis, people, count: 0 };
        for at in 0..world.people.len() {
            let log = IdentityLog::new(world.people[at].root.first.clone()).unwrap();
            world.logs.insert(world.people[at].user, log);
            world.add_device(at);
        }
        world
    }

    pub(crate) fn user(&self, at: usize) -> UserId {
        self.people[at].user
    }

    pub(crate) fn secrets(&self, (person, device): Device) -> &DeviceSecrets {
        &self.people[person].devices[device]
    }

    fn add_device(&mut self, at: usize) {
        let seed = [100 + self.people[at].devices.len() as u8; 32];
        let device = DeviceSecrets::generate(&[seed[0] ^ at as u8 ^ 0x80; 32]);
        let person = &self.people[at];
        let log = self.logs.get_mut(&person.user).unwrap();
        let entry = Entry::AddDevice(AddDevice {
            by: person.devices[0].keys().sign,
            prev: log.tips(),
            time: NOW,
            user: person.user,
            proof: device.consent(person.devices[0].keys().sign, person.user),
            share: secret::seal_share(&person.root.root.seals[0], &device.keys(), &seed),
            device: device.keys(),
        });
        log.insert(secret::sign_entry(&sign_seed(&person.devices[0]), entry)).unwrap();
        self.people[at].devices.push(device);
    }

    /// Ends a device by its user's root.
    pub(crate) fn revoke(&mut self, (person, device): Device, accepted: &[mimei_core::cid::Cid]) {
        let target = self.secrets((person, device)).keys().sign;
        let person = &self.people[person];
        let log = self.logs.get_mut(&person.user).unwrap();
        let number = log.seal().number + 1;
        let secret = secret::SealSecret { number, secret: [number as u8; 32] };
        let entry = Entry::RevokeDevice(RevokeDevice {
            by: secret::sign_key_of(&person.root.root.root),
            prev: log.tips(),
            seal: SealGeneration { key: secret::seal_key_of(&secret.secret), number, shares: Vec::new() },
            time: NOW,
            user: person.user,
            device: target,
            accepted: accepted.to_vec(),
        });
        log.insert(secret::sign_entry(&person.root.root.root, entry)).unwrap();
    }

    pub(crate) fn by(&self, device: Device) -> Signer {
        let user = self.user(device.0);
        Signer { log: self.logs[&user].tips(), user, proof: None, device: self.secrets(device).keys().sign }
    }

    pub(crate) fn by_link(&self, device: Device, link: &LinkSecret, access: AccessId) -> Signer {
        let by = self.by(device);
        let proof = link.prove(by.user, by.device, self.mimei, access);
        Signer { proof: Some(Proof::Link(proof)), ..by }
    }

    pub(crate) fn sign_head(&self, device: Device, head: Head) -> Signed<Head> {
        Signed { sig: self.secrets(device).sign(Domain::Head, &head.to_cbor()), body: head }
    }

    pub(crate) fn sign_access(&self, device: Device, record: AccessRecord) -> Signed<AccessRecord> {
        Signed { sig: self.secrets(device).sign(Domain::Access, &record.to_cbor()), body: record }
    }

    /// Keys of an epoch that no other record has, sealed to nobody.
    pub(crate) fn fresh_keys(&mut self, in_clear: bool, links: &[LinkSecret]) -> EpochKeys {
        self.count += 1;
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.count.to_le_bytes());
        let key = EpochKey::from_bytes(bytes);
        let to: Vec<_> = links.iter().map(|link| link.keys().seal).collect();
        let history =
            mimei_core::mimei::KeyHistory { salt: mimei_core::seal::MapSalt::from_bytes([1; 32]), earlier: Vec::new() };
        let epoch = mimei_core::mimei::NewEpoch { key: &key, history: &history, to: &to, in_clear };
        EpochKeys { earlier: Bytes(Vec::new()), ..epoch.seal(&self.mimei, &bytes).unwrap() }
    }

    /// A change to these audiences, with a new epoch.
    pub(crate) fn change(&mut self, audiences: Vec<Audience>) -> AccessChange {
        let everyone = Who::Everyone(Everyone {});
        let in_clear = audiences.iter().any(|a| a.who == everyone && a.rights.has(Right::Read));
        let keys = Some(self.fresh_keys(in_clear, &[]));
        AccessChange { audiences, keys, accepted: Vec::new(), relays: Vec::new(), mirrors: Vec::new() }
    }

    /// Signs a record after the newest and takes it in.
    pub(crate) fn set(&mut self, chain: &mut AccessChain, device: Device, audiences: Vec<Audience>) -> AccessId {
        let change = self.change(audiences);
        self.set_all(chain, device, change)
    }

    pub(crate) fn set_all(&mut self, chain: &mut AccessChain, device: Device, change: AccessChange) -> AccessId {
        let record = chain.view(&self.logs).next_record(self.by(device), change);
        let signed = self.sign_access(device, record);
        let id = AccessId::of(&signed.to_cbor());
        assert_eq!(chain.insert(signed, &self.logs), Ok(true));
        id
    }

    /// A record after any other, as somebody offline or malicious signs it.
    pub(crate) fn record_after(
        &mut self,
        device: Device,
        prev: Option<(&AccessChain, AccessId)>,
        audiences: Vec<Audience>,
    ) -> Signed<AccessRecord> {
        let change = self.change(audiences);
        let empty = AccessChain::new(&self.genesis).view(&self.logs);
        let mut record = empty.next_record(self.by(device), change);
        if let Some((chain, prev)) = prev {
            record.seq = chain.get(&prev).unwrap().body.seq + 1;
            record.prev = Some(prev);
        }
        self.sign_access(device, record)
    }

    pub(crate) fn user_audience(&self, at: usize, rights: Rights) -> Audience {
        Audience::new(Who::User(self.user(at)), rights)
    }

    pub(crate) fn judge<'a>(&'a self, view: &'a AccessView) -> Judge<'a, BTreeMap<UserId, IdentityLog>> {
        Judge { view, logs: &self.logs, now: NOW }
    }

    pub(crate) fn tips(&self, heads: &HeadSet, chain: &AccessChain) -> Tips {
        heads.tips(&self.judge(&chain.view(&self.logs)))
    }

    /// The next head of a device over the tips of a set.
    pub(crate) fn next_head(
        &self,
        heads: &HeadSet,
        chain: &AccessChain,
        by: Signer,
        last: VersionId,
        release: Option<VersionId>,
    ) -> Head {
        let view = chain.view(&self.logs);
        let tips = heads.tips(&self.judge(&view));
        heads.next_head(&tips, &view, NextHead { by, last, release, time: NOW })
    }

    /// Signs the next head of a device, keeping the release, and takes it in.
    pub(crate) fn save(&self, heads: &mut HeadSet, chain: &AccessChain, device: Device, last: &str) -> HeadId {
        let release = self.tips(heads, chain).winner().and_then(|tip| tip.release);
        let head = self.next_head(heads, chain, self.by(device), version(last), release);
        self.take(heads, chain, self.sign_head(device, head))
    }

    pub(crate) fn release(&self, heads: &mut HeadSet, chain: &AccessChain, device: Device, name: &str) -> HeadId {
        let last = self.tips(heads, chain).winner().unwrap().last;
        let head = self.next_head(heads, chain, self.by(device), last, Some(version(name)));
        self.take(heads, chain, self.sign_head(device, head))
    }

    pub(crate) fn take(&self, heads: &mut HeadSet, chain: &AccessChain, signed: Signed<Head>) -> HeadId {
        let id = HeadId::of(&signed.to_cbor());
        assert_eq!(heads.insert(signed, chain, &self.logs), Ok(true));
        id
    }
}

fn person(at: usize) -> Person {
    let root = secret::create_identity(&[at as u8 + 1; 32], NOW);
    let user = UserId::of(&root.first.to_cbor());
    let devices = vec![root.device.clone()];
    Person { root, user, devices }
}

pub(crate) fn sign_seed(device: &DeviceSecrets) -> [u8; 32] {
    device.sign
}

pub(crate) fn version(name: &str) -> VersionId {
    VersionId::of(name.as_bytes())
}

pub(crate) const EDITOR: Rights = Rights::WRITER;
pub(crate) const RULER: Rights =
    Rights::of(&[Right::Read, Right::Write, Right::Save, Right::Release, Right::SetRights]);
