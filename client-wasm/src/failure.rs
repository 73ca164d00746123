//! Errors as they cross to JavaScript: `{ code, message, hint, retry }`.

use mimei_core::peer::CommandError;
use mimei_core::store::StoreError;
use mimei_core::wire::RefusalCode;
use wasm_bindgen::JsValue;

use crate::bindings::object;

/// Whether trying again makes sense.
#[derive(Clone, Copy)]
pub(crate) enum Retry {
    Never,
    Later,
    Now,
}

impl Retry {
    fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Later => "later",
            Self::Now => "now",
        }
    }
}

/// What went wrong, for programs and for people.
pub(crate) struct Failure {
    code: &'static str,
    message: String,
    hint: &'static str,
    retry: Retry,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl ToString, hint: &'static str, retry: Retry) -> Self {
        Self { code, message: message.to_string(), hint, retry }
    }

    /// Why a session ended. A relay that is somebody else stays somebody else: trying again is no help.
    pub(crate) fn of_session(code: &'static str, message: String) -> Self {
        let (hint, retry) = match code {
            "handshake.unexpected-peer" => ("Check the relay's address with whoever gave it to you.", Retry::Never),
            "handshake.intercepted" | "handshake.signature" => {
                ("Something between you and the relay changes the connection. Try another network.", Retry::Later)
            }
            "handshake.device" => ("This device was removed from its identity.", Retry::Never),
            "connection.closed" | "handshake.timeout" => ("", Retry::Now),
            _ => ("", Retry::Later),
        };
        Self { code, message, hint, retry }
    }

    /// The fields of the object that JavaScript sees.
    pub(crate) fn fields(&self) -> [(&'static str, JsValue); 4] {
        [
            ("code", self.code.into()),
            ("message", self.message.as_str().into()),
            ("hint", self.hint.into()),
            ("retry", self.retry.as_str().into()),
        ]
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::new(
                "storage.quota",
                "The browser has no room left for this site.",
                "Free disk space, or remove data of this site.",
                Retry::Later,
            ),
            StoreError::Conflict => Self::new("storage.conflict", error, "", Retry::Now),
            StoreError::Failed(_) => Self::new("storage.failed", error, "Reload the page.", Retry::Later),
        }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        let (code, retry) = match &error {
            CommandError::Item { code, .. } => (*code, retry_of(code)),
            CommandError::Refused(refusal) => (code_of(refusal.code), retry_of(code_of(refusal.code))),
            CommandError::NotConnected => ("network.offline", Retry::Later),
            CommandError::TimedOut => ("network.timeout", Retry::Later),
            CommandError::WrongAnswer => ("relay.refused", Retry::Never),
        };
        Self::new(code, error, hint_of(code), retry)
    }
}

/// What to do where the sentence of the error does not say it.
fn hint_of(code: &str) -> &'static str {
    match code {
        "credit.disputed" => "Show your records of this account to the relay's owner and compare them.",
        "invite.used" | "invite.unknown" => "Ask for another invite.",
        _ => "",
    }
}

/// What a relay refuses has the code of what fails here for the same reason.
fn code_of(refusal: RefusalCode) -> &'static str {
    match refusal {
        RefusalCode::NotFound => "mimei.notFound",
        RefusalCode::Denied => "access.denied",
        RefusalCode::Full => "storage.full",
        RefusalCode::Invalid | RefusalCode::Missing => "verify.failed",
        RefusalCode::Unpaid => "credit.none",
        RefusalCode::Paused => "credit.paused",
        RefusalCode::Busy | RefusalCode::Conflict | RefusalCode::Store => "relay.refused",
    }
}

fn retry_of(code: &str) -> Retry {
    if code.starts_with("offline.")
        || code.starts_with("storage.")
        || code.starts_with("credit.")
        || code == "mimei.notFound"
        || code == "relay.refused"
    {
        Retry::Later
    } else {
        Retry::Never
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        object(&failure.fields())
    }
}
