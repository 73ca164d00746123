// docs/format.md, MiMeis: what a record or a block must keep to be taken. Here only the author signs, by one
// device, so that nothing branches; a record by anybody else is refused.
import { decode, encode } from "../dag-cbor.js";
import { DAG_CBOR, cidOf, compareIds, hexOf, isRising, isSame } from "./address.js";
import { linksOf } from "./kept.js";
import { isSignedRecord, publicBlock, sealedBlock } from "./records.js";
import { epochId } from "./seal.js";
import { must } from "./shape.js";
import { deviceOf, idOf } from "./user.js";

const BLOCK_BYTES_MAX = 1_048_576;
const BLOCK_LINKS_MAX = 1_024;

/** A rule was broken, or something must come first. `code` is what the other side is told. */
export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const mustBeHere = (graph, ids, what) => {
  for (const id of ids) if (!graph.has(id)) throw new Refusal("missing", `${what} ${hexOf(id)} is not here`);
};
const mustRise = (ids, what) => must(isRising(ids, compareIds), `${what} in rising order`);

/** What all signed records have in common; `log` is the author's. */
function checkSigned(kept, type, signed, log) {
  must(isSignedRecord(type, signed), `a ${type} that its device signed`);
  const body = signed.get("body");
  const by = body.get("by");
  must(isSame(body.get("mimei"), kept.id), "of this MiMei");
  must(isSame(by.get("user"), kept.author) && by.get("proof") === null, "by the author itself");
  must(by.get("log").length === 1 && isSame(by.get("log")[0], idOf(log)), "an entry of the author's log");
  must(Buffer.from(deviceOf(log)).equals(by.get("device")), "a device of the author");
  return body;
}

export function checkAccess(kept, signed, log) {
  const body = checkSigned(kept, "access", signed, log);
  const [before] = kept.access.newest;
  must(isSame(body.get("prev"), before?.id ?? null), "behind the newest access record");
  must(body.get("seq") === 1n + (before?.body.get("seq") ?? 0n), "the next number");
  for (const name of ["relays", "decides", "mirrors", "accepted"]) mustRise(body.get(name), name);
  must(isRising(body.get("audiences"), compareAudiences), "audiences in rising order");
  const hasRights = (audience) => audience.get("rights").length > 0;
  must(body.get("audiences").every(hasRights), "audiences with rights");
  must(before === undefined || kept.keys === null || body.get("keys") !== null, "keys, as before");
  if (body.get("keys") !== null) checkKeys(body.get("keys"), readers(body));
}

function readers(body) {
  const canRead = (audience) => audience.get("rights").includes("read");
  return body.get("audiences").filter(canRead).map((audience) => [...audience.get("who")][0]);
}

function checkKeys(keys, readers) {
  const [clear, sealed] = [keys.get("clear"), keys.get("sealed")];
  const isForEveryone = readers.some(([kind]) => kind === "everyone");
  must((clear !== null) === isForEveryone, "a key in clear exactly for everyone");
  must(clear === null || epochId(clear).equals(keys.get("epoch")), "the key that the epoch names");
  must(isRising(sealed, (a, b) => Buffer.compare(a.get("to"), b.get("to"))), "sealed keys in rising order");
  const hasKey = (link) => sealed.some((share) => Buffer.from(share.get("to")).equals(link.get("seal")));
  const links = readers.filter(([kind]) => kind === "link");
  must(clear !== null || links.every(([, link]) => hasKey(link)), "a key for each link that reads");
}

/** Users by id, then links by `seal` and `sign`, then everyone. */
function compareAudiences(a, b) {
  const kinds = ["user", "link", "everyone"];
  const [[[kindA, whoA]], [[kindB, whoB]]] = [a.get("who"), b.get("who")];
  if (kindA !== kindB) return kinds.indexOf(kindA) - kinds.indexOf(kindB);
  if (kindA === "user") return compareIds(whoA, whoB);
  if (kindA === "everyone") return 0;
  const compare = (name) => Buffer.compare(whoA.get(name), whoB.get(name));
  return compare("seal") || compare("sign");
}

export function checkVersion(kept, signed, log) {
  const body = checkSigned(kept, "version", signed, log);
  const parents = body.get("parents");
  mustRise(parents, "parents");
  mustBeHere(kept.versions, parents, "version");
  const numbers = parents.map((id) => kept.versions.body(id).get("number"));
  must(body.get("number") === 1n + largest(numbers), "the next number");
  if (!kept.hasBlock(body.get("root"))) throw new Refusal("missing", "the version's root is not here");
}

export function checkHead(kept, signed, log) {
  const body = checkSigned(kept, "head", signed, log);
  const [prev, release, access] = [body.get("prev"), body.get("release"), body.get("access")];
  mustRise(prev, "heads");
  mustBeHere(kept.heads, prev, "head");
  const numbers = prev.map((id) => kept.heads.body(id).get("seq"));
  must(body.get("seq") === 1n + largest(numbers), "the next number");
  mustBeHere(kept.versions, [body.get("last"), ...(release === null ? [] : [release])], "version");
  mustBeHere(kept.access, access === null ? [] : [access], "access record");
  const follows = kept.heads.under(prev);
  must(kept.heads.all.every(({ id }) => follows.has(hexOf(id))), "behind all that its device signed");
}

const largest = (numbers) => numbers.reduce((most, number) => (number > most ? number : most), 0n);

/** A block under its address: the form of one, and all that it names is here. */
export function checkBlock(kept, cid, bytes) {
  must(bytes.length <= BLOCK_BYTES_MAX, "as small as a block");
  must(isSame(cidOf(bytes, cid.codec), cid), "the block of this address");
  if (cid.codec === DAG_CBOR) checkForm(kept, bytes);
  must(cid.codec === DAG_CBOR || kept.keys === null, "a sealed block, as there are keys");
  const links = linksOf(cid, bytes);
  must(links.length <= BLOCK_LINKS_MAX && new Set(links.map(hexOf)).size === links.length, "each link once");
  for (const link of links) {
    if (!kept.hasBlock(link)) throw new Refusal("missing", "a block that another names is not here");
  }
}

function checkForm(kept, bytes) {
  const block = decode(bytes);
  must(encode(block).equals(bytes), "the one encoding");
  if (block.has("siv")) return sealedBlock(block);
  must(kept.keys === null, "a sealed block, as there are keys");
  publicBlock(block);
  must(block.get("links").length > 0, "a public block that names one");
}
