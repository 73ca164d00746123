//! The recovery file: a text file whose one secret is [`RootSecrets`].
//!
//! ```text
//! MiMei recovery file. Whoever has it is you: keep it where only you can read it.
//! mimei-recovery-1:<base32 of the CBOR of {log, root}>
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use data_encoding::BASE32_NOPAD;

use super::{DeviceSecrets, RootSecrets, name_tag, seal_key_of, seal_share, sign_entry, sign_key_of};
use crate::cbor::Cbor;
use crate::identity::{AddDevice, Entry, IdentityLog, LogError};
use crate::record::record;
use crate::seeded::Seed;
use crate::sign::Signed;
use crate::time::Millis;

const PREFIX: &str = "mimei-recovery-1:";
const NOTICE: &str = "MiMei recovery file. Whoever has it is you: keep it where only you can read it.";

record! {
    /// What is encoded in the file.
    pub struct RecoveryContents {
        "log" => log: Vec<Signed<Entry>>,
        "root" => root: RootSecrets,
    }
}

/// Why a recovery file was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecoveryError {
    /// There is no line of ours in it, or it was altered or cut off.
    NotARecoveryFile,
    /// Its log is not valid.
    Log(LogError),
    /// Its secrets are not those of its log.
    NotThisUser,
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecoveryFile => f.write_str("this is not a whole MiMei recovery file"),
            Self::Log(error) => write!(f, "the recovery file's identity is damaged: {error}"),
            Self::NotThisUser => f.write_str("the recovery file's secrets belong to another identity"),
        }
    }
}

impl core::error::Error for RecoveryError {}

/// The text of a recovery file.
pub fn write_recovery_file(root: &RootSecrets, log: &IdentityLog) -> String {
    let contents = RecoveryContents { log: log.entries(), root: root.clone() };
    format!("{NOTICE}\n{PREFIX}{}\n", BASE32_NOPAD.encode(&contents.to_cbor()))
}

/// Reads a recovery file and checks that log and secrets belong together.
pub fn read_recovery_file(text: &str) -> Result<(RootSecrets, IdentityLog), RecoveryError> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(PREFIX));
    let line = line.ok_or(RecoveryError::NotARecoveryFile)?;
    let bytes = BASE32_NOPAD.decode(line.as_bytes()).map_err(|_| RecoveryError::NotARecoveryFile)?;
    let contents = RecoveryContents::from_cbor(&bytes).map_err(|_| RecoveryError::NotARecoveryFile)?;
    let log = IdentityLog::from_entries(contents.log).map_err(RecoveryError::Log)?;
    if !belongs(&contents.root, &log) {
        return Err(RecoveryError::NotThisUser);
    }
    Ok((contents.root, log))
}

/// Whether every secret is the one that the log shows or commits to.
fn belongs(root: &RootSecrets, log: &IdentityLog) -> bool {
    let create = log.create();
    let next_root = *blake3::hash(&sign_key_of(&root.next_root).0).as_bytes();
    sign_key_of(&root.root) == *log.root()
        && next_root == create.next_root
        && name_tag(&root.name_secret) == create.name_tag
        && !root.seals.is_empty()
        && root.seals.iter().all(|seal| log.has_seal(seal.number, &seal_key_of(&seal.secret)))
}

/// Certifies a new device by the root: what opening a recovery file does.
pub fn add_device_from_recovery(
    root: &RootSecrets,
    log: &mut IdentityLog,
    device: &DeviceSecrets,
    seed: &Seed,
    now: Millis,
) -> Result<Signed<Entry>, RecoveryError> {
    let newest = root.seals.last().ok_or(RecoveryError::NotThisUser)?;
    let entry = Entry::AddDevice(AddDevice {
        by: sign_key_of(&root.root),
        prev: log.newest(),
        time: now,
        user: log.user(),
        proof: device.consent(sign_key_of(&root.root), log.user()),
        share: seal_share(newest, &device.keys(), seed),
        device: device.keys(),
    });
    let signed = sign_entry(&root.root, entry);
    log.insert(signed.clone()).map_err(RecoveryError::Log)?;
    Ok(signed)
}
