/** The relays that the tabs of a profile want, and those that links lead to. */
import type { Session } from "../core.js";
import { LED_TO_MAX, WISHES_MAX } from "../limits.js";
import type { RelayAddress } from "../transport/address.js";
import type { Way } from "../transport/connection.js";
import { RelayLink } from "./link.js";
import type { LinkDoors } from "./link.js";
import type { RelayTarget } from "./target.js";
import { wishKey } from "./wish.js";

/** Through which relay something is reached. */
export interface Reached {
  /** None: no relay can be asked now. */
  readonly session: Session | undefined;
  /** Its pasteable address, if it is known. */
  readonly address: string | undefined;
}

/** The link of one wish, which all tabs share that have it. */
export interface Shared {
  readonly link: RelayLink;
  readonly way: Way | undefined;
  /** Called once: this tab no longer wants it. */
  release(): void;
}

interface Held {
  readonly link: RelayLink;
  holders: number;
}

export class Relays {
  readonly #doors: (way: Way | undefined) => LinkDoors;
  /** By what is wished. */
  readonly #wished = new Map<string, Held>();
  /** By the way and the address of the first relay that the link named. */
  readonly #others = new Map<string, RelayLink>();

  constructor(doors: (way: Way | undefined) => LinkDoors) {
    this.#doors = doors;
  }

  /** `undefined`: the tabs use as many different relays as they may. */
  take(targets: readonly RelayTarget[], way?: Way): Shared | undefined {
    const key = wishKey(targets, way);
    if (!this.#wished.has(key) && this.#wished.size >= WISHES_MAX) return undefined;
    const held = this.#wished.get(key) ?? { link: new RelayLink(this.#doors(way), targets), holders: 0 };
    this.#wished.set(key, held);
    held.holders += 1;
    return { link: held.link, way, release: () => this.#release(key, held) };
  }

  /** A tab's own relay if `named` has it or is empty, else one that is named. Waits while a try is under way. */
  async reach({ link, way }: Shared, named: readonly RelayAddress[], signal?: AbortSignal): Promise<Reached> {
    const session = await link.reached(signal);
    const own = { session, address: link.address };
    const { relay } = link.status.value;
    const isOwn = named.some(({ user }) => user === relay);
    if (named.length === 0 || (isOwn && session !== undefined)) return own;
    const others = named.filter(({ user }) => user !== relay);
    if (others.length === 0) return own;
    const other = this.#other(others, way);
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
    return [...[...this.#wished.values()].map(({ link }) => link), ...this.#others.values()];
  }

  #release(key: string, held: Held): void {
    held.holders -= 1;
    if (held.holders > 0) return;
    held.link.close();
    this.#wished.delete(key);
  }

  #other(named: readonly RelayAddress[], way: Way | undefined): RelayLink {
    const targets = named.map((address): RelayTarget => ({ kind: "address", address }));
    const key = wishKey(targets.slice(0, 1), way);
    const known = this.#others.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#others;
    if (oldest !== undefined && this.#others.size >= LED_TO_MAX) {
      oldest[1].close();
      this.#others.delete(oldest[0]);
    }
    const link = new RelayLink(this.#doors(way), targets);
    this.#others.set(key, link);
    return link;
  }
}
