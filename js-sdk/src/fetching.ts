/** Blocks from a relay by HTTP, in the worker, where they are verified. What does not come is not an error here. */
import { FETCH_SILENT_MS_MAX, FETCHES_MAX } from "./limits.js";
import { bytes, count, matches, text } from "./schema.js";
import type { Fields, Message } from "./schema.js";

const SAID = {
  fetch: { job: count, conn: count, authorization: text, wanted: bytes, bytesMax: count },
} satisfies Record<string, Fields>;

export type Wanted = Message<typeof SAID>;

const NOTHING = new Uint8Array();
const EMPTY = new ArrayBuffer(0);

/** The request, or `undefined` if the core said something else. */
export function readFetch(said: unknown): Wanted | undefined {
  return matches(SAID, said) ? (said as Wanted) : undefined;
}

/** Buffers that no answer is in: what lies in new ones for each block is collected far later than the blocks come. */
const spare: ArrayBuffer[] = [];

/**
 * Asks the relay, and hands what came to `take`, once; the body is of use in there only. Ends when the relay says
 * nothing for a while, or says more than was asked for.
 */
export async function fetchBlocks(url: string | undefined, wanted: Wanted, take: (status: number, body: Uint8Array) => void): Promise<void> {
  if (url === undefined) return take(0, NOTHING);
  const silence = new Silence();
  const answer = new Answer(wanted.bytesMax);
  const status = await ask(url, wanted, answer, silence).catch(() => 0);
  silence.end();
  take(status, status === 200 ? answer.bytes : NOTHING);
  answer.release();
}

async function ask(url: string, { authorization, wanted }: Wanted, answer: Answer, silence: Silence): Promise<number> {
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization },
    body: wanted,
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    referrerPolicy: "no-referrer",
    signal: silence.signal,
  });
  if (response.status === 200) await answer.read(response, silence);
  else void response.body?.cancel();
  return response.status;
}

/** A body of bounded length, in a buffer that is used again. */
class Answer {
  #buffer: ArrayBuffer;
  #length = 0;
  readonly #bytesMax: number;

  /** One byte more than an answer may have shows that it has too many. */
  constructor(bytesMax: number) {
    const buffer = spare.pop();
    this.#buffer = buffer !== undefined && buffer.byteLength > bytesMax ? buffer : new ArrayBuffer(bytesMax + 1);
    this.#bytesMax = bytesMax;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#buffer, 0, this.#buffer.byteLength === 0 ? 0 : this.#length);
  }

  /** The bytes are of use no longer. */
  release(): void {
    if (this.#buffer.byteLength > 0 && spare.length < FETCHES_MAX) spare.push(this.#buffer);
    this.#buffer = EMPTY;
  }

  async read({ body }: Response, silence: Silence): Promise<void> {
    const next = body === null ? undefined : this.#into(body);
    while (next !== undefined && this.#length < this.#bytesMax + 1 && (await next())) silence.broken();
    if (this.#length > this.#bytesMax) throw new RangeError("more than was asked for");
  }

  /** Takes the next part; says whether there was one. Not all browsers read a body into a buffer that is there. */
  #into(body: ReadableStream<Uint8Array<ArrayBuffer>>): () => Promise<boolean> {
    try {
      const reader = body.getReader({ mode: "byob" });
      return () => this.#fill(reader);
    } catch {
      const reader = body.getReader();
      return async () => this.#copy(await reader.read());
    }
  }

  async #fill(reader: ReadableStreamBYOBReader): Promise<boolean> {
    const free = new Uint8Array(this.#buffer, this.#length, this.#bytesMax + 1 - this.#length);
    // Until there is something in it, the buffer is the reader's; of one that fails it is never seen again.
    this.#buffer = EMPTY;
    const { done, value } = await reader.read(free);
    if (value === undefined) return false;
    this.#buffer = value.buffer;
    this.#length += value.byteLength;
    return !done;
  }

  #copy({ done, value }: ReadableStreamReadResult<Uint8Array>): boolean {
    if (done) return false;
    const free = this.#bytesMax + 1 - this.#length;
    const part = value.subarray(0, free);
    new Uint8Array(this.#buffer).set(part, this.#length);
    this.#length += part.byteLength;
    return true;
  }
}

/** Aborts when nothing was heard for a while. */
class Silence {
  readonly #ends = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.broken();
  }

  get signal(): AbortSignal {
    return this.#ends.signal;
  }

  broken(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ends.abort(), FETCH_SILENT_MS_MAX);
  }

  /** What is not there yet is not wanted any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#ends.abort();
  }
}
