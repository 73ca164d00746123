// 32-bit words, little endian, of which BLAKE3 and ChaCha20 are made.

export function rotateLeft(word, turn) {
  return ((word << turn) | (word >>> (32 - turn))) >>> 0;
}

export function wordsOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getUint32(4 * i, true));
}

export function bytesOfWords(words) {
  const out = Buffer.alloc(4 * words.length);
  words.forEach((word, i) => out.writeUInt32LE(word, 4 * i));
  return out;
}
