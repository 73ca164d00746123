/**
 * Firefox ESR as it is installed, driven by WebDriver BiDi.
 *
 * Playwright follows the newest Firefox and says that it does not look after an ESR; the version in package.json is the
 * last one whose commands Firefox 153 knows.
 */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { firefox } from "playwright-core";
import { whenDone } from "./cleanup.mjs";

function options() {
  const executablePath = process.env.FIREFOX;
  assert.ok(executablePath, "FIREFOX must name the browser; `cargo xtask test` sets it");
  return { channel: "moz-firefox", executablePath, headless: true };
}

/** A browser for the tests of one file, with the settings that everybody has. */
export async function launchFirefox(t) {
  const browser = await firefox.launch(options());
  whenDone(t, () => browser.close());
  return browser;
}

/** Why Firefox makes no data channel here, or `false`: it makes none without a network, nor to 127.0.0.1. */
export function noDataChannels() {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some(({ internal }) => !internal) ? false : "Firefox makes data channels over a network only, and this machine has none";
}
