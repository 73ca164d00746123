/**
 * What the service worker and a page say to each other.
 *
 * ```text
 * worker to page   asked {tab, stream}, with a port            on the port from now on:
 * page to worker                                               file {length, media}, or unknown
 * worker to page                                               range {start, end}
 * worker to page                                               next
 * page to worker                                               bytes, or failed          … next, bytes, …
 * worker to page                                               end
 * ```
 *
 * The worker keeps nothing: each read is a port of its own, and ends with it.
 */
import { bytes, count, matches, text } from "../schema.js";
import type { Message } from "../schema.js";

/** Pages below which nothing but streams is: `/~stream/<tab>/<stream>/<name>`. */
export const STREAM_PATH = "/~stream/";

const FROM_WORKER = {
  "mimei-stream": { tab: text, stream: text },
};
const TO_WORKER = {
  /** The page is not controlled, as after it was reloaded without its cache. */
  "mimei-claim": {},
};
const ON_PORT_TO_PAGE = {
  range: { start: count, end: count },
  next: {},
  end: {},
};
const ON_PORT_TO_WORKER = {
  file: { length: count, media: text },
  unknown: {},
  bytes: { bytes },
  failed: { message: text },
};

export type Asked = Message<typeof FROM_WORKER>;
export type Claim = Message<typeof TO_WORKER>;
export type ToPage = Message<typeof ON_PORT_TO_PAGE>;
export type ToWorker = Message<typeof ON_PORT_TO_WORKER>;

export const readAsked = (data: unknown): Asked | undefined => (matches(FROM_WORKER, data) ? (data as Asked) : undefined);
export const readClaim = (data: unknown): Claim | undefined => (matches(TO_WORKER, data) ? (data as Claim) : undefined);
export const readToPage = (data: unknown): ToPage | undefined => (matches(ON_PORT_TO_PAGE, data) ? (data as ToPage) : undefined);
export const readToWorker = (data: unknown): ToWorker | undefined => (matches(ON_PORT_TO_WORKER, data) ? (data as ToWorker) : undefined);
