// What the relay sends is compressed once, here: the client is a quarter of its size then.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
/** Smaller ones fit a packet as they are. */
const BYTES_MIN = 1024;
/** The next level takes ten times as long for 7 % less. */
const BROTLI_QUALITY = 9;
const TEXT_LIKE = /\.(?:css|html|js|svg|wasm)$/;

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !TEXT_LIKE.test(path)) continue;
  const bytes = readFileSync(path);
  if (bytes.length < BYTES_MIN) continue;
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_LGWIN]: 22, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}
