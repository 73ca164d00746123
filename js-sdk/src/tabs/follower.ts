/** The follower's side: finds the leader, and speaks with it on a channel of its own. */
import { MimeiError } from "../errors.js";
import { readIdentity } from "../identity.js";
import type { Identity } from "../identity.js";
import { TAB_BYTES_MAX } from "../limits.js";
import type { Wish } from "../relay/wish.js";
import { isObject } from "../schema.js";
import { commonChannel, tabChannel } from "./channels.js";
import type { Channel, Profile } from "./channels.js";
import type { Place, PlaceEvents } from "./desk.js";
import { readCommon, readStatus, readToFollower, TABS_VERSION } from "./messages.js";
import type { Common, ToFollower, ToLeader } from "./messages.js";

export interface FollowerEvents extends PlaceEvents {
  /** A leader serves this tab from now on. */
  welcomed(place: Place): void;
  /** There is one, and it does not. */
  away(error: MimeiError): void;
}

export class Follower {
  readonly #tab: string;
  readonly #events: FollowerEvents;
  readonly #common: Channel;
  readonly #own: Channel;
  #place: RemotePlace | undefined;
  #unanswered = 0;

  constructor(profile: Profile, tab: string, events: FollowerEvents) {
    this.#tab = tab;
    this.#events = events;
    this.#own = tabChannel(profile, tab);
    this.#own.onmessage = ({ data }) => this.#receive(data);
    this.#common = commonChannel(profile);
    this.#common.onmessage = ({ data }) => this.#find(readCommon(data));
    this.#hello();
  }

  /** Asks whether the leader is awake; returns how many such questions in a row it did not answer. */
  probe(): number {
    if (this.#place === undefined) return 0;
    this.#place.probe();
    this.#unanswered += 1;
    return this.#unanswered - 1;
  }

  close(): void {
    this.#place?.leave();
    this.#common.close();
    this.#own.close();
  }

  #hello(): void {
    this.#common.postMessage({ type: "hello", v: TABS_VERSION, tab: this.#tab } satisfies Common);
  }

  #find(message: Common | undefined): void {
    if (message?.type !== "leader") return;
    if (message.v !== TABS_VERSION) this.#away(otherVersion());
    else if (message.term !== this.#place?.term) this.#hello();
  }

  #receive(data: unknown): void {
    const message = readToFollower(data);
    // What is unknown is left aside: any script of this origin can speak here.
    if (message === undefined) return;
    if (message.type === "welcome") return this.#welcomed(message.term, message.identity);
    if (message.type === "away") return this.#away(MimeiError.from(message.error));
    if (message.term !== this.#place?.term) return;
    this.#unanswered = 0;
    this.#place.receive(message);
  }

  #welcomed(term: string, identity: unknown): void {
    if (term === this.#place?.term) return;
    const who = knownIdentity(identity);
    if (who === undefined) return;
    this.#unanswered = 0;
    this.#place?.leave();
    this.#place = new RemotePlace(this.#own, term, who, this.#events);
    this.#events.welcomed(this.#place);
  }

  #away(error: MimeiError): void {
    this.#place?.leave();
    this.#place = undefined;
    this.#events.away(error);
  }
}

interface Asked {
  readonly id: number;
  readonly method: string;
  readonly args: unknown;
  /** Of its piece. */
  readonly bytes: number;
  resolve(value: unknown): void;
  reject(error: MimeiError): void;
}

/** A leader, as a follower sees it. */
class RemotePlace implements Place {
  readonly term: string;
  readonly identity: Identity;
  readonly #channel: Channel;
  readonly #events: PlaceEvents;
  readonly #asked = new Map<number, Asked>();
  /** Calls with a piece for which there is no room yet. `Calls` bounds how many. */
  #held: Asked[] = [];
  #bytes = 0;
  #lastId = 0;
  #isLeft = false;

  constructor(channel: Channel, term: string, identity: Identity, events: PlaceEvents) {
    this.#channel = channel;
    this.term = term;
    this.identity = identity;
    this.#events = events;
  }

  call(method: string, args: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const piece = isObject(args) && args["part"] instanceof Blob ? args["part"].size : 0;
      const asked: Asked = { id: ++this.#lastId, method, args: withoutInto(args), bytes: piece, resolve, reject };
      if (piece === 0) return this.#ask(asked);
      this.#held.push(asked);
      this.#askHeld();
    });
  }

  use({ relays, way }: Wish): void {
    this.#post({ type: "wish", term: this.term, relays: [...relays], way });
  }

  retry(): void {
    this.#post({ type: "retry", term: this.term });
  }

  check(): void {
    this.#post({ type: "check", term: this.term });
  }

  probe(): void {
    this.#post({ type: "probe", term: this.term });
  }

  leave(): void {
    this.#isLeft = true;
    this.#asked.clear();
    this.#held = [];
  }

  receive(message: Exclude<ToFollower, { type: "welcome" | "away" }>): void {
    switch (message.type) {
      case "reply":
        return this.#answered(message.id)?.resolve(message.value);
      case "refused":
        return this.#answered(message.id)?.reject(MimeiError.from(message.error));
      case "status": {
        const status = readStatus(message.status);
        return status === undefined ? undefined : this.#events.status(status);
      }
      case "event":
        return this.#events.event(message.name, message.data);
      case "alive":
        return;
    }
  }

  #askHeld(): void {
    for (let next = this.#held[0]; next !== undefined && this.#bytes < TAB_BYTES_MAX; next = this.#held[0]) {
      this.#held.shift();
      this.#ask(next);
    }
  }

  #ask(asked: Asked): void {
    const { id, method, args } = asked;
    this.#asked.set(id, asked);
    this.#bytes += asked.bytes;
    this.#post({ type: "call", term: this.term, id, method, args });
  }

  #answered(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    this.#bytes -= asked?.bytes ?? 0;
    this.#askHeld();
    return asked;
  }

  #post(message: ToLeader): void {
    if (!this.#isLeft) this.#channel.postMessage(message);
  }
}

function knownIdentity(value: unknown): Identity | undefined {
  try {
    return readIdentity(value);
  } catch {
    return undefined; // No leader of this version says that.
  }
}

function otherVersion(): MimeiError {
  return new MimeiError("tabs.version", "Another tab of this site runs another version of MiMei.", {
    hint: "Close or reload the other tabs of this site.",
    retry: "now",
  });
}

/** Another tab cannot be given an array for its answer: it would get a copy. */
function withoutInto(args: unknown): unknown {
  if (!isObject(args) || !("into" in args)) return args;
  const { into: _, ...rest } = args;
  return rest;
}
