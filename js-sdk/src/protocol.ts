/**
 * What page and core say to each other.
 *
 * The core is in a worker of this page. What tabs of one profile say to each
 * other, so that one core serves them all, is in `tabs/messages.ts`. Frames and
 * pieces are transferred, not copied.
 *
 * ```text
 * page                              core
 *  open ───────────────────────────▶
 *  ◀─────────────────────────── reply
 *  connected (a transport is open) ▶
 *  ◀── send        received ───────▶   frames, both ways, handshake first; those of one turn go together
 *  ◀── taken       writable ───────▶   how far each has got with them
 *  spare (buffers of sent frames) ─▶
 *  ◀── session-open | session-failed
 *  call ───────────────────────────▶
 *  ◀────────────────── reply | refused
 *  ◀─────────────────────────── event   something changed by itself
 *  ◀── close         closed ───────▶   either side ends the connection
 * ```
 */
import { anything, buffers, bytes, count, error, frames, matches, text } from "./schema.js";
import { isObject } from "./schema.js";
import type { Fields, Message } from "./schema.js";
import { WAYS } from "./transport/connection.js";
import type { Way } from "./transport/connection.js";

export { isObject } from "./schema.js";

/** How it is known that the relay is the right one. */
export const TRUSTS = ["expected", "pinned", "first-use"] as const;
export type Trust = (typeof TRUSTS)[number];

export const way = (value: unknown): value is Way => (WAYS as readonly unknown[]).includes(value);
export const trust = (value: unknown): value is Trust => (TRUSTS as readonly unknown[]).includes(value);
const TO_CORE = {
  open: { id: count, database: text, app: text, cacheBytes: count },
  connected: { conn: count, way, expect: text, localFingerprint: bytes, remoteFingerprint: bytes, blocks: text },
  received: { conn: count, bytes },
  writable: { conn: count, queuedBytes: count },
  closed: { conn: count },
  spare: { buffers },
  call: { id: count, method: text, args: anything },
  shut: { id: count },
} satisfies Record<string, Fields>;

const TO_PAGE = {
  reply: { id: count, value: anything },
  refused: { id: count, error },
  send: { conn: count, frames },
  taken: { conn: count, bytes: count },
  close: { conn: count, error },
  "session-open": { conn: count, relay: text, trust, sinceMs: count },
  "session-failed": { conn: count, error },
  event: { name: text, data: anything },
} satisfies Record<string, Fields>;

export type ToCore = Message<typeof TO_CORE>;
export type ToPage = Message<typeof TO_PAGE>;

/** The message, or `undefined` if this version does not know it. */
export function readToCore(data: unknown): ToCore | undefined {
  return matches(TO_CORE, data) ? (data as ToCore) : undefined;
}

/** The message, or `undefined` if this version does not know it. */
export function readToPage(data: unknown): ToPage | undefined {
  return matches(TO_PAGE, data) ? (data as ToPage) : undefined;
}

/** Two ends of a line over which messages go in order. A worker and a worker's scope are both such. */
export interface Line {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

/**
 * Posts a message; its frame, or the piece that was read, is moved, not copied. What arrived in a part of a larger
 * buffer is copied; a frame to send has its buffer to itself, which may be larger.
 */
export function post(line: Line, message: ToCore | ToPage): void {
  if (message.type === "send") return line.postMessage(message, message.frames.map(({ buffer }) => buffer));
  if (message.type === "call") return postCall(line, message);
  if (message.type === "spare") return line.postMessage(message, [...message.buffers]);
  if (message.type === "received") {
    const frame = owned(message.bytes);
    return line.postMessage({ ...message, bytes: frame }, [frame.buffer]);
  }
  if (message.type === "reply" && bytes(message.value)) {
    const piece = owned(message.value);
    return line.postMessage({ ...message, value: piece }, [piece.buffer]);
  }
  line.postMessage(message, []);
}

/** An array for the answer is moved there and back. One that was given away before, as when a call is made again, is left out. */
function postCall(line: Line, message: Extract<ToCore, { type: "call" }>): void {
  const { args } = message;
  if (!isObject(args) || !bytes(args["into"])) return line.postMessage(message, []);
  const { into, ...rest } = args;
  if (into.buffer.byteLength > 0) line.postMessage(message, [into.buffer]);
  else line.postMessage({ ...message, args: rest }, []);
}

function owned(part: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return part.byteLength === part.buffer.byteLength ? part : part.slice();
}
