/**
 * One tab of a profile. It leads or follows, and who uses it does not see which.
 *
 * A lock elects the leader: it alone runs worker, core and relay links. All
 * others follow, with a request for the same lock waiting; when the leader goes,
 * for whatever reason, the browser gives the lock to the next of them. Nothing
 * waits for a timeout.
 *
 * A tab that is frozen or put into the back/forward cache would hold the lock
 * and do nothing. Chromium does neither to a page that holds a lock others wait
 * for, nor to one with an open data channel; but other browsers may, and a
 * follower holds locks as well. So a tab that is told (`freeze`, `pagehide`)
 * goes first, and comes back when it wakes. One that sleeps without having been
 * told is found by a tab that is looked at and gets no answers: that one takes
 * the lock away from it.
 */
import { MimeiError } from "../errors.js";
import type { Identity } from "../identity.js";
import { LEADER_PROBE_EVERY_MS, LEADER_SILENT_PROBES_MAX } from "../limits.js";
import { LiveSource } from "../live.js";
import type { Live } from "../live.js";
import { status } from "../relay/status.js";
import type { Status } from "../relay/status.js";
import type { Wish } from "../relay/wish.js";
import { Calls } from "./calls.js";
import { aborted, hold, leaderLock, tabLock, turnLock } from "./channels.js";
import type { Profile } from "./channels.js";
import type { Desk, Place, PlaceEvents } from "./desk.js";
import type { Engine } from "./engine.js";
import { Follower } from "./follower.js";
import { Leader } from "./leader.js";
import { goesToOthers } from "./methods.js";
import { Seat } from "./seat.js";

/** What a tab needs from outside. */
export interface TabDoors {
  startEngine(): Promise<Engine>;
  /** `undefined`: this tab is alone, as one whose store is in memory. */
  readonly profile: Profile | undefined;
  /** An id that nobody else has. */
  freshId(): string;
  /** Whether somebody looks at this tab. */
  isVisible(): boolean;
}

export class Tab implements Desk {
  readonly #doors: TabDoors;
  readonly #calls = new Calls();
  readonly #status = new LiveSource<Status>(status("connecting", {}));
  readonly #leader = new LiveSource(false);
  readonly #listeners = new Map<string, Set<(data: unknown) => void>>();
  readonly #probing: ReturnType<typeof setInterval>;
  #opened!: (identity: Identity) => void;
  #refused!: (error: unknown) => void;
  /** Who the user is, once a core is there. */
  readonly opened = new Promise<Identity>((resolve, reject) => ([this.#opened, this.#refused] = [resolve, reject]));
  #identity: Identity | undefined;
  #wish: Wish;
  #place: Place | undefined;
  #follower: Follower | undefined;
  #engine: Engine | undefined;
  /** From joining the other tabs to leaving them. */
  #stay = new AbortController();
  #isEnded = false;
  #isAsleep = false;
  #takesOver = false;
  #wake: () => void = () => {};
  #startAnew: () => void = () => {};
  readonly #running: Promise<void>;

  constructor(doors: TabDoors, wish: Wish) {
    this.#doors = doors;
    this.#wish = wish;
    this.opened.catch(() => {}); // `open` may have given up already.
    this.#running = this.#run();
    this.#probing = setInterval(() => this.#probe(), LEADER_PROBE_EVERY_MS);
  }

  get status(): Live<Status> {
    return this.#status;
  }

  /** The relays that this tab wants to use. */
  get relays(): readonly string[] {
    return this.#wish.relays;
  }

  /** Whether this tab does the work. */
  get leader(): Live<boolean> {
    return this.#leader;
  }

  async call(method: string, args?: unknown): Promise<unknown> {
    if (goesToOthers(method)) return await this.#calls.call(method, args);
    return await this.#leading(() => this.#calls.call(method, args));
  }

  on(name: string, listener: (data: unknown) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  use(wish: Pick<Wish, "relays">): void {
    this.#wish = { ...this.#wish, ...wish };
    this.#place?.use(this.#wish);
  }

  retry(): void {
    this.#place?.retry();
  }

  check(): void {
    this.#place?.check();
  }

  async ping(): Promise<number> {
    return (await this.call("ping", {})) as number;
  }

  /**
   * Opens the core of the profile anew, as after another identity was stored. Every tab that was opened
   * with the old one then fails with `identity.changed`, this one too, and is to be reloaded.
   */
  async reopen(): Promise<void> {
    await this.#leading(async () => this.#startAnew());
  }

  /** This tab will not run for a while. */
  sleep(): void {
    if (this.#doors.profile === undefined) return;
    this.#isAsleep = true;
    this.#stay.abort();
  }

  wake(): void {
    this.#isAsleep = false;
    this.#wake();
  }

  async close(): Promise<void> {
    const engine = this.#leader.value ? this.#engine : undefined;
    this.#end(new MimeiError("context.closed", "This MiMei client was closed."));
    try {
      await engine?.close();
    } finally {
      this.#stay.abort();
      this.#wake();
      await this.#running;
    }
  }

  /** Does something as the leader. Tabs that want this wait for each other, so that none is interrupted. */
  async #leading<T>(work: () => Promise<T>): Promise<T> {
    const { profile } = this.#doors;
    const done = new AbortController();
    if (profile !== undefined) await hold(profile, turnLock(profile), done.signal);
    try {
      await this.#lead();
      return await work();
    } finally {
      done.abort();
    }
  }

  /** Takes the place of the leader. Resolves when this tab is it, or has ended. */
  async #lead(): Promise<void> {
    if (this.#leader.value || this.#isEnded) return;
    this.#takesOver = true;
    this.#stay.abort();
    await new Promise<void>((resolve) => {
      const stop = this.#leader.subscribe((leads) => leads && queueMicrotask(done));
      const done = (): void => (stop(), resolve());
      void this.#running.then(done);
    });
  }

  async #run(): Promise<void> {
    while (!this.#isEnded) {
      this.#stay = new AbortController();
      await this.#member(this.#stay).catch((thrown: unknown) => this.#die(thrown));
      while (this.#isAsleep && !this.#isEnded) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** One stay among the tabs: it follows, until it leads, until it leaves. */
  async #member(stay: AbortController): Promise<void> {
    const { profile } = this.#doors;
    if (profile === undefined) return await this.#serveAll(stay);
    const id = this.#doors.freshId();
    await hold(profile, tabLock(profile, id), stay.signal).catch(unlessAbort);
    if (stay.signal.aborted) return;
    let leading = Promise.resolve();
    const lead = (): Promise<void> => {
      this.#unfollow();
      if (!stay.signal.aborted) leading = this.#serveAll(stay).catch((thrown: unknown) => this.#die(thrown));
      return leading;
    };
    // A lock is either taken away or waited for.
    const how = this.#takesOver ? { steal: true } : { signal: stay.signal };
    if (!this.#takesOver) this.#follow(profile, id);
    // Rejected when the signal aborts, and when another tab takes the lock away.
    await profile.locks.request(leaderLock(profile), how, lead).catch(unlessAbort);
    stay.abort();
    await leading; // A lock that is taken away does not wait for us.
    this.#unfollow();
    this.#moveTo(undefined);
  }

  async #serveAll(stay: AbortController): Promise<void> {
    while (!stay.signal.aborted) await this.#serve(stay);
  }

  /** As long as one engine runs. */
  async #serve(stay: AbortController): Promise<void> {
    const engine = await this.#doors.startEngine();
    this.#engine = engine;
    let leader: Leader | undefined;
    try {
      if (stay.signal.aborted) return;
      this.#moveTo(new Seat(engine, this.#events()));
      if (this.#isEnded) return;
      const { profile } = this.#doors;
      if (profile !== undefined) leader = new Leader(profile, engine, this.#doors.freshId());
      this.#takesOver = false;
      this.#leader.set(true);
      const startAnew = new Promise<void>((resolve) => (this.#startAnew = resolve));
      const failed = await Promise.race([engine.failed, aborted(stay.signal), startAnew]);
      if (failed !== undefined) this.#die(failed);
    } finally {
      this.#engine = undefined;
      leader?.close();
      this.#moveTo(undefined);
      this.#leader.set(false);
      engine.terminate();
    }
  }

  #follow(profile: Profile, id: string): void {
    this.#follower = new Follower(profile, id, {
      ...this.#events(),
      welcomed: (place) => this.#moveTo(place),
      away: (error) => this.#away(error),
    });
  }

  #unfollow(): void {
    this.#follower?.close();
    this.#follower = undefined;
  }

  #events(): PlaceEvents {
    return {
      status: (status) => {
        this.#status.set(status);
        if (status.state === "online") this.#tell("online", undefined);
      },
      event: (name, data) => this.#tell(name, data),
    };
  }

  #moveTo(place: Place | undefined): void {
    this.#place?.leave();
    this.#place = undefined;
    if (this.#isEnded) return place?.leave();
    if (place !== undefined && !this.#isMine(place)) {
      place.leave();
      return this.#die(otherIdentity());
    }
    this.#place = place;
    const isFirst = this.#identity === undefined;
    place?.use(this.#wish);
    this.#calls.moveTo(place);
    if (place === undefined) return;
    this.#identity = place.identity;
    if (isFirst) this.#opened(place.identity);
    else this.#tell("resumed", undefined);
  }

  #isMine({ identity }: Place): boolean {
    const mine = this.#identity;
    return mine === undefined || (mine.id === identity.id && mine.device === identity.device);
  }

  #away(error: MimeiError): void {
    this.#place?.leave();
    this.#place = undefined;
    this.#calls.refuse(error);
    this.#status.set(status("failed", { error }));
    this.#refused(error);
  }

  /** There is no way on for this tab; another one may fare better. */
  #die(thrown: unknown): void {
    const error = thrown instanceof MimeiError ? thrown : new MimeiError("core.failed", String(thrown), { cause: thrown });
    this.#refused(thrown);
    if (!this.#isEnded) this.#status.set(status("failed", { error }));
    this.#end(error);
    this.#stay.abort();
  }

  #end(error: MimeiError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearInterval(this.#probing);
    this.#calls.refuse(error);
    this.#refused(error);
    this.#unfollow();
    this.#place?.leave();
    this.#place = undefined;
    this.#status.end();
    this.#tell("ended", error);
  }

  #probe(): void {
    if (this.#follower === undefined || this.#calls.size === 0 || !this.#doors.isVisible()) return;
    if (this.#follower.probe() >= LEADER_SILENT_PROBES_MAX) void this.#lead();
  }

  #tell(name: string, data: unknown): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(data);
  }
}

/** Leaving while a lock is waited for, and losing one, are no faults. */
function unlessAbort(thrown: unknown): void {
  if (!(thrown instanceof DOMException && thrown.name === "AbortError")) throw thrown;
}

function otherIdentity(): MimeiError {
  return new MimeiError("identity.changed", "Another identity was opened in this browser.", {
    hint: "Reload the page.",
    retry: "now",
  });
}
