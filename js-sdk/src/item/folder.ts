import { MimeiError } from "../errors.js";
import { blobOf, ItemBase } from "./item.js";
import type { Item, PutOptions } from "./item.js";
import type { Saved } from "./view.js";

/** A MiMei that is named files. */
export interface FolderItem extends Item {
  readonly kind: "folder";
  /** Makes a version in which that name has this content. It is durable here then, and sent by itself. */
  put(name: string, content: Blob | string, options?: PutOptions): Promise<Saved>;
  /** The same for many names in one version. A name that is given twice has the later content. */
  putAll(files: Iterable<readonly [name: string, content: Blob | string]>, options?: PutOptions): Promise<Saved>;
  /** Makes a version without that name. */
  remove(name: string, options?: PutOptions): Promise<Saved>;
}

export class FolderHandle extends ItemBase implements FolderItem {
  readonly kind = "folder";

  put(name: string, content: Blob | string, options: PutOptions = {}): Promise<Saved> {
    return this.putAll([[name, content]], options);
  }

  async putAll(files: Iterable<readonly [name: string, content: Blob | string]>, options: PutOptions = {}): Promise<Saved> {
    const contents = new Map(files);
    if (contents.size === 0) throw new MimeiError("argument.invalid", "There is no file to put.");
    return await this.putFiles([...contents].map(([name, content]) => ({ name, content: blobOf(content) })), options);
  }

  remove(name: string, options: PutOptions = {}): Promise<Saved> {
    return this.save([{ name }], options);
  }
}
