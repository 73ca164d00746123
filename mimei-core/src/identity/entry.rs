use alloc::vec::Vec;

use crate::cbor::Bytes;
use crate::cid::{Cid, EntryId, UserId};
use crate::record::{record, union};
use crate::sign::{SealKey, SignKey, Signature};
use crate::time::Millis;

record! {
    /// The public keys of one device. They are made where they are used and their secrets never leave it.
    pub struct DeviceKeys {
        /// What others seal to.
        "seal" => seal: SealKey,
        /// What it signs with.
        "sign" => sign: SignKey,
    }
}

record! {
    /// The secret of a seal generation, sealed to one device.
    pub struct SealShare {
        /// The device's signing key.
        "device" => device: SignKey,
        /// HPKE output: 32 bytes of encapsulated key, then the ciphertext.
        "sealed" => sealed: Bytes,
    }
}

record! {
    /// One generation of the key that others seal to.
    pub struct SealGeneration {
        /// The public key.
        "key" => key: SealKey,
        /// The first is 1.
        "number" => number: u64,
        /// Its secret for every device that is valid.
        "shares" => shares: Vec<SealShare>,
    }
}

record! {
    /// The first entry. Signed by `root`. Its address is the user id.
    pub struct Create {
        /// The root key.
        "root" => root: SignKey,
        /// The first generation of the seal key.
        "seal" => seal: SealGeneration,
        /// When, by the device's clock.
        "time" => time: Millis,
        /// The first device.
        "device" => device: DeviceKeys,
        /// Commits to the name secret: `derive_key("mimei/name-tag/1", name secret)`.
        "nameTag" => name_tag: [u8; 32],
        /// BLAKE3 of the next root key, so that a rotation can be told from a theft.
        "nextRoot" => next_root: [u8; 32],
    }
}

record! {
    /// What a new device signs to be certified by one key in one user's log.
    pub struct DeviceConsent {
        /// The key that will certify it.
        "by" => by: SignKey,
        /// Whose device it will be.
        "user" => user: UserId,
    }
}

record! {
    /// Certifies one more device. Signed by the root or a valid device.
    pub struct AddDevice {
        /// The key that signed this entry.
        "by" => by: SignKey,
        /// The newest entries its signer knew.
        "prev" => prev: Vec<EntryId>,
        /// When, by the signer's clock.
        "time" => time: Millis,
        /// Whose log this is.
        "user" => user: UserId,
        /// By the new device, over [`DeviceConsent`]: nobody can certify a key that is another's.
        "proof" => proof: Signature,
        /// The current seal generation's secret for the new device.
        "share" => share: SealShare,
        /// The new device.
        "device" => device: DeviceKeys,
    }
}

record! {
    /// Ends a device, and with it the devices it added. Signed by the root, a senior device or the device itself.
    pub struct RevokeDevice {
        /// The key that signed this entry.
        "by" => by: SignKey,
        /// The newest entries its signer knew.
        "prev" => prev: Vec<EntryId>,
        /// A new seal generation, for the devices that stay.
        "seal" => seal: SealGeneration,
        /// When, by the signer's clock.
        "time" => time: Millis,
        /// Whose log this is.
        "user" => user: UserId,
        /// The device that ends.
        "device" => device: SignKey,
        /// Records of that device that stand: log entries, and the tips of its heads.
        "accepted" => accepted: Vec<Cid>,
    }
}

union! {
    /// What an identity log consists of.
    pub enum Entry {
        /// The first entry.
        "create" => Create(Create),
        /// One more device.
        "addDevice" => AddDevice(AddDevice),
        /// One device less.
        "revokeDevice" => RevokeDevice(RevokeDevice),
    }
}

impl Entry {
    /// The key that must have signed this entry.
    pub fn signer(&self) -> &SignKey {
        match self {
            Self::Create(e) => &e.root,
            Self::AddDevice(e) => &e.by,
            Self::RevokeDevice(e) => &e.by,
        }
    }

    /// The device that this entry certifies.
    pub fn certifies(&self) -> Option<&DeviceKeys> {
        match self {
            Self::Create(e) => Some(&e.device),
            Self::AddDevice(e) => Some(&e.device),
            Self::RevokeDevice(_) => None,
        }
    }

    /// When it was signed, by its signer's clock.
    pub fn time(&self) -> Millis {
        match self {
            Self::Create(e) => e.time,
            Self::AddDevice(e) => e.time,
            Self::RevokeDevice(e) => e.time,
        }
    }

    /// The entries this one follows.
    pub fn prev(&self) -> &[EntryId] {
        match self {
            Self::Create(_) => &[],
            Self::AddDevice(e) => &e.prev,
            Self::RevokeDevice(e) => &e.prev,
        }
    }

    /// Whose log it belongs to; none for the first entry, whose address is the answer.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Create(_) => None,
            Self::AddDevice(e) => Some(&e.user),
            Self::RevokeDevice(e) => Some(&e.user),
        }
    }
}
