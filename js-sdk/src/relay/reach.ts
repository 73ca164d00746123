/** The page's relay, and those that links lead to. */
import type { Session } from "../core.js";
import { LED_TO_MAX } from "../limits.js";
import { formatRelayAddress } from "../transport/address.js";
import type { RelayAddress } from "../transport/address.js";
import { RelayLink } from "./link.js";
import type { LinkDoors } from "./link.js";
import type { RelayTarget } from "./target.js";

/** Through which relay something is reached. */
export interface Reached {
  /** None: no relay can be asked now. */
  readonly session: Session | undefined;
  /** Its pasteable address, if it is known. */
  readonly address: string | undefined;
}

export class Relays {
  readonly main: RelayLink;
  readonly #doors: LinkDoors;
  /** By the address of the first relay that the link named. */
  readonly #others = new Map<string, RelayLink>();

  constructor(doors: LinkDoors, targets: readonly RelayTarget[]) {
    this.#doors = doors;
    this.main = new RelayLink(doors, targets);
  }

  /** The page's own relay if `named` has it or is empty, else one that is named. Waits while a try is under way. */
  async reach(named: readonly RelayAddress[], signal?: AbortSignal): Promise<Reached> {
    const session = await this.main.reached(signal);
    const own = { session, address: this.main.address };
    const { relay } = this.main.status.value;
    const isOwn = named.some(({ user }) => user === relay);
    if (named.length === 0 || (isOwn && session !== undefined)) return own;
    const others = named.filter(({ user }) => user !== relay);
    if (others.length === 0) return own;
    const other = this.#other(others);
    await other.tryAgain(signal);
    const led = { session: await other.reached(signal), address: other.address };
    return led.session === undefined ? own : led;
  }

  check(): void {
    for (const link of this.#all()) link.check();
  }

  close(): void {
    for (const link of this.#all()) link.close();
  }

  #all(): RelayLink[] {
    return [this.main, ...this.#others.values()];
  }

  #other(named: readonly RelayAddress[]): RelayLink {
    const key = named.map(formatRelayAddress)[0] ?? "";
    const known = this.#others.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#others;
    if (oldest !== undefined && this.#others.size >= LED_TO_MAX) {
      oldest[1].close();
      this.#others.delete(oldest[0]);
    }
    const link = new RelayLink(this.#doors, named.map((address) => ({ kind: "address", address })));
    this.#others.set(key, link);
    return link;
  }
}
