/**
 * A value that changes. `subscribe` calls at once and then on every change (a
 * Svelte store is the same); iterating gives the present value and then the
 * newest one each time, skipping those that came and went in between.
 */
export interface Live<T> extends AsyncIterable<T> {
  readonly value: T;
  subscribe(fn: (value: T) => void): () => void;
}

/**
 * Resolves once the value is as `wanted`, and after `msMax` in any case. Rejects
 * with the signal's reason when that aborts first.
 */
export function whenever<T>(live: Live<T>, wanted: (value: T) => boolean, msMax: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const ends = new AbortController();
    const end = (settle: () => void): void => (ends.abort(), settle());
    const timer = setTimeout(() => end(resolve), msMax);
    signal?.addEventListener("abort", () => end(() => reject(signal.reason)), { signal: ends.signal });
    const stop = live.subscribe((value) => wanted(value) && end(resolve));
    const clean = (): void => (clearTimeout(timer), stop());
    if (ends.signal.aborted) clean();
    else ends.signal.addEventListener("abort", clean);
  });
}

/** The side of a `Live` that changes it. */
export class LiveSource<T> implements Live<T> {
  #value: T;
  #ended = false;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (this.#ended) return;
    this.#value = value;
    this.#notify();
  }

  /** No more changes: iterations finish, subscribers are forgotten. */
  end(): void {
    this.#ended = true;
    this.#notify();
    this.#listeners.clear();
  }

  subscribe(fn: (value: T) => void): () => void {
    const listener = (): void => {
      if (!this.#ended) fn(this.#value);
    };
    fn(this.#value);
    if (!this.#ended) this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    let changed = true;
    let wake = (): void => {};
    const listener = (): void => {
      changed = true;
      wake();
    };
    this.#listeners.add(listener);
    try {
      while (!this.#ended) {
        if (changed) {
          changed = false;
          yield this.#value;
        } else {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** A listener that throws must not keep the others from hearing. */
  #notify(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}
