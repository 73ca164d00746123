/**
 * Reads that wait while credit is used up. They are tried again when an account
 * or the connection changes, so nothing that was begun fails for it.
 */
import { MimeiError } from "../errors.js";
import { PAUSED_RETRY_MS } from "../limits.js";
import type { Desk } from "../tabs/desk.js";

/** What can end a pause: an account changed, a session is new, another tab does the work, or none does. */
const EVENTS = ["credit", "online", "resumed", "ended"];

/** Called with why reading waits, and with nothing when it goes on. */
export type Paused = (why: MimeiError | undefined) => void;

/** The reads of one file, of which several wait at once. */
export class Patience {
  readonly #desk: Desk;
  readonly #onPause: Paused | undefined;
  #waiting = 0;

  constructor(desk: Desk, onPause: Paused | undefined) {
    this.#desk = desk;
    this.#onPause = onPause;
  }

  /** Rejects with whatever is not a pause, and with the signal's reason when it aborts during one. */
  async read<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const change = nextChange(this.#desk, signal);
      try {
        return await read();
      } catch (thrown) {
        if (!(thrown instanceof MimeiError) || thrown.code !== "credit.paused") throw thrown;
        await this.#pause(thrown, change.comes);
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
function nextChange(desk: Desk, signal: AbortSignal): { comes: Promise<void>; forget(): void } {
  const ends = new AbortController();
  const comes = new Promise<void>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { signal: ends.signal });
    const timer = setTimeout(resolve, PAUSED_RETRY_MS);
    const unhook = EVENTS.map((event) => desk.on(event, () => resolve()));
    ends.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      for (const each of unhook) each();
    });
  });
  comes.catch(() => {}); // Nobody may be waiting for it.
  return { comes, forget: () => ends.abort() };
}
