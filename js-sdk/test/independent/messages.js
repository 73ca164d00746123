// The messages of docs/protocol.md: what a value must look like to be one.
import * as records from "./records.js";
import {
  bool, bytes, id, key, link, list, oneOf, orNull, pair, record, signed, text, uint, union,
} from "./shape.js";

export const sessionClaim = record({ key, role: oneOf("dialer", "listener") });
export const proof = record({ log: list(id), sig: bytes(64), user: id, device: key });
export const entries = list(signed(records.entry));

const nothing = record({});
const has = record({ heads: list(id), access: list(id) });
const known = record({ user: id, known: list(id) });
const parcel = record({
  logs: list(record({ user: id, entries })),
  heads: list(signed(records.head)),
  access: list(signed(records.access)),
  versions: list(signed(records.version)),
});
const ask = union({
  ping: nothing,
  log: known,
  enter: record({ sig: bytes(64), link: key, mimei: id }),
  look: record({ has, logs: list(known), mimei: id, watch: bool }),
  publish: record({ seen: orNull(list(id)), mimei: id, genesis: orNull(records.genesis), records: parcel }),
  progress: record({ progress: signed(records.progress) }),
  have: record({ cids: list(link), mimei: id }),
  put: record({ cid: link, mimei: id, payer: oneOf("asker", "sponsor") }),
  get: record({ cid: link, mimei: id, payer: oneOf("asker", "sponsor") }),
  ticket: record({ bytes: uint, mimei: id, payer: oneOf("asker", "sponsor") }),
  credit: record({
    iou: orNull(signed(records.iou)), line: orNull(signed(records.line)), receipt: orNull(signed(records.receipt)),
  }),
  pay: record({ iou: signed(records.iou) }),
  mandate: record({ mandate: signed(records.mandate) }),
  accept: record({ sig: bytes(64), invite: key }),
});
const mandateUse = record({ used: uint, today: uint, mandate: signed(records.mandate) });
const answer = union({
  done: nothing,
  log: record({ entries }),
  look: record({ has, more: bool, tips: list(id), total: uint, genesis: records.genesis, records: parcel, uploads: list(signed(records.progress)) }),
  publish: record({ tips: list(id) }),
  have: record({ here: list(bool) }),
  ticket: record({ ms: uint, secret: key }),
  credit: record({
    ious: list(signed(records.iou)), line: orNull(signed(records.line)), prices: signed(records.prices), served: uint,
    stored: uint, receipt: orNull(signed(records.receipt)), mandates: list(mandateUse),
  }),
});
const code = oneOf("busy", "notFound", "denied", "invalid", "conflict", "full", "missing", "store", "unpaid", "paused");
export const message = union({
  hello: record({ log: entries }),
  ask: pair(uint, ask),
  answer: pair(uint, answer),
  refuse: pair(uint, record({ code, message: text })),
  tell: record({ mimei: id }),
  account: nothing,
  bye: record({ code: text, message: text }),
});
