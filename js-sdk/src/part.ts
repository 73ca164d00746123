/** Reads parts of files. */
import type { Buffers } from "./buffers.js";
import { PIECE_BYTES } from "./limits.js";

/** The bytes of a part, in one of the buffers if it fits; `give` it back. Rejects if the file can no longer be read. */
export async function readInto(buffers: Buffers, part: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const reader = part.size <= PIECE_BYTES ? byteReader(part) : undefined;
  if (reader === undefined) return new Uint8Array(await part.arrayBuffer());
  let buffer = buffers.take();
  for (let at = 0; at < part.size; ) {
    // The view comes back on the same memory, which the old buffer has lost.
    const { value, done } = await reader.read(new Uint8Array(buffer, at, part.size - at));
    if (done) throw new RangeError(`a part of ${part.size} bytes ended after ${at}`);
    buffer = value.buffer;
    at += value.byteLength;
  }
  reader.cancel().catch(() => {}); // It may have ended by itself.
  return new Uint8Array(buffer, 0, part.size);
}

/** None in browsers whose blobs are no byte streams yet. */
function byteReader(part: Blob): ReadableStreamBYOBReader | undefined {
  try {
    return part.stream().getReader({ mode: "byob" });
  } catch {
    return undefined;
  }
}
