/** One tab's place at the engine: its own wish for relays, and its calls. */
import { MimeiError } from "../errors.js";
import type { Identity } from "../identity.js";
import { relaysOf } from "../item/address.js";
import { fields, text, texts } from "../item/view.js";
import type { Reached, Shared } from "../relay/reach.js";
import { status } from "../relay/status.js";
import { parseRelays } from "../relay/wish.js";
import type { Wish } from "../relay/wish.js";
import { parseRelayAddress } from "../transport/address.js";
import type { RelayAddress } from "../transport/address.js";
import type { Place, PlaceEvents } from "./desk.js";
import type { Engine } from "./engine.js";

/** What the core reports by itself and every tab hears. */
const EVENTS = ["identity", "item", "credit"];

export class Seat implements Place {
  readonly identity: Identity;
  readonly #engine: Engine;
  readonly #events: PlaceEvents;
  readonly #unhook: (() => void)[];
  #wish: Wish | undefined;
  #shared: Shared | undefined;
  #unfollow: () => void = () => {};

  constructor(engine: Engine, events: PlaceEvents) {
    this.identity = engine.identity;
    this.#engine = engine;
    this.#events = events;
    this.#unhook = EVENTS.map((name) => engine.core.on(name, (data) => events.event(name, data)));
  }

  /** Throws `address.invalid` or `argument.invalid`. */
  use(wish: Wish): void {
    const targets = parseRelays(wish.relays);
    this.#wish = wish;
    const before = this.#shared;
    this.#unfollow();
    this.#shared = this.#engine.relays.take(targets, wish.way);
    before?.release();
    this.#unfollow = this.#shared?.link.status.subscribe((status) => this.#events.status(status)) ?? (() => {});
    if (this.#shared === undefined) this.#events.status(status("failed", { error: tooManyWishes() }));
  }

  retry(): void {
    if (this.#shared !== undefined) this.#shared.link.retry();
    else if (this.#wish !== undefined) this.use(this.#wish);
  }

  check(): void {
    this.#shared?.link.check();
  }

  async call(method: string, args: unknown): Promise<unknown> {
    switch (method) {
      case "open":
        return await this.#open(text(fields(args)["link"]));
      case "reach":
        return void (await this.#reach(texts(fields(args)["relays"]).map(parseRelayAddress)));
      case "relay":
        return (await this.#reach([])).address;
      case "accept":
        return await this.#accept(fields(args));
      case "settle":
        // A page that has just opened is on its way to its relay.
        await this.#reach([]);
        return await this.#engine.core.call(method, args);
      case "ping":
        return await this.#link().ping();
      default:
        return await this.#engine.core.call(method, args);
    }
  }

  leave(): void {
    this.#unfollow();
    for (const unhook of this.#unhook) unhook();
    this.#shared?.release();
    this.#shared = undefined;
  }

  /** What the core opened, with the pasteable address of the relay that was asked. */
  async #open(link: string): Promise<unknown> {
    const { session, address } = await this.#reach(relaysOf(link));
    const conn = session?.conn;
    const asked = this.#engine.core.call("open", { link, ...(conn !== undefined && { conn }) });
    const opened = await asked.catch((thrown: unknown) => {
      throw conn === undefined ? unasked(thrown) : thrown;
    });
    return { ...fields(opened), through: address };
  }

  /** In the session with the invite's relay, which is the one that this tab uses. */
  async #accept({ invite, user }: Record<string, unknown>): Promise<unknown> {
    const link = this.#link();
    const session = await link.reached();
    const { relay, error } = link.status.value;
    if (session === undefined || relay !== user) throw error ?? otherRelay();
    return await this.#engine.core.call("accept", { invite, conn: session.conn });
  }

  async #reach(named: readonly RelayAddress[]): Promise<Reached> {
    if (this.#shared === undefined) return { session: undefined, address: undefined };
    return await this.#engine.relays.reach(this.#shared, named);
  }

  #link(): Shared["link"] {
    if (this.#shared !== undefined) return this.#shared.link;
    throw tooManyWishes();
  }
}

/** Nobody but this device was asked, so that it is not here is all that is known. */
function unasked(thrown: unknown): unknown {
  if (!(thrown instanceof MimeiError) || thrown.code !== "mimei.notFound") return thrown;
  const message = "This device does not have it, and no relay can be asked now.";
  return new MimeiError("offline.missing", message, { hint: "Try again when the relay is online.", retry: "later", cause: thrown });
}

function otherRelay(): MimeiError {
  return new MimeiError("network.unreachable", "This tab is not connected to the relay of the invite.", { retry: "later" });
}

function tooManyWishes(): MimeiError {
  const hint = "Close other tabs of this site, or use the same relay in them.";
  return new MimeiError("tabs.many", "The tabs of this site use too many different relays.", { hint, retry: "later" });
}
