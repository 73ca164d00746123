/** What files, folders and the person need of the core and the relays, wherever these are. */
import type { Identity } from "../identity.js";
import type { Status } from "../relay/status.js";
import type { Wish } from "../relay/wish.js";

export interface Desk {
  call(method: string, args?: unknown): Promise<unknown>;
  /**
   * Hears of everything of that name which is reported by itself, until the returned function is called.
   * `item`: that one changed. `credit`: an account changed. `online`: a session is new. `resumed`: from now on another tab does the work, and what is shown may be old.
   */
  on(name: string, listener: (data: unknown) => void): () => void;
}

/** Where the calls of a tab go for a while: its own core, or the tab that leads. */
export interface Place {
  readonly identity: Identity;
  call(method: string, args: unknown): Promise<unknown>;
  /** Uses these relays. */
  use(wish: Wish): void;
  /** Tries to connect now. */
  retry(): void;
  /** The network may have changed. */
  check(): void;
  /** Goes away: nothing is answered or told any more. */
  leave(): void;
}

/** What a place says by itself. */
export interface PlaceEvents {
  status(status: Status): void;
  event(name: string, data: unknown): void;
}
