//! The relay's identity and certificate: made at the first start, kept where only its owner reads.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use mimei_core::cbor::Cbor;
use mimei_core::identity::IdentityLog;
use mimei_core::secret::{
    DeviceSecrets, RootSecrets, add_device_from_recovery, create_identity, read_recovery_file, write_recovery_file,
};
use mimei_core::time::Millis;
use mimei_core::vault::Vault;

use crate::rtc::Certificate;

/// What makes a relay itself.
pub struct Keys {
    /// Signs sessions and records.
    pub device: DeviceSecrets,
    /// Whose relay this is: its own user.
    pub log: IdentityLog,
    /// Opens and seals its own data, and what everyone may read.
    pub vault: Vault,
    /// For DTLS; the same at every start, since addresses name its fingerprint.
    pub certificate: Certificate,
}

/// Why the keys could not be read or made.
#[derive(Debug)]
pub enum KeysError {
    /// A file could not be read or written.
    Io(PathBuf, io::Error),
    /// A file is not what it should be.
    Damaged(PathBuf, String),
}

impl std::fmt::Display for KeysError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Damaged(path, why) => {
                write!(f, "{} is damaged ({why}); put a copy of it back", path.display())
            }
        }
    }
}

impl std::error::Error for KeysError {}

/// 32 bytes from the system's random generator.
///
/// # Panics
/// If the system has no randomness: a weak key would be worse than no relay.
pub fn fresh_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the system's random generator works");
    seed
}

/// A directory that only its owner may enter; one that is there already stays as it is.
pub fn create_private(directory: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

impl Keys {
    /// Reads the keys in `directory`, or makes them.
    pub fn load_or_create(directory: &Path, now: Millis) -> Result<Self, KeysError> {
        let device_file = directory.join("device.key");
        let identity_file = directory.join("identity.recovery");
        if !identity_file.exists() {
            // A device without its identity is a loss to be repaired, not a first start.
            if device_file.exists() {
                return Err(damaged(&identity_file, "it is missing, and the device's key is there"));
            }
            let new = create_identity(&fresh_seed(), now);
            let log = IdentityLog::new(new.first).map_err(|error| damaged(&identity_file, error))?;
            write_secret(&identity_file, write_recovery_file(&new.root, &log).as_bytes())?;
            write_secret(&device_file, &new.device.to_cbor())?;
        } else if !device_file.exists() {
            certify_new_device(&identity_file, &device_file, now)?;
        }
        let (root, log) = read_identity(&identity_file)?;
        let device = read(&device_file)?;
        let device = DeviceSecrets::from_cbor(&device).map_err(|error| damaged(&device_file, error))?;
        if log.device(&device.keys().sign).is_none() {
            return Err(damaged(&device_file, "its device is not in the identity beside it"));
        }
        let vault = Vault::new(log.user(), &root.data());
        Ok(Self { device, log, vault, certificate: certificate(directory)? })
    }
}

/// A relay restored from a copy without its device key, or whose first start was cut
/// short, becomes a new device: two machines must never sign as one.
fn certify_new_device(identity_file: &Path, device_file: &Path, now: Millis) -> Result<(), KeysError> {
    let (root, mut log) = read_identity(identity_file)?;
    let device = DeviceSecrets::generate(&fresh_seed());
    add_device_from_recovery(&root, &mut log, &device, &fresh_seed(), now)
        .map_err(|error| damaged(identity_file, error))?;
    write_secret(identity_file, write_recovery_file(&root, &log).as_bytes())?;
    write_secret(device_file, &device.to_cbor())
}

fn read_identity(path: &Path) -> Result<(RootSecrets, IdentityLog), KeysError> {
    let text = String::from_utf8(read(path)?).map_err(|error| damaged(path, error))?;
    read_recovery_file(&text).map_err(|error| damaged(path, error))
}

fn certificate(directory: &Path) -> Result<Certificate, KeysError> {
    let path = directory.join("certificate.pem");
    if !path.exists() {
        let pem = Certificate::generate().map_err(|error| damaged(&path, error))?;
        write_secret(&path, pem.as_bytes())?;
    }
    let pem = String::from_utf8(read(&path)?).map_err(|error| damaged(&path, error))?;
    Certificate::from_pem(&pem).map_err(|error| damaged(&path, error))
}

fn read(path: &Path) -> Result<Vec<u8>, KeysError> {
    fs::read(path).map_err(|error| KeysError::Io(path.to_owned(), error))
}

/// Writes a new file that only its owner may read, whole or not at all.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    let unfinished = path.with_extension("new");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&unfinished);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| KeysError::Io(path.to_owned(), error))
}

fn damaged(path: &Path, why: impl ToString) -> KeysError {
    KeysError::Damaged(path.to_owned(), why.to_string())
}
