/** What files and folders have in common: a live view, versions, and who may come. */
import { MimeiError } from "../errors.js";
import { LiveSource } from "../live.js";
import type { Live } from "../live.js";
import { isObject } from "../protocol.js";
import type { StreamDoor } from "../stream/door.js";
import type { StreamUrl } from "../stream/streams.js";
import type { Desk } from "../tabs/desk.js";
import { withRelays } from "./address.js";
import { entryBlob, entryStream, entryUrl, listUpload, listVersion } from "./entry.js";
import type { Entry, Reader, UrlOptions } from "./entry.js";
import { cut, unlessAborted } from "./pieces.js";
import type { Options } from "./pieces.js";
import { telling } from "./telling.js";
import type { Telling } from "./telling.js";
import { count, fields, maybe, readOpened, readSaved, text } from "./view.js";
import type { Given, ItemKind, ItemView, Opened, Saved, Upload, Version } from "./view.js";

/** Which version: its number, its id, the newest one, or the one that visitors see. */
export type At = "last" | "release" | number | string;

/** One version, for ever as it is. There is no way to change it. */
export interface Snapshot extends Reader {
  readonly id: string;
  readonly kind: ItemKind;
  readonly version: string;
  readonly number: number;
}

export interface Share {
  /** `link`: whoever has the link. `everyone`: whoever knows the id; what it holds is then not secret. */
  readonly to: "link" | "everyone";
  readonly can: "read" | "write";
  /** When it ends, by the clocks of relays and readers. Default: when it is taken back. */
  readonly until?: Date;
}

export interface Shared {
  /** The address to pass on. */
  readonly link: string;
  /** Which of `view.shares` it is: the link's public key. `everyone` has none. */
  readonly id: string | undefined;
  /** Takes it back: the link opens nothing any more, and what is saved from now on has a new key. */
  revoke(): Promise<void>;
}

export interface PutOptions extends Options {
  /** What is said of the version. */
  readonly memo?: string;
}

/** A file or a folder that is shared, versioned and signed. */
export interface Item extends AsyncDisposable {
  readonly id: string;
  readonly kind: ItemKind;
  /** How it looks from here; it follows what others do, too. */
  readonly view: Live<ItemView>;
  readonly versions: readonly Version[];
  /** The version that the link asked for by which this was opened. */
  readonly asked: string | undefined;
  /** The files of a version; without `at`, those of `view.current`. Rejects with `mimei.empty` before the first version. */
  list(at?: At): Promise<Entry[]>;
  /**
   * A file of `view.uploads`: as a whole, although only a part of it is there. Reading it waits for the rest. Rejects
   * with `upload.over` when it is under way no more.
   */
  incoming(upload: Pick<Upload, "id" | "total">): Promise<Entry>;
  blob(entry: Entry, options?: Options): Promise<Blob>;
  stream(entry: Entry, options?: Options): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** As that of a version. */
  url(entry: Entry, options?: UrlOptions): Promise<StreamUrl>;
  at(at: At): Promise<Snapshot>;
  /** Chooses the version that visitors see. */
  release(at: At): Promise<void>;
  /** Settles on one of several tips: `version` is the `last` of the one that stays. */
  choose(version: string): Promise<void>;
  /** Joins all tips into one version. */
  merge(): Promise<Saved>;
  /** Lets others in. The link holds its own key: who has it has the right, and it names the relay. */
  share(share: Share): Promise<Shared>;
  /**
   * Shuts somebody out again, of those in `view.shares`. They keep what they have read; what is saved from now on
   * has a key that they do not get.
   */
  unshare(who: Pick<Given, "with" | "id">): Promise<void>;
  /**
   * Resolves when a relay has everything. Rejects with why it cannot be sent now: `offline.waiting`, `credit.paused`,
   * `credit.none`, `storage.full`. It is sent by itself when it can be.
   */
  settled(options?: { signal?: AbortSignal }): Promise<void>;
  /** No longer follows it. What is stored stays. */
  close(): Promise<void>;
}

/** What an item needs from outside. */
export interface ItemDoors {
  readonly desk: Desk;
  readonly streams: StreamDoor;
  /** The pasteable addresses of the relays that have it. */
  relays(): Promise<readonly string[]>;
  /** Called once, when it is closed. */
  closed(item: ItemBase): void;
}

export interface Edit {
  readonly name?: string;
  readonly file?: { readonly pieces: readonly string[]; readonly length: number; readonly type: string };
}

/** A file that is to be put. */
export interface FileToPut {
  readonly name?: string;
  readonly content: Blob;
}

/** Text becomes a file. */
export function blobOf(content: Blob | string): Blob {
  return typeof content === "string" ? new Blob([content], { type: "text/plain;charset=utf-8" }) : content;
}

export abstract class ItemBase implements Item {
  abstract readonly kind: ItemKind;
  readonly id: string;
  readonly asked: string | undefined;
  readonly #doors: ItemDoors;
  readonly #view: LiveSource<ItemView>;
  readonly #unhook: () => void;
  #looking: Promise<void> | undefined;
  #stale = false;
  #closed = false;

  constructor(doors: ItemDoors, { view, at }: Opened, isAsked: boolean) {
    this.id = view.id;
    this.asked = isAsked ? at : undefined;
    this.#doors = doors;
    this.#view = new LiveSource(view);
    // What cannot be looked at now is looked at with the next change; a command that needs it says why.
    const look = (): void => void this.#look().catch(() => {});
    const unhook = [
      doors.desk.on("item", (data) => isObject(data) && data["id"] === this.id && look()),
      doors.desk.on("resumed", look),
    ];
    this.#unhook = () => unhook.forEach((each) => each());
  }

  get view(): Live<ItemView> {
    return this.#view;
  }

  get versions(): readonly Version[] {
    return this.#view.value.versions;
  }

  async list(at?: At): Promise<Entry[]> {
    const version = at === undefined ? this.#current() : (await this.#resolve(at)).version;
    return await listVersion(this.#doors.desk, this.id, version, this.#view.value.ext);
  }

  async incoming({ id, total }: Pick<Upload, "id" | "total">): Promise<Entry> {
    const entry = await listUpload(this.#doors.desk, this.id, id, this.#view.value.ext);
    return { ...entry, length: total };
  }

  blob(entry: Entry, options: Options = {}): Promise<Blob> {
    return entryBlob(this.#doors.desk, this.id, entry, options);
  }

  stream(entry: Entry, options: Options = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    return entryStream(this.#doors.desk, this.id, entry, options);
  }

  url(entry: Entry, options: UrlOptions = {}): Promise<StreamUrl> {
    return entryUrl(this.#doors.desk, this.#doors.streams, this.id, entry, options);
  }

  async at(at: At): Promise<Snapshot> {
    const { version, number } = await this.#resolve(at);
    const { desk, streams } = this.#doors;
    const { id, kind } = this;
    const { ext } = this.#view.value;
    return Object.freeze({
      ...{ id, kind, version, number },
      list: () => listVersion(desk, id, version, ext),
      blob: (entry: Entry, options: Options = {}) => entryBlob(desk, id, entry, options),
      stream: (entry: Entry, options: Options = {}) => entryStream(desk, id, entry, options),
      url: (entry: Entry, options: UrlOptions = {}) => entryUrl(desk, streams, id, entry, options),
    });
  }

  async release(at: At): Promise<void> {
    const { version } = await this.#resolve(at);
    await this.#change("release", { version });
  }

  async choose(version: string): Promise<void> {
    await this.#change("choose", { version });
  }

  async merge(): Promise<Saved> {
    return readSaved(await this.#change("merge", {}));
  }

  async share({ to, can, until }: Share): Promise<Shared> {
    const end = until === undefined ? {} : { untilMs: until.getTime() };
    const said = fields(await this.#change("share", { to, can, ...end }));
    const id = maybe(said["id"], text);
    return {
      id,
      link: withRelays(text(said["link"]), await this.#doors.relays()),
      revoke: () => this.unshare({ with: to, id }),
    };
  }

  async unshare({ with: kind, id }: Pick<Given, "with" | "id">): Promise<void> {
    await this.#change("unshare", { with: kind, ...(id !== undefined && { withId: id }) });
  }

  async settled({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await unlessAborted(this.#doors.desk.call("settle", { id: this.id }), signal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unhook();
    this.#view.end();
    this.#doors.closed(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Seals the pieces of files, and makes a version with all of them. Large ones are on their way before that, and
   * others see how far they are.
   */
  protected async putFiles(files: readonly FileToPut[], options: PutOptions): Promise<Saved> {
    const total = files.reduce((sum, { content }) => sum + content.size, 0);
    const told: Telling[] = [];
    const edits: Edit[] = [];
    let [before, isSaved] = [0, false];
    try {
      for (const file of files) {
        const onProgress = (done: number): void => options.onProgress?.(before + done, total);
        edits.push(await this.#sealed(file, told, { ...options, onProgress }));
        before += file.content.size;
      }
      const saved = await this.save(edits, options);
      isSaved = true;
      return saved;
    } finally {
      await Promise.all(told.map((each) => each.end(isSaved)));
    }
  }

  /** Nothing names its pieces before they are saved. */
  async #sealed({ name, content }: FileToPut, told: Telling[], options: PutOptions): Promise<Edit> {
    const { desk } = this.#doors;
    const { size: length } = content;
    const type = claimed(content.type);
    const teller = telling(desk, { id: this.id, name, type, total: length });
    if (teller !== undefined) told.push(teller);
    const put = async (part: Blob): Promise<string> => text(await desk.call("piece", { id: this.id, part }));
    const pieces = await cut(content, put, { ...options, onPiece: (piece) => teller?.add(piece) });
    await teller?.whole();
    return { ...(name !== undefined && { name }), file: { pieces, length, type } };
  }

  protected async save(edits: readonly Edit[], { memo = "", signal }: PutOptions): Promise<Saved> {
    signal?.throwIfAborted();
    return readSaved(await this.#change("save", { edits, memo }));
  }

  /** Does it, and resolves when the view shows it. */
  async #change(method: string, args: object): Promise<unknown> {
    const value = await this.#doors.desk.call(method, { id: this.id, ...args });
    await this.#look().catch(() => {}); // It is done even if it cannot be looked at.
    return value;
  }

  #current(): string {
    const { current } = this.#view.value;
    if (current !== undefined) return current.version;
    throw new MimeiError("mimei.empty", "Nothing was saved in it yet.", { retry: "later" });
  }

  async #resolve(at: At): Promise<{ version: string; number: number }> {
    const said = fields(await this.#doors.desk.call("resolve", { id: this.id, at: String(at) }));
    return { version: text(said["version"]), number: count(said["number"]) };
  }

  /** One look at a time; what changes during one is seen by the next. */
  #look(): Promise<void> {
    this.#stale = true;
    return (this.#looking ??= this.#lookWhileStale().finally(() => (this.#looking = undefined)));
  }

  async #lookWhileStale(): Promise<void> {
    while (this.#stale && !this.#closed) {
      this.#stale = false;
      this.#view.set(readOpened(await this.#doors.desk.call("view", { id: this.id })).view);
    }
  }
}

/** A media type is a claim; what the core would refuse as one is not made. */
function claimed(type: string): string {
  return /^[\x20-\x7e]{0,127}$/.test(type) ? type : "";
}
