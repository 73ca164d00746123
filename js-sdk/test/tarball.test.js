/** The tarball: what is in it, what two linters say of it, and that a server may import it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL("../", import.meta.url));
/** What the wasm file may add is a matter of `cargo xtask size`. */
const BYTES_MAX_WITHOUT_WASM = 1_500_000;

const folder = await mkdtemp(join(tmpdir(), "mimei-tarball-"));
after(() => rm(folder, { recursive: true, force: true }));
const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: PACKAGE });
const [packed] = Object.values(JSON.parse(stdout));
const tarball = await readFile(join(folder, packed.filename));
const paths = packed.files.map(({ path }) => path);
await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--prefix", folder, join(folder, packed.filename)]);
const installed = join(folder, "node_modules/mimei");

test("the tarball has what browsers, editors and lawyers need, and nothing else", () => {
  const top = new Set(paths.map((path) => path.split("/").slice(0, path.startsWith("dist/") ? 2 : 1).join("/")));
  assert.deepEqual([...top].sort(), ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "dist/sdk", "dist/types", "package.json", "src"]);
  const shipped = paths.filter((path) => path.startsWith("dist/sdk/")).map((path) => path.slice("dist/sdk/".length));
  const scripts = ["mimei-sw.js", "mimei.js", "worker.js"];
  assert.deepEqual(shipped.sort(), ["client_bg.wasm", ...scripts.flatMap((name) => [name, `${name}.map`])].sort());
  assert.deepEqual(paths.filter((path) => path.startsWith("src/wasm/")), []);
  assert.ok(paths.every((path) => /\.(js|map|wasm|ts|md|json)$|^LICENSE/.test(path)), paths.join(" "));
});

test("the tarball is small", () => {
  const wasm = packed.files.find(({ path }) => path.endsWith(".wasm"));
  assert.ok(packed.unpackedSize - wasm.size < BYTES_MAX_WITHOUT_WASM, `${packed.unpackedSize - wasm.size} bytes`);
});

test("its licences are those of the project", async () => {
  for (const name of ["LICENSE-MIT", "LICENSE-APACHE"]) {
    assert.equal(await readFile(join(installed, name), "utf8"), await readFile(join(PACKAGE, "..", name), "utf8"));
  }
});

test("every map leads to sources that are in it", async () => {
  for (const path of paths.filter((path) => path.endsWith(".map"))) {
    const { sources, sourcesContent } = JSON.parse(await readFile(join(installed, path), "utf8"));
    assert.ok(sources.length > 0, path);
    assert.ok(sourcesContent === undefined, `${path} has sources that are there already`);
    for (const source of sources) {
      // What wasm-bindgen writes is as readable in the bundle.
      if (source.includes("/wasm/")) continue;
      assert.ok(existsSync(join(installed, dirname(path), source)), `${path} names ${source}`);
    }
  }
});

test("publint has nothing to say", async () => {
  const { messages, pkg } = await publint({ pack: { tarball: arrayBufferOf(tarball) }, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg, { color: false })), []);
});

test("attw finds the types of every entry, for bundlers and for Node", async () => {
  const found = createPackageFromTarballData(new Uint8Array(tarball));
  const { types, entrypoints, problems } = await checkPackage(found, { excludeEntrypoints: ["./mimei-sw.js"] });
  assert.equal(types && types.kind, "included");
  assert.ok("." in entrypoints);
  assert.deepEqual(problems.filter(({ resolutionKind }) => !isOfOldTimes(resolutionKind)), []);
});

/** The package is ESM only: its profile leaves out what cannot read `exports`, and `require`. */
function isOfOldTimes(resolution) {
  return resolution === "node10" || resolution === "node16-cjs";
}

/** Imports the installed package in a process of its own, and runs `code` with it. */
async function onServer(code) {
  const program = `import * as mimei from "mimei"; ${code}`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], { cwd: folder });
  return stdout.trim();
}

test("a server may import it, where it does nothing by itself", async () => {
  const names = JSON.parse(await onServer("console.log(JSON.stringify(Object.keys(mimei)))"));
  assert.deepEqual(names.sort(), ["MimeiError", "findLink", "formatRelayAddress", "open", "pageLink", "parseRelayAddress", "showable"]);
});

test("opening on a server is refused by a typed error", async () => {
  const said = await onServer(`
    const thrown = await mimei.open({ app: "com.example.app" }).catch((thrown) => thrown);
    console.log(thrown instanceof mimei.MimeiError, thrown.code, thrown.retry, thrown.message);
  `);
  assert.equal(said, "true context.unsupported never MiMei opens in a browser's page.");
});

function arrayBufferOf(bytes) {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}
