import type { Core } from "./core.js";
import { MimeiError } from "./errors.js";
import { RELAYS_MAX } from "./limits.js";
import type { Items, ItemsOfMe } from "./item/items.js";
import type { Live } from "./live.js";
import { isObject } from "./protocol.js";
import { recovery } from "./recovery.js";
import type { Recovery } from "./recovery.js";
import type { Relays } from "./relay/reach.js";
import type { Status } from "./relay/status.js";
import { parseRelayTarget } from "./relay/target.js";
import type { RelayTarget } from "./relay/target.js";

/** The person on this device, their MiMeis, and the connection to their relay. */
export interface Me extends ItemsOfMe, Recovery, AsyncDisposable {
  /** The user id: for life, the same on all devices of the person. */
  readonly id: string;
  /** The id of this device. */
  readonly device: string;
  /** Whether the recovery file is in safe hands. Until then, losing this device is losing the identity. */
  readonly backedUp: boolean;
  /** When this identity was made, in ms since the Unix epoch. */
  readonly createdMs: number;
  readonly status: Live<Status>;
  /** Leaves the present relay and uses these, the first that answers. Throws `address.invalid`. */
  useRelays(relays: readonly string[]): void;
  /** Tries to connect now instead of at `status.nextTryMs`. */
  retry(): void;
  /** Round trip to the relay through the session, in ms. */
  ping(): Promise<number>;
  /** Ends the session and the worker. What is stored stays. */
  close(): Promise<void>;
}

/** What the core knows of the user. */
export type Identity = Pick<Me, "id" | "device" | "backedUp" | "createdMs">;

export function readIdentity(value: unknown): Identity {
  if (isObject(value)) {
    const { id, device, backedUp, createdMs } = value;
    const texts = typeof id === "string" && typeof device === "string";
    if (texts && typeof backedUp === "boolean" && typeof createdMs === "number") return { id, device, backedUp, createdMs };
  }
  throw new MimeiError("core.failed", "The core described the user in a way unknown to this version.");
}

/** Throws `address.invalid` or `argument.invalid`. */
export function parseRelays(relays: readonly string[]): RelayTarget[] {
  if (relays.length > RELAYS_MAX) throw new MimeiError("argument.invalid", `A page uses at most ${RELAYS_MAX} relays.`);
  return relays.map(parseRelayTarget);
}

export function me(identity: Identity, relays: Relays, items: Items, core: Core, release: () => void): Me {
  const link = relays.main;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    relays.close();
    await items.close();
    await core.close().finally(release);
  };
  const backup = recovery(core, identity.backedUp);
  return {
    ...identity,
    ...backup.methods,
    get backedUp() {
      return backup.isSaved();
    },
    status: link.status,
    useRelays: (relays) => link.use(parseRelays(relays)),
    retry: () => link.retry(),
    ping: () => link.ping(),
    file: (name, options) => items.file(name, options),
    folder: (name, options) => items.folder(name, options),
    open: (address, options) => items.open(address, options),
    here: (id) => items.here(id),
    known: () => items.known(),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}
