/**
 * What Playwright lacks to drive the ESR before 153, Firefox 140, which Debian has beside it for a while.
 *
 * Some commands of WebDriver BiDi are not known there. And Playwright runs what a test asks for by `eval` in the page, which
 * ours forbid and only later versions exempt; the text of a function that is called may be anything.
 */
import { execFileSync } from "node:child_process";
import playwright from "playwright-core/lib/coreBundle";

const ALL_KNOWN_FROM = 153;
/** They do without: what these set up is not used by our tests, or set by preferences. */
const UNKNOWN = new Set([
  "browser.setDownloadBehavior",
  "emulation.setScreenOrientationOverride",
  "emulation.setScreenSettingsOverride",
  "network.addDataCollector",
]);
const EVALUATE = "(utilityScript, ...args) => utilityScript.evaluate(...args)";
/** Where the text of what is to run stands in the arguments. */
const EXPRESSION_AT = 3;
/** Under which names others stand there, and what of them is run. */
const EXPRESSIONS = {
  callbackText: (text) => text,
  functionText: (text) => `(${text})`,
  // Selectors have a source too, which is no program.
  source: (text) => text.includes("module.exports") && `
    (() => {
      const module = {};
      ${text}
      return module.exports.default();
    })()`,
};

let isTaught = false;

/** Preferences that this Firefox needs to save downloads in `folder`; Playwright learns to drive it. */
export function teach(executable, folder) {
  const [, version] = /(\d+)\./.exec(execFileSync(executable, ["--version"], { encoding: "utf8" })) ?? [];
  if (Number(version) >= ALL_KNOWN_FROM) return {};
  if (!isTaught) change(playwright.server.WebSocketTransport.prototype);
  isTaught = true;
  return { "browser.download.folderList": 2, "browser.download.dir": folder };
}

function change(transport) {
  const { send } = transport;
  transport.send = function (message) {
    if (UNKNOWN.has(message.method)) {
      setImmediate(() => this.onmessage?.({ type: "success", id: message.id, result: {} }));
    } else {
      send.call(this, message.params?.functionDeclaration === EVALUATE ? withoutEval(message) : message);
    }
  };
}

/** The same with all expressions as parts of the function, where `eval` finds them. */
function withoutEval(message) {
  const texts = [message.params.arguments[EXPRESSION_AT].value, ...expressionsIn(message.params.arguments)].filter(Boolean);
  const known = Array.from(new Set(texts), (text) => `known.set(${JSON.stringify(text)}, () => (${text}\n));`).join("\n");
  const functionDeclaration = `(utilityScript, ...args) => {
    if (globalThis.eval.known === undefined) {
      const forbidden = globalThis.eval;
      globalThis.eval = (text) => (globalThis.eval.known.get(text) ?? (() => forbidden(text)))();
      globalThis.eval.known = new Map();
    }
    const { known } = globalThis.eval;
    ${known}
    return utilityScript.evaluate(...args);
  }`;
  return { ...message, params: { ...message.params, functionDeclaration } };
}

/** Objects are lists of `[name, value]` there, and pairs of `k` and `v` in Playwright's own way on top. */
function* expressionsIn(value) {
  if (value === null || typeof value !== "object") return;
  const [k, v] = Array.isArray(value) ? value : [];
  const isNamed = k?.[0]?.value === "k" && Object.hasOwn(EXPRESSIONS, k[1]?.value) && v?.[1]?.type === "string";
  if (isNamed) yield EXPRESSIONS[k[1].value](v[1].value);
  for (const part of Object.values(value)) yield* expressionsIn(part);
}
