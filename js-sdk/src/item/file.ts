import { blobOf, ItemBase } from "./item.js";
import type { Item, PutOptions } from "./item.js";
import type { Options } from "./pieces.js";
import { unknown } from "./view.js";
import type { Saved } from "./view.js";

/** A MiMei that is one file. */
export interface FileItem extends Item {
  readonly kind: "file";
  /** Makes this its next version. It is durable here then, and sent by itself. */
  put(content: Blob | string, options?: PutOptions): Promise<Saved>;
  /** What it holds now (`view.current`), as UTF-8. Rejects with `mimei.empty` before the first version. */
  text(options?: Options): Promise<string>;
}

export class FileHandle extends ItemBase implements FileItem {
  readonly kind = "file";

  async put(content: Blob | string, options: PutOptions = {}): Promise<Saved> {
    return await this.putFiles([{ content: blobOf(content) }], options);
  }

  async text(options: Options = {}): Promise<string> {
    const [entry] = await this.list();
    if (entry === undefined) return unknown();
    return await (await this.blob(entry, options)).text();
  }
}
