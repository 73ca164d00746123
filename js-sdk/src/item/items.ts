/** Makes, opens and lists MiMeis. */
import { NO_STREAMS } from "../stream/door.js";
import type { StreamDoor } from "../stream/door.js";
import type { Desk } from "../tabs/desk.js";
import { formatRelayAddress } from "../transport/address.js";
import { findLink, relaysOf, selectorOf } from "./address.js";
import { FileHandle } from "./file.js";
import type { FileItem } from "./file.js";
import { FolderHandle } from "./folder.js";
import type { FolderItem } from "./folder.js";
import type { ItemBase, ItemDoors } from "./item.js";
import { unlessAborted } from "./pieces.js";
import { extensionOf } from "./showable.js";
import { fields, maybe, readOpened, text, texts } from "./view.js";
import type { ItemKind, Opened } from "./view.js";

const SEED_BYTES = 32;

export interface New {
  /** Everyone may read it from the start, and its pieces are not sealed. Default: private. */
  readonly public?: boolean;
}

export interface NewFile extends New {
  /** What follows the dot, such as `png`. Default: as in the name. It is part of the id. */
  readonly ext?: string;
}

export interface OpenLinkOptions {
  readonly signal?: AbortSignal;
}

/** The MiMeis of this device. */
export interface ItemsOfMe {
  /** The file of that name: the same author, app and name give the same MiMei. Without a name, a new one. */
  file(name?: string, options?: NewFile): Promise<FileItem>;
  /** The folder of that name: the same author, app and name give the same MiMei. Without a name, a new one. */
  folder(name?: string, options?: New): Promise<FolderItem>;
  /**
   * Opens what an address, a page's URL that holds one, or an id names. Waits for
   * the relay, and goes on with what is here when there is none. Rejects with
   * `link.invalid`, `access.denied`, `mimei.notFound`, `verify.failed` or
   * `offline.missing`.
   */
  open(link: string, options?: OpenLinkOptions): Promise<FileItem | FolderItem>;
  /** What this device has of a MiMei, without asking a relay. */
  here(id: string): Promise<FileItem | FolderItem>;
  /** The ids of the MiMeis on this device. */
  known(): Promise<string[]>;
  /** Resolves when a relay has everything that was saved on this device so far. Rejects as `settled` of an item does. */
  settled(options?: { signal?: AbortSignal }): Promise<void>;
}

export class Items implements ItemsOfMe {
  readonly #desk: Desk;
  readonly #app: string;
  readonly #streams: StreamDoor;
  /** Each with the relays that the link named by which it was opened. */
  readonly #open = new Map<ItemBase, readonly string[]>();
  readonly #unhook: () => void;

  constructor(desk: Desk, app: string, streams: StreamDoor = NO_STREAMS) {
    this.#desk = desk;
    this.#app = app;
    this.#streams = streams;
    this.#unhook = desk.on("resumed", () => this.#reachAgain());
  }

  async file(name?: string, { ext = extension(name), ...more }: NewFile = {}): Promise<FileItem> {
    return this.#file(await this.#create("file", ext, name, more));
  }

  async folder(name?: string, options: New = {}): Promise<FolderItem> {
    return this.#folder(await this.#create("folder", "", name, options));
  }

  async open(pasted: string, { signal }: OpenLinkOptions = {}): Promise<FileItem | FolderItem> {
    const link = findLink(pasted);
    const said = fields(await unlessAborted(this.#desk.call("open", { link }), signal));
    const led: Led = { through: maybe(said["through"], text), named: relaysOf(link).map(formatRelayAddress) };
    return this.#handle(readOpened(said), selectorOf(link) !== undefined, led);
  }

  async here(id: string): Promise<FileItem | FolderItem> {
    return this.#handle(readOpened(await this.#desk.call("view", { id })), false);
  }

  async known(): Promise<string[]> {
    return texts(await this.#desk.call("known", {}));
  }

  async settled({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    for (const id of await this.known()) await unlessAborted(this.#desk.call("settle", { id }), signal);
  }

  async close(): Promise<void> {
    this.#unhook();
    for (const item of [...this.#open.keys()]) await item.close();
  }

  async #create(kind: ItemKind, ext: string, name: string | undefined, options: New): Promise<Opened> {
    // What an unnamed one is told apart by comes from here: asked for again of another tab, it is the same one.
    const named = name === undefined ? { seed: crypto.getRandomValues(new Uint8Array(SEED_BYTES)) } : { name };
    return readOpened(await this.#desk.call("create", { app: this.#app, kind, ext, ...named, public: options.public === true }));
  }

  #handle(opened: Opened, isAsked: boolean, led?: Led): FileItem | FolderItem {
    return opened.view.kind === "file" ? this.#file(opened, isAsked, led) : this.#folder(opened, isAsked, led);
  }

  #file(opened: Opened, isAsked = false, led?: Led): FileHandle {
    return this.#kept(new FileHandle(this.#doors(led), opened, isAsked), led);
  }

  #folder(opened: Opened, isAsked = false, led?: Led): FolderHandle {
    return this.#kept(new FolderHandle(this.#doors(led), opened, isAsked), led);
  }

  #kept<I extends ItemBase>(item: I, led: Led | undefined): I {
    this.#open.set(item, led?.named ?? []);
    return item;
  }

  #doors(led: Led | undefined): ItemDoors {
    return {
      desk: this.#desk,
      streams: this.#streams,
      relays: async () => {
        const own = maybe(await this.#desk.call("relay", {}), text);
        return [led?.through, own].filter((address) => address !== undefined);
      },
      closed: (item) => void this.#open.delete(item),
    };
  }

  /** The tab that leads now knows nothing of the relays that our links led to. */
  #reachAgain(): void {
    const named = new Map([...this.#open.values()].map((relays) => [relays.join(" "), relays]));
    named.delete("");
    // One that is away now is tried again by its link.
    for (const relays of named.values()) this.#desk.call("reach", { relays }).catch(() => {});
  }
}

/** Where a link led. */
interface Led {
  /** The relay that was asked. */
  readonly through: string | undefined;
  /** All that it named. */
  readonly named: readonly string[];
}

/** What may follow a dot in an id, else nothing. */
function extension(name: string | undefined): string {
  const ext = extensionOf(name ?? "");
  return /^[a-z0-9._+-]{0,32}$/.test(ext) ? ext : "";
}
