//! Bounds of the records of a MiMei.

use crate::limits::{BLOCK_BYTES_MAX, LOG_PREV_MAX};

/// An app's name in bytes: as long as a domain name.
pub const APP_BYTES_MAX: usize = 253;
/// An extension in bytes.
pub const EXT_BYTES_MAX: usize = 32;
/// The name that a person gives, in bytes. Only its keyed hash is kept.
pub const NAME_BYTES_MAX: usize = 1024;
/// A file's name in a folder, in bytes: what file systems allow.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// A media type, in bytes.
pub const TYPE_BYTES_MAX: usize = 127;
/// A tag or the key of an info entry, in bytes.
pub const LABEL_BYTES_MAX: usize = 255;

/// Versions that one version may follow: tips that are merged at once.
pub const VERSION_PARENTS_MAX: usize = 64;
/// Heads that one head may follow. With more tips than that the next heads join the rest.
pub const HEAD_PREV_MAX: usize = 64;
/// Heads of one MiMei in memory: a save a minute for three months.
pub const HEADS_MAX: usize = 1 << 17;
/// Tips that a reader is answered, in winner order; the total is said.
pub const TIPS_SHOWN_MAX: usize = 16;
/// Relays whose sight of one head is remembered.
pub const SEEN_RELAYS_MAX: usize = 32;

/// Records of one access chain: a change a day for eleven years.
pub const ACCESS_RECORDS_MAX: usize = 4096;
/// Records that lost a fork. More are refused, so that a removed member cannot fill the chain.
pub const ACCESS_LOSING_MAX: usize = 256;
/// Audiences of one record; a larger circle is a MiMei for everyone.
pub const AUDIENCES_MAX: usize = 1024;
/// Users with set-rights beside the author.
pub const RULERS_MAX: usize = 64;
/// Relays, and mirrors, that one record names.
pub const ACCESS_RELAYS_MAX: usize = 32;
/// Heads that one record accepts of those who lose a right: as many as tips can be joined.
pub const ACCEPTED_MAX: usize = 256;
/// Losing records that one record decides about.
pub const DECIDES_MAX: usize = 64;
/// Epochs of one MiMei: a member leaves every week for twenty years.
pub const EPOCHS_MAX: usize = 1024;
/// One key sealed to one audience, in bytes: encapsulated key, key, tag.
pub const SEALED_KEY_BYTES: usize = 32 + 32 + 16;

// Every record fits into a block: an audience is less than 256 bytes, a sealed key less than
// 160, an id 48.
const _: () = assert!(
    AUDIENCES_MAX * (256 + 160)
        + EPOCHS_MAX * 48
        + (2 * ACCESS_RELAYS_MAX + ACCEPTED_MAX + DECIDES_MAX + LOG_PREV_MAX) * 48
        + 4096
        < BLOCK_BYTES_MAX
);
const _: () = assert!((HEAD_PREV_MAX + LOG_PREV_MAX) * 48 + 4096 < BLOCK_BYTES_MAX);
const _: () = assert!(TIPS_SHOWN_MAX <= HEAD_PREV_MAX);
const _: () = assert!(ACCESS_LOSING_MAX < ACCESS_RECORDS_MAX);
