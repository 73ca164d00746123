/** Who the core says the user is. */
import { MimeiError } from "./errors.js";
import { isObject } from "./schema.js";

/** `backedUp`: whether it was when this was said. */
export interface Identity {
  /** The user id: for life, the same on all devices of the person. */
  readonly id: string;
  /** The id of this device. */
  readonly device: string;
  readonly backedUp: boolean;
  /** When this identity was made, in ms since the Unix epoch. */
  readonly createdMs: number;
}

export function readIdentity(value: unknown): Identity {
  if (isObject(value)) {
    const { id, device, backedUp, createdMs } = value;
    const texts = typeof id === "string" && typeof device === "string";
    if (texts && typeof backedUp === "boolean" && typeof createdMs === "number") return { id, device, backedUp, createdMs };
  }
  throw new MimeiError("core.failed", "The core described the user in a way unknown to this version.");
}
