// A relay from docs/protocol.md, MiMeis, and nothing of ours. It lives in memory, knows MiMeis that their
// authors alone write, and checks all that it takes.
import { encode, mapOf } from "../dag-cbor.js";
import { cidOf, hexOf, isSame, textOf } from "./address.js";
import { Accounts } from "./accounts.js";
import { Kept } from "./kept.js";
import { Refusal, checkAccess, checkBlock, checkHead, checkVersion } from "./rules.js";
import { Session } from "./session.js";
import { must } from "./shape.js";
import { newUser } from "./user.js";

const HAVE_CIDS_MAX = 1_024;
const TIPS_SHOWN_MAX = 16;

export class Relay {
  user = newUser();
  /** Identity logs by the user's id in hex. */
  logs = new Map([[hexOf(this.user.id), this.user.log]]);
  accounts = new Accounts(this.user);
  /** What it refused: `<ask>: <code>: <why>`. */
  refused = [];
  #kept = new Map();
  #sessions = [];

  connect(send, fingerprints) {
    const session = new Session(this, send, fingerprints);
    this.#sessions.push(session);
    return session;
  }

  /** The MiMei of that id. */
  kept(mimei) {
    return this.#kept.get(hexOf(mimei));
  }

  /** The same by the id's text. */
  keptByText(id) {
    return [...this.#kept.values()].find((kept) => textOf(kept.id) === id);
  }

  rightsOf(mimei, user, links) {
    return this.kept(mimei)?.rightsOf(user, links) ?? [];
  }

  /** What it shows of what it keeps; a relay that lies overrides these two. */
  shownRecords(kept, records) {
    return records;
  }

  shownBlock(kept, cid) {
    return kept.blocks.get(hexOf(cid));
  }

  look(ask, rights) {
    const kept = this.#for(ask, rights, () => true);
    const { heads, access, versions } = this.shownRecords(kept, kept.lackedBy(ask.get("has")));
    const records = mapOf({
      logs: this.#logsLacking(ask.get("logs"), [...heads, ...access, ...versions], kept.author),
      heads: heads.map(({ signed }) => signed),
      access: access.map(({ signed }) => signed),
      versions: versions.map(({ signed }) => signed),
    });
    const { has, tips, genesis } = kept;
    const total = BigInt(tips.length);
    return mapOf({ has, more: false, tips: tips.slice(0, TIPS_SHOWN_MAX), total, genesis, records, uploads: [] });
  }

  /** Logs of author and signers. Here each is one entry, so that who knows a part knows all. */
  #logsLacking(known, records, author) {
    const users = [author, ...records.map(({ body }) => body.get("by").get("user"))];
    const lacking = new Map(users.map((user) => [hexOf(user), user]));
    for (const log of known) lacking.delete(hexOf(log.get("user")));
    return [...lacking].map(([hex, user]) => mapOf({ user, entries: this.logs.get(hex) }));
  }

  /** By users: nobody here publishes by a link. */
  publish(ask, user) {
    if (ask.get("genesis") !== null) this.#found(ask, user);
    const rights = this.rightsOf(ask.get("mimei"), user, new Set());
    const kept = this.#for(ask, rights, (rights) => rights.includes("save"));
    const isConflict = ask.get("records").get("heads").length > 0 && !isSeen(ask.get("seen"), kept.tips);
    if (isConflict) throw new Refusal("conflict", "there are other tips now");
    this.#take(kept, ask.get("records"));
    return mapOf({ tips: kept.tips });
  }

  #found(ask, user) {
    const kept = new Kept(ask.get("genesis"));
    must(isSame(kept.id, ask.get("mimei")), "the genesis of this id");
    must(isSame(kept.author, user), "brought by its author");
    if (this.kept(kept.id) === undefined) this.#kept.set(hexOf(kept.id), kept);
  }

  #take(kept, records) {
    const log = this.logs.get(hexOf(kept.author));
    const kinds = [["access", checkAccess], ["versions", checkVersion], ["heads", checkHead]];
    for (const [kind, check] of kinds) {
      const isNew = (signed) => !kept[kind].has(cidOf(encode(signed)));
      for (const signed of records.get(kind).filter(isNew)) {
        check(kept, signed, log);
        kept[kind].add(signed);
      }
    }
    if (kinds.some(([kind]) => records.get(kind).length > 0)) this.#tell(kept.id);
  }

  /** Once, until the other side looks again. */
  #tell(mimei) {
    const watching = this.#sessions.filter((session) => session.watched.delete(hexOf(mimei)));
    watching.forEach((session) => session.tell(mimei));
  }

  have(ask, rights) {
    const kept = this.#for(ask, rights, (rights) => rights.includes("write") || rights.includes("save"));
    must(ask.get("cids").length <= HAVE_CIDS_MAX, "at most 1,024 blocks");
    return mapOf({ here: ask.get("cids").map((cid) => kept.hasBlock(cid)) });
  }

  put(ask, block, rights, user) {
    const kept = this.#for(ask, rights, (rights) => rights.includes("write") || rights.includes("save"));
    must(ask.get("payer") === "asker", "at the asker's expense: strangers write nothing here");
    this.accounts.serve(user, block.length);
    const cid = ask.get("cid");
    checkBlock(kept, cid, block);
    kept.blocks.set(hexOf(cid), block);
  }

  get(ask, rights, user, links) {
    const kept = this.#for(ask, rights, (rights) => rights.includes("read"));
    if (!kept.hasBlock(ask.get("cid"))) throw new Refusal("notFound", "there is no such block here");
    const block = this.shownBlock(kept, ask.get("cid"));
    this.#charge(ask, kept, block, user, links);
    return block;
  }

  #charge(ask, kept, block, user, links) {
    if (ask.get("payer") === "asker") return this.accounts.serve(user, block.length);
    const { id: mimei } = kept;
    const byLink = [...links].map((link) => mapOf({ link: mapOf({ link: new Uint8Array(Buffer.from(link, "hex")), mimei }) }));
    return this.accounts.sponsor(kept.author, [...byLink, mapOf({ mimei })], block.length);
  }

  #for(ask, rights, isEnough) {
    if (rights.length === 0) throw new Refusal("notFound", "there is no such MiMei here");
    if (!isEnough(rights)) throw new Refusal("denied", "that needs another right");
    return this.kept(ask.get("mimei"));
  }
}

function isSeen(seen, tips) {
  return seen === null || (seen.length === tips.length && seen.every((id, at) => isSame(id, tips[at])));
}
