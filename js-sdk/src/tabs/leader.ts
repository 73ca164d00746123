/** The leader's side: serves the other tabs of the profile, each on a channel of its own. */
import { errorShape, MimeiError } from "../errors.js";
import type { ErrorShape } from "../errors.js";
import { CALLS_MAX, FOLLOWERS_MAX } from "../limits.js";
import { commonChannel, tabChannel, tabLock } from "./channels.js";
import type { Channel, Profile } from "./channels.js";
import type { Engine } from "./engine.js";
import { readCommon, readToLeader, sentStatus, TABS_VERSION } from "./messages.js";
import type { ToFollower, ToLeader } from "./messages.js";
import { goesToOthers } from "./methods.js";
import { Seat } from "./seat.js";

export class Leader {
  readonly #profile: Profile;
  readonly #engine: Engine;
  readonly #term: string;
  readonly #common: Channel;
  /** By the id of the tab. */
  readonly #served = new Map<string, Served>();

  constructor(profile: Profile, engine: Engine, term: string) {
    this.#profile = profile;
    this.#engine = engine;
    this.#term = term;
    this.#common = commonChannel(profile);
    this.#common.onmessage = ({ data }) => this.#receive(data);
    this.#announce();
  }

  /** Tabs that are served. */
  get size(): number {
    return this.#served.size;
  }

  close(): void {
    this.#common.close();
    for (const served of this.#served.values()) served.end();
    this.#served.clear();
  }

  #announce(): void {
    this.#common.postMessage({ type: "leader", v: TABS_VERSION, term: this.#term });
  }

  #receive(data: unknown): void {
    const message = readCommon(data);
    if (message?.type !== "hello") return;
    if (message.v === TABS_VERSION) this.#welcome(message.tab);
    else this.#announce(); // It learns that it is not of our version.
  }

  #welcome(tab: string): void {
    const known = this.#served.get(tab);
    if (known !== undefined) return known.welcome();
    if (this.#served.size >= FOLLOWERS_MAX) return this.#turnAway(tab);
    const served = new Served(tabChannel(this.#profile, tab), this.#engine, this.#term);
    this.#served.set(tab, served);
    served.welcome();
    // The tab holds this lock as long as it is there; whoever gets it is alone with it.
    const gone = async (): Promise<void> => {
      served.end();
      this.#served.delete(tab);
    };
    this.#profile.locks.request(tabLock(this.#profile, tab), { signal: served.signal }, gone).catch(() => {}); // We ended it.
  }

  #turnAway(tab: string): void {
    const error = new MimeiError("tabs.many", "More tabs of this site are open than can work at once.", {
      hint: "Close some of them and reload this one.",
      retry: "later",
    });
    const channel = tabChannel(this.#profile, tab);
    channel.postMessage({ type: "away", term: this.#term, error: errorShape(error) } satisfies ToFollower);
    channel.close();
  }
}

/** One follower, as the leader sees it. */
class Served {
  readonly #channel: Channel;
  readonly #engine: Engine;
  readonly #term: string;
  readonly #seat: Seat;
  readonly #ends = new AbortController();
  #calls = 0;

  constructor(channel: Channel, engine: Engine, term: string) {
    this.#channel = channel;
    this.#engine = engine;
    this.#term = term;
    this.#seat = new Seat(engine, {
      status: (status) => this.#post({ type: "status", term, status: sentStatus(status) }),
      event: (name, data) => this.#post({ type: "event", term, name, data }),
    });
    // What is unknown, or was meant for another leader, is left aside: any script can speak here.
    channel.onmessage = ({ data }) => {
      const message = readToLeader(data, term);
      if (message !== undefined) this.#handle(message);
    };
  }

  get signal(): AbortSignal {
    return this.#ends.signal;
  }

  welcome(): void {
    this.#post({ type: "welcome", term: this.#term, identity: this.#engine.identity });
  }

  end(): void {
    if (this.#ends.signal.aborted) return;
    this.#ends.abort();
    this.#seat.leave();
    this.#channel.close();
  }

  #handle(message: ToLeader): void {
    switch (message.type) {
      case "wish":
        return this.#use(message);
      case "retry":
        return this.#seat.retry();
      case "check":
        return this.#seat.check();
      case "probe":
        return this.#post({ type: "alive", term: this.#term });
      case "call":
        return this.#call(message);
    }
  }

  /** The follower has looked at its wish as we would; what is wrong nevertheless is not used. */
  #use({ relays, way }: Extract<ToLeader, { type: "wish" }>): void {
    try {
      this.#seat.use({ relays, way });
    } catch {
      return;
    }
  }

  #call({ id, method, args }: Extract<ToLeader, { type: "call" }>): void {
    if (!goesToOthers(method)) return this.#refuse(id, errorShape(new MimeiError("core.invalid", `Tabs do not ask each other for ${method}.`)));
    if (this.#calls >= CALLS_MAX) {
      return this.#refuse(id, errorShape(new MimeiError("argument.invalid", "Too many calls at once: wait for some of them.", { retry: "later" })));
    }
    this.#calls += 1;
    void this.#seat
      .call(method, args)
      .then(
        (value) => this.#post({ type: "reply", term: this.#term, id, value }),
        (thrown: unknown) => this.#refuse(id, errorShape(thrown)),
      )
      .finally(() => (this.#calls -= 1));
  }

  #refuse(id: number, error: ErrorShape): void {
    this.#post({ type: "refused", term: this.#term, id, error });
  }

  #post(message: ToFollower): void {
    if (!this.#ends.signal.aborted) this.#channel.postMessage(message);
  }
}
