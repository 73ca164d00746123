/**
 * Keeps one session with one of the relays that it is told of: tries the ways
 * of the first relay in order, then the next relay; pauses longer after each
 * try that failed; starts again when a session ends.
 *
 * One try, from plan to the end of its session, is a *round*. Only `#run` changes
 * the round; everything else wakes it or aborts it.
 */
import type { Meeting, Session, SessionEvents } from "../core.js";
import { MimeiError } from "../errors.js";
import { PROBE_EVERY_MS, PROBE_MS_MAX, REACH_MS_MAX, SESSION_MS_MAX, STABLE_MS } from "../limits.js";
import { LiveSource, whenever } from "../live.js";
import type { Live } from "../live.js";
import type { Connection } from "../transport/connection.js";
import { retryPauseMs } from "./backoff.js";
import type { Plan, Step } from "./plan.js";
import { status } from "./status.js";
import type { Status } from "./status.js";
import type { RelayTarget } from "./target.js";

/** What the link needs from outside. */
export interface LinkDoors {
  plan(target: RelayTarget, signal: AbortSignal): Promise<Plan>;
  attach(connection: Connection, meeting: Meeting, events: SessionEvents): Session;
  /** In 0 to 1. */
  random(): number;
}

export class RelayLink {
  readonly #doors: LinkDoors;
  readonly #status = new LiveSource<Status>(status("connecting", {}));
  readonly #targets: readonly RelayTarget[];
  /** The one that was tried last. */
  #target: RelayTarget | undefined;
  #attempt = 0;
  /** Why the last try failed: it stays to be seen while the next one is under way. */
  #lastError: MimeiError | undefined;
  #round = new AbortController();
  #wake: () => void = () => {};
  #session: Session | undefined;
  #address: string | undefined;
  #closed = false;

  constructor(doors: LinkDoors, targets: readonly RelayTarget[]) {
    this.#doors = doors;
    this.#targets = targets;
    void this.#run();
  }

  get status(): Live<Status> {
    return this.#status;
  }

  /** The pasteable address of the relay that was tried last, if it is known. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Waits while a try is under way, for a while: the session that it led to, or none. */
  async reached(signal?: AbortSignal): Promise<Session | undefined> {
    await whenever(this.#status, ({ state }) => state !== "connecting", REACH_MS_MAX, signal);
    return this.#session;
  }

  /** Does not wait for the next try. */
  retry(): void {
    this.#wake();
  }

  /** The same, and `reached` then waits for that try. */
  async tryAgain(signal?: AbortSignal): Promise<void> {
    if (this.#status.value.state === "online") return;
    this.#wake();
    await whenever(this.#status, ({ state }) => state === "connecting" || state === "online", REACH_MS_MAX, signal);
  }

  /** The network may have changed: asks a session whether it lives; without one, tries now. */
  check(): void {
    if (this.#session === undefined) this.#wake();
    else void this.#probe(this.#session);
  }

  /** Round trip to the relay, in ms. */
  async ping(): Promise<number> {
    if (this.#session === undefined) throw this.#status.value.error ?? notConnected();
    return await this.#session.ping();
  }

  close(): void {
    this.#closed = true;
    this.#round.abort(notConnected());
    this.#wake();
    this.#status.end();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const round = new AbortController();
      this.#round = round;
      this.#attempt += 1;
      const error = await this.#try(round.signal).catch(asError);
      if (round.signal.aborted) continue;
      this.#lastError = error;
      await this.#pause(error);
    }
  }

  /** Resolves or throws with why there is no session any more. */
  async #try(signal: AbortSignal): Promise<MimeiError> {
    const target = this.#targets[(this.#attempt - 1) % this.#targets.length];
    if (target === undefined) throw new MimeiError("relay.none", "This page was not told of any relay.");
    // Who it is stays to be seen while it is away.
    const met = target === this.#target ? this.#status.value.relay : undefined;
    if (target !== this.#target) this.#address = undefined;
    this.#target = target;
    const known = { attempt: this.#attempt, error: this.#lastError, relay: met };
    this.#status.set(status("connecting", known));
    const plan = await this.#doors.plan(target, signal);
    this.#address = plan.address;
    const { relay = met } = plan;
    let error = notConnected();
    for (const [at, step] of plan.steps.entries()) {
      const trying = { ...known, relay, way: step.way };
      this.#status.set(status("connecting", trying));
      const last = at === plan.steps.length - 1;
      const dialled = await this.#dial(step, trying, last, signal).catch(asError);
      if (!(dialled instanceof MimeiError)) return await this.#hold(dialled, plan, signal);
      signal.throwIfAborted();
      error = dialled;
    }
    throw error;
  }

  #dial(step: Step, trying: Partial<Status>, patient: boolean, signal: AbortSignal): Promise<Connection> {
    const heldBack = (error: MimeiError): void => {
      if (!signal.aborted) this.#status.set(status("connecting", { ...trying, error }));
    };
    return step.dial({ signal, patient, heldBack });
  }

  /** From an open transport to the end of its session. */
  #hold(connection: Connection, meeting: Meeting, signal: AbortSignal): Promise<MimeiError> {
    return new Promise((resolve) => {
      const late = new MimeiError("network.timeout", "The relay did not finish the handshake in time.", { retry: "later" });
      let timer: ReturnType<typeof setTimeout> = setTimeout(() => session.close(late), SESSION_MS_MAX);
      let openedMs: number | undefined;
      const abort = (): void => session.close(signal.reason as MimeiError);
      const session = this.#doors.attach(connection, meeting, {
        opened: (relay, trust, sinceMs) => {
          clearTimeout(timer);
          timer = setInterval(() => this.#probe(session), PROBE_EVERY_MS);
          openedMs = Date.now();
          this.#session = session;
          this.#lastError = undefined;
          this.#status.set(status("online", { sinceMs, way: connection.way, relay, trust }));
        },
        ended: (error = notConnected()) => {
          clearInterval(timer);
          signal.removeEventListener("abort", abort);
          this.#session = undefined;
          if (openedMs !== undefined && Date.now() - openedMs >= STABLE_MS) this.#attempt = 0;
          resolve(error);
        },
      });
      signal.addEventListener("abort", abort);
      if (signal.aborted) abort();
    });
  }

  async #probe(session: Session): Promise<void> {
    const silent = new MimeiError("network.lost", "The relay no longer answers.", { retry: "now" });
    const timer = setTimeout(() => session.close(silent), PROBE_MS_MAX);
    await session.ping().catch(() => session.close(silent));
    clearTimeout(timer);
  }

  /** Until the next try. What no second try would change waits to be told to. */
  #pause(error: MimeiError): Promise<void> {
    const attempt = this.#attempt;
    const relay = this.#status.value.relay;
    const hopeless = error.retry === "never" && this.#targets.length <= 1;
    const pauseMs = retryPauseMs(attempt, this.#doors.random());
    return new Promise<void>((resolve) => {
      const timer = hopeless ? undefined : setTimeout(resolve, pauseMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (hopeless) this.#status.set(status("failed", { error, attempt, relay }));
      else this.#status.set(status("offline", { error, attempt, relay, nextTryMs: Date.now() + pauseMs }));
    }).then(() => void (this.#wake = () => {}));
  }
}

function notConnected(): MimeiError {
  return new MimeiError("network.lost", "There is no connection to a relay.", { retry: "now" });
}

/** Anything else thrown by a transport is a fault of ours or of the browser's; trying again may help. */
function asError(thrown: unknown): MimeiError {
  if (thrown instanceof MimeiError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MimeiError("network.unreachable", `The connection could not be made: ${message}`, { retry: "later", cause: thrown });
}
