//! Users of the simulation: their secrets, devices and logs.

use mimei_core::cid::{Cid, UserId};
use mimei_core::identity::{AddDevice, Entry, IdentityLog, RevokeDevice, SealGeneration};
use mimei_core::secret::{self, DeviceSecrets, RootSecrets, SealSecret};
use mimei_core::sign::{SignKey, Signed};
use mimei_core::time::Millis;
use mimei_core::vault::Vault;

use crate::random::Random;

/// A user with everything that a real one would keep apart.
pub struct Person {
    /// The root's secrets.
    pub root: RootSecrets,
    /// The first device.
    pub device: DeviceSecrets,
    /// What is known of the log here.
    pub log: IdentityLog,
}

impl Person {
    /// Somebody new.
    pub fn new(random: &mut Random) -> Self {
        let new = secret::create_identity(&random.bytes32(), Millis(1_700_000_000_000));
        let log = IdentityLog::new(new.first).expect("a first entry just signed");
        Self { root: new.root, device: new.device, log }
    }

    /// The user id.
    pub fn user(&self) -> UserId {
        self.log.user()
    }

    /// Adds a device by the root and takes it into the log.
    pub fn add_device(&mut self, random: &mut Random) -> DeviceSecrets {
        let device = DeviceSecrets::generate(&random.bytes32());
        let signed = add_device(&self.log, &self.root.root, &device, random);
        self.log.insert(signed).expect("an addition by the root");
        device
    }

    /// Revokes a device by the root and takes that into the log.
    pub fn revoke(&mut self, device: &SignKey, random: &mut Random) {
        let signed = revoke_device(&self.log, &self.root.root, device, vec![], random);
        self.log.insert(signed).expect("a revocation by the root");
    }

    /// The log as it is now, in a copy of its own.
    pub fn log_copy(&self) -> IdentityLog {
        copy_of(&self.log)
    }
}

/// The vault of somebody who does nothing with MiMeis: its secrets are made up.
pub fn empty_vault(log: &IdentityLog) -> Vault {
    vault_of(log, &secret::create_identity(log.user().cid().hash(), Millis(0)).root)
}

/// The vault of a user with these secrets.
pub fn vault_of(log: &IdentityLog, root: &RootSecrets) -> Vault {
    Vault::new(log.user(), &root.data())
}

/// A log with the same entries.
pub fn copy_of(log: &IdentityLog) -> IdentityLog {
    IdentityLog::from_entries(log.entries()).expect("entries of a valid log")
}

/// An entry that follows all of `log` and certifies `device`, signed by the seed `by`.
///
/// The share seals a made-up secret: logs do not look into shares.
pub fn add_device(log: &IdentityLog, by: &[u8; 32], device: &DeviceSecrets, random: &mut Random) -> Signed<Entry> {
    let secret = SealSecret { secret: random.bytes32(), number: log.seal().number };
    let entry = AddDevice {
        by: secret::sign_key_of(by),
        prev: log.tips(),
        time: Millis(random.within(0..1 << 40)),
        user: log.user(),
        proof: device.consent(secret::sign_key_of(by), log.user()),
        share: secret::seal_share(&secret, &device.keys(), &random.bytes32()),
        device: device.keys(),
    };
    secret::sign_entry(by, entry.into())
}

/// An entry that follows all of `log` and revokes `device`, signed by the seed `by`.
pub fn revoke_device(
    log: &IdentityLog,
    by: &[u8; 32],
    device: &SignKey,
    accepted: Vec<Cid>,
    random: &mut Random,
) -> Signed<Entry> {
    let secret = random.bytes32();
    let entry = RevokeDevice {
        by: secret::sign_key_of(by),
        prev: log.tips(),
        seal: SealGeneration { key: secret::seal_key_of(&secret), number: newest_number(log) + 1, shares: vec![] },
        time: Millis(random.within(0..1 << 40)),
        user: log.user(),
        device: *device,
        accepted,
    };
    secret::sign_entry(by, entry.into())
}

/// The highest number of any generation in the log, whether it stands or not: what a new one must follow.
pub fn newest_number(log: &IdentityLog) -> u64 {
    let number = |signed: Signed<Entry>| match signed.body {
        Entry::Create(e) => e.seal.number,
        Entry::RevokeDevice(e) => e.seal.number,
        Entry::AddDevice(_) => 0,
    };
    log.entries().into_iter().map(number).max().unwrap_or(0)
}
