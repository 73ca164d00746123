/** The demo page, as a person reads and uses it. */

const at = (page, name) => page.getByTestId(name);

/** What a `data-value` says. */
export const value = (page, name) => at(page, name).getAttribute("data-value");

/** Waits until the relay's state is one of `states`, and returns it. */
export async function state(page, ...states) {
  const wanted = states.map((name) => `[data-testid=relay-state][data-value=${name}]`).join(",");
  return await page.locator(wanted).getAttribute("data-value");
}

export async function openOnline(page, url) {
  await page.goto(url);
  await state(page, "online");
}

/** Waits until the page shows that value. */
export const shows = (page, name, wanted) => page.locator(`[data-testid="${name}"][data-value="${wanted}"]`).waitFor();

/** Waits for an error of that code (any, if none is named) and returns `{code, text}`. */
export async function error(page, code) {
  const shown = page.locator(`[data-testid=relay-error]${code === undefined ? "" : `[data-value="${code}"]`}`);
  return { code: await shown.getAttribute("data-value"), text: await shown.innerText() };
}

/** Whether it was online at any time since the page was loaded. */
export const wasOnline = (page) => page.evaluate(() => globalThis.statesSeen.includes("online"));

export async function identity(page) {
  return { id: await value(page, "me-id"), device: await value(page, "me-device") };
}

/** Presses “Measure” and returns the round trip in ms. */
export async function ping(page) {
  await page.getByRole("button", { name: "Measure" }).click();
  const result = at(page, "relay-rtt").filter({ hasNotText: "–" });
  const text = await result.innerText();
  const [, ms] = /^([\d.]+) ms$/.exec(text) ?? [];
  if (ms === undefined) throw new Error(`the round trip is “${text}”`);
  return Number(ms);
}

export const tryNow = (page) => page.getByRole("button", { name: "Try now" }).click();

/** Pastes an address and presses “Connect”. */
export async function connectTo(page, address) {
  await at(page, "relay-address").fill(address);
  await at(page, "relay-connect").click();
}

/** What a relay says of itself. */
export async function describe(origin) {
  return await (await fetch(`${origin}/.well-known/mimei`)).json();
}
