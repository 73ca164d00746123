// A user of one device: docs/format.md, Identity log, and its proof in a session: docs/protocol.md, Noise.
import { randomBytes } from "node:crypto";
import { decode, encode, mapOf } from "../dag-cbor.js";
import { cidOf, hexOf, isSame } from "./address.js";
import { blake3, derive } from "./blake3.js";
import { isSignedBy, publicBytes, sealKey, signatureOf, signed, signingKey } from "./keys.js";
import { proof as proofShape } from "./messages.js";
import { isSignedRecord } from "./records.js";
import { must } from "./shape.js";

const SESSION = "mimei/session/1";

/** A user that was made just now. */
export function newUser() {
  const secret = () => randomBytes(32);
  const [root, sign] = [signingKey(secret()), signingKey(secret())];
  const device = mapOf({ seal: publicBytes(sealKey(secret())), sign: publicBytes(sign) });
  const create = mapOf({
    root: publicBytes(root),
    // Nothing is ever sealed to this user, so that no device needs a share.
    seal: mapOf({ key: publicBytes(sealKey(secret())), number: 1n, shares: [] }),
    time: 0n,
    device,
    nameTag: derive("mimei/name-tag/1", secret()),
    nextRoot: blake3(publicBytes(signingKey(secret()))),
  });
  const log = [signed(root, "mimei/identity-entry/1", mapOf({ create }))];
  return { id: idOf(log), log, sign };
}

export function idOf(log) {
  return cidOf(encode(log[0]));
}

/** The signing key of the device of such a log. */
export function deviceOf(log) {
  return log[0].get("body").get("create").get("device").get("sign");
}

/** A listener's proof for its Noise static key. */
export function proofOf(user, key) {
  const sig = signatureOf(user.sign, SESSION, mapOf({ key, role: "listener" }));
  return encode(mapOf({ log: [user.id], sig, user: user.id, device: publicBytes(user.sign) }));
}

/** The dialer's proof, if the device that it names signed the claim. */
export function checkedProof(bytes, key) {
  const proof = decode(bytes);
  proofShape(proof);
  const claim = mapOf({ key, role: "dialer" });
  must(isSignedBy(proof.get("device"), SESSION, claim, proof.get("sig")), "the device's proof");
  return proof;
}

/** The rules of `hello`, for the users of these tests: a log is one entry, the first. */
export function checkHello(log, proof) {
  must(log.length === 1 && isSignedRecord("entry", log[0]) && log[0].get("body").has("create"), "a log");
  must(log[0].get("body").get("create").get("seal").get("number") === 1n, "the first seal generation");
  must(isSame(idOf(log), proof.get("user")), "the log of the proof's user");
  must(proof.get("log").every((id) => hexOf(id) === hexOf(proof.get("user"))), "all that the proof names");
  must(Buffer.from(deviceOf(log)).equals(proof.get("device")), "a device of that user");
}
