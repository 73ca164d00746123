/**
 * Answers a request below `/~stream/` from the page that makes it.
 *
 * Attack stopped: bytes of strangers that act as this origin. They come only as
 * what a page shows inside itself, under a type of our table or to be saved, and
 * in a sandbox; nobody navigates to them, frames them or runs them.
 */
import { isInert } from "../../item/showable.js";
import { STREAM_ANSWER_MS_MAX, STREAM_RANGE_BYTES_MAX } from "../../limits.js";
import { STREAM_PATH } from "../messages.js";
import type { ToWorker } from "../messages.js";
import { Line } from "./line.js";
import type { Page } from "./line.js";
import { wanted } from "./range.js";

/** What is read of a `Request`. */
export interface Asking {
  readonly url: string;
  readonly method: string;
  readonly mode: string;
  readonly destination: string;
  readonly headers: Headers;
}

interface Place {
  readonly tab: string;
  readonly stream: string;
}

type FileSaid = Extract<ToWorker, { type: "file" }>;

/** `fetch` has no destination. */
const DESTINATIONS = new Set(["", "audio", "image", "track", "video"]);
const PLACE = /^\/~stream\/([0-9a-f-]{36})\/([0-9a-f-]{36})\/[^/]+$/;
const SAVED: HeadersInit = { "content-type": "application/octet-stream", "content-disposition": "attachment" };
const ALWAYS: readonly [string, string][] = [
  ["content-security-policy", "sandbox; default-src 'none'"],
  ["x-content-type-options", "nosniff"],
  ["cache-control", "no-store"],
  ["cross-origin-resource-policy", "same-origin"],
  ["referrer-policy", "no-referrer"],
];

/** Whether a request is for this worker. All others go on as if there were none. */
export function isStream(url: string, origin: string): boolean {
  const { origin: of, pathname } = new URL(url);
  return of === origin && pathname.startsWith(STREAM_PATH);
}

/** `pageOf` finds the page that makes the request. */
export async function answer(request: Asking, pageOf: () => Promise<Page | undefined>): Promise<Response> {
  if (request.mode === "navigate" || !DESTINATIONS.has(request.destination)) {
    return refused(403, "a stream is shown inside the page that opened it, and nowhere else");
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return refused(405, "a stream can only be read", { allow: "GET, HEAD" });
  }
  const place = placeOf(request.url);
  const page = place && (await pageOf());
  if (place === undefined || page === undefined) return unknown();
  const line = new Line(page, { type: "mimei-stream", ...place });
  const said = await line.heard(STREAM_ANSWER_MS_MAX);
  if (said?.type === "file") return fileAnswer(request, said, line);
  line.end();
  return said?.type === "unknown" ? unknown() : refused(504, "the page that opened this stream does not answer");
}

function placeOf(url: string): Place | undefined {
  const [, tab, stream] = PLACE.exec(new URL(url).pathname) ?? [];
  return tab === undefined || stream === undefined ? undefined : { tab, stream };
}

function fileAnswer(request: Asking, { length, media }: FileSaid, line: Line): Response {
  const about = { ...(isInert(media) ? { "content-type": media } : SAVED), "accept-ranges": "bytes" };
  if (request.method === "HEAD") {
    line.end();
    return response(200, null, { ...about, "content-length": String(length) });
  }
  const part = wanted(request.headers, length, STREAM_RANGE_BYTES_MAX);
  if (part.kind === "beyond") {
    line.end();
    return refused(416, "that part is not there", { "accept-ranges": "bytes", "content-range": `bytes */${length}` });
  }
  if (part.kind === "whole") return response(200, body(line, 0, length), { ...about, "content-length": String(length) });
  const { start, end } = part;
  const range = { "content-length": String(end - start), "content-range": `bytes ${start}-${end - 1}/${length}` };
  return response(206, body(line, start, end), { ...about, ...range });
}

/** The bytes as they are wanted: nothing is asked of the page before. */
function body(line: Line, start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>> | null {
  if (start === end) {
    line.end();
    return null;
  }
  line.say({ type: "range", start, end });
  let left = end - start;
  return new ReadableStream(
    {
      async pull(controller) {
        line.say({ type: "next" });
        const said = await line.heard();
        if (said?.type !== "bytes" || said.bytes.byteLength > left) {
          line.end();
          return controller.error(new TypeError(said?.type === "failed" ? said.message : "The page that shows it is gone."));
        }
        controller.enqueue(said.bytes);
        left -= said.bytes.byteLength;
        if (left > 0) return;
        line.end();
        controller.close();
      },
      cancel: () => line.end(),
    },
    { highWaterMark: 0 },
  );
}

function unknown(): Response {
  return refused(404, "this page has no such stream; it may have been closed");
}

function refused(status: number, why: string, more: Record<string, string> = {}): Response {
  return response(status, why, { "content-type": "text/plain;charset=utf-8", ...more });
}

function response(status: number, content: BodyInit | null, more: HeadersInit): Response {
  const headers = new Headers(more);
  for (const [name, value] of ALWAYS) headers.set(name, value);
  return new Response(content, { status, headers });
}
