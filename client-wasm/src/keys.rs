//! This device's secrets.
//!
//! At rest they are encrypted by an AES-GCM key that WebCrypto made not
//! extractable: who copies the database has nothing, and a script in the page
//! cannot read the key. Stops a stolen profile's database file and a script
//! that reads IndexedDB; it does not stop a script that uses the open client.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use mimei_core::cbor::{Bytes, Cbor, DecodeError, Reader, Writer};
use mimei_core::identity::{Entry, IdentityLog};
use mimei_core::secret::{DeviceSecrets, RootSecrets, create_identity};
use mimei_core::sign::Signed;
use mimei_core::store::{Batch, RowKey, StoreError, Table};
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
}

impl Cbor for Secrets {
    fn write(&self, w: &mut Writer) {
        w.array(4);
        self.device.write(w);
        self.log.write(w);
        self.root.write(w);
        self.created.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array_of(4)?;
        Ok(Self { device: Cbor::read(r)?, log: Cbor::read(r)?, root: Cbor::read(r)?, created: Cbor::read(r)? })
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
        if let Some(keys) = load(store).await? {
            return Ok(keys);
        }
        let new = create_identity(&fresh_seed(), Millis(js_sys::Date::now() as u64));
        let secrets = Secrets {
            device: new.device,
            log: [new.first].into(),
            root: Some(new.root),
            created: Millis(js_sys::Date::now() as u64),
        };
        match save(store, &secrets).await {
            // Another tab of this profile was first: we are who it made.
            Err(StoreError::Conflict) => load(store).await?.ok_or_else(|| damaged("the keys of this browser are gone")),
            Err(error) => Err(error.into()),
            Ok(()) => secrets.open(),
        }
    }
}

impl Secrets {
    fn open(self) -> Result<Keys, Failure> {
        let log = IdentityLog::from_entries(self.log).map_err(damaged)?;
        // Until a recovery file can be saved the root's secrets are always here.
        let root = self.root.as_ref().ok_or_else(|| damaged("the secrets of this identity are gone"))?;
        let vault = Vault::new(log.user(), root);
        Ok(Keys { device: self.device, log, vault, backed_up: false, created: self.created })
    }
}

fn damaged(why: impl ToString) -> Failure {
    let hint = "Restore this identity from its recovery file, or clear this site's data to begin anew.";
    Failure::new("identity.damaged", why, hint, Retry::Never)
}

fn row() -> RowKey {
    RowKey::new(Table::Driver, ROW)
}

async fn load(store: &Store) -> Result<Option<Keys>, Failure> {
    let Some(row) = store.row(&row()).await? else { return Ok(None) };
    let plain = if store.is_memory() { row } else { unwrap(store, &row).await? };
    let plain = Zeroizing::new(plain);
    Secrets::from_cbor(&plain).map_err(damaged)?.open().map(Some)
}

async fn save(store: &Store, secrets: &Secrets) -> Result<(), StoreError> {
    let plain = Zeroizing::new(secrets.to_cbor());
    let value = if store.is_memory() { plain.to_vec() } else { wrap(store, &plain).await? };
    let batch =
        Batch { expect: [(row(), None)].into(), put: [(row(), value)].into(), strict: true, ..Batch::default() };
    store.apply(batch).await
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
