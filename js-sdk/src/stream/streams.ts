/**
 * URLs under which this page shows files while they load. The service worker
 * asks for what the browser wants of them; here it is looked up and read.
 *
 * Attack stopped: a URL that somebody else opens. Tab and stream have random
 * ids, and a request is answered by the very page that makes it.
 */
import { MimeiError } from "../errors.js";
import { STREAM_READS_MAX, STREAMS_MAX } from "../limits.js";
import { readAsked, STREAM_PATH } from "./messages.js";
import { Reading } from "./reading.js";
import type { Source } from "./source.js";

/** A URL for `<video>`, `<audio>`, `<img>` and `fetch` of this page. */
export interface StreamUrl extends Disposable {
  readonly href: string;
  /** From now on the URL answers 404, and what is being read under it ends. */
  close(): void;
}

/** What is shown under a URL. */
export interface Shown {
  readonly source: Source;
  /** The end of the URL, for people. */
  readonly name: string;
  /** As `showable` says. */
  readonly type: string;
  /** Called with why a read ended too early; the element that shows it knows only that it did. */
  readonly onFailure?: ((why: MimeiError) => void) | undefined;
}

export interface StreamDoors {
  /** An id that nobody can guess. */
  freshId(): string;
  readonly origin: string;
}

interface Stream extends Shown {
  readonly readings: Set<Reading>;
}

/** The streams of one page. */
export class Streams {
  readonly #doors: StreamDoors;
  readonly #tab: string;
  readonly #open = new Map<string, Stream>();
  /** Of all streams, the oldest first. */
  readonly #readings = new Set<Reading>();

  constructor(doors: StreamDoors) {
    this.#doors = doors;
    this.#tab = doors.freshId();
  }

  open(shown: Shown): StreamUrl {
    if (this.#open.size >= STREAMS_MAX) {
      throw new MimeiError("argument.invalid", "Too many stream URLs are open: close those that are not shown.", { retry: "later" });
    }
    const id = this.#doors.freshId();
    this.#open.set(id, { ...shown, readings: new Set() });
    const close = (): void => this.#close(id);
    const href = `${this.#doors.origin}${STREAM_PATH}${this.#tab}/${id}/${segment(shown.name)}`;
    return Object.freeze({ href, close, [Symbol.dispose]: close });
  }

  /** What a service worker asks, on a port of its own. Other messages are not for us. */
  answer(data: unknown, port: MessagePort | undefined): void {
    const asked = readAsked(data);
    if (asked === undefined || port === undefined) return;
    const stream = asked.tab === this.#tab ? this.#open.get(asked.stream) : undefined;
    if (stream === undefined) {
      port.postMessage({ type: "unknown" });
      return port.close();
    }
    this.#makeRoom();
    this.#read(stream, port);
  }

  #read(stream: Stream, port: MessagePort): void {
    const reading = new Reading(port, stream.source, stream.type, {
      failed: (why) => stream.onFailure?.(why),
      ended: () => {
        stream.readings.delete(reading);
        this.#readings.delete(reading);
      },
    });
    stream.readings.add(reading);
    this.#readings.add(reading);
  }

  #makeRoom(): void {
    const [oldest] = this.#readings;
    if (this.#readings.size >= STREAM_READS_MAX) oldest?.end();
  }

  #close(id: string): void {
    const stream = this.#open.get(id);
    this.#open.delete(id);
    for (const reading of [...(stream?.readings ?? [])]) reading.end();
  }
}

/** Browsers resolve dots. */
function segment(name: string): string {
  return /^\.*$/.test(name) ? "file" : encodeURIComponent(name.replace(/\p{Surrogate}/gu, "_"));
}
