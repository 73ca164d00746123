// Every bound of the page side, with its reason.

/** A frame that the page passes on, in bytes: what every WebRTC stack can take as one message. */
export const FRAME_BYTES_MAX = 64 * 1024;
/** A smaller frame has a buffer of its own: it is cheaper to forget. */
export const FRAME_REUSED_BYTES_MIN = 4 * 1024;
/** Buffers of frames that are sent go back together. */
export const FRAMES_RETURNED = 8;
/** Buffers of frames that wait to be used again: 4 MiB, more than a connection has on its way. */
export const FRAMES_REUSED_MAX = 64;
/** A message from the relay, in bytes: what our session description announces as its limit. */
export const MESSAGE_BYTES_MAX = 256 * 1024;
/** The core hears of a transport's queue when it is at or below this many bytes, while there is still something to send. */
export const QUEUE_LOW_BYTES = 64 * 1024;
/** A transport's queue in bytes. The core stops far earlier; a browser closes the channel at 16 MiB. */
export const QUEUE_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes handed to the worker that it has not yet taken. The core's flow control keeps it far below. */
export const UNTAKEN_BYTES_MAX = 16 * 1024 * 1024;
/** The worker reports what it took in steps of this many bytes, so that reports do not double the messages. */
export const TAKEN_REPORT_BYTES = 256 * 1024;
/** How often a WebSocket's queue is looked at while it is full, in ms: it has no event for it. */
export const WEBSOCKET_QUEUE_POLL_MS = 20;

/** A transport opens within this time, in ms, or the next way is tried. Loopback takes 10, a far phone about 1,000. */
export const OPEN_MS_MAX = 5_000;
/** The same where a person may be answering the browser's question about the local network. */
export const OPEN_ASKING_MS_MAX = 60_000;
/** A check that has not begun after this time, in ms, is one that the browser holds back. */
export const HELD_BACK_MS = 2_000;
/** Firefox begins no check on the machine that it runs on, and would say so after five seconds; where one begins, it is within this time, in ms. */
export const LOOPBACK_BEGUN_MS_MAX = 500;
/** ICE says "disconnected" for a passing loss too; after this time, in ms, it is a lost connection. */
export const DISCONNECTED_MS_MAX = 5_000;
/** The handshake on an open transport, in ms: three messages and two identity logs. */
export const SESSION_MS_MAX = 10_000;
/** An HTTP answer of a few kilobytes, in ms. */
export const HTTP_MS_MAX = 5_000;
/** Buffers for answers by HTTP that are kept to be used again, 1 MiB each: as many pieces as are read of one file. */
export const FETCHES_MAX = 8;
/** A relay that gives blocks by HTTP and says nothing for this time, in ms, is asked over the connection. */
export const FETCH_SILENT_MS_MAX = 10_000;
/** A session description or a relay's self-description, in bytes. Real ones have 1 to 4 KiB. */
export const HTTP_BYTES_MAX = 64 * 1024;

/** First pause before another try, in ms; it doubles each time. */
export const RETRY_MS_MIN = 500;
/** Longest pause before another try, in ms: a relay that comes back is found within a minute. */
export const RETRY_MS_MAX = 60_000;
/** A session that lasted this long, in ms, was a good one: pauses start small again. */
export const STABLE_MS = 10_000;
/** How often an idle session is asked whether it lives, in ms. */
export const PROBE_EVERY_MS = 10_000;
/** The answer to that question, in ms. */
export const PROBE_MS_MAX = 5_000;

/** Relays that one page is told to use. */
export const RELAYS_MAX = 8;
/** Network addresses in one relay address: IPv4 and IPv6 of a few interfaces. */
export const ENDPOINTS_MAX = 8;
/** Characters of a relay address: eight IPv6 endpoints, the id and the fingerprint have about 550. */
export const ADDRESS_CHARS_MAX = 1_024;
/** Commands of one tab that wait. A page that reaches it calls in a loop without waiting. */
export const CALLS_MAX = 1_024;
/** Commands of all tabs that wait for the core: four tabs at their limit do not keep a fifth from working. */
export const CORE_CALLS_MAX = 4 * CALLS_MAX;
/** A file is cut into pieces of this many bytes; only the last one is shorter. */
export const PIECE_BYTES = 256 * 1024;
/** A file with fewer pieces is there at once; of others it is told how far they are: 1 MiB is a second of film. */
export const TOLD_AFTER_PIECES = 4;
/** Pieces between one telling and the next at the beginning, 4 MiB: what is watched meanwhile must not run dry. */
export const TOLD_EVERY_PIECES = 16;
/** Later a sixteenth of what is there already: whoever watches has the rest before them, and each telling has its price. */
export const TOLD_EVERY_PART = 16;
/** Pieces of one file that are read, sealed or fetched at once: enough to hide a round trip, 2 MiB in memory. */
export const PIECES_AT_ONCE = 8;
/** Pieces that are joined before the browser is given them to keep, which may be on disk: 16 MiB. */
export const PIECES_JOINED = 64;
/** A larger file is given to the user from disk: browsers keep a `Blob` in the memory of their main process, and give up some of 500 MiB. */
export const BLOB_BYTES_MAX = 64 * 1024 * 1024;
/** Reading that is paused for want of credit is tried again this often, in ms: a new day makes no event. */
export const PAUSED_RETRY_MS = 30_000;
/** Reading that lost its relay is tried again this often, in ms, as long as it is away: the relay may be back before the item is. */
export const LOST_RETRY_MS = 1_000;
/** A relay that is back may not know for this long, in ms, that this device may read: the session is new. */
export const RETURN_MS_MAX = 10_000;
/** An answer to a range that a player asked for, in bytes: it asks for the rest when it comes there, so no answer lives long. */
export const STREAM_RANGE_BYTES_MAX = 4 * 1024 * 1024;
/** Pieces of one such answer that are fetched at once: 1 MiB hides a round trip, and is all that is fetched unasked. */
export const STREAM_PIECES_AT_ONCE = 4;
/** Answers that one page reads for at once. A player has two or three; the oldest makes room, and is asked for again if it is wanted. */
export const STREAM_READS_MAX = 64;
/** Stream URLs that one page has open. A page that reaches it does not close them. */
export const STREAMS_MAX = 256;
/** A page says within this time whether it has a stream, in ms: it may be busy, but it does not ask the network for that. */
export const STREAM_ANSWER_MS_MAX = 10_000;
/** The service worker is loaded and controls the page within this time, in ms, or streams are unsupported. */
export const STREAM_CONTROL_MS_MAX = 10_000;
/** Opening a link waits this long for the relay, in ms, and then goes on with what is here. */
export const REACH_MS_MAX = 20_000;
/** Relays that links have led to in any tab, beside the tabs' own. The one that was led to first makes room. */
export const LED_TO_MAX = 8;
/** Characters of a link: eight relays with all their places. What a person pastes by mistake is longer. */
export const LINK_CHARS_MAX = 8_192;

/** The worker and its wasm module are loaded and the store is open, in ms. Slow phones take seconds. */
export const START_MS_MAX = 30_000;

/** Tabs that one leader serves. Browsers keep more open, but not alive. */
export const FOLLOWERS_MAX = 64;
/** Different wishes for relays among the tabs of a profile: each is a session of its own. */
export const WISHES_MAX = 8;
/** Bytes of pieces that a follower has on their way to the leader: a few files at once. */
export const TAB_BYTES_MAX = 8 * 1024 * 1024;
/** A tab that is looked at and waits for an answer asks this often whether the leader is awake, in ms. */
export const LEADER_PROBE_EVERY_MS = 5_000;
/** Questions in a row to which a leader says nothing, after which another tab takes its place. */
export const LEADER_SILENT_PROBES_MAX = 4;
/** Characters of a tab's or a leadership's id; ours are UUIDs. */
export const TAB_ID_CHARS_MAX = 64;

/** Bytes of pieces in the browser, unless a page wants otherwise: a long video, a small part of a phone. */
export const CACHE_BYTES = 512 * 1024 * 1024;
