/**
 * The dedicated worker: core, store and hashing. It holds no transport, since
 * `RTCPeerConnection` does not exist in workers; frames come from the page.
 */
import { Buffers } from "./buffers.js";
import { errorShape, MimeiError } from "./errors.js";
import { fetchBlocks, readFetch } from "./fetching.js";
import { FRAME_BYTES_MAX, FRAME_REUSED_BYTES_MIN, FRAMES_REUSED_MAX, PIECE_BYTES, PIECES_AT_ONCE, TAKEN_REPORT_BYTES } from "./limits.js";
import { readInto } from "./part.js";
import { isObject, post, readToCore, readToPage } from "./protocol.js";
import type { Line, ToCore } from "./protocol.js";
import init, { Client } from "./wasm/client.js";

const page = self as unknown as Line & { close(): void };
const takenBytes = new Map<number, number>();
/** Frames that this turn sends, by connection. */
const waiting = new Map<number, Uint8Array<ArrayBuffer>[]>();
const frames = new Buffers(FRAME_BYTES_MAX, FRAMES_REUSED_MAX);
const pieces = new Buffers(PIECE_BYTES, PIECES_AT_ONCE);
/** Where each connection's relay gives blocks by HTTP. */
const blocksAt = new Map<number, string>();
let client: Client | undefined;

page.onmessage = ({ data }) => {
  const message = readToCore(data);
  // Page and worker come from one build: this is a fault of ours, and is seen as the worker's error.
  if (message === undefined) throw new TypeError(`unknown message to the core: ${kindOf(data)}`);
  handle(message);
};

function handle(message: ToCore): void {
  switch (message.type) {
    case "open":
      return answer(message.id, () => start(message));
    case "call":
      return answer(message.id, () => call(message.method, message.args));
    case "shut":
      return answer(message.id, shut);
    case "spare":
      return message.buffers.forEach((buffer) => frames.give(buffer));
    default:
      return handleTransport(message);
  }
}

type TransportMessage = Extract<ToCore, { conn: number }>;

/** A part of a file is handed over unread, so that its bytes are in memory here only, and in a buffer of ours. */
async function call(method: string, args: unknown): Promise<unknown> {
  if (!isObject(args) || !(args["part"] instanceof Blob)) return await opened().call(method, args);
  const bytes = await read(args["part"]);
  try {
    return await opened().call(method, { ...args, bytes });
  } finally {
    pieces.give(bytes.buffer);
  }
}

async function read(part: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readInto(pieces, part);
  } catch (cause) {
    const hint = "It may have been changed or moved since it was chosen. Choose it again.";
    throw new MimeiError("file.unreadable", "A file could not be read.", { hint, cause });
  }
}

/** The core's next frame goes into this. */
function frame(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes < FRAME_REUSED_BYTES_MIN || bytes > FRAME_BYTES_MAX) return new Uint8Array(bytes);
  return new Uint8Array(frames.take(), 0, bytes);
}

/** What the core refuses here ends the connection that it came from, and no other. */
function handleTransport(message: TransportMessage): void {
  const { conn } = message;
  try {
    switch (message.type) {
      case "connected":
        opened().connected(conn, message.way, message.expect, message.localFingerprint, message.remoteFingerprint);
        return message.blocks === "" ? undefined : openWay(conn, message.blocks);
      case "received":
        opened().received(conn, message.bytes);
        return countTaken(conn, message.bytes.byteLength);
      case "writable":
        return opened().writable(conn, message.queuedBytes);
      case "closed":
        takenBytes.delete(conn);
        blocksAt.delete(conn);
        return opened().closed(conn);
    }
  } catch (thrown) {
    post(page, { type: "close", conn, error: errorShape(thrown) });
  }
}

async function start({ database, app, cacheBytes }: Extract<ToCore, { type: "open" }>): Promise<void> {
  await loaded();
  client = await Client.open({ database, app, cacheBytes }, fromClient, frame);
}

async function loaded(): Promise<void> {
  try {
    await init();
  } catch (cause) {
    const message = `MiMei's WebAssembly could not be started: ${errorShape(cause).message}`;
    const hint = "Reload the page. A content security policy must allow script-src 'wasm-unsafe-eval', and connect-src of where the SDK is.";
    throw new MimeiError("core.failed", message, { hint, retry: "now", cause });
  }
}

async function shut(): Promise<void> {
  await client?.close();
  client = undefined;
}

function opened(): Client {
  if (client === undefined) throw new MimeiError("context.closed", "The core is not open.");
  return client;
}

function answer(id: number, run: () => Promise<unknown>): void {
  // A throw of `run` itself becomes a refusal too.
  Promise.resolve()
    .then(run)
    .then(
      (value) => post(page, { type: "reply", id, value }),
      (thrown: unknown) => post(page, { type: "refused", id, error: errorShape(thrown) }),
    );
}

function countTaken(conn: number, bytes: number): void {
  const total = (takenBytes.get(conn) ?? 0) + bytes;
  takenBytes.set(conn, total < TAKEN_REPORT_BYTES ? total : 0);
  if (total >= TAKEN_REPORT_BYTES) post(page, { type: "taken", conn, bytes: total });
}

function openWay(conn: number, url: string): void {
  blocksAt.set(conn, url);
  opened().fetchable(conn);
}

/**
 * What the wasm module says, in the words of the protocol. Frames wait until its turn ends: each message has its price.
 * What it wants by HTTP is fetched here.
 */
function fromClient(said: unknown): void {
  if (isObject(said) && said["type"] === "send") return wait(said["conn"] as number, said["bytes"] as Uint8Array<ArrayBuffer>);
  const wanted = readFetch(said);
  if (wanted !== undefined) {
    void fetchBlocks(blocksAt.get(wanted.conn), wanted, (status, body) => client?.fetched(wanted.job, status, body));
    return;
  }
  sendWaiting();
  const message = readToPage(isObject(said) ? translated(said) : said);
  if (message === undefined) throw new TypeError(`unknown message from the core: ${kindOf(said)}`);
  post(page, message);
}

function wait(conn: number, frame: Uint8Array<ArrayBuffer>): void {
  if (waiting.size === 0) queueMicrotask(sendWaiting);
  const frames = waiting.get(conn) ?? [];
  frames.push(frame);
  waiting.set(conn, frames);
}

function sendWaiting(): void {
  for (const [conn, frames] of waiting) post(page, { type: "send", conn, frames });
  waiting.clear();
}

function translated(said: Record<string, unknown>): Record<string, unknown> {
  const error = errorShape({ retry: "later", ...said });
  if (said["type"] === "close") return { type: "close", conn: said["conn"], error };
  if (said["type"] === "identity") return { type: "event", name: "identity", data: {} };
  if (said["type"] === "credit") return { type: "event", name: "credit", data: {} };
  if (said["type"] === "item") return { type: "event", name: "item", data: { id: said["id"] } };
  if (said["type"] !== "session") return said;
  if (said["state"] === "failed") return { type: "session-failed", conn: said["conn"], error };
  return { ...said, type: `session-${String(said["state"])}` };
}

function kindOf(data: unknown): string {
  return isObject(data) ? String(data["type"]) : typeof data;
}
