/**
 * What page and core say to each other.
 *
 * Today the core is in this page's own worker; the messages carry no object
 * that could not go through a `MessagePort` or `BroadcastChannel` too, so that
 * tabs of one profile can share one core. Frames and pieces are transferred, not copied.
 *
 * ```text
 * page                              core
 *  open ───────────────────────────▶
 *  ◀─────────────────────────── reply
 *  connected (a transport is open) ▶
 *  ◀── send        received ───────▶   frames, both ways, handshake first
 *  ◀── taken       writable ───────▶   how far each has got with them
 *  ◀── session-open | session-failed
 *  call ───────────────────────────▶
 *  ◀────────────────── reply | refused
 *  ◀─────────────────────────── event   something changed by itself
 *  ◀── close         closed ───────▶   either side ends the connection
 * ```
 */
import { isRetry } from "./errors.js";
import type { ErrorShape } from "./errors.js";
import { WAYS } from "./transport/connection.js";
import type { Way } from "./transport/connection.js";

type Check<T> = (value: unknown) => value is T;
type Fields = Readonly<Record<string, Check<unknown>>>;
type Checked<F> = { readonly [K in keyof F]: F[K] extends Check<infer T> ? T : never };
type Message<S> = { [K in keyof S]: { readonly type: K } & Checked<S[K]> }[keyof S];

/** How it is known that the relay is the right one. */
export const TRUSTS = ["expected", "pinned", "first-use"] as const;
export type Trust = (typeof TRUSTS)[number];

const text = (value: unknown): value is string => typeof value === "string";
const count = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const bytes = (value: unknown): value is Uint8Array<ArrayBuffer> =>
  value instanceof Uint8Array && value.buffer instanceof ArrayBuffer;
const anything = (_: unknown): _ is unknown => true;
const way = (value: unknown): value is Way => (WAYS as readonly unknown[]).includes(value);
const trust = (value: unknown): value is Trust => (TRUSTS as readonly unknown[]).includes(value);
const error = (value: unknown): value is ErrorShape =>
  isObject(value) && text(value["code"]) && text(value["message"]) && text(value["hint"]) && isRetry(value["retry"]);

const TO_CORE = {
  open: { id: count, database: text, app: text },
  connected: { conn: count, way, expect: text, localFingerprint: bytes, remoteFingerprint: bytes },
  received: { conn: count, bytes },
  writable: { conn: count, queuedBytes: count },
  closed: { conn: count },
  call: { id: count, method: text, args: anything },
  shut: { id: count },
} satisfies Record<string, Fields>;

const TO_PAGE = {
  reply: { id: count, value: anything },
  refused: { id: count, error },
  send: { conn: count, bytes },
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

/** Posts a message; its frame or piece is moved, not copied, unless it is a part of a larger buffer. */
export function post(line: Line, message: ToCore | ToPage): void {
  if (message.type === "send" || message.type === "received") {
    const frame = owned(message.bytes);
    return line.postMessage({ ...message, bytes: frame }, [frame.buffer]);
  }
  if (message.type === "call" && isObject(message.args) && bytes(message.args["bytes"])) {
    const piece = owned(message.args["bytes"]);
    return line.postMessage({ ...message, args: { ...message.args, bytes: piece } }, [piece.buffer]);
  }
  if (message.type === "reply" && bytes(message.value)) {
    const piece = owned(message.value);
    return line.postMessage({ ...message, value: piece }, [piece.buffer]);
  }
  line.postMessage(message, []);
}

function owned(part: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return part.byteLength === part.buffer.byteLength ? part : part.slice();
}

function matches(schema: Readonly<Record<string, Fields>>, data: unknown): boolean {
  if (!isObject(data) || !text(data["type"]) || !Object.hasOwn(schema, data["type"])) return false;
  const fields = Object.entries(schema[data["type"]] ?? {});
  return fields.every(([name, check]) => check(data[name]));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
