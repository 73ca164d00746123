// docs/protocol.md, Packets and frames.
import { decode, encode } from "../dag-cbor.js";
import { message } from "./messages.js";

const [MORE, BULK, BLOCK] = [1, 2, 4];
const PART_BYTES_MAX = 65_518;
const FRAME_BYTES_MAX = 1_049_600;
const NUMBER_BYTES = 8;

/** The packets of a message. It is checked, so that no test passes on a message that is none. */
export function packetsOfMessage(value) {
  message(value);
  return packetsOf(encode(value), 0);
}

/** The packets of a block that answers the ask of that number. */
export function packetsOfBlock(number, block) {
  const head = Buffer.alloc(NUMBER_BYTES);
  head.writeBigUInt64BE(number);
  return packetsOf(Buffer.concat([head, block]), BULK | BLOCK);
}

/** The packets of any body, well formed or not. */
export function packetsOf(body, flags) {
  const packets = [];
  for (let at = 0; at === 0 || at < body.length; at += PART_BYTES_MAX) {
    const goesOn = at + PART_BYTES_MAX < body.length ? MORE : 0;
    packets.push(Buffer.concat([Buffer.of(flags | goesOn), body.subarray(at, at + PART_BYTES_MAX)]));
  }
  return packets;
}

/** Puts frames together: one at a time in each lane. */
export class Frames {
  #lanes = new Map();

  /** The frame that a packet completes, `{ message }` or `{ number, block }`, or null. */
  take(packet) {
    const [flags, part] = [packet[0], packet.subarray(1)];
    const kind = flags & ~MORE;
    if (packet.length === 0 || flags > (MORE | BULK | BLOCK)) throw new Error("not a packet");
    if (part.length > PART_BYTES_MAX || (flags & MORE && part.length === 0)) throw new Error("not a part");
    const begun = this.#lanes.get(flags & BULK) ?? { kind, parts: [] };
    if (begun.kind !== kind) throw new Error("parts of two frames in one lane");
    begun.parts.push(part);
    if (flags & MORE) this.#lanes.set(flags & BULK, begun);
    else this.#lanes.delete(flags & BULK);
    return flags & MORE ? null : frameOf(Buffer.concat(begun.parts), kind);
  }
}

function frameOf(body, kind) {
  if (body.length > FRAME_BYTES_MAX) throw new Error("a frame larger than any may be");
  if (kind & BLOCK) return { number: body.readBigUInt64BE(0), block: body.subarray(NUMBER_BYTES) };
  const value = decode(body);
  message(value);
  return { message: value };
}
