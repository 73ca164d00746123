/**
 * Session descriptions, as far as we read or write them. Our own is never
 * changed; the relay's is written here when it is dialled by its address.
 *
 * A relay that is dialled by address alone has never seen our offer, so both
 * sides derive what ICE needs: our ICE password travels inside the relay's user
 * name fragment, and the relay's password follows from its fingerprint. Neither
 * is a secret that protects anything; DTLS and the handshake above it do.
 */
import { MimeiError } from "../errors.js";
import { MESSAGE_BYTES_MAX } from "../limits.js";
import type { Endpoint, RelayAddress } from "./address.js";

const DIRECT_DOMAIN = "mimei-direct-1 ";
const DIRECT_UFRAG = "mm1+";
const DIRECT_PWD_CHARS = 32;
/** Host candidate, component 1, in the order in which the address names them. */
const CANDIDATE_PRIORITY = 2_113_937_151;

/** What is needed of the page's own description. */
export interface LocalDescription {
  readonly icePwd: string;
  readonly mid: string;
  readonly fingerprint: Uint8Array;
}

export function readLocalDescription(sdp: string): LocalDescription {
  return { icePwd: attribute(sdp, "ice-pwd"), mid: attribute(sdp, "mid"), fingerprint: readFingerprint(sdp) };
}

/** The one SHA-256 certificate fingerprint that a description commits to. */
export function readFingerprint(sdp: string): Uint8Array {
  const found = [...sdp.matchAll(/^a=fingerprint:(\S+) (\S+)\s*$/gm)];
  const values = new Set(found.map(([, , value]) => value?.toUpperCase()));
  const [value] = values;
  if (value === undefined || values.size > 1 || found.some(([, hash]) => hash?.toLowerCase() !== "sha-256")) {
    throw notUnderstood("it does not name one SHA-256 certificate fingerprint");
  }
  const bytes = value.split(":").map((pair) => (/^[0-9A-F]{2}$/.test(pair) ? parseInt(pair, 16) : -1));
  if (bytes.length !== 32 || bytes.includes(-1)) throw notUnderstood("its certificate fingerprint is malformed");
  return Uint8Array.from(bytes);
}

/** Whether Firefox wrote the description: it puts its name where a user's may stand. */
export function isOfFirefox(sdp: string): boolean {
  return /^o=mozilla/m.test(sdp);
}

/** Whether the description names candidates, and all of them are of the machine itself. */
export function namesLoopbackOnly(sdp: string): boolean {
  const addresses = [...sdp.matchAll(/^a=candidate:\S+ \d+ \S+ \d+ (\S+) /gm)].map(([, address]) => address ?? "");
  return addresses.length > 0 && addresses.every((address) => address === "::1" || address.startsWith("127."));
}

/** A fingerprint as descriptions spell it: `AA:BB:…`. */
export function formatFingerprint(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(":");
}

/** The ICE password of a relay that is dialled by address. */
export async function directIcePwd(fingerprint: Uint8Array): Promise<string> {
  const text = new TextEncoder().encode(DIRECT_DOMAIN + formatFingerprint(fingerprint));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.slice(0, DIRECT_PWD_CHARS);
}

/** The description that the relay would have answered. Never `ice-lite`: Chromium is then 60 ms slower. */
export async function directAnswer(local: LocalDescription, address: RelayAddress): Promise<string> {
  const [first] = address.endpoints;
  if (first === undefined) throw new MimeiError("address.invalid", "This relay address names no network address.");
  const network = `IN ${family(first)} ${first.ip}`;
  return [
    "v=0",
    `o=- 1 1 ${network}`,
    "s=-",
    "t=0 0",
    `a=group:BUNDLE ${local.mid}`,
    `m=application ${first.port} UDP/DTLS/SCTP webrtc-datachannel`,
    `c=${network}`,
    `a=mid:${local.mid}`,
    `a=ice-ufrag:${DIRECT_UFRAG}${local.icePwd}`,
    `a=ice-pwd:${await directIcePwd(address.fingerprint)}`,
    `a=fingerprint:sha-256 ${formatFingerprint(address.fingerprint)}`,
    "a=setup:passive",
    "a=sctp-port:5000",
    `a=max-message-size:${MESSAGE_BYTES_MAX}`,
    ...address.endpoints.map(candidate),
    "a=end-of-candidates",
    "",
  ].join("\r\n");
}

function candidate({ ip, port }: Endpoint, at: number): string {
  return `a=candidate:${at + 1} 1 udp ${CANDIDATE_PRIORITY - at * 256} ${ip} ${port} typ host`;
}

function family({ ip }: Endpoint): "IP4" | "IP6" {
  return ip.includes(":") ? "IP6" : "IP4";
}

function attribute(sdp: string, name: string): string {
  const value = new RegExp(`^a=${name}:(\\S+)\\s*$`, "m").exec(sdp)?.[1];
  if (value === undefined) throw notUnderstood(`it has no ${name}`);
  return value;
}

function notUnderstood(why: string): MimeiError {
  return new MimeiError("relay.incompatible", `The session description cannot be used: ${why}.`, { retry: "later" });
}
