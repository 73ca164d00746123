// docs/protocol.md, Noise: the listener's side of Noise_XX_25519_ChaChaPoly_SHA256, revision 34. The names
// of state and steps are those of the Noise specification, section 5.
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from "node:crypto";
import { encode } from "../dag-cbor.js";
import { publicBytes, sealKey, sharedSecret } from "./keys.js";

const NAME = "Noise_XX_25519_ChaChaPoly_SHA256";
const [KEY_BYTES, TAG_BYTES] = [32, 16];
const CIPHER = "chacha20-poly1305";
const WIRE_VERSION = 1n;

/** What binds the handshake to a data channel. */
export function prologueOfDataChannel(dialer, listener) {
  return encode(["mimei/noise/1", WIRE_VERSION, "rtc", dialer, listener]);
}

export class NoiseListener {
  #hash = Buffer.from(NAME);
  #chainingKey = this.#hash;
  #key;
  #nonce = 0;
  #static = sealKey(randomBytes(KEY_BYTES));
  #ephemeral = sealKey(randomBytes(KEY_BYTES));
  #theirEphemeral;

  constructor(prologue) {
    this.#mixHash(prologue);
  }

  /** What the listener's claim names. */
  get staticKey() {
    return publicBytes(this.#static);
  }

  /** `h`, of the session once the handshake is finished. */
  get hash() {
    return this.#hash;
  }

  /** `-> e`, with an empty payload. */
  takeFirst(packet) {
    if (packet.length !== KEY_BYTES) throw new Error("the first packet is a key and nothing else");
    this.#theirEphemeral = packet;
    this.#mixHash(packet);
    this.#mixHash(Buffer.alloc(0));
  }

  /** `<- e, ee, s, es` */
  answer(payload) {
    const ephemeral = publicBytes(this.#ephemeral);
    this.#mixHash(ephemeral);
    this.#mixKey(sharedSecret(this.#ephemeral, this.#theirEphemeral));
    const own = this.#encrypted(this.staticKey);
    this.#mixKey(sharedSecret(this.#static, this.#theirEphemeral));
    return Buffer.concat([ephemeral, own, this.#encrypted(payload)]);
  }

  /** `-> s, se` */
  takeLast(packet) {
    const theirStatic = this.#decrypted(packet.subarray(0, KEY_BYTES + TAG_BYTES));
    this.#mixKey(sharedSecret(this.#ephemeral, theirStatic));
    return { theirStatic, payload: this.#decrypted(packet.subarray(KEY_BYTES + TAG_BYTES)) };
  }

  #mixHash(data) {
    this.#hash = createHash("sha256").update(this.#hash).update(data).digest();
  }

  #mixKey(input) {
    const hmac = (key, ...data) => createHmac("sha256", key).update(Buffer.concat(data)).digest();
    const secret = hmac(this.#chainingKey, input);
    this.#chainingKey = hmac(secret, Buffer.of(1));
    this.#key = hmac(secret, this.#chainingKey, Buffer.of(2));
    this.#nonce = 0;
  }

  #encrypted(plaintext) {
    const cipher = createCipheriv(CIPHER, this.#key, this.#nextNonce(), { authTagLength: TAG_BYTES });
    cipher.setAAD(this.#hash);
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    this.#mixHash(ciphertext);
    return ciphertext;
  }

  #decrypted(ciphertext) {
    const cipher = createDecipheriv(CIPHER, this.#key, this.#nextNonce(), { authTagLength: TAG_BYTES });
    cipher.setAAD(this.#hash).setAuthTag(ciphertext.subarray(-TAG_BYTES));
    const plaintext = Buffer.concat([cipher.update(ciphertext.subarray(0, -TAG_BYTES)), cipher.final()]);
    this.#mixHash(ciphertext);
    return plaintext;
  }

  #nextNonce() {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32LE(this.#nonce++, 4);
    return nonce;
  }
}
