/** Files as pieces: many at once, few in memory. Progress is counted in bytes and only grows. */
import { PIECE_BYTES, PIECES_AT_ONCE, PIECES_JOINED } from "../limits.js";
import type { Paused } from "./paused.js";

export type Bytes = Uint8Array<ArrayBuffer>;

/** Said after each piece that is done, `done` of `total` bytes. */
export type Progress = (done: number, total: number) => void;

export interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: Progress | undefined;
  /** Reading waits while credit is used up or its relay is away, and goes on by itself. */
  readonly onPause?: Paused | undefined;
}

/** How many pieces a file of that many bytes has: an empty file is one empty piece. */
export function piecesOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PIECE_BYTES));
}

/** Cuts a blob, hands each piece to `put`, and returns what that gave, in the order of the pieces. Nothing is read here. */
export async function cut(
  blob: Blob,
  put: (piece: Blob) => Promise<string>,
  options: Pick<Options, "signal" | "onProgress"> & { readonly onPiece?: (name: string) => void },
): Promise<string[]> {
  const { signal, onProgress, onPiece } = options;
  const names: string[] = [];
  const one = (at: number): Promise<string> => put(blob.slice(at * PIECE_BYTES, (at + 1) * PIECE_BYTES));
  for await (const name of inOrder(piecesOf(blob.size), one, signal)) {
    names.push(name);
    onPiece?.(name);
    onProgress?.(Math.min(names.length * PIECE_BYTES, blob.size), blob.size);
  }
  return names;
}

/** The pieces of a file in order, some fetched ahead. */
export async function* fetched(
  bytes: number,
  read: (offset: number, signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>,
  options: Options,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { onProgress } = options;
  if (bytes === 0) return onProgress?.(0, 0);
  let done = 0;
  const ends = endsWith(options.signal);
  try {
    for await (const piece of inOrder(piecesOf(bytes), (at) => read(at * PIECE_BYTES, ends.signal), ends.signal)) {
      done += piece.byteLength;
      onProgress?.(done, bytes);
      yield piece;
    }
  } finally {
    ends.abort(); // Pieces ahead of the reader must not wait for what nobody wants any more.
  }
}

/** Aborts when `signal` does, or earlier. */
export function endsWith(signal: AbortSignal | undefined): AbortController {
  const ends = new AbortController();
  const abort = (): void => ends.abort(signal?.reason);
  if (signal?.aborted === true) abort();
  else signal?.addEventListener("abort", abort, { signal: ends.signal });
  return ends;
}

/** Joins pieces to a blob; what is joined the browser may keep on disk. */
export async function joined(pieces: AsyncIterable<Uint8Array<ArrayBuffer>>, typeOf: (head: Uint8Array) => string): Promise<Blob> {
  const parts: Blob[] = [];
  let fresh: Uint8Array<ArrayBuffer>[] = [];
  let type: string | undefined;
  for await (const piece of pieces) {
    type ??= typeOf(piece);
    fresh.push(piece);
    if (fresh.length < PIECES_JOINED) continue;
    parts.push(new Blob(fresh));
    fresh = [];
  }
  return new Blob([...parts, ...fresh], { type: type ?? typeOf(new Uint8Array()) });
}

/**
 * Runs `one` for 0 to `count - 1`, some at once, and yields the results in order.
 * After a failure none is begun any more.
 */
export async function* inOrder<T>(
  count: number,
  one: (at: number) => Promise<T>,
  signal: AbortSignal | undefined,
  atOnce = PIECES_AT_ONCE,
): AsyncGenerator<T, void> {
  const running: Promise<T>[] = [];
  let next = 0;
  const fill = (): void => {
    while (next < count && running.length < atOnce) {
      const run = one(next++);
      run.catch(() => {}); // Its turn to be heard comes, or an earlier one has failed.
      running.push(run);
    }
  };
  for (;;) {
    signal?.throwIfAborted();
    fill();
    const first = running.shift();
    if (first === undefined) return;
    yield await unlessAborted(first, signal);
  }
}

/** Stops waiting when the signal aborts; what was begun goes on unheard. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
