/** The files of a version, and their bytes. */
import { Buffers } from "../buffers.js";
import type { MimeiError } from "../errors.js";
import { BLOB_BYTES_MAX, PIECE_BYTES, PIECES_AT_ONCE } from "../limits.js";
import type { StreamDoor } from "../stream/door.js";
import type { Source } from "../stream/source.js";
import type { StreamUrl } from "../stream/streams.js";
import type { Desk } from "../tabs/desk.js";
import { diskFolder, onDisk } from "./disk.js";
import { Incoming } from "./incoming.js";
import type { Bytes, Options } from "./pieces.js";
import { Patience } from "./paused.js";
import { endsWith, fetched, joined, unlessAborted } from "./pieces.js";
import { extensionOf, showable } from "./showable.js";
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
  /** The upload, if it is still under way: reading waits for what is not there yet. */
  readonly upload?: string;
}

/** Reading through a URL has no progress: players read what they need, and some of it twice. */
export interface UrlOptions extends Omit<Options, "onProgress"> {
  /** Called with why a read ended too early; the element that shows the URL knows only that it did. */
  readonly onFailure?: ((why: MimeiError) => void) | undefined;
}

/** Reads what a version holds. It can change nothing. */
export interface Reader {
  /** Its files, by name. */
  list(): Promise<Entry[]>;
  /**
   * The bytes, each piece verified, under a media type from which nothing runs. Of more than 64 MiB they lie in a file
   * of this page on disk until the page is closed; rejects with `storage.quota` if that has no room.
   */
  blob(entry: Entry, options?: Options): Promise<Blob>;
  /** The same piece by piece; nothing is fetched far ahead of the reader. */
  stream(entry: Entry, options?: Options): ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * A URL under which `<video>`, `<audio>` and `<img>` of this page show it while it loads, each piece verified, and
   * only what they ask for is fetched. It has the media type that `blob` would have. Close it when it is no longer
   * shown; aborting the signal closes it, too. Rejects with `stream.unsupported` where there can be none, as over
   * plain http: use `blob` then.
   */
  url(entry: Entry, options?: UrlOptions): Promise<StreamUrl>;
}

export async function listVersion(desk: Desk, id: string, version: string, ext: string): Promise<Entry[]> {
  return list(await desk.call("list", { id, version })).map((value) => readEntry(value, ext));
}

/** What is there of an upload: `length` says how much. */
export async function listUpload(desk: Desk, id: string, upload: string, ext: string): Promise<Entry> {
  const [entry] = list(await desk.call("listUpload", { id, upload }));
  return { ...readEntry(entry, ext), upload };
}

function readEntry(value: unknown, ext: string): Entry {
  const said = fields(value);
  const [blob, length, type] = [text(said["blob"]), count(said["length"]), text(said["type"])];
  return { name: maybe(said["name"], text), ext, blob, length, type };
}

export async function entryBlob(desk: Desk, id: string, entry: Entry, options: Options): Promise<Blob> {
  const typeOf = (head: Uint8Array): string => showable(entry, head).type;
  const isLarge = entry.length > BLOB_BYTES_MAX && entry.upload === undefined;
  const folder = isLarge ? await diskFolder() : undefined;
  if (folder === undefined) return await joined(entryPieces(desk, id, entry, options), typeOf);
  const buffers = new Buffers(PIECE_BYTES, PIECES_AT_ONCE);
  return await onDisk(folder, { blob: entry.blob, pieces: entryPieces(desk, id, entry, options, buffers), buffers }, typeOf);
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

export async function entryUrl(desk: Desk, streams: StreamDoor, id: string, entry: Entry, options: UrlOptions): Promise<StreamUrl> {
  const { signal, onFailure } = options;
  const source = entrySource(desk, id, entry, options);
  const { name = `file${entry.ext && `.${entry.ext}`}` } = entry;
  const type = await typeOf(entry, source, endsWith(signal).signal);
  return await streams.open({ source, name, type, onFailure }, signal);
}

/** What has no extension is known by how it begins. */
async function typeOf(entry: Entry, source: Source, signal: AbortSignal): Promise<string> {
  const needsHead = entry.length > 0 && entry.ext === "" && extensionOf(entry.name ?? "") === "";
  const head = needsHead ? await unlessAborted(source.piece(0, signal), signal) : undefined;
  return showable(entry, head).type;
}

/** In buffers of `buffers`, if there are some. */
function entryPieces(desk: Desk, id: string, entry: Entry, options: Options, buffers?: Buffers): AsyncGenerator<Bytes, void> {
  const source = entrySource(desk, id, entry, options, buffers);
  return fetched(source.length, (offset, signal) => source.piece(offset, signal), options);
}

function entrySource(desk: Desk, id: string, entry: Entry, { onPause }: Pick<Options, "onPause">, buffers?: Buffers): Source {
  const { type, ext, upload } = entry;
  const patience = new Patience(desk, onPause);
  const there = (is: Pick<Entry, "blob" | "length">): Source => {
    const { blob, length } = is;
    const read = async (offset: number): Promise<Bytes> => {
      const into = buffers && { into: new Uint8Array(buffers.take()) };
      return readPiece(await desk.call("read", { id, blob, length, type, offset, ...into }));
    };
    return { length, piece: (offset, signal) => patience.read(() => read(offset), signal) };
  };
  if (upload === undefined) return there(entry);
  return new Incoming(desk, id, entry, {
    soFar: () => listUpload(desk, id, upload, ext),
    list: (version) => listVersion(desk, id, version, ext),
    source: there,
  });
}

function readPiece(value: unknown): Uint8Array<ArrayBuffer> {
  return value instanceof Uint8Array && value.buffer instanceof ArrayBuffer ? (value as Uint8Array<ArrayBuffer>) : unknown();
}
