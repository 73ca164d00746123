/**
 * What all transports have in common: ordered, reliable messages, one open
 * connection. A transport knows nothing of what the messages say.
 */
import { MimeiError } from "../errors.js";
import { QUEUE_BYTES_MAX, QUEUE_LOW_BYTES } from "../limits.js";

/** Data channel with HTTP signalling, data channel by address alone, WebSocket. */
export const WAYS = ["rtc", "rtc-direct", "ws"] as const;
export type Way = (typeof WAYS)[number];

/** Who hears of an open connection. Set before the first task after opening, so nothing is missed. */
export interface ConnectionEvents {
  message(bytes: Uint8Array): void;
  /** The queue, in bytes, is at or below the low mark. It follows every `send`, sooner or later. */
  writable(queuedBytes: number): void;
  /** Called once, by whichever side closed; `undefined` when it was ours. */
  closed(error: MimeiError | undefined): void;
}

export interface Connection {
  readonly way: Way;
  /** SHA-256 of our DTLS certificate and of the relay's, 32 bytes each; empty for a WebSocket. */
  readonly localFingerprint: Uint8Array;
  readonly remoteFingerprint: Uint8Array;
  readonly queuedBytes: number;
  listen(events: ConnectionEvents): void;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** The part of a data channel and of a WebSocket that is used alike. */
interface Pipe {
  readonly bufferedAmount: number;
  send(bytes: Uint8Array<ArrayBuffer>): void;
}

/** Queue, events and the one close of a transport; the two transports add how they are opened and ended. */
export abstract class PipeConnection implements Connection {
  abstract readonly way: Way;
  abstract readonly localFingerprint: Uint8Array;
  abstract readonly remoteFingerprint: Uint8Array;
  #events: ConnectionEvents | undefined;
  #reporting = false;
  #closed = false;
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
  }

  get queuedBytes(): number {
    return this.#pipe.bufferedAmount;
  }

  protected get isClosed(): boolean {
    return this.#closed;
  }

  listen(events: ConnectionEvents): void {
    this.#events = events;
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#closed) return;
    if (this.queuedBytes + bytes.byteLength > QUEUE_BYTES_MAX) {
      this.finish(new MimeiError("network.overflow", "More was sent than the connection takes.", { retry: "later" }));
      return;
    }
    try {
      this.#pipe.send(bytes);
    } catch (cause) {
      this.finish(lost(cause));
      return;
    }
    this.#reportSoon();
  }

  close(): void {
    this.finish(undefined);
  }

  /** Ends the transport and tells why, once. */
  protected finish(error: MimeiError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.end();
    this.#events?.closed(error);
  }

  protected deliver(data: unknown): void {
    if (data instanceof ArrayBuffer) this.#events?.message(new Uint8Array(data));
    else this.finish(new MimeiError("relay.incompatible", "The relay sent text where only bytes are allowed."));
  }

  protected reportWritable(): void {
    if (!this.#closed) this.#events?.writable(this.queuedBytes);
  }

  /** Frames sent in one task make one report; above the low mark the transport reports later. */
  #reportSoon(): void {
    if (this.#reporting) return;
    this.#reporting = true;
    queueMicrotask(() => {
      this.#reporting = false;
      if (this.queuedBytes <= QUEUE_LOW_BYTES) this.reportWritable();
      else this.awaitDrain();
    });
  }

  /** The queue is above the low mark: call `reportWritable` when it no longer is. */
  protected abstract awaitDrain(): void;
  protected abstract end(): void;
}

export function lost(cause?: unknown): MimeiError {
  return new MimeiError("network.lost", "The connection to the relay was lost.", { retry: "now", cause });
}
