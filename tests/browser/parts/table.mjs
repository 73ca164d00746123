/** The demo as `cargo xtask demo` runs it, and the page Table as people use it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import decodeQr from "qr/decode.js";
import { whenDone } from "./cleanup.mjs";
import { freshData, program } from "./relay.mjs";

const STARTS_MAX = 3;
/** Whoever tabs this often has gone round. */
const TABS_MAX = 80;

export const at = (page, name) => page.getByTestId(name);

/** Starts the demo with a new relay. `link` is what it prints first: the page, with plug and invite behind the #. */
export async function startDemo(t) {
  const data = await freshData(t);
  const xtask = process.env.MIMEI_XTASK ?? join(dirname(program()), "xtask");
  for (let left = STARTS_MAX; ; left--) {
    const child = spawn(xtask, ["demo", "--port", "0", "--data", data, "--program", program()], { stdio: ["ignore", "pipe", "pipe"] });
    const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
    whenDone(t, () => (child.kill("SIGTERM"), exited));
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
    const link = await tableLink(child);
    if (link !== undefined) return { link, origin: new URL(link).origin, port: Number(new URL(link).port), end: () => (child.kill("SIGTERM"), exited) };
    // The TCP port that the system chose can be somebody's UDP port.
    if (left <= 1 || !errors.includes("cannot receive data channels")) throw new Error(`the demo did not start: ${errors}`);
  }
}

async function tableLink(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const [, link] = /^table +(\S+)$/.exec(line) ?? [];
    if (link === undefined) continue;
    child.stdout.resume(); // Whatever else it says must not fill the pipe.
    return link;
  }
  return undefined;
}

/** What the QR code on the page says. */
export async function scan(page) {
  const image = await at(page, "qr").evaluate((svg) => {
    const pixels = 6; // A side of one module.
    const side = svg.viewBox.baseVal.width * pixels;
    const context = new OffscreenCanvas(side, side).getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
    context.scale(pixels, pixels);
    context.translate(0, 0.5);
    context.stroke(new Path2D(svg.querySelector("path").getAttribute("d")));
    return { side, data: [...context.getImageData(0, 0, side, side).data] };
  });
  return decodeQr({ width: image.side, height: image.side, data: Uint8Array.from(image.data) });
}

/** Pictures like those that cameras make, each of its own colours, as files to choose. */
export async function photos(page, names) {
  const drawn = await page.evaluate(drawPhotos, names.length);
  return names.map((name, index) => ({ name, type: "image/jpeg", mimeType: "image/jpeg", buffer: Buffer.from(drawn[index], "base64") }));
}

/** Runs in the page: evening skies over water. */
async function drawPhotos(count) {
  const skies = [["#20306b", "#f6b26b"], ["#0f4c5c", "#f2e3bc"], ["#5a189a", "#ff9e7a"], ["#1d3557", "#a8dadc"], ["#6a040f", "#ffba08"], ["#2d6a4f", "#d8f3dc"]];
  const shapes = [[960, 640], [640, 800], [1120, 630], [800, 800]];
  const drawn = [];
  for (let at = 0; at < count; at++) {
    const [width, height] = shapes[at % shapes.length];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    const sky = context.createLinearGradient(0, 0, 0, height);
    skies[at % skies.length].forEach((colour, stop) => sky.addColorStop(stop, colour));
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    context.fillStyle = "rgb(255 250 235 / 90%)";
    context.beginPath();
    context.arc(width * (0.3 + 0.1 * (at % 5)), height * 0.55, height * 0.09, 0, 7);
    context.fill();
    for (let ridge = 0; ridge < 3; ridge++) {
      context.fillStyle = `rgb(12 16 36 / ${35 + 25 * ridge}%)`;
      context.beginPath();
      context.moveTo(0, height);
      for (let x = 0; x <= width; x += 8) context.lineTo(x, height * (0.62 + 0.12 * ridge) + Math.sin(x / (60 + 30 * ridge) + at + ridge * 2) * height * 0.04);
      context.lineTo(width, height);
      context.fill();
    }
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    drawn.push(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
  }
  return drawn;
}

export const picture = (page, name) => page.locator(`[data-testid=picture][data-value=${JSON.stringify(name)}]`);

/** Waits until the page shows exactly these, as pictures or films that can be seen. */
export async function showsAll(page, names) {
  for (const name of names) await page.locator(`[data-testid=picture][data-value=${JSON.stringify(name)}]:is([data-as=image],[data-as=video])`).waitFor();
  await at(page, "album-count").and(page.locator(`[data-value="${names.length}"]`)).waitFor();
}

/** Waits until that many things wait to be sent. */
export const waits = (page, count) => page.locator(`[data-testid=waiting][data-value="${count}"]`).waitFor();

/** Whether the image has been decoded, which needs all its bytes. */
export const isSeen = (page, name) => picture(page, name).locator("img").evaluate(async (image) => (await image.decode(), image.naturalWidth > 0));

/** Goes on with Tab until that has the focus, as whoever uses no mouse does, and sees where it is. */
export async function tabTo(page, target) {
  for (let left = TABS_MAX; left > 0; left--) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) return await hasRing(target);
  }
  throw new Error(`${target} is not reached by Tab`);
}

/** Where the focus is can be seen, on the element or on what stands for it. */
async function hasRing(target) {
  const isRinged = await target.evaluate((element) => {
    const styles = [element, element.closest("label")].filter((each) => each !== null).map((each) => getComputedStyle(each));
    return styles.some(({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && outlineWidth !== "0px");
  });
  assert.ok(isRinged, `${target} shows that it has the focus`);
}
