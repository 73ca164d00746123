/** The page's end of the protocol: commands with answers, and the pumping of frames. */
import { errorShape, MimeiError } from "./errors.js";
import { CORE_CALLS_MAX, FRAME_BYTES_MAX, FRAMES_RETURNED, UNTAKEN_BYTES_MAX } from "./limits.js";
import { post, readToPage } from "./protocol.js";
import type { Line, ToPage, Trust } from "./protocol.js";
import type { Connection } from "./transport/connection.js";

/** An open transport on which the core speaks. */
export interface Session {
  /** What the core calls the connection. */
  readonly conn: number;
  /** Round trip through the session, in ms. */
  ping(): Promise<number>;
  /** Ends it; `error` is why, if it is not our own wish. */
  close(error?: MimeiError): void;
}

/** Whom a session is to meet. */
export interface Meeting {
  /** The relay's user id, or its origin for trust on first use. */
  readonly expect: string;
  /** Where it gives blocks by HTTP, if that is known and nobody on the way can listen. */
  readonly blocks?: string | undefined;
}

export interface SessionEvents {
  /** The handshake is done: the relay is who it says. */
  opened(relay: string, trust: Trust, sinceMs: number): void;
  /** Called once. `undefined`: we closed it. */
  ended(error: MimeiError | undefined): void;
}

interface Attached {
  readonly connection: Connection;
  readonly events: SessionEvents;
  untakenBytes: number;
  /** Why it is being closed, when that is known here and not in the transport. */
  error: MimeiError | undefined;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: MimeiError): void;
}

export class Core {
  readonly #line: Line;
  readonly #waiting = new Map<number, Waiting>();
  readonly #attached = new Map<number, Attached>();
  readonly #listeners = new Map<string, Set<(data: unknown) => void>>();
  /** Buffers of frames that are sent. */
  #spare: ArrayBuffer[] = [];
  #lastId = 0;
  #lastConn = 0;
  #failure: MimeiError | undefined;
  #failed: (error: MimeiError) => void = () => {};
  /** Why it is gone, once it is. */
  readonly failed = new Promise<MimeiError>((resolve) => (this.#failed = resolve));

  constructor(line: Line) {
    this.#line = line;
    line.onmessage = ({ data }) => this.#receive(data);
  }

  async open(database: string, app: string, cacheBytes: number): Promise<void> {
    await this.#ask((id) => post(this.#line, { type: "open", id, database, app, cacheBytes }));
  }

  call(method: string, args?: unknown): Promise<unknown> {
    return this.#ask((id) => post(this.#line, { type: "call", id, method, args }));
  }

  async close(): Promise<void> {
    for (const { connection } of [...this.#attached.values()]) connection.close();
    await this.#ask((id) => post(this.#line, { type: "shut", id }));
    this.fail(new MimeiError("context.closed", "This MiMei client was closed."));
  }

  /** Lets the core speak on an open transport. */
  attach(connection: Connection, { expect, blocks }: Meeting, events: SessionEvents): Session {
    const conn = ++this.#lastConn;
    const attached: Attached = { connection, events, untakenBytes: 0, error: undefined };
    this.#attached.set(conn, attached);
    connection.listen({
      message: (bytes) => this.#received(conn, attached, bytes as Uint8Array<ArrayBuffer>),
      writable: (queuedBytes) => post(this.#line, { type: "writable", conn, queuedBytes }),
      closed: (error) => {
        this.#attached.delete(conn);
        post(this.#line, { type: "closed", conn });
        events.ended(attached.error ?? error);
      },
    });
    post(this.#line, {
      type: "connected",
      conn,
      way: connection.way,
      expect,
      localFingerprint: connection.localFingerprint as Uint8Array<ArrayBuffer>,
      remoteFingerprint: connection.remoteFingerprint as Uint8Array<ArrayBuffer>,
      blocks: blocks ?? "",
    });
    return {
      conn,
      ping: async () => readRtt(await this.call("ping", { conn })),
      close: (error) => this.#end(conn, error),
    };
  }

  /** Hears of everything of that name which the core reports by itself, until the returned function is called. */
  on(name: string, listener: (data: unknown) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** The core is gone: everything that waits for it fails with `error`, now and later. */
  fail(error: MimeiError): void {
    this.#failure ??= error;
    this.#failed(this.#failure);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    for (const conn of [...this.#attached.keys()]) this.#end(conn, error);
  }

  #ask(send: (id: number) => void): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waiting.size >= CORE_CALLS_MAX) {
      return Promise.reject(new MimeiError("argument.invalid", "Too many calls at once: wait for some of them.", { retry: "later" }));
    }
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      send(id);
    });
  }

  #receive(data: unknown): void {
    const message = readToPage(data);
    if (message === undefined) this.fail(new MimeiError("core.failed", "The core said something unknown to this version."));
    else this.#handle(message);
  }

  #handle(message: ToPage): void {
    switch (message.type) {
      case "reply":
        return this.#settle(message.id)?.resolve(message.value);
      case "refused":
        return this.#settle(message.id)?.reject(MimeiError.from(message.error));
      case "event":
        return this.#tell(message.name, message.data);
      case "close":
      case "session-failed":
        return this.#end(message.conn, MimeiError.from(message.error));
      default:
        // A connection that has just closed can still be spoken of.
        return this.#attached.has(message.conn) ? this.#handleSession(message) : undefined;
    }
  }

  /** A newer core may report what this version does not listen to. */
  #tell(name: string, data: unknown): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(data);
  }

  #handleSession(message: Extract<ToPage, { type: "send" | "taken" | "session-open" }>): void {
    const attached = this.#attached.get(message.conn);
    if (attached === undefined) return;
    if (message.type === "send") message.frames.forEach((frame) => this.#send(attached, frame));
    if (message.type === "taken") attached.untakenBytes -= message.bytes;
    if (message.type === "session-open") attached.events.opened(message.relay, message.trust, message.sinceMs);
  }

  /** Transports keep nothing of what they are given. */
  #send({ connection }: Attached, frame: Uint8Array<ArrayBuffer>): void {
    connection.send(frame);
    if (frame.buffer.byteLength !== FRAME_BYTES_MAX) return;
    this.#spare.push(frame.buffer);
    if (this.#spare.length < FRAMES_RETURNED) return;
    post(this.#line, { type: "spare", buffers: this.#spare });
    this.#spare = [];
  }

  #received(conn: number, attached: Attached, bytes: Uint8Array<ArrayBuffer>): void {
    attached.untakenBytes += bytes.byteLength;
    if (attached.untakenBytes > UNTAKEN_BYTES_MAX) {
      const message = "The relay sends faster than this device can take it.";
      this.#end(conn, new MimeiError("network.overflow", message, { retry: "later" }));
      return;
    }
    post(this.#line, { type: "received", conn, bytes });
  }

  #end(conn: number, error: MimeiError | undefined): void {
    const attached = this.#attached.get(conn);
    if (attached === undefined) return;
    attached.error = error;
    attached.connection.close();
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}

function readRtt(value: unknown): number {
  const rttMs = typeof value === "object" && value !== null ? (value as Record<string, unknown>)["rttMs"] : undefined;
  if (typeof rttMs === "number" && rttMs >= 0) return rttMs;
  throw MimeiError.from(errorShape(new Error("The core answered a ping with something else.")));
}
