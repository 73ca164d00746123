// One file on its way to the page: shown while it loads, or when all of it is there.
import { MimeiError, showable } from "mimei";
import type { Entry, Reader, ShownAs, StreamUrl } from "mimei";
import { problemOf } from "./problem";
import type { Problem } from "./problem";

/** Bytes of a text that are shown; the rest can be saved. */
const TEXT_BYTES_MAX = 256 * 1024;
/** A larger picture is shown while it loads. */
const WHOLE_IMAGE_BYTES_MAX = 1024 * 1024;
/** What `showable` needs of a file without an extension. */
const HEAD_BYTES = 16;

/** What reads it: a MiMei, or one version of it. */
export type Source = Pick<Reader, "blob" | "url">;

export interface Shown {
  readonly as: ShownAs;
  /** Its media type is inert: the SDK gives no other. */
  readonly url: string;
  /** The beginning of a text. */
  readonly text: string;
}

export class Loaded {
  /** While all of it is being fetched. */
  progress = $state.raw<{ done: number; total: number }>();
  shown = $state.raw<Shown>();
  /** A `blob:` URL of all of it. */
  whole = $state.raw<string>();
  problem = $state.raw<Problem>();
  /** Why it waits; none if it goes on. */
  paused = $state<string>();
  readonly #source: Source;
  readonly #entry: Entry;
  readonly #ends = new AbortController();
  #stream: StreamUrl | undefined;

  constructor(source: Source, entry: Entry) {
    this.#source = source;
    this.#entry = entry;
  }

  /** Shows it, while it loads if it can be. */
  async show(): Promise<void> {
    if (this.shown !== undefined) return;
    const { as } = showable(this.#entry);
    if (!comesInParts(as, this.#entry.length) || this.whole !== undefined) return await this.load();
    this.problem = undefined;
    try {
      const { signal } = this.#ends;
      const stream = await this.#source.url(this.#entry, { signal, onPause: this.#pause, onFailure: (why) => this.#fail(stream, why) });
      this.#stream = stream;
      this.shown = { as, url: stream.href, text: "" };
    } catch (thrown) {
      if (thrown instanceof MimeiError && thrown.code === "stream.unsupported") return await this.load();
      if (!this.#ends.signal.aborted) this.problem = problemOf(thrown);
    }
  }

  /** Gets all of it. */
  async load(): Promise<void> {
    if (this.progress !== undefined || this.whole !== undefined) return;
    this.problem = undefined;
    this.progress = { done: 0, total: this.#entry.length };
    try {
      const { signal } = this.#ends;
      const onProgress = (done: number, total: number): void => void (this.progress = { done, total });
      const blob = await this.#source.blob(this.#entry, { signal, onProgress, onPause: this.#pause });
      const shown = await this.#show(blob);
      if (signal.aborted) return URL.revokeObjectURL(shown.url);
      this.whole = shown.url;
      this.shown ??= shown; // What plays goes on.
    } catch (thrown) {
      if (!this.#ends.signal.aborted) this.problem = problemOf(thrown);
    }
    this.progress = undefined;
  }

  /** The page no longer shows it. */
  end(): void {
    this.#ends.abort();
    this.#stream?.close();
    if (this.whole !== undefined) URL.revokeObjectURL(this.whole);
  }

  readonly #pause = (why: MimeiError | undefined): void => void (this.paused = why?.message);

  /** What plays ended too early, and can be shown again. */
  #fail(stream: StreamUrl, why: MimeiError): void {
    stream.close();
    if (this.#stream !== stream || this.#ends.signal.aborted) return;
    this.#stream = undefined;
    this.shown = undefined;
    this.problem = problemOf(why);
  }

  async #show(blob: Blob): Promise<Shown> {
    const head = new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer());
    const { as } = showable(this.#entry, head);
    const text = as === "text" ? await blob.slice(0, TEXT_BYTES_MAX).text() : "";
    return { as, url: URL.createObjectURL(blob), text };
  }
}

/** Sound and film do in any length; a small picture is better seen at once. */
export function comesInParts(as: ShownAs, bytes: number): boolean {
  return as === "audio" || as === "video" || (as === "image" && bytes > WHOLE_IMAGE_BYTES_MAX);
}
