/** `GET /.well-known/mimei`: what a relay says of itself at its own origin. */
import { MimeiError } from "../errors.js";
import { isObject } from "../protocol.js";
import { isUserId, parseRelayAddress } from "../transport/address.js";
import type { RelayAddress } from "../transport/address.js";
import { request } from "../transport/http.js";

const PATH = "/.well-known/mimei";
const WIRE_VERSION = 1;

export interface RelayDescription {
  /** The relay's user id: whom the handshake must prove. */
  readonly user: string;
  /** Where its data channel is reached without HTTP; a relay may have none. */
  readonly address: RelayAddress | undefined;
  /** Where it gives blocks for tickets; a relay may not. */
  readonly blocks: string | undefined;
}

export async function describeRelay(origin: string, signal: AbortSignal): Promise<RelayDescription> {
  const answer = await request(origin + PATH, {}, signal);
  if (answer.status >= 500 || answer.status === 429) {
    throw new MimeiError("network.unreachable", "The relay cannot answer now.", { retry: "later" });
  }
  if (answer.status !== 200 || answer.contentType !== "application/json") throw notARelay(origin);
  return readRelayDescription(origin, answer.text);
}

/** Throws `relay.none` for what is no relay, `relay.incompatible` for one that we cannot speak with. */
export function readRelayDescription(origin: string, text: string): RelayDescription {
  const said = parseJson(text);
  if (!isObject(said) || typeof said["user"] !== "string" || !isUserId(said["user"])) throw notARelay(origin);
  if (!Array.isArray(said["wire"]) || !said["wire"].includes(WIRE_VERSION)) {
    throw new MimeiError("relay.incompatible", "This relay speaks another version of MiMei than this page.", {
      hint: "Reload the page; if that does not help, update the relay.",
    });
  }
  const { user, address, blocks } = said;
  return { user, address: readAddress(user, address), blocks: readPath(origin, blocks) };
}

function readAddress(user: string, text: unknown): RelayAddress | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  const address = tryParse(text);
  if (address?.user === user) return address;
  throw new MimeiError("relay.incompatible", "The address that this relay gives of itself cannot be used.", {
    retry: "later",
  });
}

/** A path at the same origin: a ticket goes to the relay that gave it, and nowhere else. */
function readPath(origin: string, path: unknown): string | undefined {
  const url = typeof path === "string" && URL.canParse(path, origin) ? new URL(path, origin) : undefined;
  return url?.origin === origin ? url.href : undefined;
}

function tryParse(text: string): RelayAddress | undefined {
  try {
    return parseRelayAddress(text);
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notARelay(origin: string): MimeiError {
  return new MimeiError("relay.none", `There is no relay at ${origin}.`, {
    hint: "Connect to a relay by its address.",
    retry: "later",
  });
}
