// Files that somebody else is uploading, in one list with those that are saved.
import type { Entry, Item, Upload } from "mimei";

/** What is over and not saved is taken off the list after that time: the version may be on its way. */
const OVER_MS = 5_000;

/** One file of the list. */
export interface Row {
  readonly entry: Entry;
  /** If it is still under way. */
  readonly upload: Upload | undefined;
}

/** Files of one version, and nothing else. */
export function plain(entries: readonly Entry[]): Row[] {
  return entries.map((entry) => ({ entry, upload: undefined }));
}

interface Arrival {
  readonly entry: Entry;
  readonly upload: Upload;
  /** What had its name before. */
  readonly before: string | undefined;
  /** What was saved of it. */
  readonly blob: string | undefined;
}

export class Arriving {
  #arrivals = $state.raw<ReadonlyMap<string, Arrival>>(new Map());
  readonly #item: Item;
  readonly #asked = new Set<string>();

  constructor(item: Item) {
    this.#item = item;
  }

  /** Learns what is uploaded there, beside these files. */
  look(uploads: readonly Upload[], entries: readonly Entry[]): void {
    for (const upload of uploads) {
      if (this.#asked.has(upload.id)) continue;
      this.#asked.add(upload.id);
      this.#item.incoming(upload).then(
        (entry) => {
          const before = entries.find(({ name }) => name === entry.name)?.blob;
          this.#set(upload.id, { entry, upload, before, blob: undefined });
        },
        () => this.#asked.delete(upload.id), // It is asked for again with the next change, or is over.
      );
    }
    for (const id of this.#arrivals.keys()) {
      if (!uploads.some((upload) => upload.id === id)) setTimeout(() => this.#over(id), OVER_MS);
    }
  }

  /** An upload that was saved is that entry from now on, so that what plays goes on. */
  settle(entries: readonly Entry[]): void {
    for (const [id, arrival] of this.#arrivals) {
      const saved = arrival.blob === undefined ? entries.find((entry) => isOf(entry, arrival)) : undefined;
      if (saved !== undefined) this.#set(id, { ...arrival, blob: saved.blob });
    }
  }

  rows(entries: readonly Entry[], uploads: readonly Upload[]): Row[] {
    const arrivals = [...this.#arrivals.values()];
    const saved = entries.map((entry): Row => {
      const arrived = arrivals.find((arrival) => isOf(entry, arrival));
      return { entry: arrived?.entry ?? entry, upload: undefined };
    });
    const coming = arrivals.filter((arrival) => arrival.blob === undefined && !entries.some((entry) => isOf(entry, arrival)));
    return [...saved, ...coming.map(({ entry, upload }) => ({ entry, upload: uploads.find(({ id }) => id === upload.id) ?? upload }))];
  }

  #set(id: string, arrival: Arrival): void {
    this.#arrivals = new Map(this.#arrivals).set(id, arrival);
  }

  #over(id: string): void {
    if (this.#arrivals.get(id)?.blob !== undefined) return;
    this.#asked.delete(id);
    const left = new Map(this.#arrivals);
    if (left.delete(id)) this.#arrivals = left;
  }
}

/** Whether the entry is what was saved of that upload. */
function isOf(entry: Entry, { entry: { name, length }, before, blob }: Arrival): boolean {
  if (blob !== undefined) return entry.name === name && entry.blob === blob;
  return entry.name === name && entry.length === length && entry.blob !== before;
}
