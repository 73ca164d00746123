// BLAKE3, which neither node:crypto nor WebCrypto has: section 2 of its paper.
import { bytesOfWords, rotateLeft, wordsOf } from "./words.js";

const IV = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];
const ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const [CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL] = [1, 2, 4, 8, 16, 32, 64];

/** `derive_key` of docs/format.md, Key derivation. */
export function derive(context, material) {
  const key = wordsOf(blake3(Buffer.from(context), { flags: CONTEXT }));
  return blake3(material, { words: key, flags: MATERIAL });
}

/** The hash, or with `key` the `keyed_hash`; `length` for extended output. */
export function blake3(input, { key, length = 32, ...mode } = {}) {
  const usual = key ? { words: wordsOf(key), flags: KEYED } : { words: IV, flags: 0 };
  const { words, flags } = { ...usual, ...mode };
  const root = tree(input, 0, words, flags);
  const out = [];
  for (let counter = 0; counter * 64 < length; counter++) {
    out.push(bytesOfWords(compress({ ...root, counter, flags: root.flags | ROOT })));
  }
  return Buffer.concat(out).subarray(0, length);
}

/** The last node of a tree, not yet compressed, as it may be the root. */
function tree(input, chunk, words, flags) {
  if (input.length <= 1024) return lastBlock(input, chunk, words, flags);
  const left = 2 ** Math.floor(Math.log2((input.length - 1) / 1024)) * 1024;
  const value = (node) => compress(node).slice(0, 8);
  const block = [
    ...value(tree(input.subarray(0, left), chunk, words, flags)),
    ...value(tree(input.subarray(left), chunk + left / 1024, words, flags)),
  ];
  return { words, block, counter: 0, size: 64, flags: flags | PARENT };
}

function lastBlock(input, counter, words, flags) {
  let value = words;
  for (let at = 0; ; at += 64) {
    const part = input.subarray(at, at + 64);
    const block = wordsOf(Buffer.concat([part, Buffer.alloc(64 - part.length)]));
    const isLast = at + 64 >= input.length;
    const ends = (at === 0 ? CHUNK_START : 0) | (isLast ? CHUNK_END : 0);
    const node = { words: value, block, counter, size: part.length, flags: flags | ends };
    if (isLast) return node;
    value = compress(node).slice(0, 8);
  }
}

function compress({ words, block, counter, size, flags }) {
  const rest = [counter, Math.floor(counter / 2 ** 32), size, flags];
  const v = new Uint32Array([...words, ...IV.slice(0, 4), ...rest]);
  let m = block;
  const mix = (a, b, c, d, x, y) => {
    for (const [input, first, second] of [[x, 16, 12], [y, 8, 7]]) {
      v[a] += v[b] + input;
      v[d] = rotateLeft(v[d] ^ v[a], 32 - first);
      v[c] += v[d];
      v[b] = rotateLeft(v[b] ^ v[c], 32 - second);
    }
  };
  const [columns, diagonals] = [(i, by) => 4 * by + i, (i, by) => 4 * by + ((i + by) % 4)];
  for (let round = 0; round < 7; round++) {
    [columns, diagonals].forEach((at, half) => {
      for (let i = 0; i < 4; i++) {
        mix(at(i, 0), at(i, 1), at(i, 2), at(i, 3), m[8 * half + 2 * i], m[8 * half + 2 * i + 1]);
      }
    });
    m = ORDER.map((from) => m[from]);
  }
  return [...v].map((word, i) => (i < 8 ? word ^ v[i + 8] : word ^ words[i - 8]) >>> 0);
}
