/** Blocks from a relay by HTTP, in the worker, where they are verified. What does not come is not an error here. */
import { FETCH_SILENT_MS_MAX } from "./limits.js";
import { bytes, count, matches, text } from "./schema.js";
import type { Fields, Message } from "./schema.js";

const SAID = {
  fetch: { job: count, conn: count, authorization: text, wanted: bytes, bytesMax: count },
} satisfies Record<string, Fields>;

export type Wanted = Message<typeof SAID>;

export interface Fetched {
  /** 0: no answer. */
  readonly status: number;
  /** Of a 200, as far as it came. */
  readonly body: Uint8Array;
}

const NOTHING = new Uint8Array();

/** The request, or `undefined` if the core said something else. */
export function readFetch(said: unknown): Wanted | undefined {
  return matches(SAID, said) ? (said as Wanted) : undefined;
}

/** Asks the relay. Ends when it says nothing for a while, or says more than was asked for. */
export async function fetchBlocks(url: string | undefined, { authorization, wanted, bytesMax }: Wanted): Promise<Fetched> {
  if (url === undefined) return { status: 0, body: NOTHING };
  const silence = new Silence();
  try {
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
    if (response.status !== 200) {
      void response.body?.cancel();
      return { status: response.status, body: NOTHING };
    }
    return { status: 200, body: await bounded(response, bytesMax, silence) };
  } catch {
    return { status: 0, body: NOTHING };
  } finally {
    silence.end();
  }
}

async function bounded(response: Response, bytesMax: number, silence: Silence): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    silence.broken();
    length += part.value.byteLength;
    if (length > bytesMax) throw new RangeError("more than was asked for");
    parts.push(part.value);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.byteLength;
  }
  return body;
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
    this.end();
    this.#timer = setTimeout(() => this.#ends.abort(), FETCH_SILENT_MS_MAX);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
