/**
 * Reads that wait while credit is used up, or while the relay that they began
 * with is away. They are tried again when an account or the connection changes,
 * so nothing that was begun fails for it.
 */
import { MimeiError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { LOST_RETRY_MS, PAUSED_RETRY_MS, RETURN_MS_MAX } from "../limits.js";
import type { Desk } from "../tabs/desk.js";

/** What can end a pause: an account changed, a session is new, another tab does the work, or none does. */
const EVENTS = ["credit", "online", "resumed", "ended"];

/** A relay that was there and is not now: it, or the way to it, comes back. */
const LOST: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "connection.closed",
  "network.lost",
  "network.offline",
  "network.timeout",
  "network.unreachable",
  "offline.missing",
]);

/** Called with why reading waits, and with nothing when it goes on. */
export type Paused = (why: MimeiError | undefined) => void;

/** The reads of one file, of which several wait at once. */
export class Patience {
  readonly #desk: Desk;
  readonly #onPause: Paused | undefined;
  #waiting = 0;
  /** Whether anything was read. What was not begun fails at once when there is no relay. */
  #isBegun = false;

  constructor(desk: Desk, onPause: Paused | undefined) {
    this.#desk = desk;
    this.#onPause = onPause;
  }

  /** Rejects with whatever is not a pause, and with the signal's reason when it aborts during one. */
  async read<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
    let goneAt: number | undefined;
    for (;;) {
      const change = nextChange(this.#desk, signal);
      try {
        const value = await read();
        this.#isBegun = true;
        return value;
      } catch (thrown) {
        if (!(thrown instanceof MimeiError)) throw thrown;
        if (thrown.code === "mimei.notFound") goneAt ??= performance.now();
        else goneAt = undefined;
        const isGone = goneAt !== undefined && performance.now() - goneAt < RETURN_MS_MAX;
        if (thrown.code === "credit.paused") await this.#pause(thrown, change.within(PAUSED_RETRY_MS));
        else if (this.#isBegun && (isGone || LOST.has(thrown.code))) await this.#pause(thrown, change.within(LOST_RETRY_MS));
        else throw thrown;
      } finally {
        change.forget();
      }
    }
  }

  async #pause(why: MimeiError, change: Promise<void>): Promise<void> {
    this.#waiting += 1;
    if (this.#waiting === 1) this.#onPause?.(why);
    try {
      await change;
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#onPause?.(undefined);
    }
  }
}

/** Listens from now on, so that what changes during a read is not missed. */
function nextChange(desk: Desk, signal: AbortSignal): { within(ms: number): Promise<void>; forget(): void } {
  const ends = new AbortController();
  let resolved = (): void => {};
  const comes = new Promise<void>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { signal: ends.signal });
    resolved = resolve;
    const unhook = EVENTS.map((event) => desk.on(event, () => resolve()));
    ends.signal.addEventListener("abort", () => unhook.forEach((each) => each()));
  });
  comes.catch(() => {}); // Nobody may be waiting for it.
  const within = (ms: number): Promise<void> => {
    const timer = setTimeout(resolved, ms);
    ends.signal.addEventListener("abort", () => clearTimeout(timer));
    return comes;
  };
  return { within, forget: () => ends.abort() };
}
