// So much of DAG-CBOR as signed records need: docs/format.md has the rest.

/** A byte string, a text, a number, null, or a list or map of them. CIDs become their text. */
export type Value = string | number | null | Uint8Array | Value[] | { readonly [key: string]: Value };

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const LINK_TAG = 42;

/** Throws where it is something else. */
export function decode(bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.value();
  if (!reader.isAtEnd) throw new Error("Something follows the value.");
  return value;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(): Value {
    const first = this.#take(1)[0] ?? 0;
    if (first === 0xf6) return null;
    const argument = this.#argument(first & 31);
    switch (first >> 5) {
      case 0:
        return argument;
      case 2:
        return this.#take(argument).slice();
      case 3:
        return new TextDecoder("utf-8", { fatal: true }).decode(this.#take(argument));
      case 4:
        return this.#many(argument, () => this.value());
      case 5:
        return Object.fromEntries(this.#many(argument, () => [String(this.value()), this.value()]));
      case 6:
        return link(argument, this.value());
    }
    throw new Error("This has no place in a record.");
  }

  #argument(info: number): number {
    if (info < 24) return info;
    if (info > 27) throw new Error("A length that is not given.");
    const all = this.#take(2 ** (info - 24)).reduce((sum, byte) => sum * 256 + byte, 0);
    if (!Number.isSafeInteger(all)) throw new Error("A number that is too large.");
    return all;
  }

  #take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw new Error("The value is cut off.");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** An item has a byte at least, so a count that lies ends before it costs anything. */
  #many<T>(count: number, read: () => T): T[] {
    const items: T[] = [];
    while (items.length < count) items.push(read());
    return items;
  }
}

/** A CID as it is written: base32 behind a `b`. */
function link(tag: number, value: Value): string {
  if (tag !== LINK_TAG || !(value instanceof Uint8Array)) throw new Error("A tag that is no link.");
  let [text, bits, held] = ["b", 0, 0];
  for (const byte of value.subarray(1)) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}
