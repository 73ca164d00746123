/** A part of a source, with no more fetched than its pieces. */
import { MimeiError } from "../errors.js";
import { inOrder } from "../item/pieces.js";
import { PIECE_BYTES, STREAM_PIECES_AT_ONCE } from "../limits.js";
import type { Source } from "./source.js";

/** The bytes from `start` to before `end`, in order, a few pieces fetched at once. Each part owns its buffer. */
export async function* ranged(source: Source, start: number, end: number, signal: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const first = Math.floor(start / PIECE_BYTES);
  const count = Math.ceil(end / PIECE_BYTES) - first;
  let offset = first * PIECE_BYTES;
  const read = (at: number): Promise<Uint8Array<ArrayBuffer>> => source.piece((first + at) * PIECE_BYTES, signal);
  for await (const piece of inOrder(count, read, signal, STREAM_PIECES_AT_ONCE)) {
    if (piece.byteLength !== Math.min(PIECE_BYTES, source.length - offset)) {
      throw new MimeiError("core.failed", "A piece of the file has another length than it must have.");
    }
    yield part(piece, Math.max(0, start - offset), Math.min(piece.byteLength, end - offset));
    offset += PIECE_BYTES;
  }
}

function part(piece: Uint8Array<ArrayBuffer>, from: number, to: number): Uint8Array<ArrayBuffer> {
  return to - from === piece.buffer.byteLength ? piece : piece.slice(from, to);
}
