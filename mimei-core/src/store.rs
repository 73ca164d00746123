//! What a peer keeps: tables of ordered bytes, and blocks by address.
//!
//! The contract, for every store (redb on a relay, IndexedDB in a tab, memory
//! in tests): a [`Batch`] happens whole or not at all; its expectations are
//! checked in the same transaction; after `Ok` a strict batch survives the loss
//! of power. Of two values for one key the later stands, and what a batch both puts and deletes
//! is gone. Scans see rows in the order of their keys, and batches whole.
//!
//! `tests/conformance` has this contract as cases, which every store runs.

mod memory;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use memory::MemoryStore;

use crate::cid::Cid;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:literal => $variant:ident,)*) => {
        /// The tables. A layout change makes a new name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Table { $($(#[$doc])* $variant,)* }

        impl Table {
            /// Every table.
            pub const ALL: &[Table] = &[$(Table::$variant),*];

            /// The name under which a store keeps it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

tables! {
    /// What only the driver reads: its wrapped secrets. Key: a name.
    "driver/1" => Driver,
    /// Identity logs. Key: user id's hash, depth (8 bytes, big endian), entry id's hash. Value: the signed entry.
    "log/1" => Log,
    /// Relays that were trusted on first use. Key: the address as text. Value: user id.
    "pin/1" => Pin,
    /// MiMeis. Key: MimeiId's hash. Value: the genesis.
    "mimei/1" => Mimei,
    /// Access chains. Key: MimeiId's hash, number (8 bytes, big endian), record id's hash. Value: the signed record.
    "access/1" => Access,
    /// Versions. Key: MimeiId's hash, number (8 bytes, big endian), version id's hash. Value: the signed version.
    "version/1" => Version,
    /// Heads. Key: MimeiId's hash, number (8 bytes, big endian), head id's hash. Value: the signed head.
    "head/1" => Head,
    /// Who signed for a MiMei. Key: MimeiId's hash, user id's hash. Value: the user id.
    "signer/1" => Signer,
    /// Which blocks belong to which MiMei. Key: MimeiId's hash, the block's address. Value: `{bytes, parents}`.
    "row/1" => Row,
    /// Bytes of blocks for each author. Key: user id's hash. Value: an integer.
    "usage/1" => Usage,
    /// Links by which MiMeis were opened. Key: MimeiId's hash. Value: the secret, sealed for this user.
    "link/1" => Link,
    /// What no relay has yet. Key: MimeiId's hash, number (8 bytes, big endian), the block's address. Value:
    /// the same address; under the largest number alone nothing: records wait.
    "outbox/1" => Outbox,
    /// Heads that this device has not signed yet. Key: MimeiId's hash. Value: the head's body.
    "draft/1" => Draft,
    /// MiMeis of which a relay has had a head of this device. Key: MimeiId's hash. Value: nothing.
    "sent/1" => Sent,
    /// When a relay last said what it has. Key: MimeiId's hash. Value: milliseconds.
    "seen/1" => Seen,
    /// What this device signed last. Key: MimeiId's hash. Value: the address of a head or access record.
    "own/1" => Own,
    /// Accounts. Key: creditor's and debtor's hash. Value: `{label, since, stored, renewed}`.
    "account/1" => Account,
    /// Lines. Key: creditor's and debtor's hash. Value: the signed line.
    "line/1" => Line,
    /// IOUs. Key: creditor's and debtor's hash, the device's key. Value: the signed IOU.
    "iou/1" => Iou,
    /// Receipts. Key: creditor's and debtor's hash. Value: the signed receipt.
    "receipt/1" => Receipt,
    /// Mandates. Key: creditor's and debtor's hash, hash of what they pay for. Value: the signed mandate.
    "mandate/1" => Mandate,
    /// What devices were served. Key: creditor's and debtor's hash, the device's key. Value: an integer.
    "served/1" => Served,
    /// What was served under mandates. Key: as of the mandate. Value: `{day, used, today}`.
    "sponsored/1" => Sponsored,
    /// Price lists. Key: the creditor's hash. Value: the signed price list.
    "prices/1" => Prices,
    /// The strangers' pool. Key: nothing. Value: `{at, used}`.
    "pool/1" => Pool,
    /// Invites. Key: the invite's key. Value: `{uses, label, taken, terms, until}`.
    "invite/1" => Invite,
    /// What the owner does not want served. Key: `{mimei}`, `{user}` or `{block}`. Value: nothing.
    "blocked/1" => Blocked,
}

/// A key in a table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RowKey {
    /// The table.
    pub table: Table,
    /// The key's bytes.
    pub key: Vec<u8>,
}

impl RowKey {
    /// A key in a table.
    pub fn new(table: Table, key: impl Into<Vec<u8>>) -> Self {
        Self { table, key: key.into() }
    }
}

/// Rows with keys from `from` on, all of which start with `prefix`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// The table.
    pub table: Table,
    /// What every key starts with.
    pub prefix: Vec<u8>,
    /// Only keys behind this one, if any.
    pub after: Option<Vec<u8>>,
    /// At most so many rows.
    pub limit: usize,
}

/// One row of a scan: its key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Changes that happen together or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// What must hold before: the value of a row, or none.
    pub expect: Vec<(RowKey, Option<Vec<u8>>)>,
    /// Rows to write.
    pub put: Vec<(RowKey, Vec<u8>)>,
    /// Rows to remove.
    pub delete: Vec<RowKey>,
    /// Blocks to keep. The store trusts that bytes and address belong together.
    pub put_blocks: Vec<(Cid, Vec<u8>)>,
    /// Blocks to let go.
    pub delete_blocks: Vec<Cid>,
    /// Whether the answer waits until the change survives the loss of power.
    pub strict: bool,
}

/// Why nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// An expectation does not hold.
    Conflict,
    /// There is no room.
    Full,
    /// The store failed, with what it said.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("something else was written first"),
            Self::Full => f.write_str("there is no room left in the store"),
            Self::Failed(why) => write!(f, "the store failed: {why}"),
        }
    }
}

impl core::error::Error for StoreError {}
