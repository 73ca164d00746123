/** The package `mimei` as whoever installs it gets it. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { whenDone } from "./cleanup.mjs";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const VITE = join(ROOT, "node_modules/vite/bin/vite.js");

const run = promisify(execFile);

/** A folder outside of this repository, with these files. It is gone after the test. */
export async function folderWith(t, files) {
  const folder = await mkdtemp(join(tmpdir(), "mimei-package-"));
  whenDone(t, () => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** Packs it and installs the tarball, without a network, in a new project with these files. Returns the project's folder. */
export async function projectWith(t, files) {
  const folder = await folderWith(t, { "package.json": `{ "name": "app", "private": true, "type": "module" }`, ...files });
  const { stdout } = await run("npm", ["pack", "--json", "--workspace", "js-sdk", "--pack-destination", folder], { cwd: ROOT });
  const [{ filename }] = Object.values(JSON.parse(stdout));
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${filename}`], { cwd: folder });
  return folder;
}

/** Builds a project for production with Vite as it is without any configuration. Returns the folder to be served. */
export async function viteBuilt(project) {
  await run(process.execPath, [VITE, "build"], { cwd: project });
  return join(project, "dist");
}
