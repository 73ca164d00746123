/** The files of a version, and their bytes. */
import type { Desk } from "../tabs/desk.js";
import type { Options } from "./pieces.js";
import { Patience } from "./paused.js";
import { endsWith, fetched, joined } from "./pieces.js";
import { showable } from "./showable.js";
import { count, fields, list, maybe, text, unknown } from "./view.js";

/** One file of a version, as it was listed. */
export interface Entry {
  /** Its name in a folder; a file MiMei has none. */
  readonly name: string | undefined;
  /** What follows the dot where the name has none, from the MiMei. */
  readonly ext: string;
  /** Names exactly these bytes. */
  readonly blob: string;
  /** In bytes. */
  readonly length: number;
  /** What the writer says it is. It decides nothing: see `showable`. */
  readonly type: string;
}

/** Reads what a version holds. It can change nothing. */
export interface Reader {
  /** Its files, by name. */
  list(): Promise<Entry[]>;
  /** The bytes, each piece verified, under a media type from which nothing runs. */
  blob(entry: Entry, options?: Options): Promise<Blob>;
  /** The same piece by piece; nothing is fetched far ahead of the reader. */
  stream(entry: Entry, options?: Options): ReadableStream<Uint8Array<ArrayBuffer>>;
}

export async function listVersion(desk: Desk, id: string, version: string, ext: string): Promise<Entry[]> {
  return list(await desk.call("list", { id, version })).map((value) => {
    const said = fields(value);
    const [blob, length, type] = [text(said["blob"]), count(said["length"]), text(said["type"])];
    return { name: maybe(said["name"], text), ext, blob, length, type };
  });
}

export function entryBlob(desk: Desk, id: string, entry: Entry, options: Options): Promise<Blob> {
  return joined(entryPieces(desk, id, entry, options), (head) => showable(entry, head).type);
}

export function entryStream(desk: Desk, id: string, entry: Entry, options: Options): ReadableStream<Uint8Array<ArrayBuffer>> {
  const ends = endsWith(options.signal);
  const pieces = entryPieces(desk, id, entry, { ...options, signal: ends.signal });
  return new ReadableStream(
    {
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        ends.abort(); // A piece that waits would keep it from ending.
        await pieces.return();
      },
    },
    { highWaterMark: 0 },
  );
}

function entryPieces(desk: Desk, id: string, entry: Entry, options: Options): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { blob, length, type } = entry;
  const patience = new Patience(desk, options.onPause);
  const read = async (offset: number): Promise<Uint8Array<ArrayBuffer>> => readPiece(await desk.call("read", { id, blob, length, type, offset }));
  return fetched(length, (offset, signal) => patience.read(() => read(offset), signal), options);
}

function readPiece(value: unknown): Uint8Array<ArrayBuffer> {
  return value instanceof Uint8Array && value.buffer instanceof ArrayBuffer ? (value as Uint8Array<ArrayBuffer>) : unknown();
}
