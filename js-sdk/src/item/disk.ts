/**
 * Large files for the user, as files of this page on disk: a browser keeps a large `Blob` in the memory of its main
 * process, and now and then gives it up. They stay as long as the page, since a URL may still be read from; what a
 * page leaves behind the next one removes.
 */
import type { Buffers } from "../buffers.js";
import { MimeiError } from "../errors.js";
import type { Bytes } from "./pieces.js";

const FOLDER = "mimei-downloads";
const lockOf = (page: string): string => `${FOLDER} ${page}`;

/** Files that are all there, by what names their bytes. */
const whole = new Map<string, File>();
let written = 0;
let own: Promise<Folder> | undefined;

type Folder = FileSystemDirectoryHandle;

/** This page's folder. None where the browser has none for pages, or not in private windows. */
export async function diskFolder(): Promise<Folder | undefined> {
  if (typeof FileSystemFileHandle !== "function" || !("createWritable" in FileSystemFileHandle.prototype)) return undefined;
  own ??= claim();
  try {
    return await own;
  } catch {
    own = undefined; // It may have been a matter of room.
    return undefined;
  }
}

/** What is written. */
export interface Written {
  /** What names the bytes. */
  readonly blob: string;
  readonly pieces: AsyncGenerator<Bytes, void>;
  /** Whose buffers the pieces are in. */
  readonly buffers: Buffers;
}

/** Writes the pieces to a file, unless it is there. Rejects with `storage.quota` if there is no room. */
export async function onDisk(folder: Folder, what: Written, typeOf: (head: Uint8Array) => string): Promise<Blob> {
  const file = whole.get(what.blob) ?? (await write(folder, what));
  whole.set(what.blob, file);
  const type = typeOf(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
  return file.slice(0, file.size, type);
}

/** Removes what pages left behind that are closed. Rejects if there is nothing. */
export async function removeLeftovers(): Promise<void> {
  const all = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER);
  const { held = [] } = await navigator.locks.query();
  const alive = new Set(held.map(({ name }) => name));
  for await (const page of all.keys()) {
    // Another page may be removing it, too.
    if (!alive.has(lockOf(page))) await all.removeEntry(page, { recursive: true }).catch(() => {});
  }
}

/** Bytes by which `showable` knows a file without an extension. */
const HEAD_BYTES = 16;

async function write(folder: Folder, { pieces, buffers }: Written): Promise<File> {
  const name = String((written += 1));
  const handle = await folder.getFileHandle(name, { create: true });
  const file = await handle.createWritable();
  try {
    for await (const piece of pieces) {
      await file.write(piece);
      buffers.give(piece.buffer);
    }
    await file.close();
    return await handle.getFile();
  } catch (thrown) {
    await file.abort().catch(() => {}); // It may be closed already.
    await folder.removeEntry(name).catch(() => {}); // It is a leftover, then.
    throw isFull(thrown) ? tooFull(thrown) : thrown;
  }
}

/** A folder of this page's own, and a lock that says for how long. */
async function claim(): Promise<Folder> {
  const page = crypto.randomUUID();
  const forever = new Promise<void>(() => {});
  await new Promise<void>((resolve, reject) => {
    const held = (): Promise<void> => (resolve(), forever);
    navigator.locks.request(lockOf(page), held).catch(reject);
  });
  const all = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  return await all.getDirectoryHandle(page, { create: true });
}

const isFull = (thrown: unknown): boolean => thrown instanceof DOMException && thrown.name === "QuotaExceededError";

function tooFull(cause: unknown): MimeiError {
  const hint = "Free disk space, or remove data of this site.";
  return new MimeiError("storage.quota", "The browser has no room left for this file.", { hint, retry: "later", cause });
}
