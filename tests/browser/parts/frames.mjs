/** WebSocket frames in a stream of bytes, RFC 6455 section 5.2, unmasked and masked again. */

const OPCODE_BINARY = 2;

/** Feeds on what a socket delivers; gives it back, binary messages as `change(payload)` returns them. */
export function frameFilter(change) {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const out = [];
    for (let frame = readFrame(rest); frame !== undefined; frame = readFrame(rest)) {
      rest = rest.subarray(frame.length);
      out.push(writeFrame(frame, change));
    }
    return Buffer.concat(out);
  };
}

/** The frame at the beginning of `bytes`, once it is there as a whole. */
function readFrame(bytes) {
  if (bytes.length < 2) return undefined;
  const short = bytes[1] & 0x7f;
  const maskAt = { 126: 4, 127: 10 }[short] ?? 2;
  if (bytes.length < maskAt) return undefined;
  const size = { 126: () => bytes.readUInt16BE(2), 127: () => Number(bytes.readBigUInt64BE(2)) }[short]?.() ?? short;
  const payloadAt = maskAt + ((bytes[1] & 0x80) === 0 ? 0 : 4);
  const length = payloadAt + size;
  if (bytes.length < length) return undefined;
  const [head, mask] = [bytes.subarray(0, payloadAt), bytes.subarray(maskAt, payloadAt)];
  return { opcode: bytes[0] & 0x0f, head, length, mask, payload: masked(bytes.subarray(payloadAt, length), mask) };
}

function writeFrame({ opcode, head, mask, payload }, change) {
  const changed = opcode === OPCODE_BINARY ? change(payload) : payload;
  if (changed.length !== payload.length) throw new RangeError("a message can be changed, not lengthened");
  return Buffer.concat([head, masked(changed, mask)]);
}

function masked(payload, mask) {
  return mask.length === 0 ? Buffer.from(payload) : Buffer.from(payload.map((byte, at) => byte ^ mask[at % 4]));
}
