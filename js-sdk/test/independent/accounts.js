// docs/credit.md: the accounts of a relay that gives everybody the same line, and strangers nothing to write.
import { encode, mapOf } from "../dag-cbor.js";
import { hexOf, isSame } from "./address.js";
import { publicBytes, signed } from "./keys.js";
import { isSignedRecord } from "./records.js";
import { Refusal } from "./rules.js";
import { must } from "./shape.js";

const LIMIT = 1_000_000_000n;
const TAIL_MAX = 262_144n;

export class Accounts {
  #relay;
  #accounts = new Map();

  constructor(relay) {
    this.#relay = relay;
  }

  /** The account of a user, who has one device here. */
  of(user) {
    const known = this.#accounts.get(hexOf(user));
    if (known !== undefined) return known;
    const account = { user, line: this.#line(user), iou: null, served: 0n, mandates: new Map() };
    this.#accounts.set(hexOf(user), account);
    return account;
  }

  get #by() {
    const { id, sign } = this.#relay;
    return mapOf({ log: [id], user: id, proof: null, device: publicBytes(sign) });
  }

  #line(debtor) {
    const line = {
      by: this.#by, unit: "byte", limit: LIMIT, space: LIMIT, until: null, debtor, prices: 1n, renews: null, serial: 1n,
    };
    return signed(this.#relay.sign, "mimei/line/1", mapOf(line));
  }

  statement(user) {
    const { line, iou, served, mandates } = this.of(user);
    const body = mapOf({ by: this.#by, traffic: mapOf({ per: 1n, units: 1n }), version: 1n });
    const prices = signed(this.#relay.sign, "mimei/prices/1", body);
    const uses = [...mandates.values()].map(({ mandate, used }) => mapOf({ used, today: used, mandate }));
    return mapOf({ ious: iou === null ? [] : [iou], line, prices, served, stored: 0n, receipt: null, mandates: uses });
  }

  /** Takes what the asker shows of its own. */
  credit(ask, user) {
    if (ask.get("iou") !== null) this.pay(ask.get("iou"), user);
    return this.statement(user);
  }

  pay(iou, user) {
    const account = this.of(user);
    const body = this.#own("iou", iou, user);
    const [total, folded, serial] = ["total", "folded", "serial"].map((name) => body.get(name));
    must(folded <= total, "folded as a part of the total");
    const before = account.iou?.get("body");
    if (before === undefined || serial > before.get("serial")) {
      const rises = before === undefined || (total >= before.get("total") && folded >= before.get("folded"));
      if (!rises) throw new Refusal("conflict", "an IOU that shrinks");
      account.iou = iou;
    } else if (!encode(iou).equals(encode(account.iou))) {
      throw new Refusal("conflict", "an older IOU");
    }
  }

  mandate(mandate, user) {
    const account = this.of(user);
    const body = this.#own("mandate", mandate, user);
    const key = encode(body.get("what")).toString("hex");
    const known = account.mandates.get(key);
    must(known === undefined || body.get("serial") > known.mandate.get("body").get("serial"), "newer");
    account.mandates.set(key, { mandate, used: known?.used ?? 0n });
  }

  #own(type, record, user) {
    must(isSignedRecord(type, record), `a ${type} that its device signed`);
    const body = record.get("body");
    must(isSame(body.get("by").get("user"), user) && body.get("by").get("proof") === null, "by the asker itself");
    must(isSame(body.get("creditor"), this.#relay.id), "to this relay");
    return body;
  }

  /** What somebody is served at their own expense. */
  serve(user, bytes) {
    const account = this.of(user);
    const [total, folded] = ["total", "folded"].map((name) => account.iou?.get("body").get(name) ?? 0n);
    const served = account.served + BigInt(bytes);
    if (served + folded - total > TAIL_MAX) throw new Refusal("paused", "sign for what was served first");
    account.served = served;
  }

  /** What is served at the expense of whoever shared it: here always enough, if it is promised at all. */
  sponsor(author, whats, bytes) {
    const { mandates } = this.of(author);
    const found = whats.map((what) => mandates.get(encode(what).toString("hex"))).find((each) => each !== undefined);
    if (found === undefined) throw new Refusal("unpaid", "nobody pays for readers here");
    found.used += BigInt(bytes);
  }
}
