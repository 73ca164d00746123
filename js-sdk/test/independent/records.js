// The records of docs/format.md: their fields, and by whom they are signed.
import { isRising } from "./address.js";
import { isSignedBy } from "./keys.js";
import {
  bytes, id, key, link, list, must, none, oneOf, orNull, record, signed, text, uint, union,
} from "./shape.js";

const device = record({ seal: key, sign: key });
const share = record({ device: key, sealed: bytes() });
const generation = record({ key, number: uint, shares: list(share) });
export const entry = union({
  create: record({ root: key, seal: generation, time: uint, device, nameTag: key, nextRoot: key }),
  addDevice: record({ by: key, prev: list(id), time: uint, user: id, proof: bytes(64), share, device }),
  revokeDevice: record({
    by: key, prev: list(id), seal: generation, time: uint, user: id, device: key, accepted: list(link),
  }),
});

const app = (v) => {
  text(v);
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  must(v.length <= 253 && new RegExp(`^${label}(?:\\.${label})+$`).test(v), "an app");
};
const ext = (v) => {
  text(v);
  must(/^[a-z0-9._+-]{0,32}$/.test(v), "an extension");
};
export const genesis = record({ app, ext, kind: oneOf("file", "folder", "database"), name: key, author: id });

const linkProof = record({ sig: bytes(64), link: key, access: id });
const signer = record({ log: list(id), user: id, proof: orNull(union({ link: linkProof })), device: key });
export const version = record({
  by: signer, refs: orNull(link), root: link, time: uint, mimei: id, covers: none, number: uint,
  parents: list(id),
});
export const progress = record({
  by: signer, done: uint, root: orNull(link), time: uint, mimei: id, total: uint, upload: bytes(16),
});
export const head = record({
  by: signer, seq: uint, last: id, prev: list(id), time: uint, mimei: id, access: orNull(id),
  release: orNull(id),
});

const RIGHTS = ["read", "write", "save", "release", "setRights", "reference", "run"];
const rights = (v) => {
  list(oneOf(...RIGHTS))(v);
  const places = v.map((right) => RIGHTS.indexOf(right));
  must(isRising(places, (a, b) => a - b), "rights in order");
};
const who = union({ user: id, link: record({ seal: key, sign: key }), everyone: record({}) });
const audience = record({ who, until: orNull(uint), rights, sponsor: none });
const epochKeys = record({
  clear: orNull(key), epoch: bytes(16), sealed: list(record({ to: key, sealed: bytes(80) })),
  earlier: bytes(),
});
export const access = record({
  by: signer, seq: uint, host: none, keys: orNull(epochKeys), prev: orNull(id), mimei: id,
  relays: list(id), decides: list(id), mirrors: list(id), accepted: list(id), audiences: list(audience),
});

const unit = oneOf("byte");
const what = union({ link: record({ link: key, mimei: id }), mimei: id });
const ratio = record({ per: uint, units: uint });
export const line = record({
  by: signer, unit, limit: uint, space: uint, until: orNull(uint), debtor: id, prices: uint,
  renews: orNull(record({ days: uint, amount: uint })), serial: uint,
});
export const iou = record({ by: signer, unit, total: uint, folded: uint, serial: uint, creditor: id });
const REASONS = ["allowance", "service", "voucher", "exchange", "refund", "gift"];
export const receipt = record({
  by: signer, time: uint, unit, total: uint, amount: uint, debtor: id, reason: oneOf(...REASONS), serial: uint,
});
export const mandate = record({
  by: signer, day: uint, unit, what, total: uint, until: orNull(uint), serial: uint, creditor: id,
});
export const prices = record({ by: signer, traffic: ratio, version: uint });

export const sealedBlock = record({
  siv: bytes(24), epoch: bytes(16), links: list(link), ciphertext: bytes(),
});
export const publicBlock = record({ body: bytes(), links: list(link) });

/** The domain, the shape and the signer's key of what is signed. */
const SIGNED = {
  entry: ["mimei/identity-entry/1", entry, signerOfEntry],
  version: ["mimei/version/1", version, (body) => body.get("by").get("device")],
  progress: ["mimei/progress/1", progress, (body) => body.get("by").get("device")],
  head: ["mimei/head/1", head, (body) => body.get("by").get("device")],
  access: ["mimei/access/1", access, (body) => body.get("by").get("device")],
  line: ["mimei/line/1", line, (body) => body.get("by").get("device")],
  iou: ["mimei/iou/1", iou, (body) => body.get("by").get("device")],
  receipt: ["mimei/receipt/1", receipt, (body) => body.get("by").get("device")],
  mandate: ["mimei/mandate/1", mandate, (body) => body.get("by").get("device")],
  prices: ["mimei/prices/1", prices, (body) => body.get("by").get("device")],
};

function signerOfEntry(body) {
  const [[name, fields]] = body;
  return fields.get(name === "create" ? "root" : "by");
}

export function isSignedType(type) {
  return Object.hasOwn(SIGNED, type);
}

/** Whether the key that a record names as its signer's signed it. Throws if it has another form. */
export function isSignedRecord(type, value) {
  const [domain, shape, by] = SIGNED[type];
  signed(shape)(value);
  const body = value.get("body");
  return isSignedBy(by(body), domain, body, value.get("sig"));
}
