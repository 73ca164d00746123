/** Makes, opens and lists MiMeis. */
import type { Core } from "../core.js";
import { MimeiError } from "../errors.js";
import type { Reached, Relays } from "../relay/reach.js";
import { findLink, relaysOf, selectorOf } from "./address.js";
import { FileHandle } from "./file.js";
import type { FileItem } from "./file.js";
import { FolderHandle } from "./folder.js";
import type { FolderItem } from "./folder.js";
import type { ItemBase, ItemDoors } from "./item.js";
import { unlessAborted } from "./pieces.js";
import { extensionOf } from "./showable.js";
import { readOpened, texts } from "./view.js";
import type { ItemKind, Opened } from "./view.js";

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
}

export class Items implements ItemsOfMe {
  readonly #core: Core;
  readonly #relays: Relays;
  readonly #app: string;
  readonly #open = new Set<ItemBase>();

  constructor(core: Core, relays: Relays, app: string) {
    this.#core = core;
    this.#relays = relays;
    this.#app = app;
  }

  async file(name?: string, { ext = extension(name), ...more }: NewFile = {}): Promise<FileItem> {
    return this.#file(await this.#create("file", ext, name, more));
  }

  async folder(name?: string, options: New = {}): Promise<FolderItem> {
    return this.#folder(await this.#create("folder", "", name, options));
  }

  async open(pasted: string, { signal }: OpenLinkOptions = {}): Promise<FileItem | FolderItem> {
    const link = findLink(pasted);
    const reached = await this.#relays.reach(relaysOf(link), signal);
    const conn = reached.session?.conn;
    const asked = this.#core.call("open", { link, ...(conn !== undefined && { conn }) });
    const opened = await unlessAborted(asked, signal).catch((thrown: unknown) => {
      throw conn === undefined ? unasked(thrown) : thrown;
    });
    return this.#handle(readOpened(opened), selectorOf(link) !== undefined, reached);
  }

  async here(id: string): Promise<FileItem | FolderItem> {
    return this.#handle(readOpened(await this.#core.call("view", { id })), false);
  }

  async known(): Promise<string[]> {
    return texts(await this.#core.call("known", {}));
  }

  async close(): Promise<void> {
    for (const item of [...this.#open]) await item.close();
  }

  async #create(kind: ItemKind, ext: string, name: string | undefined, options: New): Promise<Opened> {
    const named = name === undefined ? {} : { name };
    return readOpened(await this.#core.call("create", { app: this.#app, kind, ext, ...named, public: options.public === true }));
  }

  #handle(opened: Opened, isAsked: boolean, through?: Reached): FileItem | FolderItem {
    return opened.view.kind === "file" ? this.#file(opened, isAsked, through) : this.#folder(opened, isAsked, through);
  }

  #file(opened: Opened, isAsked = false, through?: Reached): FileHandle {
    return this.#kept(new FileHandle(this.#doors(through), opened, isAsked));
  }

  #folder(opened: Opened, isAsked = false, through?: Reached): FolderHandle {
    return this.#kept(new FolderHandle(this.#doors(through), opened, isAsked));
  }

  #kept<I extends ItemBase>(item: I): I {
    this.#open.add(item);
    return item;
  }

  #doors(through: Reached | undefined): ItemDoors {
    return {
      core: this.#core,
      relays: async () => {
        const own = await this.#relays.reach([]);
        return [through?.address, own.address].filter((address) => address !== undefined);
      },
      closed: (item) => void this.#open.delete(item),
    };
  }
}

/** What may follow a dot in an id, else nothing. */
function extension(name: string | undefined): string {
  const ext = extensionOf(name ?? "");
  return /^[a-z0-9._+-]{0,32}$/.test(ext) ? ext : "";
}

/** Nobody but this device was asked, so that it is not here is all that is known. */
function unasked(thrown: unknown): unknown {
  if (!(thrown instanceof MimeiError) || thrown.code !== "mimei.notFound") return thrown;
  const message = "This device does not have it, and no relay can be asked now.";
  return new MimeiError("offline.missing", message, { hint: "Try again when the relay is online.", retry: "later", cause: thrown });
}
