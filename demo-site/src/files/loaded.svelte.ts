// The bytes of one file on their way to the page.
import { showable } from "mimei";
import type { Entry, Item, ShownAs } from "mimei";
import { problemOf } from "./problem";
import type { Problem } from "./problem";

/** Bytes of a text that are shown; the rest can be saved. */
const TEXT_BYTES_MAX = 256 * 1024;
/** What `showable` needs of a file without an extension. */
const HEAD_BYTES = 16;

export interface Shown {
  readonly as: ShownAs;
  /** A `blob:` URL, whose media type is inert: the SDK gives no other. */
  readonly url: string;
  /** The beginning of a text. */
  readonly text: string;
}

export class Loaded {
  progress = $state.raw<{ done: number; total: number }>();
  shown = $state.raw<Shown>();
  problem = $state.raw<Problem>();
  /** Why it waits; none if it goes on. */
  paused = $state<string>();
  readonly #item: Item;
  readonly #entry: Entry;
  readonly #ends = new AbortController();

  constructor(item: Item, entry: Entry) {
    this.#item = item;
    this.#entry = entry;
  }

  async load(): Promise<Shown | undefined> {
    if (this.progress !== undefined || this.shown !== undefined) return this.shown;
    this.problem = undefined;
    this.progress = { done: 0, total: this.#entry.length };
    try {
      const { signal } = this.#ends;
      const onProgress = (done: number, total: number): void => void (this.progress = { done, total });
      const blob = await this.#item.blob(this.#entry, { signal, onProgress, onPause: (why) => (this.paused = why?.message) });
      const shown = await this.#show(blob);
      if (signal.aborted) URL.revokeObjectURL(shown.url);
      else this.shown = shown;
    } catch (thrown) {
      if (!this.#ends.signal.aborted) this.problem = problemOf(thrown);
    }
    this.progress = undefined;
    return this.shown;
  }

  /** The page no longer shows it. */
  end(): void {
    this.#ends.abort();
    if (this.shown !== undefined) URL.revokeObjectURL(this.shown.url);
  }

  async #show(blob: Blob): Promise<Shown> {
    const head = new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer());
    const { as } = showable(this.#entry, head);
    const text = as === "text" ? await blob.slice(0, TEXT_BYTES_MAX).text() : "";
    return { as, url: URL.createObjectURL(blob), text };
  }
}
