/** The calls of a tab that wait for an answer. They outlive the tab that was to answer. */
import { MimeiError } from "../errors.js";
import { CALLS_MAX } from "../limits.js";
import type { Place } from "./desk.js";
import { isRepeatable } from "./methods.js";

interface Waiting {
  readonly method: string;
  readonly args: unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  isBegun: boolean;
}

export class Calls {
  readonly #waiting = new Set<Waiting>();
  #place: Place | undefined;
  #refusal: MimeiError | undefined;

  call(method: string, args: unknown): Promise<unknown> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    if (this.#waiting.size >= CALLS_MAX) {
      return Promise.reject(new MimeiError("argument.invalid", "Too many calls at once: wait for some of them.", { retry: "later" }));
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { method, args, resolve, reject, isBegun: false };
      this.#waiting.add(waiting);
      this.#begin(waiting);
    });
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Without a place calls wait. At a new one they are made again, unless they might then be done twice. */
  moveTo(place: Place | undefined): void {
    this.#place = place;
    if (place === undefined) return;
    this.#refusal = undefined;
    for (const waiting of [...this.#waiting]) {
      if (waiting.isBegun && !isRepeatable(waiting.method, waiting.args)) this.#settle(waiting, () => waiting.reject(interrupted()));
      else this.#begin(waiting);
    }
  }

  /** Everything that waits and comes fails with `error`, until there is a place. */
  refuse(error: MimeiError): void {
    this.#place = undefined;
    this.#refusal = error;
    for (const waiting of [...this.#waiting]) this.#settle(waiting, () => waiting.reject(error));
  }

  #begin(waiting: Waiting): void {
    const place = this.#place;
    if (place === undefined) return;
    waiting.isBegun = true;
    // What a place says that is no longer ours is not heard.
    const heard = (settle: () => void): void => {
      if (this.#place === place) this.#settle(waiting, settle);
    };
    place.call(waiting.method, waiting.args).then(
      (value) => heard(() => waiting.resolve(value)),
      (thrown: unknown) => heard(() => waiting.reject(thrown)),
    );
  }

  #settle(waiting: Waiting, settle: () => void): void {
    if (this.#waiting.delete(waiting)) settle();
  }
}

function interrupted(): MimeiError {
  const hint = "Look whether it is done, and do it again if not.";
  return new MimeiError("tabs.interrupted", "The tab that did this was closed before it had answered.", { hint, retry: "now" });
}
