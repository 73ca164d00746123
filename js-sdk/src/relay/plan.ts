/** Whom to expect and which ways to try, in order, for one relay. */
import { MimeiError } from "../errors.js";
import { formatRelayAddress } from "../transport/address.js";
import type { RelayAddress } from "../transport/address.js";
import type { Connection, Way } from "../transport/connection.js";
import { dialRtc, dialRtcDirect } from "../transport/rtc.js";
import type { DialOptions } from "../transport/rtc-opening.js";
import { dialWebSocket } from "../transport/websocket.js";
import { isTrustworthy } from "./target.js";
import type { RelayTarget } from "./target.js";
import { describeRelay } from "./well-known.js";
import type { RelayDescription } from "./well-known.js";

export interface Step {
  readonly way: Way;
  dial(options: DialOptions): Promise<Connection>;
}

export interface Plan {
  /** Whom the handshake must meet: the relay's user id, or the origin whose relay is trusted on first use. */
  readonly expect: string;
  /** The relay's user id, where it is known before the handshake. */
  readonly relay?: string;
  /** The pasteable address of that relay, if it is known: links name it. */
  readonly address?: string;
  /** Where it gives blocks by HTTP, if it says so and nobody on the way can listen. */
  readonly blocks?: string;
  /** At least one. */
  readonly steps: readonly Step[];
}

/** Makes plans: `own` is the page's origin, whose word on who the relay is counts; `only` leaves one way. */
export function planner(own: string, only?: Way): (target: RelayTarget, signal: AbortSignal) => Promise<Plan> {
  return async (target, signal) => {
    if (target.kind === "address") return narrowed(planByAddress(target.address), only);
    const { origin } = target;
    if (origin !== own) return narrowed({ expect: origin, steps: [rtc(origin), ws(origin)] }, only);
    return narrowed(planOwn(origin, await describeRelay(origin, signal), only), only);
  };
}

function planByAddress(address: RelayAddress): Plan {
  return { expect: address.user, relay: address.user, address: formatRelayAddress(address), steps: [rtcDirect(address)] };
}

/** Both data channels end at the same UDP port, so the second is tried only when asked for. */
function planOwn(origin: string, { user, address, blocks }: RelayDescription, only: Way | undefined): Plan {
  const channel = address === undefined || only === "rtc" ? rtc(origin) : rtcDirect(address);
  const known = address === undefined ? {} : { address: formatRelayAddress(address) };
  const byHttp = blocks !== undefined && isTrustworthy(new URL(origin)) ? { blocks } : {};
  return { expect: user, relay: user, ...known, ...byHttp, steps: [channel, ws(origin)] };
}

function narrowed(plan: Plan, only: Way | undefined): Plan {
  const steps = only === undefined ? plan.steps : plan.steps.filter(({ way }) => way === only);
  if (steps.length === 0) throw new MimeiError("argument.invalid", `This relay cannot be reached by “${only}” from here.`);
  return { ...plan, steps };
}

function rtc(origin: string): Step {
  return { way: "rtc", dial: (options) => dialRtc(origin, options) };
}

function rtcDirect(address: RelayAddress): Step {
  return { way: "rtc-direct", dial: (options) => dialRtcDirect(address, options) };
}

function ws(origin: string): Step {
  return { way: "ws", dial: (options) => dialWebSocket(origin, options) };
}
