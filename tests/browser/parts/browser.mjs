/** Chromium, and pages that note what goes wrong in them. */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { freshData } from "./relay.mjs";
import { whenDone } from "./cleanup.mjs";

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Whatever is waited for comes within this time, or not at all. */
export const WAIT_MS_MAX = 30_000;

function options({ args = [], executable = process.env.CHROMIUM, ignoreDefaultArgs = [] } = {}) {
  assert.ok(executable, "CHROMIUM must name the browser; `cargo xtask test` sets it");
  return { executablePath: executable, args: [...ARGS, ...args], ignoreDefaultArgs, headless: true };
}

/** A browser for the tests of one file. */
export async function launch(t, more) {
  const browser = await chromium.launch(options(more));
  whenDone(t, () => browser.close());
  return browser;
}

/** A browser with a profile on disk: `folder`, or a new one. */
export async function launchProfile(t, folder) {
  const profile = folder ?? (await freshData(t));
  const context = await chromium.launchPersistentContext(profile, options());
  context.setDefaultTimeout(WAIT_MS_MAX);
  whenDone(t, () => context.close());
  return { profile, context };
}

/** A page of a person who was never here before. `complaints` are console errors, exceptions and CSP violations. */
export async function newPage(t, browser, settings) {
  const context = await browser.newContext(settings);
  context.setDefaultTimeout(WAIT_MS_MAX);
  whenDone(t, () => context.close());
  return await watched(await context.newPage());
}

/** Notes every complaint of a page, and every state of the relay that it shows. */
export async function watched(page) {
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.exposeFunction("noteViolation", (text) => complaints.push(text));
  await page.addInitScript(watch);
  return Object.assign(page, { complaints });
}

/** Runs in the page, before its own scripts. */
function watch() {
  document.addEventListener("securitypolicyviolation", (event) => {
    globalThis.noteViolation(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
  });
  globalThis.statesSeen = [];
  const look = () => {
    const state = document.querySelector("[data-testid=relay-state]")?.dataset.value;
    if (state !== undefined && state !== globalThis.statesSeen.at(-1)) globalThis.statesSeen.push(state);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
}
