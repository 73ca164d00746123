// The SDK for pages without a build step: `/sdk/mimei.js`, and the service worker. Both keep their addresses for ever.
//
// Worker and WebAssembly are those of this site, whose names have their hashes. So a page that was opened before the
// relay was updated never starts a worker of another version: the old one is gone, and the page says that it must be
// loaded again.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const TO = new URL("../dist/sdk/", import.meta.url);
const ASSETS = new URL("../dist/assets/", import.meta.url);

function workerName() {
  const found = readdirSync(ASSETS).filter((name) => /^worker-[\w-]+\.js$/.test(name));
  if (found.length !== 1) throw new Error(`dist/assets has ${found.length} workers instead of one: ${found.join(" ")}`);
  return found[0];
}

/** The SDK names its worker twice: for pages of its own origin, and for those of others. */
function withWorker(code, name) {
  const parts = code.split(/(?<=[`"'])(?:\.\/)?worker\.js(?=[`"'])/);
  if (parts.length !== 3) throw new Error(`the SDK names its worker ${parts.length - 1} times instead of twice`);
  return parts.join(`../assets/${name}`);
}

// No maps come with them: those are in the npm package.
function copy(from, to, change = (code) => code) {
  const code = readFileSync(new URL(import.meta.resolve(from)), "utf8");
  writeFileSync(new URL(to, TO), change(code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n")));
}

mkdirSync(TO, { recursive: true });
copy("mimei", "mimei.js", (code) => withWorker(code, workerName()));
copy("mimei/mimei-sw.js", "mimei-sw.js");
