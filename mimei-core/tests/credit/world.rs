//! A creditor, a debtor with four devices, and somebody else.

use std::collections::BTreeMap;

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, MimeiId, UserId};
use mimei_core::credit::{
    Account, CreditRecord, Iou, Line, Mandate, Prices, Ratio, Reason, Receipt, Unit, UseOfLink, What,
};
use mimei_core::identity::{AddDevice, IdentityLog, RevokeDevice, SealGeneration};
use mimei_core::mimei::Signer;
use mimei_core::secret::{self, DeviceSecrets, NewIdentity};
use mimei_core::sign::{Domain, SignKey, Signed};
use mimei_core::time::Millis;

pub(crate) const NOW: Millis = Millis(1_700_000_000_000);
pub(crate) const CREDITOR: usize = 0;
pub(crate) const DEBTOR: usize = 1;
pub(crate) const OTHER: usize = 2;
pub(crate) const DEVICES: usize = 4;

/// A device: the number of its person and its own.
pub(crate) type Device = (usize, usize);

struct Person {
    root: NewIdentity,
    user: UserId,
    devices: Vec<DeviceSecrets>,
}

pub(crate) struct World {
    people: Vec<Person>,
    pub(crate) logs: BTreeMap<UserId, IdentityLog>,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self { people: Vec::new(), logs: BTreeMap::new() };
        for at in [CREDITOR, DEBTOR, OTHER] {
            let root = secret::create_identity(&[at as u8 + 1; 32], NOW);
            let log = IdentityLog::new(root.first.clone()).unwrap();
            let (user, devices) = (log.user(), vec![root.device.clone()]);
            world.logs.insert(user, log);
            world.people.push(Person { root, user, devices });
            (1..DEVICES).for_each(|_| world.add_device(at));
        }
        world
    }

    fn add_device(&mut self, at: usize) {
        let person = &mut self.people[at];
        let device = DeviceSecrets::generate(&[0x40 + (at * DEVICES + person.devices.len()) as u8; 32]);
        let log = self.logs.get_mut(&person.user).unwrap();
        let by = secret::sign_key_of(&person.root.root.root);
        let entry = AddDevice {
            by,
            prev: log.tips(),
            time: NOW,
            user: person.user,
            proof: device.consent(by, person.user),
            share: secret::seal_share(&person.root.root.seals[0], &device.keys(), &[9; 32]),
            device: device.keys(),
        };
        log.insert(secret::sign_entry(&person.root.root.root, entry.into())).unwrap();
        person.devices.push(device);
    }

    /// Ends a device by its user's root.
    pub(crate) fn revoke(&mut self, (person, device): Device, accepted: Vec<Cid>) {
        let target = self.key((person, device));
        let person = &self.people[person];
        let log = self.logs.get_mut(&person.user).unwrap();
        let number = log.seal().number + 1;
        let entry = RevokeDevice {
            by: secret::sign_key_of(&person.root.root.root),
            prev: log.tips(),
            seal: SealGeneration { key: secret::seal_key_of(&[7; 32]), number, shares: Vec::new() },
            time: NOW,
            user: person.user,
            device: target,
            accepted,
        };
        log.insert(secret::sign_entry(&person.root.root.root, entry.into())).unwrap();
    }

    pub(crate) fn user(&self, at: usize) -> UserId {
        self.people[at].user
    }

    pub(crate) fn secrets(&self, (person, device): Device) -> &DeviceSecrets {
        &self.people[person].devices[device]
    }

    pub(crate) fn key(&self, device: Device) -> SignKey {
        self.secrets(device).keys().sign
    }

    pub(crate) fn by(&self, device: Device) -> Signer {
        let user = self.user(device.0);
        Signer { log: self.logs[&user].tips(), user, proof: None, device: self.key(device) }
    }

    /// Signs a record by the device that it names.
    pub(crate) fn sign<T: CreditRecord>(&self, body: T) -> Signed<T> {
        let all = self.people.iter().flat_map(|person| &person.devices);
        let device = all.into_iter().find(|device| device.keys().sign == body.by().device).unwrap();
        Signed { sig: device.sign(T::DOMAIN, &body.to_cbor()), body }
    }

    /// Signs a record by a device and in a domain, whatever the record says.
    pub(crate) fn sign_as<T: Cbor>(&self, device: Device, domain: Domain, body: T) -> Signed<T> {
        Signed { sig: self.secrets(device).sign(domain, &body.to_cbor()), body }
    }

    pub(crate) fn account(&self) -> Account {
        Account::new(self.user(CREDITOR), self.user(DEBTOR))
    }

    /// An account with a line.
    pub(crate) fn account_of(&self, limit: u64) -> Account {
        let mut account = self.account();
        assert_eq!(account.take_line(self.sign(self.line(limit, 1)), &self.logs), Ok(true));
        account
    }

    pub(crate) fn line(&self, limit: u64, serial: u64) -> Line {
        Line {
            by: self.by((CREDITOR, 0)),
            unit: Unit::Byte,
            limit,
            space: 1 << 30,
            until: None,
            debtor: self.user(DEBTOR),
            prices: 1,
            renews: None,
            serial,
        }
    }

    pub(crate) fn iou(&self, device: usize, total: u64, folded: u64, serial: u64) -> Iou {
        let creditor = self.user(CREDITOR);
        Iou { by: self.by((DEBTOR, device)), unit: Unit::Byte, total, folded, serial, creditor }
    }

    pub(crate) fn receipt(&self, total: u64, amount: u64, serial: u64) -> Receipt {
        let (by, debtor) = (self.by((CREDITOR, 0)), self.user(DEBTOR));
        Receipt { by, time: NOW, unit: Unit::Byte, total, amount, debtor, reason: Reason::Allowance, serial }
    }

    pub(crate) fn mandate(&self, what: What, total: u64, serial: u64) -> Mandate {
        Mandate {
            by: self.by((DEBTOR, 0)),
            day: u64::MAX,
            unit: Unit::Byte,
            what,
            total,
            until: None,
            serial,
            creditor: self.user(CREDITOR),
        }
    }

    pub(crate) fn prices(&self) -> Prices {
        Prices { by: self.by((CREDITOR, 0)), traffic: Ratio::ONE, version: 1 }
    }
}

/// What a mandate may be for: readers of a MiMei, or users of a link.
pub(crate) fn what(n: usize) -> What {
    let mimei = MimeiId::of(&[n as u8]);
    if n.is_multiple_of(2) { What::Mimei(mimei) } else { What::Link(UseOfLink { link: SignKey([n as u8; 32]), mimei }) }
}
