// What somebody reads in a MiMei who has its blocks and, if it is private, the secret of a link:
// docs/format.md, Access record, Sealed blocks and State.
import { decode, encode } from "../dag-cbor.js";
import { RAW, cidOf, hexOf } from "./address.js";
import { blake3, derive } from "./blake3.js";
import { hpkeOpened, keysOfLink, publicBytes } from "./keys.js";
import { isLinkOf, linksOf } from "./kept.js";
import { entriesOf, mapFrom } from "./map.js";
import { must } from "./shape.js";
import { epochId, opened, openedHistory, publicStored, sealed } from "./seal.js";

const PIECE_BYTES = 262_144;
const FILE_PREFIX = "f/";
/** Of the map of every file's pieces. */
export const BLOB_SALT = derive("mimei/blob-salt/1", Buffer.alloc(0));

/** How blocks and maps of a MiMei are read and written: `{ salt, open, addressOf }`. */
export function accessTo(kept, secret) {
  return secret === undefined ? publicAccess(kept) : linkAccess(kept, secret);
}

function publicAccess(kept) {
  must(kept.keys === null, "public");
  const open = (cid) => {
    const bytes = stored(kept, cid);
    return cid.codec === RAW ? { body: bytes, links: [] } : parts(decode(bytes));
  };
  const addressOf = (body, links) => {
    const { codec, bytes } = publicStored(body, links);
    return cidOf(bytes, codec);
  };
  return { salt: blake3(kept.id.bytes), open, addressOf };
}

const parts = (block) => ({ body: Buffer.from(block.get("body")), links: block.get("links") });

function linkAccess(kept, secret) {
  const { key, salt } = epochOf(kept, keysOfLink(secret));
  const open = (cid) => {
    const block = decode(stored(kept, cid));
    const body = opened(block, key);
    must(body !== null, "sealed by this epoch");
    return { body, links: block.get("links") };
  };
  return { salt, open, addressOf: (body, links) => cidOf(sealed(body, links, key)) };
}

/** The epoch's key as it is sealed to the link, and the salt that lies under it. */
function epochOf({ id, audiences, keys }, link) {
  must(audiences.some((audience) => isLinkOf(audience, link)), "a link that may come in");
  const share = keys.get("sealed").find((share) => publicBytes(link.seal).equals(share.get("to")));
  const info = Buffer.concat([Buffer.from("mimei/epoch-key/1"), id.bytes, keys.get("epoch")]);
  const key = hpkeOpened(link.seal, info, Buffer.from(share.get("sealed")));
  must(epochId(key).equals(keys.get("epoch")), "the key of the epoch");
  const history = decode(openedHistory(keys.get("earlier"), key));
  return { key, salt: Buffer.from(history.get("salt")) };
}

function stored(kept, cid) {
  const bytes = kept.blocks.get(hexOf(cid));
  must(bytes !== undefined, "a block that is here");
  return bytes;
}

/** The files of a version's state: their names, what is said of them, and their bytes. */
export function filesOf(entries, { open }) {
  const files = entries.filter(({ key }) => key.toString().startsWith(FILE_PREFIX));
  return files.map(({ key, value, links: [blob] }) => {
    const [length, type] = ["length", "type"].map((name) => decode(value).get(name));
    const bytes = Buffer.concat(piecesOf(blob, length, open).map((piece) => open(piece).body));
    must(BigInt(bytes.length) === length, "as long as it says");
    return { name: key.toString().slice(FILE_PREFIX.length), blob, type, bytes };
  });
}

/** A blob of one piece is that piece. */
function piecesOf(blob, length, open) {
  if (length <= PIECE_BYTES) return [blob];
  return entriesOf(blob, open).map(({ key, value, links: [piece] }, at) => {
    must(key.readBigUInt64BE(0) === BigInt(at * PIECE_BYTES), "a piece at its offset");
    must(decode(value) === BigInt(open(piece).body.length), "a piece of the length that is said");
    return piece;
  });
}

/** The blob's address, worked out from the pieces. */
export function rebuiltBlob(bytes, { addressOf }) {
  const at = Array.from({ length: Math.ceil(bytes.length / PIECE_BYTES) || 1 }, (_, n) => n * PIECE_BYTES);
  const pieces = at.map((start) => bytes.subarray(start, start + PIECE_BYTES));
  const addresses = pieces.map((piece) => addressOf(piece, []));
  if (addresses.length === 1) return addresses[0];
  const entryOf = (piece, n) => {
    return { key: uint64(at[n]), value: encode(BigInt(piece.length)), links: [addresses[n]] };
  };
  return mapFrom(pieces.map(entryOf), BLOB_SALT, addressOf).root;
}

/** All blocks that a root leads to, itself included, in hex. */
export function blocksUnder(kept, root) {
  const found = new Set();
  const open = [root];
  while (open.length > 0) {
    const cid = open.pop();
    if (found.has(hexOf(cid))) continue;
    found.add(hexOf(cid));
    open.push(...linksOf(cid, stored(kept, cid)));
  }
  return found;
}

function uint64(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes;
}
