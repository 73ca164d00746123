/** Small HTTP answers from a relay: bounded in time and size, without cookies, never redirected. */
import { MimeiError } from "../errors.js";
import { HTTP_BYTES_MAX, HTTP_MS_MAX } from "../limits.js";

export interface Answer {
  readonly status: number;
  /** Without parameters, in lower case. */
  readonly contentType: string;
  readonly text: string;
}

export async function request(url: string, init: RequestInit, signal: AbortSignal): Promise<Answer> {
  const deadline = AbortSignal.timeout(HTTP_MS_MAX);
  try {
    const response = await fetch(url, {
      ...init,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.any([signal, deadline]),
    });
    const contentType = (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
    return { status: response.status, contentType, text: await boundedText(response) };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof MimeiError) throw cause;
    if (deadline.aborted) throw new MimeiError("network.timeout", "The relay did not answer in time.", { retry: "later" });
    throw unreachable(cause);
  }
}

export function unreachable(cause?: unknown): MimeiError {
  if (!navigator.onLine) {
    return new MimeiError("network.offline", "This device has no network.", { retry: "later", cause });
  }
  return new MimeiError("network.unreachable", "The relay cannot be reached.", {
    hint: "Check that the relay is running.",
    retry: "later",
    cause,
  });
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > HTTP_BYTES_MAX) {
      void reader?.cancel();
      throw new MimeiError("relay.incompatible", "The relay's answer is too long.", { retry: "later" });
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}
