/** Whether a page fits its window, and pictures of it for people. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { accessible } from "./axe.mjs";

const SHOTS = fileURLToPath(new URL("../shots", import.meta.url));
const WIDTHS = [360, 1440];

/** Looks at the page in two widths and both colour schemes, has axe-core look too, and keeps the pictures. */
export async function look(page, name) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    assert.deepEqual(await page.evaluate(overflow), [], `${name} at ${width} px`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await accessible(page, `${name} at ${width} px, ${colorScheme}`);
      await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
  }
}

/** Runs in the page. Where it is wider than its window: its width, and the elements that stick out. */
function overflow() {
  const { clientWidth: width, scrollWidth } = document.documentElement;
  if (scrollWidth <= width) return [];
  const wide = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > width + 0.5);
  return [`${scrollWidth} px`, ...wide.map((element) => `${element.tagName}.${element.className}`)];
}
