import type { MimeiError } from "../errors.js";
import type { Trust } from "../protocol.js";
import type { Way } from "../transport/connection.js";

/** How the connection to the relay stands. */
export interface Status {
  /**
   * `connecting`: a try is under way. `online`: the relay has proved who it is.
   * `offline`: the next try is at `nextTryMs`. `failed`: trying again by itself
   * would not help; `error` says why.
   */
  readonly state: "connecting" | "online" | "offline" | "failed";
  /** Since when it is in this state, in ms since the Unix epoch. */
  readonly sinceMs: number;
  /** The way in use, or being tried. */
  readonly way: Way | undefined;
  /** The relay's user id, once it is expected or proved. */
  readonly relay: string | undefined;
  /** Only when online. */
  readonly trust: Trust | undefined;
  /** Why the last try failed; while connecting also what the browser is waiting for. */
  readonly error: MimeiError | undefined;
  /** Tries since the last good session; 0 when online. */
  readonly attempt: number;
  /** When the next try begins, in ms since the Unix epoch; only when offline. */
  readonly nextTryMs: number | undefined;
}

/** A status of which only what differs from "nothing known" is said. */
export function status(state: Status["state"], known: Partial<Omit<Status, "state">>): Status {
  return {
    state,
    sinceMs: Date.now(),
    way: undefined,
    relay: undefined,
    trust: undefined,
    error: undefined,
    attempt: 0,
    nextTryMs: undefined,
    ...known,
  };
}
