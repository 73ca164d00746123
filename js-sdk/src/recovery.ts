/** The recovery file, and the devices that were made from it. */
import { count, fields, list, text } from "./item/view.js";
import { LiveSource } from "./live.js";
import type { Live } from "./live.js";

/** A device of the person. */
export interface DeviceOfMe {
  readonly id: string;
  /** When it was added, by the clock of the device that did, in ms since the Unix epoch. */
  readonly addedMs: number;
  readonly isThis: boolean;
  /** Whether it was removed since: what it signs does not count any more. */
  readonly removed: boolean;
}

export interface Recovery {
  /**
   * The text of the recovery file: whoever has it is this person. Rejects with `identity.backedUp` once it was
   * confirmed, because its secrets are not in this browser any more.
   */
  recoveryFile(): Promise<string>;
  /**
   * Says that the file is in safe hands: `file` is what the person has, given back. It is read, and only if it is
   * whole and this person's are its secrets deleted here. Rejects with `recovery.invalid`.
   */
  confirmBackup(file: string): Promise<void>;
  /**
   * Makes this browser a new device of the person in the file. What the identity before kept here is deleted; so
   * it rejects with `identity.inUse` if that identity has anything, unless `replace` is set. This client has ended
   * then, and those of other tabs end with `identity.changed`: open a new one, or reload the page. Rejects with `recovery.invalid` and `identity.same`, too.
   */
  restore(file: string, options?: { replace?: boolean }): Promise<void>;
  /** The devices of this person that are known here, the first one first. Empty until the core has told. */
  readonly devices: Live<readonly DeviceOfMe[]>;
}

interface Core {
  call(method: string, args?: unknown): Promise<unknown>;
  on(name: string, listener: () => void): () => void;
}

/** `end` ends this client, whose identity is not here any more. */
export function recovery(core: Core, wasSaved: boolean, end: () => Promise<void>): { methods: Recovery; isSaved(): boolean } {
  let saved = wasSaved;
  const devices = new LiveSource<readonly DeviceOfMe[]>([]);
  const look = async (): Promise<void> => devices.set(list(await core.call("devices")).map(readDevice));
  // What cannot be looked at now is looked at with the next change.
  const soon = (): void => void look().catch(() => {});
  for (const event of ["identity", "resumed"]) core.on(event, soon);
  core.on("ended", () => devices.end());
  soon();
  const methods: Recovery = {
    recoveryFile: async () => text(await core.call("recoveryFile")),
    confirmBackup: async (file) => {
      await core.call("confirmBackup", { file });
      saved = true;
    },
    restore: async (file, { replace = false } = {}) => {
      await core.call("restore", { file, replace });
      await end();
    },
    devices,
  };
  return { methods, isSaved: () => saved };
}

function readDevice(value: unknown): DeviceOfMe {
  const said = fields(value);
  return { id: text(said["id"]), addedMs: count(said["addedMs"]), isThis: said["isThis"] === true, removed: said["removed"] === true };
}
