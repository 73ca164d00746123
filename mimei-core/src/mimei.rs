//! What a MiMei is made of: its genesis, versions, heads and access records, and
//! what follows from them. All of it is pure: records and logs in, verdicts out.
//!
//! | type | what it is |
//! |---|---|
//! | [`Genesis`] | who, with which app, under which name: the address for ever |
//! | [`Version`] | one saved state |
//! | [`Head`], [`HeadSet`], [`Tips`] | which version is the newest, which one visitors see |
//! | [`AccessRecord`], [`AccessChain`], [`AccessView`] | who may do what |
//! | [`EpochKeys`] | how the keys of the data reach those who may read |
//! | [`Progress`] | how far an upload has come |
//! | [`StateKey`], [`Contents`] | how a state is laid out in its map |

mod access;
mod contents;
mod genesis;
mod heads;
mod limits;
mod progress;
mod rights;
mod shape;
mod signer;
mod state;
mod version;

pub use access::{
    AccessChain, AccessChange, AccessError, AccessRecord, AccessView, Audience, EpochKeys, Everyone, KeyHistory,
    KeysError, LinkKeys, NewEpoch, SealedKey, Who, open_epoch, open_history,
};
pub use contents::{Contents, MediaType, PIECE_BYTES, Piece, pieces};
pub use genesis::{App, Ext, Genesis, Kind, NameError, auto_name, keyed_name};
pub use heads::{Coverage, Head, HeadError, HeadSet, Judge, NextHead, Tip, Tips};
pub use limits::{
    ACCEPTED_MAX, ACCESS_LOSING_MAX, ACCESS_RECORDS_MAX, AUDIENCES_MAX, EPOCHS_MAX, HEAD_PREV_MAX, HEADS_MAX,
    NAME_BYTES_MAX, TIPS_SHOWN_MAX, VERSION_PARENTS_MAX,
};
pub use progress::{Progress, ProgressError, UploadId, UploadIdError, check_progress};
pub use rights::{Right, Rights};
pub use shape::Reserved;
pub use signer::{LinkProof, LinkUse, Logs, Proof, Signer, SignerError};
pub use state::{FileName, Label, LabelError, StateKey};
pub use version::{Version, VersionError, check_version};
