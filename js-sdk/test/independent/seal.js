// docs/format.md, Sealed blocks: how the plaintext of a block and its stored bytes follow from each other.
import { createCipheriv } from "node:crypto";
import { encode, mapOf } from "../dag-cbor.js";
import { DAG_CBOR, RAW } from "./address.js";
import { blake3, derive } from "./blake3.js";
import { bytesOfWords, rotateLeft, wordsOf } from "./words.js";

const [BLOCK, HISTORY] = ["mimei/seal-block/1", "mimei/seal-history/1"];
const SIV_BYTES = 24;

export function epochId(key) {
  return derive("mimei/epoch-id/1", key).subarray(0, 16);
}

/** The plaintext of a sealed block, or null if the key is not that of its seal. */
export function opened(block, key) {
  if (!epochId(key).equals(block.get("epoch"))) return null;
  const plaintext = ciphered(key, block.get("siv"), block.get("ciphertext"));
  return sivOf(BLOCK, key, block.get("links"), plaintext).equals(block.get("siv")) ? plaintext : null;
}

/** The stored bytes of a sealed block. */
export function sealed(body, links, key) {
  const siv = sivOf(BLOCK, key, links, body);
  return encode(mapOf({ siv, epoch: epochId(key), links, ciphertext: ciphered(key, siv, body) }));
}

/** The plaintext of an access record's `earlier`, or null. */
export function openedHistory(bytes, key) {
  const [siv, ciphertext] = [bytes.subarray(0, SIV_BYTES), bytes.subarray(SIV_BYTES)];
  const plaintext = ciphered(key, siv, ciphertext);
  return sivOf(HISTORY, key, [], plaintext).equals(siv) ? plaintext : null;
}

function sivOf(domain, key, links, plaintext) {
  const named = Buffer.concat(links.map((link) => link.bytes));
  const parts = [Buffer.from(domain), epochId(key), named, plaintext].flatMap((part) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(part.length));
    return [length, part];
  });
  return blake3(Buffer.concat(parts), { key: derive("mimei/seal-siv/1", key), length: SIV_BYTES });
}

/** The same both ways. */
function ciphered(key, siv, data) {
  return xchacha20(derive("mimei/seal-cipher/1", key), siv, data);
}

function xchacha20(key, nonce, data) {
  const iv = Buffer.concat([Buffer.alloc(8), nonce.subarray(16)]);
  const cipher = createCipheriv("chacha20", hchacha20(key, nonce.subarray(0, 16)), iv);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

/** The key that the first 16 bytes of the nonce lead to: what node:crypto's ChaCha20 lacks. */
function hchacha20(key, nonce) {
  const words = new Uint32Array(16);
  words.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  words.set(wordsOf(key), 4);
  words.set(wordsOf(nonce), 12);
  const quarter = (a, b, c, d) => {
    for (const [x, y, z, turn] of [[a, b, d, 16], [c, d, b, 12], [a, b, d, 8], [c, d, b, 7]]) {
      words[x] += words[y];
      words[z] = rotateLeft(words[z] ^ words[x], turn);
    }
  };
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarter(i, 4 + i, 8 + i, 12 + i);
    for (let i = 0; i < 4; i++) quarter(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4));
  }
  return bytesOfWords([...words.subarray(0, 4), ...words.subarray(12)]);
}

/** The stored form of a public block: raw if it names no other. */
export function publicStored(body, links) {
  if (links.length === 0) return { codec: RAW, bytes: body };
  return { codec: DAG_CBOR, bytes: encode(mapOf({ body, links })) };
}
