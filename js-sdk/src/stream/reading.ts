/** The page's side of one read: it gives a part when it is asked for one, and stops with the port. */
import { errorShape, MimeiError } from "../errors.js";
import { readToPage } from "./messages.js";
import type { ToWorker } from "./messages.js";
import { ranged } from "./ranged.js";
import type { Source } from "./source.js";

export interface ReadingEvents {
  /** It ended because the source did not give what it should. */
  failed(why: MimeiError): void;
  /** Called once. */
  ended(): void;
}

export class Reading {
  readonly #port: MessagePort;
  readonly #source: Source;
  readonly #events: ReadingEvents;
  readonly #ends = new AbortController();
  #parts: AsyncGenerator<Uint8Array<ArrayBuffer>, void> | undefined;

  constructor(port: MessagePort, source: Source, media: string, events: ReadingEvents) {
    this.#port = port;
    this.#source = source;
    this.#events = events;
    port.addEventListener("message", ({ data }) => this.#hear(data));
    port.addEventListener("close", () => this.end()); // The browser ended the worker.
    port.start();
    this.#say({ type: "file", length: source.length, media });
  }

  /** Nothing more is read. The other side hears of it as of a failure, unless it has all. */
  end(): void {
    if (this.#ends.signal.aborted) return;
    this.#ends.abort();
    this.#say({ type: "failed", message: "The page no longer shows it." });
    this.#port.close();
    this.#events.ended();
  }

  #hear(data: unknown): void {
    const message = readToPage(data);
    if (message?.type === "next" && this.#parts !== undefined) return void this.#next(this.#parts);
    if (message?.type !== "range" || this.#parts !== undefined) return this.end();
    const { start, end } = message;
    if (start >= end || end > this.#source.length) return this.end();
    this.#parts = ranged(this.#source, start, end, this.#ends.signal);
  }

  async #next(parts: AsyncGenerator<Uint8Array<ArrayBuffer>, void>): Promise<void> {
    try {
      const { value } = await parts.next();
      if (value === undefined) return this.end();
      if (!this.#ends.signal.aborted) this.#say({ type: "bytes", bytes: value }, [value.buffer]);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #fail(thrown: unknown): void {
    if (this.#ends.signal.aborted) return;
    const why = thrown instanceof MimeiError ? thrown : MimeiError.from(errorShape(thrown));
    this.#say({ type: "failed", message: why.message });
    this.end();
    this.#events.failed(why);
  }

  #say(message: ToWorker, given: Transferable[] = []): void {
    this.#port.postMessage(message, given);
  }
}
