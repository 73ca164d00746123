/** What axe-core finds wrong with a page for those who do not see it, or use no mouse. */
import assert from "node:assert/strict";
import axe from "axe-core";

/** Every rule that axe-core has by default, on the page as it is. */
export async function accessible(page, name) {
  // Evaluated, not added: the page's policy lets no script in.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
  assert.deepEqual(found, [], name);
}
