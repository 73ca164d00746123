import { blobOf, ItemBase } from "./item.js";
import type { Item, PutOptions } from "./item.js";
import type { Saved } from "./view.js";

/** A MiMei that is one file. */
export interface FileItem extends Item {
  readonly kind: "file";
  /** Makes this its next version. It is durable here then, and sent by itself. */
  put(content: Blob | string, options?: PutOptions): Promise<Saved>;
}

export class FileHandle extends ItemBase implements FileItem {
  readonly kind = "file";

  async put(content: Blob | string, options: PutOptions = {}): Promise<Saved> {
    return await this.putFiles([{ content: blobOf(content) }], options);
  }
}
