// The vectors that all implementations share: docs/format.md, Test vectors.
import { readFileSync } from "node:fs";

export function vectorsOf(name) {
  const file = new URL(`../../../tests/vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"));
}

export function bytesOf(vector) {
  return new Uint8Array(Buffer.from(vector.hex, "hex"));
}
