// What a relay keeps of one MiMei, and what of it another side lacks: docs/protocol.md, MiMeis.
import { decode, encode, mapOf } from "../dag-cbor.js";
import { RAW, cidOf, compareIds, hexOf } from "./address.js";
import { Graph } from "./graph.js";
import { publicBytes } from "./keys.js";

export class Kept {
  access = new Graph((body) => (body.get("prev") === null ? [] : [body.get("prev")]));
  versions = new Graph((body) => body.get("parents"));
  heads = new Graph((body) => body.get("prev"));
  /** Stored bytes by the address in hex. */
  blocks = new Map();

  constructor(genesis) {
    this.genesis = genesis;
    this.id = cidOf(encode(genesis));
  }

  get author() {
    return this.genesis.get("author");
  }

  /** Of the newest access record; none before the first. */
  get audiences() {
    return this.access.newest[0]?.body.get("audiences") ?? [];
  }

  /** The epoch keys of the newest access record, null if there are none. */
  get keys() {
    return this.access.newest[0]?.body.get("keys") ?? null;
  }

  /** The tips in winner order. All heads here are by the author's one device, so that each is valid. */
  get tips() {
    const bySeq = (a, b) => Number(b.body.get("seq") - a.body.get("seq")) || compareIds(a.id, b.id);
    return [...this.heads.newest].sort(bySeq).map(({ id }) => id);
  }

  get has() {
    const newest = (graph) => graph.newest.map(({ id }) => id).sort(compareIds);
    return mapOf({ heads: newest(this.heads), access: newest(this.access) });
  }

  hasBlock(cid) {
    return this.blocks.has(hexOf(cid));
  }

  /** Rights of somebody who has shown the use of these links, whose signing keys are given in hex. */
  rightsOf(user, links) {
    if (hexOf(user) === hexOf(this.author)) return ["read", "write", "save", "release", "setRights"];
    const mine = this.audiences.filter((audience) => isOf(audience, user, links));
    return mine.flatMap((audience) => audience.get("rights"));
  }

  /** The records that whoever has `has` lacks, without logs. */
  lackedBy(has) {
    const fresh = (graph, known) => graph.all.filter(({ id }) => !known.has(hexOf(id)));
    const knownHeads = this.heads.under(has.get("heads"));
    const heads = fresh(this.heads, knownHeads);
    const named = (records) => records.flatMap(({ body }) => [body.get("last"), body.get("release")]);
    const versionsUnder = (records) => this.versions.under(named(records).filter((id) => id !== null));
    const known = versionsUnder(this.heads.all.filter(({ id }) => knownHeads.has(hexOf(id))));
    const wanted = versionsUnder(heads);
    return {
      heads,
      access: fresh(this.access, this.access.under(has.get("access"))),
      versions: fresh(this.versions, known).filter(({ id }) => wanted.has(hexOf(id))),
    };
  }
}

function isOf(audience, user, links) {
  const [[kind, who]] = audience.get("who");
  if (kind === "user") return hexOf(who) === hexOf(user);
  return kind === "everyone" || links.has(Buffer.from(who.get("sign")).toString("hex"));
}

/** Whether an audience is the link of these keys. */
export function isLinkOf(audience, { sign, seal }) {
  const link = audience.get("who").get("link");
  if (link === undefined) return false;
  return publicBytes(sign).equals(link.get("sign")) && publicBytes(seal).equals(link.get("seal"));
}

/** The blocks that a stored block names. */
export function linksOf(cid, bytes) {
  return cid.codec === RAW ? [] : decode(bytes).get("links");
}
