/**
 * The service worker `mimei-sw.js`, built into one classic script. Browsers end
 * and start it as they like; it keeps nothing between two requests.
 */
import { readClaim, STREAM_PATH } from "../messages.js";
import { answer, isStream } from "./answer.js";
import type { Asking } from "./answer.js";
import type { Page } from "./line.js";

/** What is used of a worker's scope: its types cannot stand beside those of pages. */
interface Scope {
  readonly location: { readonly origin: string };
  readonly clients: { claim(): Promise<void>; get(id: string): Promise<Page | undefined> };
  skipWaiting(): Promise<void>;
  addEventListener<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): void;
}

interface Lasting {
  waitUntil(work: Promise<unknown>): void;
}

interface Events {
  install: Lasting & { addRoutes?(rules: object): Promise<void> };
  activate: Lasting;
  message: Lasting & { readonly data: unknown };
  fetch: { readonly request: Asking; readonly clientId: string; respondWith(response: Promise<Response>): void };
}

const scope = self as unknown as Scope;

scope.addEventListener("install", (event) => {
  event.waitUntil(scope.skipWaiting());
  // Where the browser has routes, nothing else waits for this worker to start.
  const others = { condition: { not: { urlPattern: { pathname: `${STREAM_PATH}*` } } }, source: "network" };
  event.waitUntil(Promise.resolve(event.addRoutes?.(others)).catch(() => {}));
});
scope.addEventListener("activate", (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener("message", (event) => {
  if (readClaim(event.data) !== undefined) event.waitUntil(scope.clients.claim());
});
scope.addEventListener("fetch", (event) => {
  const { request, clientId } = event;
  if (isStream(request.url, scope.location.origin)) event.respondWith(answer(request, () => scope.clients.get(clientId)));
});
