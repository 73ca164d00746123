//! This device's secrets.
//!
//! At rest they are encrypted by an AES-GCM key that WebCrypto made not
//! extractable: who copies the database has nothing, and a script in the page
//! cannot read the key. Stops a stolen profile's database file and a script
//! that reads IndexedDB; it does not stop a script that uses the open client.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use mimei_core::cbor::{Bytes, Cbor, DecodeError, DecodeErrorKind, Reader, Writer};
use mimei_core::identity::{Entry, IdentityLog};
use mimei_core::secret::{
    DataSecrets, DeviceSecrets, RecoveryError, RootSecrets, add_device_from_recovery, create_identity,
    read_recovery_file, write_recovery_file,
};
use mimei_core::sign::Signed;
use mimei_core::store::{Batch, Row, RowKey, Scan, StoreError, Table};
use mimei_core::time::Millis;
use mimei_core::vault::Vault;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};
use zeroize::Zeroizing;

use crate::failure::{Failure, Retry};
use crate::store::Store;

const ROW: &[u8] = b"keys";
const NONCE_BYTES: usize = 12;
const KEY_NAME_BYTES: usize = 16;

/// Who this tab is, with what it takes to sign.
pub(crate) struct Keys {
    pub(crate) device: DeviceSecrets,
    pub(crate) log: IdentityLog,
    pub(crate) vault: Vault,
    pub(crate) backed_up: bool,
    pub(crate) created: Millis,
}

/// What is encrypted. The root's secrets stay until the recovery file is saved.
struct Secrets {
    device: DeviceSecrets,
    log: Vec<Signed<Entry>>,
    root: Option<RootSecrets>,
    created: Millis,
    data: DataSecrets,
}

/// Fields of a row from before devices could do without the root's secrets.
const FIELDS_WITHOUT_DATA: u64 = 4;

impl Cbor for Secrets {
    fn write(&self, w: &mut Writer) {
        w.array(FIELDS_WITHOUT_DATA + 1);
        self.device.write(w);
        self.log.write(w);
        self.root.write(w);
        self.created.write(w);
        self.data.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.position();
        let fields = r.array()?;
        let (device, log) = (Cbor::read(r)?, Cbor::read(r)?);
        let (root, created): (Option<RootSecrets>, Millis) = (Cbor::read(r)?, Cbor::read(r)?);
        let data = match &root {
            Some(root) if fields == FIELDS_WITHOUT_DATA => root.data(),
            _ if fields == FIELDS_WITHOUT_DATA + 1 => Cbor::read(r)?,
            _ => return Err(DecodeError::new(at, DecodeErrorKind::NotCanonical)),
        };
        Ok(Self { device, log, root, created, data })
    }
}

/// 32 bytes from the browser's random generator.
///
/// # Panics
/// If there is none: a weak key would be worse than none.
pub(crate) fn fresh_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the browser's random generator works");
    seed
}

impl Keys {
    pub(crate) async fn load_or_create(store: &Store) -> Result<Self, Failure> {
        if let Some((secrets, _)) = load(store).await? {
            return secrets.open();
        }
        let now = now();
        let new = create_identity(&fresh_seed(), now);
        let (log, data) = ([new.first].into(), new.root.data());
        let secrets = Secrets { device: new.device, log, root: Some(new.root), created: now, data };
        match save(store, &secrets, None, Vec::new()).await {
            // Another tab of this profile was first: we are who it made.
            Err(StoreError::Conflict) => load(store).await?.ok_or_else(gone)?.0.open(),
            Err(error) => Err(error.into()),
            Ok(()) => secrets.open(),
        }
    }
}

/// The text of the recovery file, as long as the root's secrets are here.
pub(crate) async fn recovery_file(store: &Store) -> Result<String, Failure> {
    let (secrets, _) = load(store).await?.ok_or_else(gone)?;
    let root = secrets.root.as_ref().ok_or_else(already_saved)?;
    let log = IdentityLog::from_entries(secrets.log.clone()).map_err(damaged)?;
    Ok(write_recovery_file(root, &log))
}

/// Lets go of the root's secrets, if `file` holds them: it is read first, so that nothing is lost to a file that
/// was cut off or is another's.
pub(crate) async fn confirm_backup(store: &Store, file: &str) -> Result<(), Failure> {
    let (mut secrets, row) = load(store).await?.ok_or_else(gone)?;
    let (root, _) = read_recovery_file(file).map_err(refused)?;
    match &secrets.root {
        None => return Ok(()),
        Some(own) if own.to_cbor() != root.to_cbor() => return Err(refused(RecoveryError::NotThisUser)),
        Some(_) => secrets.root = None,
    }
    save(store, &secrets, Some(row), Vec::new()).await.map_err(Failure::from)
}

/// Becomes a new device of the file's user. What the identity before left in the store goes in the same change.
pub(crate) async fn restore(store: &Store, file: &str, may_replace: bool) -> Result<(), Failure> {
    let (root, mut log) = read_recovery_file(file).map_err(refused)?;
    let (old, row) = load(store).await?.ok_or_else(gone)?;
    let is_same = IdentityLog::from_entries(old.log.clone()).is_ok_and(|own| own.user() == log.user());
    if is_same {
        let hint = "There is nothing to restore.";
        return Err(Failure::new("identity.same", "this browser already has this identity", hint, Retry::Never));
    }
    if !may_replace && !rows(store, Table::Mimei, 1).await?.is_empty() {
        let hint = "Save its recovery file first, or restore in another browser profile.";
        let why = "the identity of this browser has made or opened something, which would be gone from here";
        return Err(Failure::new("identity.inUse", why, hint, Retry::Never));
    }
    let device = DeviceSecrets::generate(&fresh_seed());
    add_device_from_recovery(&root, &mut log, &device, &fresh_seed(), now()).map_err(refused)?;
    let secrets = Secrets { device, log: log.entries(), root: None, created: now(), data: root.data() };
    save(store, &secrets, Some(row), everything(store).await?).await.map_err(Failure::from)
}

/// All rows but the keys'.
async fn everything(store: &Store) -> Result<Vec<RowKey>, StoreError> {
    let mut found = Vec::new();
    for table in Table::ALL.iter().filter(|table| **table != Table::Driver) {
        let rows = rows(store, *table, usize::MAX).await?;
        found.extend(rows.into_iter().map(|(key, _)| RowKey::new(*table, key)));
    }
    Ok(found)
}

async fn rows(store: &Store, table: Table, limit: usize) -> Result<Vec<Row>, StoreError> {
    store.scan(&Scan { table, prefix: Vec::new(), after: None, limit }).await
}

impl Secrets {
    fn open(self) -> Result<Keys, Failure> {
        let log = IdentityLog::from_entries(self.log).map_err(damaged)?;
        let vault = Vault::new(log.user(), &self.data);
        Ok(Keys { device: self.device, log, vault, backed_up: self.root.is_none(), created: self.created })
    }
}

fn now() -> Millis {
    Millis(js_sys::Date::now() as u64)
}

fn gone() -> Failure {
    damaged("the keys of this browser are gone")
}

fn already_saved() -> Failure {
    let why = "the recovery file was saved before, and its secrets are not in this browser any more";
    Failure::new("identity.backedUp", why, "Use the file that you saved.", Retry::Never)
}

fn refused(error: RecoveryError) -> Failure {
    Failure::new("recovery.invalid", error, "Choose the file as it was saved, all of it.", Retry::Never)
}

fn damaged(why: impl ToString) -> Failure {
    let hint = "Restore this identity from its recovery file, or clear this site's data to begin anew.";
    Failure::new("identity.damaged", why, hint, Retry::Never)
}

fn row() -> RowKey {
    RowKey::new(Table::Driver, ROW)
}

/// The secrets, and the row in which they lie.
async fn load(store: &Store) -> Result<Option<(Secrets, Vec<u8>)>, Failure> {
    let Some(row) = store.row(&row()).await? else { return Ok(None) };
    let plain = if store.is_memory() { row.clone() } else { unwrap(store, &row).await? };
    let plain = Zeroizing::new(plain);
    Ok(Some((Secrets::from_cbor(&plain).map_err(damaged)?, row)))
}

/// Writes the secrets in the place of what the row held, and deletes other rows with that.
async fn save(
    store: &Store,
    secrets: &Secrets,
    before: Option<Vec<u8>>,
    delete: Vec<RowKey>,
) -> Result<(), StoreError> {
    let plain = Zeroizing::new(secrets.to_cbor());
    let value = if store.is_memory() { plain.to_vec() } else { wrap(store, &plain).await? };
    let (expect, put) = ([(row(), before)].into(), [(row(), value)].into());
    store.apply(Batch { expect, put, delete, strict: true, ..Batch::default() }).await
}

/// `[name of the wrapping key, nonce, ciphertext]`
async fn wrap(store: &Store, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    let seed = fresh_seed();
    let (name, nonce) = (&seed[..KEY_NAME_BYTES], &seed[KEY_NAME_BYTES..KEY_NAME_BYTES + NONCE_BYTES]);
    let key = generate_key().await.map_err(failed)?;
    store.put_wrapping_key(name, &key).await?;
    let ciphertext = aes_gcm(Direction::Encrypt, &key, nonce, plain).await.map_err(failed)?;
    Ok([name, nonce, &ciphertext].map(|part| Bytes(part.to_vec())).to_vec().to_cbor())
}

async fn unwrap(store: &Store, row: &[u8]) -> Result<Vec<u8>, Failure> {
    let parts = Vec::<Bytes>::from_cbor(row).map_err(damaged)?;
    let [name, nonce, ciphertext] = parts.as_slice() else { return Err(damaged("the keys' row has other parts")) };
    let key = store.wrapping_key(&name.0).await?;
    let key = key.ok_or_else(|| damaged("the browser lost the key that protects this identity"))?;
    aes_gcm(Direction::Decrypt, &key, &nonce.0, &ciphertext.0)
        .await
        .map_err(|_| damaged("the keys of this browser do not open"))
}

fn failed(error: JsValue) -> StoreError {
    StoreError::Failed(format!("WebCrypto: {error:?}"))
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    let scope: WorkerGlobalScope = js_sys::global().dyn_into()?;
    Ok(scope.crypto()?.subtle())
}

fn algorithm(nonce: Option<&[u8]>) -> Result<Object, JsValue> {
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &"AES-GCM".into())?;
    match nonce {
        Some(nonce) => Reflect::set(&algorithm, &"iv".into(), &Uint8Array::from(nonce))?,
        None => Reflect::set(&algorithm, &"length".into(), &256.into())?,
    };
    Ok(algorithm)
}

async fn generate_key() -> Result<CryptoKey, JsValue> {
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let extractable = false;
    let promise = subtle()?.generate_key_with_object(&algorithm(None)?, extractable, &usages)?;
    JsFuture::from(promise).await?.dyn_into()
}

enum Direction {
    Encrypt,
    Decrypt,
}

async fn aes_gcm(direction: Direction, key: &CryptoKey, nonce: &[u8], input: &[u8]) -> Result<Vec<u8>, JsValue> {
    let (subtle, algorithm) = (subtle()?, algorithm(Some(nonce))?);
    let promise: Promise = match direction {
        Direction::Encrypt => subtle.encrypt_with_object_and_u8_array(&algorithm, key, input)?,
        Direction::Decrypt => subtle.decrypt_with_object_and_u8_array(&algorithm, key, input)?,
    };
    Ok(Uint8Array::new(&JsFuture::from(promise).await?).to_vec())
}
