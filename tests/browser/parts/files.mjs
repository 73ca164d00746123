/** Files on the demo page, as a person shares, opens and changes them. */
import { readFile } from "node:fs/promises";
import * as demo from "./demo.mjs";

const at = (page, name) => page.getByTestId(name);

/** A file as it is dropped: `content` is text or bytes. */
export const file = (name, content, type = "") => ({ name, type, buffer: Buffer.from(content) });

/** Bytes that do not repeat in pieces: the same for the same seed. */
export function noise(length, seed = 1) {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Drops files on an element of the page, as a file manager would. */
export async function drop(page, target, files) {
  const moved = files.map(({ name, type, buffer }) => ({ name, type, base64: buffer.toString("base64") }));
  const dataTransfer = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, type, base64 } of list) {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
  }, moved);
  for (const event of ["dragenter", "dragover", "drop"]) await target.dispatchEvent(event, { dataTransfer });
  await dataTransfer.dispose();
}

/** Shares files by dropping them and waits until they are shown. Returns the link that anybody may paste. */
export async function share(page, files, can = "read") {
  await drop(page, at(page, "share-zone"), files);
  await at(page, "item").waitFor();
  if (can === "write") await at(page, "share-write").check();
  const field = page.locator(`[data-testid=share-url][data-value=${can}]`);
  return await field.inputValue();
}

/** Waits until a relay has everything. */
export const sent = (page) => demo.shows(page, "item-sending", "sent");

/** Opens a link in a page and waits until its files are listed. */
export async function open(page, url) {
  await page.goto(url);
  await at(page, "entry").first().waitFor();
}

export const entry = (page, name) => page.locator(`[data-testid=entry][data-value=${JSON.stringify(name)}]`);

/** Waits until that version is shown. */
export const version = (page, number) => demo.shows(page, "item-version", String(number));

/** Chooses another file in the place of this one. */
export const replace = (page, name, content) => entry(page, name).getByTestId("entry-replace").setInputFiles(file(name, content));

/** Waits until a text file is shown with this text. */
export const showsText = (page, text) => at(page, "entry-shown").getByText(text, { exact: true }).waitFor();

/** Presses “Save” and returns the bytes that land on disk. */
export async function save(page, name) {
  const saving = page.waitForEvent("download");
  await entry(page, name).locator("[data-testid=entry-save],[data-testid=entry-fetch]").click();
  const download = await saving;
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** Waits for an error and returns its code and text. */
export async function problem(page, name) {
  const shown = at(page, name);
  return { code: await shown.getAttribute("data-value"), text: await shown.innerText() };
}

/** The link with a version behind its id. */
export const atVersion = (url, number) => url.replace(/mimei:b[a-z2-7]+/, `$&@${number}`);

/** The versions on the page; unfolds their list. */
export async function versions(page) {
  const list = at(page, "versions");
  if ((await list.getAttribute("open")) === null) await list.locator("summary").click();
  return list;
}

export const listedVersion = async (page, number) => (await versions(page)).locator(`[data-testid=version][data-value="${number}"]`);
