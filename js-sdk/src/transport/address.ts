/**
 * The address of a relay that a person can paste:
 * `relay:<user id>@<ip>:<udp port>[,<ip>:<udp port>…]/<fingerprint>`.
 *
 * The user id is the CID of the relay's identity (whom the handshake must
 * prove), the fingerprint is the SHA-256 of its DTLS certificate in base32. An
 * IPv6 address stands in brackets. There is one spelling of every address.
 */
import { MimeiError } from "../errors.js";
import { ADDRESS_CHARS_MAX, ENDPOINTS_MAX } from "../limits.js";
import { base32Decode, base32Encode } from "./base32.js";

export interface Endpoint {
  /** IPv4, or IPv6 without brackets. */
  readonly ip: string;
  readonly port: number;
}

export interface RelayAddress {
  /** The relay's user id. */
  readonly user: string;
  readonly endpoints: readonly Endpoint[];
  /** SHA-256 of the relay's DTLS certificate, 32 bytes. */
  readonly fingerprint: Uint8Array;
}

const SCHEME = "relay:";
const SHAPE = /^relay:([^@/]*)@([^@/]+)\/([^@/]+)$/;
/** CIDv1, DAG-CBOR, BLAKE3 with 32 bytes. */
const USER_ID_HEAD = [0x01, 0x71, 0x1e, 0x20];
const USER_ID_BYTES = 36;
const FINGERPRINT_BYTES = 32;

/** Reads a relay address. Throws `address.invalid` with what is wrong about it. */
export function parseRelayAddress(text: string): RelayAddress {
  const trimmed = text.trim();
  if (!trimmed.startsWith(SCHEME)) throw invalid("A relay address begins with “relay:”.");
  if (trimmed.length > ADDRESS_CHARS_MAX) throw invalid("This is too long to be a relay address.");
  const [, user, endpoints, fingerprint] = SHAPE.exec(trimmed) ?? [];
  if (user === undefined || endpoints === undefined || fingerprint === undefined) {
    throw invalid("A part of this relay address is missing.");
  }
  if (!isUserId(user)) throw invalid("The id in this relay address is cut off or mistyped.");
  return { user, endpoints: parseEndpoints(endpoints), fingerprint: parseFingerprint(fingerprint) };
}

/** The address as it is pasted. */
export function formatRelayAddress({ user, endpoints, fingerprint }: RelayAddress): string {
  return `${SCHEME}${user}@${endpoints.map(formatEndpoint).join(",")}/${base32Encode(fingerprint)}`;
}

/** Whether the text is the id of a user (relays are users too). */
export function isUserId(text: string): boolean {
  const bytes = text.startsWith("b") ? base32Decode(text.slice(1)) : undefined;
  return bytes?.length === USER_ID_BYTES && USER_ID_HEAD.every((byte, at) => bytes[at] === byte);
}

function parseFingerprint(text: string): Uint8Array {
  const bytes = base32Decode(text);
  if (bytes?.length !== FINGERPRINT_BYTES) {
    throw invalid("The end of this relay address, its fingerprint, is cut off or mistyped.");
  }
  return bytes;
}

function parseEndpoints(text: string): Endpoint[] {
  const parts = text.split(",");
  if (parts.length > ENDPOINTS_MAX) throw invalid(`A relay address names at most ${ENDPOINTS_MAX} network addresses.`);
  return parts.map(parseEndpoint);
}

function parseEndpoint(text: string): Endpoint {
  const at = text.lastIndexOf(":");
  const ip = parseIp(text.slice(0, Math.max(at, 0)));
  const digits = text.slice(at + 1);
  const port = Number(digits);
  if (ip === undefined || !/^[1-9][0-9]{0,4}$/.test(digits) || port > 65_535) {
    throw invalid(`“${text}” is not an IP address and port such as 192.0.2.7:4433 or [2001:db8::7]:4433.`);
  }
  if (!isDialable(port)) {
    throw invalid(`Browsers do not open data channels to port ${port}: the relay must use one from 1024 on, 443 or 80.`);
  }
  return { ip, port };
}

/** Chromium drops candidates with other ports without a word; 443 and 80 only pass for public addresses. */
function isDialable(port: number): boolean {
  return port >= 1_024 || port === 443 || port === 80;
}

/** The URL parser of the platform knows every spelling; only the usual one is taken. */
function parseIp(text: string): string | undefined {
  const isV6 = text.startsWith("[") && text.endsWith("]");
  if (!isV6 && !/^[0-9.]+$/.test(text)) return undefined;
  const host = URL.canParse(`http://${text}`) ? new URL(`http://${text}`).hostname : undefined;
  if (host === undefined || host === "0.0.0.0" || host === "[::]") return undefined;
  if (isV6) return host.slice(1, -1);
  return host === text ? host : undefined;
}

function formatEndpoint({ ip, port }: Endpoint): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function invalid(message: string): MimeiError {
  return new MimeiError("address.invalid", message, { hint: "Copy the whole line that the relay shows." });
}
