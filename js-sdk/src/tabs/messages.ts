/**
 * What the tabs of one profile say to each other.
 *
 * One channel is common to all tabs; on it they only find each other. Each
 * follower has a channel of its own with the leader, so that bytes go to two
 * tabs and not to all.
 *
 * ```text
 * follower                               leader
 *  hello ──────────── common ───────────▶
 *  ◀───────────────── common ────── leader   also when a new one begins
 *  ◀──────────────────────────── welcome     or away: why it is not served
 *  wish, retry, check ──────────────────▶
 *  ◀───────────────────────────── status
 *  call ────────────────────────────────▶
 *  ◀──────────────────── reply | refused
 *  ◀────────────────────────────── event
 *  probe ───────────────────────────────▶
 *  ◀────────────────────────────── alive
 * ```
 *
 * Every script of the origin can listen here and speak. That gives it nothing
 * that it could not have by opening the same database, but it is no place for
 * secrets: keys of the identity and recovery files never go over a channel
 * (`methods.ts`). The links that a person makes and opens do.
 *
 * Messages of an ended leadership are known by `term` and are not read.
 */
import { errorShape, MimeiError } from "../errors.js";
import { TAB_ID_CHARS_MAX } from "../limits.js";
import { trust, way } from "../protocol.js";
import type { Status } from "../relay/status.js";
import { anything, count, error, isObject, matches, optional, text } from "../schema.js";
import type { Fields, Message } from "../schema.js";

/** Tabs of different versions do not work for each other. */
export const TABS_VERSION = 1;

const name = (value: unknown): value is string => text(value) && value.length > 0 && value.length <= TAB_ID_CHARS_MAX;
const texts = (value: unknown): value is string[] => Array.isArray(value) && value.every(text);
const STATES: readonly unknown[] = ["connecting", "online", "offline", "failed"] satisfies Status["state"][];
const state = (value: unknown): value is Status["state"] => STATES.includes(value);

/** The one shape that never changes. */
const COMMON = {
  hello: { v: count, tab: name },
  leader: { v: count, term: name },
} satisfies Record<string, Fields>;

const TO_LEADER = {
  wish: { term: name, relays: texts, way: optional(way) },
  retry: { term: name },
  check: { term: name },
  probe: { term: name },
  call: { term: name, id: count, method: text, args: anything },
} satisfies Record<string, Fields>;

const TO_FOLLOWER = {
  welcome: { term: name, identity: anything },
  away: { term: name, error },
  status: { term: name, status: anything },
  reply: { term: name, id: count, value: anything },
  refused: { term: name, id: count, error },
  event: { term: name, name: text, data: anything },
  alive: { term: name },
} satisfies Record<string, Fields>;

const STATUS = {
  status: {
    ...{ state, sinceMs: count, attempt: count },
    ...{ way: optional(way), relay: optional(text), trust: optional(trust), error: optional(error), nextTryMs: optional(count) },
  },
} satisfies Record<string, Fields>;

export type Common = Message<typeof COMMON>;
export type ToLeader = Message<typeof TO_LEADER>;
export type ToFollower = Message<typeof TO_FOLLOWER>;

/** The message, or `undefined` if it is none of the common channel. */
export function readCommon(data: unknown): Common | undefined {
  return matches(COMMON, data) ? (data as Common) : undefined;
}

/** The message, or `undefined` if it is none that a follower sends in that term. */
export function readToLeader(data: unknown, term: string): ToLeader | undefined {
  return matches(TO_LEADER, data) && (data as ToLeader).term === term ? (data as ToLeader) : undefined;
}

/** The message, or `undefined` if it is none that a leader sends. */
export function readToFollower(data: unknown): ToFollower | undefined {
  return matches(TO_FOLLOWER, data) ? (data as ToFollower) : undefined;
}

/** A status as it can be sent: an error would lose its code on the way. */
export function sentStatus({ error, ...status }: Status): unknown {
  return { ...status, error: error === undefined ? undefined : errorShape(error) };
}

export function readStatus(value: unknown): Status | undefined {
  const said = isObject(value) ? { ...value, type: "status" } : value;
  if (!matches(STATUS, said)) return undefined;
  const { type: _, error, ...status } = said as Message<typeof STATUS>;
  return { ...status, error: error === undefined ? undefined : MimeiError.from(error) } as Status;
}
