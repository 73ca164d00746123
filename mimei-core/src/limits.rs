//! Every bound of the core, with its reason. Bounds that depend on each other
//! are checked when compiling.

/// Entries of one identity log. A person changes devices a few times a year.
pub const LOG_ENTRIES_MAX: usize = 1024;
/// Entries that one log entry may follow: as many as devices that added others apart from each other.
pub const LOG_PREV_MAX: usize = 64;

/// Entries of a log that only the root may use: enough to end every stolen device.
pub const LOG_ROOT_ENTRIES: usize = 64;
/// Bytes of a log that only the root may use.
pub const LOG_ROOT_BYTES: usize = 64 << 10;

/// A block as it is stored and sent, in bytes.
pub const BLOCK_BYTES_MAX: usize = 1 << 20;

/// What Noise adds to a packet, in bytes.
pub const NOISE_TAG_BYTES: usize = 16;
/// What a transport carries at once, in bytes: the limit of a Noise message.
pub const PACKET_BYTES_MAX: usize = 65_535;
/// A frame's part in one packet: what is left beside the flags and Noise's tag.
pub const PACKET_BODY_BYTES_MAX: usize = PACKET_BYTES_MAX - NOISE_TAG_BYTES - 1;
/// A frame, in bytes: a block with its number, or a message as large as a block.
pub const FRAME_BYTES_MAX: usize = BLOCK_BYTES_MAX + 1024;
/// A handshake message, in bytes: keys, tags and a proof that names as many log tips as it may.
pub const HANDSHAKE_BYTES_MAX: usize = 4096;

/// Places in one relay's address: a few networks in two address families.
pub const RELAY_ADDRS_MAX: usize = 8;

/// A connection that has not proven who it is by then is closed.
pub const HANDSHAKE_MS_MAX: u64 = 10_000;
/// Packets that may wait for a session; it takes them at once, so more means that somebody floods.
pub const INBOX_PACKETS_MAX: usize = 256;
/// Asks of one connection being worked on at the same time.
pub const ASKS_IN_WORK_MAX: usize = 64;
/// Asks of ours that may be open on one connection, each with a buffer of at most one frame.
pub const ASKS_OPEN_MAX: usize = 48;
/// Bytes handed to a transport and not yet sent, above which answers wait for room.
pub const UNSENT_BYTES_HIGH: u64 = 512 << 10;
/// An ask that got no answer by then has failed.
pub const ASK_MS_MAX: u64 = 30_000;
/// Blocks of one connection being received at the same time, each of at most one frame.
pub const PUTS_IN_WORK_MAX: usize = 16;
/// Blocks that are on their way in either direction for one of our own operations: enough for
/// 50 ms of a fast line, little enough for a tab.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 12;
/// Blocks of which one request by HTTP is for: what hides a round trip, 2 MiB of a file in memory.
pub const FETCH_CIDS_MAX: usize = 8;
/// How long a ticket for HTTP lives, by the clock of the relay: what a stolen one is worth.
pub const TICKET_MS: u64 = 60_000;
/// Bytes for which one ticket is: a minute of a slow line, a second of a fast one.
pub const TICKET_BYTES_MAX: u64 = 64 << 20;
/// Tickets of one session: as many MiMeis as are read at once. The oldest makes room.
pub const TICKETS_MAX: usize = 8;
/// MiMeis that one connection watches or has entered by link: more than a person has open.
pub const CONNECTION_MIMEIS_MAX: usize = 1024;
/// MiMeis in memory. One that nothing is done with is forgotten for another.
pub const ITEMS_MAX: usize = 512;
/// Bytes of records that one message brings, so that it fits into a frame beside one more record.
pub const RECORDS_BYTES_MAX: usize = 256 << 10;
/// Blocks that one ask names to learn which of them are there: a page of an outbox.
pub const HAVE_CIDS_MAX: usize = SCAN_ROWS_MAX;
/// Identity logs that an asker lists.
pub const KNOWN_LOGS_MAX: usize = 1024;
/// Uploads into one MiMei of which a relay tells at the same time: a party's worth of phones.
pub const UPLOADS_MAX: usize = 16;
/// How long after it was told an upload counts as under way, unless it is told again: a few lost tries.
pub const UPLOAD_LEASE_MS: u64 = 60_000;
/// Versions of one MiMei in memory: as many as heads.
pub const VERSIONS_MAX: usize = 1 << 17;
/// Bytes of blocks that a relay keeps for one author until its owner says otherwise.
pub const AUTHOR_BYTES_MAX: u64 = 10 << 30;
/// Rows that one scan returns.
pub const SCAN_ROWS_MAX: usize = 1024;

/// All entries of one identity log, in bytes: with the message's name around them they fit into one frame.
pub const LOG_BYTES_MAX: usize = FRAME_BYTES_MAX - 64;

const _: () = assert!(BLOCKS_IN_FLIGHT_MAX <= PUTS_IN_WORK_MAX && BLOCKS_IN_FLIGHT_MAX < ASKS_OPEN_MAX);
const _: () = assert!(ASKS_OPEN_MAX <= ASKS_IN_WORK_MAX);
const _: () = assert!(BLOCK_BYTES_MAX + 8 <= FRAME_BYTES_MAX);
