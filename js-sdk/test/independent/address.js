// docs/format.md, Content addresses and Address of a MiMei.
import { Link } from "../dag-cbor.js";
import { blake3 } from "./blake3.js";

export const [DAG_CBOR, RAW] = [0x71, 0x55];
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

export function cidOf(bytes, codec = DAG_CBOR) {
  return new Link(Buffer.concat([Buffer.of(1, codec, 0x1e, 32), blake3(bytes)]));
}

/** As a key of maps and sets. */
export function hexOf(link) {
  return Buffer.from(link.bytes).toString("hex");
}

export function isSame(a, b) {
  return a === b || (a !== null && b !== null && hexOf(a) === hexOf(b));
}

/** Ids compare by their hashes. */
export function compareIds(a, b) {
  return Buffer.compare(a.bytes.subarray(4), b.bytes.subarray(4));
}

/** Whether each stands behind the one before: "rising order" of docs/format.md, MiMeis. */
export function isRising(list, compare) {
  return list.every((item, at) => at === 0 || compare(list[at - 1], item) < 0);
}

export function textOf(link) {
  return "b" + base32(link.bytes);
}

export function base32(bytes) {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits.match(/.{1,5}/g).map((five) => ALPHABET[parseInt(five.padEnd(5, "0"), 2)]).join("");
}

function fromBase32(text) {
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

/** The form of an address, with the parts of relays taken as they are. */
export function isLink(address) {
  const cid = "b[a-z2-7]{58}";
  const at = `@(?:[1-9][0-9]*|last|release|${cid})`;
  const query = `\\?(?:h=${cid}(?:&r=[^&#]+){0,8}|r=[^&#]+(?:&r=[^&#]+){0,7})`;
  return new RegExp(`^mimei:${cid}(?:${at})?(?:${query})?(?:#[a-z2-7]{52})?$`).test(address);
}

/** The form of an invite, with the parts of its relay's address taken as they are. */
export function isInvite(text) {
  return /^mimei:invite\?r=relay:b[a-z2-7]{58}@[^&#]+#[a-z2-7]{52}$/.test(text);
}

/** The link secret behind the `#`. */
export function secretOf(address) {
  return fromBase32(address.slice(address.indexOf("#") + 1));
}
