/** Which relays a tab wants to use, and how: as text, since it may be another tab that connects to them. */
import { MimeiError } from "../errors.js";
import { RELAYS_MAX } from "../limits.js";
import { formatRelayAddress } from "../transport/address.js";
import type { Way } from "../transport/connection.js";
import { parseRelayTarget } from "./target.js";
import type { RelayTarget } from "./target.js";

export interface Wish {
  /** The first that answers is used. */
  readonly relays: readonly string[];
  /** Only this way. */
  readonly way: Way | undefined;
}

/** Throws `address.invalid` or `argument.invalid`. */
export function parseRelays(relays: readonly string[]): RelayTarget[] {
  if (relays.length > RELAYS_MAX) throw new MimeiError("argument.invalid", `A page uses at most ${RELAYS_MAX} relays.`);
  return relays.map(parseRelayTarget);
}

/** The same for wishes that come to the same. */
export function wishKey(targets: readonly RelayTarget[], way: Way | undefined): string {
  const names = targets.map((target) => (target.kind === "origin" ? target.origin : formatRelayAddress(target.address)));
  return [way ?? "", ...names].join(" ");
}
