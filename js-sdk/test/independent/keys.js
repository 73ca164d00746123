// docs/format.md, Keys and signatures, Sealing, and the keys of a link (Address of a MiMei).
import {
  createDecipheriv, createHmac, createPrivateKey, createPublicKey, diffieHellman, sign, verify,
} from "node:crypto";
import { encode, mapOf } from "../dag-cbor.js";
import { derive } from "./blake3.js";

/** The last byte of the algorithm's id: Ed25519 is 1.3.101.112, X25519 1.3.101.110. */
const [ED25519, X25519] = [0x70, 0x6e];

export const signingKey = (secret) => privateKey(ED25519, secret);
export const sealKey = (secret) => privateKey(X25519, secret);

function privateKey(algorithm, secret) {
  const version1 = Buffer.from("302e020100300506032b65", "hex");
  const key = Buffer.concat([version1, Buffer.of(algorithm), Buffer.from("04220420", "hex"), secret]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

export function publicBytes(privateKey) {
  return Buffer.from(createPublicKey(privateKey).export({ format: "jwk" }).x, "base64url");
}

function publicKey(crv, bytes) {
  const x = Buffer.from(bytes).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv, x }, format: "jwk" });
}

/** X25519 of an own key and the other side's public bytes. */
export function sharedSecret(own, theirs) {
  return diffieHellman({ privateKey: own, publicKey: publicKey("X25519", theirs) });
}

const signedBytes = (domain, body) => Buffer.concat([Buffer.from(domain), Buffer.of(0), encode(body)]);

export function isSignedBy(key, domain, body, sig) {
  return verify(null, signedBytes(domain, body), publicKey("Ed25519", key), sig);
}

export function signatureOf(key, domain, body) {
  return new Uint8Array(sign(null, signedBytes(domain, body), key));
}

/** A signed record. */
export function signed(key, domain, body) {
  return mapOf({ sig: signatureOf(key, domain, body), body });
}

/** The keys that a link secret gives. */
export function keysOfLink(secret) {
  return {
    sign: signingKey(derive("mimei/link-sign/1", secret)),
    seal: sealKey(derive("mimei/link-seal/1", secret)),
  };
}

const hmac = (key, ...data) => createHmac("sha256", key).update(Buffer.concat(data)).digest();

/** HKDF-SHA256 as HPKE labels it (RFC 9180, section 4), for the suite or KEM named `id`. */
function labeled(id) {
  const version = Buffer.from("HPKE-v1");
  return {
    extract: (salt, label, input) => hmac(salt, version, id, Buffer.from(label), input),
    expand: (key, label, data, length) => {
      const input = [Buffer.of(0, length), version, id, Buffer.from(label), data, Buffer.of(1)];
      return hmac(key, ...input).subarray(0, length);
    },
  };
}

/** HPKE, base mode (RFC 9180). Throws unless it was sealed to this key with this `info`. */
export function hpkeOpened(own, info, sealed) {
  const [encapsulated, ciphertext] = [sealed.subarray(0, 32), sealed.subarray(32, -16)];
  const [kem, suite] = [labeled(Buffer.from("KEM\0\x20")), labeled(Buffer.from("HPKE\0\x20\0\x01\0\x03"))];
  const empty = Buffer.alloc(0);
  const eaePrk = kem.extract(empty, "eae_prk", sharedSecret(own, encapsulated));
  const shared = kem.expand(eaePrk, "shared_secret", Buffer.concat([encapsulated, publicBytes(own)]), 32);
  const hashes = [suite.extract(empty, "psk_id_hash", empty), suite.extract(empty, "info_hash", info)];
  const context = Buffer.concat([Buffer.of(0), ...hashes]);
  const secret = suite.extract(shared, "secret", empty);
  const key = suite.expand(secret, "key", context, 32);
  const nonce = suite.expand(secret, "base_nonce", context, 12);
  const cipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  cipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([cipher.update(ciphertext), cipher.final()]);
}
