//! What JavaScript sees. Bodies convert and delegate.

mod args;
mod credit;
mod items;

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use mimei_core::cid::UserId;
use mimei_core::limits::BLOCK_BYTES_MAX;
use mimei_core::peer::{Command, DeviceView, Event, Expect, FetchError, Outcome, Trust};
use mimei_core::wire;
use mimei_core::wire::noise::{Binding, Transport};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::driver::{Driver, ToHost};
use crate::failure::{Failure, Retry};
use crate::keys::{self, Keys};
use crate::store::Store;

/// A plain JavaScript object of these fields.
pub(crate) fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a field of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

fn field(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &JsValue::from_str(name)).ok().filter(|value| !value.is_undefined())
}

fn invalid(message: &str) -> Failure {
    Failure::new("core.invalid", message, "", Retry::Never)
}

/// A tab's peer.
#[wasm_bindgen]
pub struct Client {
    driver: Driver,
    store: Store,
}

#[wasm_bindgen]
impl Client {
    /// Opens the database, makes an identity if there is none, and starts the peer, which says everything to `emit`.
    /// `frame(bytes)` gives a `Uint8Array` of that length for what is sent; without it each is made anew.
    pub async fn open(options: JsValue, emit: Function, frame: Option<Function>) -> Result<Client, JsValue> {
        let database = field(&options, "database").and_then(|name| name.as_string()).unwrap_or_default();
        let budget = field(&options, "cacheBytes").and_then(|bytes| bytes.as_f64()).map(|bytes| bytes as u64);
        let store = Store::open(&database, budget).await.map_err(Failure::from)?;
        let keys = Keys::load_or_create(&store).await?;
        let driver = Driver::start(store.clone(), keys, move |message| {
            // The host's function only posts a message; what it throws is not ours to handle.
            let _ = emit.call1(&JsValue::NULL, &to_js(message, frame.as_ref()));
        });
        Ok(Self { driver, store })
    }

    /// A transport is open; its handshake begins. `expect` is the relay's user id, or the
    /// origin whose relay is trusted on first use.
    pub fn connected(&self, conn: f64, way: &str, expect: &str, local: &[u8], remote: &[u8]) {
        let expect = match expect.parse::<UserId>() {
            Ok(user) => Expect::User(user),
            Err(_) => Expect::FirstUse(expect.to_owned()),
        };
        let fingerprints = match (local.try_into(), remote.try_into()) {
            (Ok(local), Ok(remote)) => Some([local, remote]),
            _ => None,
        };
        let transport = if way == "ws" { Transport::WebSocket } else { Transport::Rtc };
        self.driver.connected(conn as u64, Binding { transport, fingerprints }, expect);
    }

    /// Blocks may be asked for by HTTP beside this connection.
    pub fn fetchable(&self, conn: f64) {
        self.driver.fetchable(conn as u64);
    }

    /// What a `fetch` brought: the body of a 200, as far as it came; else the status, 0 for no answer.
    pub fn fetched(&self, job: f64, status: u16, body: Vec<u8>) {
        let fetched = match status {
            200 => Ok(body),
            400..=499 => Err(FetchError::Refused),
            _ => Err(FetchError::Failed),
        };
        self.driver.fetched(job as u64, fetched);
    }

    /// A packet arrived.
    pub fn received(&self, conn: f64, bytes: Vec<u8>) {
        self.driver.received(conn as u64, bytes);
    }

    /// The transport's queue has shrunk to so many bytes.
    pub fn writable(&self, conn: f64, #[wasm_bindgen(js_name = queuedBytes)] queued_bytes: f64) {
        self.driver.writable(conn as u64, queued_bytes as u64);
    }

    /// A transport has closed.
    pub fn closed(&self, conn: f64) {
        self.driver.closed(conn as u64);
    }

    /// Runs a command.
    pub fn call(&self, method: &str, args: JsValue) -> Promise {
        let (driver, store) = (self.driver.clone(), self.store.clone());
        let method = method.to_owned();
        future_to_promise(async move { Ok(call(&driver, &store, &method, &args).await?) })
    }

    /// Ends the peer; its connections close.
    pub fn close(&self) -> Promise {
        self.driver.close();
        Promise::resolve(&JsValue::UNDEFINED)
    }
}

async fn call(driver: &Driver, store: &Store, method: &str, args: &JsValue) -> Result<JsValue, Failure> {
    if driver.is_closed() {
        let hint = "Reload the page.";
        return Err(Failure::new("identity.changed", "another identity was opened in this browser", hint, Retry::Now));
    }
    match method {
        "me" => Ok(me(driver)),
        "devices" => devices(driver).await,
        "recoveryFile" => Ok(keys::recovery_file(store).await?.into()),
        "confirmBackup" => {
            keys::confirm_backup(store, &recovery(args)?).await?;
            driver.backed_up();
            Ok(JsValue::UNDEFINED)
        }
        "restore" => {
            let may_replace = field(args, "replace").is_some_and(|replace| replace.is_truthy());
            keys::restore(store, &recovery(args)?, may_replace).await?;
            // Whoever this was is not here any more.
            driver.close();
            Ok(JsValue::UNDEFINED)
        }
        "ping" => {
            let conn = field(args, "conn").and_then(|conn| conn.as_f64());
            let conn = conn.ok_or_else(|| invalid("ping needs the number of a connection"))?;
            match driver.command(Command::Ping(conn as u64)).await? {
                Outcome::RoundTrip { ms } => Ok(object(&[("rttMs", (ms as f64).into())])),
                _ => Ok(JsValue::UNDEFINED),
            }
        }
        _ if credit::has(method) => credit::call(driver, method, args).await,
        _ => items::call(driver, method, args).await,
    }
}

fn recovery(args: &JsValue) -> Result<String, Failure> {
    field(args, "file").and_then(|file| file.as_string()).ok_or_else(|| invalid("the recovery file must be a text"))
}

async fn devices(driver: &Driver) -> Result<JsValue, Failure> {
    let Outcome::Devices(devices) = driver.command(Command::Devices).await? else { return Ok(JsValue::UNDEFINED) };
    let to_js = |device: DeviceView| {
        object(&[
            ("id", device.device.to_string().into()),
            ("addedMs", (device.added.0 as f64).into()),
            ("removed", device.is_revoked.into()),
            ("isThis", (device.device == driver.me().device).into()),
        ])
    };
    Ok(devices.into_iter().map(to_js).collect::<Array>().into())
}

fn me(driver: &Driver) -> JsValue {
    let me = driver.me();
    object(&[
        ("id", me.user.to_string().into()),
        ("device", me.device.to_string().into()),
        ("backedUp", me.backed_up.into()),
        ("createdMs", (me.created.0 as f64).into()),
    ])
}

fn to_js(message: ToHost, frame: Option<&Function>) -> JsValue {
    match message {
        ToHost::Send { connection, bytes } => object(&[
            ("type", "send".into()),
            ("conn", (connection as f64).into()),
            ("bytes", in_frame(&bytes, frame).into()),
        ]),
        ToHost::Close { connection } => object(&[
            ("type", "close".into()),
            ("conn", (connection as f64).into()),
            ("code", "connection.closed".into()),
            ("message", "the connection was closed".into()),
        ]),
        ToHost::Fetch { job, connection, ticket, cids } => object(&[
            ("type", "fetch".into()),
            ("job", (job as f64).into()),
            ("conn", (connection as f64).into()),
            ("authorization", ticket.to_header().into()),
            ("wanted", Uint8Array::from(wire::write_wanted(&cids).as_slice()).into()),
            ("bytesMax", ((cids.len() * (BLOCK_BYTES_MAX + 4)) as f64).into()),
        ]),
        ToHost::Event(event) => event_to_js(event),
    }
}

fn in_frame(bytes: &[u8], frame: Option<&Function>) -> Uint8Array {
    let array = frame.and_then(|frame| frame.call1(&JsValue::NULL, &bytes.len().into()).ok());
    match array.and_then(|array| array.dyn_into::<Uint8Array>().ok()) {
        Some(array) if array.length() as usize == bytes.len() => {
            array.copy_from(bytes);
            array
        }
        _ => Uint8Array::from(bytes),
    }
}

fn event_to_js(event: Event) -> JsValue {
    match event {
        Event::SessionOpened { connection, user, trust, .. } => object(&[
            ("type", "session".into()),
            ("conn", (connection as f64).into()),
            ("state", "open".into()),
            ("relay", user.to_string().into()),
            ("trust", trust_name(trust).into()),
            ("sinceMs", js_sys::Date::now().into()),
        ]),
        Event::SessionClosed { connection, code, message } => {
            let failure = Failure::of_session(code, message);
            let mut fields =
                vec![("type", "session".into()), ("conn", (connection as f64).into()), ("state", "failed".into())];
            fields.extend(failure.fields());
            object(&fields)
        }
        Event::CreditChanged => object(&[("type", "credit".into())]),
        Event::IdentityChanged => object(&[("type", "identity".into())]),
        Event::ItemChanged { mimei } => object(&[("type", "item".into()), ("id", mimei.to_string().into())]),
    }
}

fn trust_name(trust: Trust) -> &'static str {
    match trust {
        Trust::Expected => "expected",
        Trust::Pinned => "pinned",
        Trust::FirstUse | Trust::Caller => "first-use",
    }
}
