/** The recovery file, and the devices that were made from it. */
import { readIdentity } from "./identity.js";
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
  /** Whether the recovery file is in safe hands. Until then, losing this browser is losing the identity. */
  readonly backedUp: Live<boolean>;
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
   * it rejects with `identity.inUse` if that identity has anything, unless `replace` is set. Then this client and
   * those of all other tabs end with `identity.changed`: open a new one, or reload the page. Rejects with
   * `recovery.invalid` and `identity.same`, too.
   */
  restore(file: string, options?: { replace?: boolean }): Promise<void>;
  /** The devices of this person that are known here, the first one first. Empty until the core has told. */
  readonly devices: Live<readonly DeviceOfMe[]>;
}

/** What it needs of a tab. */
interface Desk {
  call(method: string, args?: unknown): Promise<unknown>;
  on(name: string, listener: () => void): () => void;
  reopen(): Promise<void>;
}

/** `wasBackedUp`: what was known when the tab opened. */
export function recovery(desk: Desk, wasBackedUp: boolean): Recovery {
  const backedUp = new LiveSource(wasBackedUp);
  const devices = new LiveSource<readonly DeviceOfMe[]>([]);
  const look = async (): Promise<void> => {
    const [me, all] = await Promise.all([desk.call("me"), desk.call("devices")]);
    backedUp.set(readIdentity(me).backedUp);
    devices.set(list(all).map(readDevice));
  };
  // What cannot be looked at now is looked at with the next change.
  const soon = (): void => void look().catch(() => {});
  for (const event of ["identity", "resumed"]) desk.on(event, soon);
  desk.on("ended", () => [backedUp, devices].forEach((live) => live.end()));
  soon();
  return {
    backedUp,
    devices,
    recoveryFile: async () => text(await desk.call("recoveryFile")),
    confirmBackup: async (file) => {
      await desk.call("confirmBackup", { file });
      await look();
    },
    restore: async (file, { replace = false } = {}) => {
      await desk.call("restore", { file, replace });
      await desk.reopen();
    },
  };
}

function readDevice(value: unknown): DeviceOfMe {
  const said = fields(value);
  return { id: text(said["id"]), addedMs: count(said["addedMs"]), isThis: said["isThis"] === true, removed: said["removed"] === true };
}
