/** Files too large to be passed to a page: made there from a seed, and made again here to compare. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { entry } from "./files.mjs";

export const MIB = 1 << 20;

/** One MiB that repeats nothing of any other. It is also run in the page, so it uses nothing from outside. */
function mebibyte(seed, number) {
  const words = new Uint32Array((1 << 20) / 4);
  let state = Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b) || 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer);
}

/** Runs in the page. The file is on disk, like one that a person drops. */
async function transferOf(makeMebibyte, { name, mib, seed }) {
  const folder = await navigator.storage.getDirectory();
  const handle = await folder.getFileHandle(name, { create: true });
  const writable = await handle.createWritable();
  for (let number = 0; number < mib; number++) await writable.write(makeMebibyte(seed, number));
  await writable.close();
  const transfer = new DataTransfer();
  transfer.items.add(await handle.getFile());
  return transfer;
}

/** Makes a file of `mib` MiB in the page. Returns what drops it on an element. */
export async function make(page, file) {
  const dataTransfer = await page.evaluateHandle(`(${transferOf})(${mebibyte}, ${JSON.stringify(file)})`);
  return async (target) => {
    for (const event of ["dragenter", "dragover", "drop"]) await target.dispatchEvent(event, { dataTransfer });
    await dataTransfer.dispose();
  };
}

/** The same bytes here, a MiB at a time. */
export function* made({ mib, seed }) {
  for (let number = 0; number < mib; number++) yield mebibyte(seed, number);
}

/** SHA-256 of such a file. */
export function hashMade(file) {
  const hash = createHash("sha256");
  for (const bytes of made(file)) hash.update(bytes);
  return hash.digest("hex");
}

/** SHA-256 of a file on disk. */
export async function hashOnDisk(path) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** Drops a file to share it. Returns its link as soon as that is shown: it is still under way then. */
export async function share(page, drop) {
  await drop(page.getByTestId("share-zone"));
  await page.getByTestId("item").waitFor();
  return await page.locator("[data-testid=share-url][data-value=read]").inputValue();
}

/** Waits until a relay has all of it. */
export async function sent(page, file, wait) {
  await page.getByTestId("share-sealing").waitFor({ state: "detached", ...wait });
  await entry(page, file.name).waitFor(wait);
  await page.locator("[data-testid=item-sending][data-value=sent]").waitFor(wait);
}

/** Presses “Save” and returns where the browser wrote it. What the page says instead is thrown at once. */
export async function save(page, file, wait) {
  const saved = page.waitForEvent("download", wait).then((download) => download.path());
  const [path] = await Promise.all([Promise.race([saved, problem(page, file, wait)]), startSaving(page, file)]);
  return path;
}

/** Throws what the page says went wrong with a file. */
async function problem(page, file, wait) {
  const shown = entry(page, file.name).getByTestId("entry-failed");
  await shown.waitFor(wait);
  throw new Error(`${await shown.getAttribute("data-value")}: ${await shown.innerText()}`);
}

export const startSaving = (page, { name }) => entry(page, name).locator("[data-testid=entry-save],[data-testid=entry-fetch]").click();

/** How many pages have files on disk that they gave to their users. */
export function pagesWithDownloads(page) {
  return page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("mimei-downloads");
    return (await Array.fromAsync(folder.keys())).length;
  });
}

/** How many bytes of it the page has fetched; what it had when it was done, then. */
export function fetched(page, { mib }) {
  let bytes = 0;
  return async () => {
    // Gone when all is there.
    const percent = await page.evaluate(() => document.querySelector("[data-testid=entry-fetching]")?.dataset.value);
    if (percent !== undefined) bytes = Math.round((Number(percent) / 100) * mib * MIB);
    return bytes;
  };
}
