// DAG-CBOR as docs/format.md restricts it, written from that text alone: what the vectors are checked
// against must not be the code that made them.
//
// Integers become bigints, byte strings `Uint8Array`, maps `Map`, CIDs `Link`.

/** A CID in its binary form. */
export class Link {
  constructor(bytes) {
    this.bytes = bytes;
  }

  get codec() {
    return this.bytes[1];
  }
}

const LINK_TAG = 42n;
const CID_BYTES = 36;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes one value that fills `bytes` exactly; whatever has another encoding is refused. */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value();
  if (reader.at !== bytes.length) throw new Error("something follows the value");
  return value;
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    if (count > this.bytes.length - this.at) throw new Error("the value is cut off");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  /** Major type and argument of the next item. */
  head() {
    const [first] = this.take(1);
    const [major, info] = [first >> 5, first & 31];
    if (info < 24) return [major, BigInt(info)];
    if (info > 27) throw new Error("an indefinite length or a reserved one");
    const size = 2 ** (info - 24);
    const argument = this.take(size).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const least = size === 1 ? 24n : 1n << BigInt(4 * size);
    // In type 7 the longer forms are floats.
    if (argument < least || major === 7) throw new Error("a longer form than needed, or a float");
    return [major, argument];
  }

  value() {
    const [major, argument] = this.head();
    switch (major) {
      case 0:
        return argument;
      case 2:
        return this.take(Number(argument)).slice();
      case 3:
        return utf8.decode(this.take(Number(argument)));
      case 4:
        return this.items(argument, () => this.value());
      case 5:
        return this.map(argument);
      case 6:
        return this.link(argument);
      case 7:
        if (argument === 20n || argument === 21n) return argument === 21n;
        if (argument === 22n) return null;
    }
    throw new Error(`type ${major}, argument ${argument} has no place here`);
  }

  items(count, read) {
    // An item has a byte at least, so a count that lies ends before it costs anything.
    const items = [];
    for (let left = count; left > 0n; left--) items.push(read());
    return items;
  }

  map(count) {
    const map = new Map();
    let last = null;
    this.items(count, () => {
      const key = this.value();
      if (typeof key !== "string") throw new Error("a key that is no text");
      if (last !== null && compareKeys(last, key) >= 0) throw new Error("keys out of order, or one twice");
      last = key;
      map.set(key, this.value());
    });
    return map;
  }

  link(tag) {
    const bytes = tag === LINK_TAG ? this.value() : null;
    const isCid = bytes instanceof Uint8Array && bytes.length === 1 + CID_BYTES && bytes[0] === 0;
    const cid = isCid ? bytes.slice(1) : new Uint8Array();
    const isOurs = cid[0] === 1 && (cid[1] === 0x71 || cid[1] === 0x55) && cid[2] === 0x1e && cid[3] === 32;
    if (!isOurs) throw new Error("a tag that is no CIDv1 with BLAKE3-256");
    return new Link(cid);
  }
}

function compareKeys(a, b) {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length - right.length || Buffer.compare(left, right);
}

/** The one encoding of a value. */
export function encode(value) {
  const out = [];
  write(value, out);
  return Buffer.concat(out);
}

function write(value, out) {
  if (value === null) out.push(Buffer.of(0xf6));
  else if (typeof value === "boolean") out.push(Buffer.of(value ? 0xf5 : 0xf4));
  else if (typeof value === "bigint") out.push(head(0, value));
  else if (typeof value === "string") out.push(head(3, Buffer.byteLength(value)), Buffer.from(value));
  else if (value instanceof Uint8Array) out.push(head(2, value.length), value);
  else if (value instanceof Link) out.push(head(6, LINK_TAG), head(2, 1 + CID_BYTES), Buffer.of(0), value.bytes);
  else if (Array.isArray(value)) {
    out.push(head(4, value.length));
    for (const item of value) write(item, out);
  } else {
    const keys = [...value.keys()].sort(compareKeys);
    out.push(head(5, keys.length));
    for (const key of keys) {
      write(key, out);
      write(value.get(key), out);
    }
  }
}

function head(major, argument) {
  const value = BigInt(argument);
  if (value < 24n) return Buffer.of((major << 5) | Number(value));
  const step = [8n, 16n, 32n, 64n].findIndex((bits) => value < 1n << bits);
  const digits = value.toString(16).padStart(2 ** (step + 1), "0");
  return Buffer.concat([Buffer.of((major << 5) | (24 + step)), Buffer.from(digits, "hex")]);
}

/** A record of these fields. */
export function mapOf(fields) {
  return new Map(Object.entries(fields));
}
