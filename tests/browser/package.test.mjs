/** The package as others use it: packed and installed, and imported from a relay by pages without a build step. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch, newPage } from "./parts/browser.mjs";
import { NO_WELCOME, invite } from "./parts/credit.mjs";
import { folderWith, projectWith, ROOT, viteBuilt } from "./parts/package.mjs";
import { startRelay } from "./parts/relay.mjs";
import { hostFolder } from "./parts/web-host.mjs";

const suite = { after };
const browser = await launch(suite);
const relay = await startRelay(suite);

const PAGE = `<!doctype html>
<title>App</title>
<link rel="stylesheet" href="/app.css">
<p id="said"></p>
<script type="module" src="/app.js"></script>
`;

/** Saves a file and shows its link, or shows the file of the link in the page's URL. */
const app = (sdk) => `import { open, pageLink } from ${JSON.stringify(sdk)};

const { relay, way } = Object.fromEntries(new URL(location.href).searchParams);
try {
  const me = await open({ app: "com.example.app", ...(relay && { relays: [relay] }), ...(way && { way }) });
  const file = location.hash === "" ? await me.file() : await me.open(location.href);
  if (location.hash === "") {
    await file.put("kept by a relay");
    await file.settled();
    const { link } = await file.share({ to: "link", can: "read" });
    said.dataset.link = pageLink(link, location.href);
  }
  said.textContent = await file.text();
} catch (thrown) {
  said.textContent = thrown.code + ": " + thrown.message + " " + thrown.hint;
}
`;

const CSS = "p { font: 1em/1.5 system-ui }";

/** The policy that the README of the package gives for a page with its own copy of it. */
async function policyOf(pattern, origin) {
  const readme = await readFile(join(ROOT, "js-sdk/README.md"), "utf8");
  const [, policy] = pattern.exec(readme) ?? [];
  assert.ok(policy, "the README has a policy");
  return policy.replaceAll(/\s+/g, " ").replaceAll("https://relay.example", origin).replaceAll("wss://relay.example", origin.replace("http", "ws"));
}

const OWN_COPY = /For a copy of your own:\s+```text\s+([^`]+?)\s+```/;
const FROM_A_RELAY = /For the module of a relay:\s+```text\s+([^`]+?)\s+```/;

/** What the page says in the end. */
async function said(page) {
  const shown = page.locator("#said").filter({ hasText: /./ });
  return await shown.innerText();
}

/** A person saves a file there, and another one opens its link. */
async function savesAndReads(t, url) {
  const writer = await newPage(t, browser);
  await writer.goto(url);
  assert.equal(await said(writer), "kept by a relay");
  const reader = await newPage(t, browser);
  await reader.goto(await writer.locator("#said").getAttribute("data-link"));
  assert.equal(await said(reader), "kept by a relay");
  for (const page of [writer, reader]) assert.deepEqual(page.complaints, []);
  return writer;
}

test("an app that Vite built from the installed tarball saves and reads", async (t) => {
  const project = await projectWith(t, { "index.html": PAGE, "app.js": app("mimei"), "public/app.css": CSS });
  const origin = await hostFolder(t, await viteBuilt(project));
  await savesAndReads(t, `${origin}/?relay=${relay.origin}`);
});

test("a plain page with the files of the tarball saves and reads", async (t) => {
  const sdk = "/node_modules/mimei/dist/sdk/mimei.js";
  const project = await projectWith(t, { "index.html": PAGE, "app.js": app(sdk), "app.css": CSS });
  const origin = await hostFolder(t, project);
  await savesAndReads(t, `${origin}/?relay=${relay.origin}`);
});

test("a strict content security policy lets it work, by data channel and without", async (t) => {
  const policy = await policyOf(OWN_COPY, relay.origin);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval(?<!wasm-unsafe-eval)|blob:|\*/);
  const project = await projectWith(t, { "index.html": PAGE, "app.js": app("mimei"), "public/app.css": CSS });
  const origin = await hostFolder(t, await viteBuilt(project), { "content-security-policy": policy });
  for (const way of ["rtc", "ws"]) await savesAndReads(t, `${origin}/?relay=${relay.origin}&way=${way}`);
});

test("a policy without WebAssembly is named by the error", async (t) => {
  const policy = (await policyOf(OWN_COPY, relay.origin)).replace("'wasm-unsafe-eval'", "");
  const project = await projectWith(t, { "index.html": PAGE, "app.js": app("mimei"), "public/app.css": CSS });
  const page = await newPage(t, browser);
  await page.goto(await hostFolder(t, await viteBuilt(project), { "content-security-policy": policy }));
  assert.match(await said(page), /^core\.failed: .*wasm-unsafe-eval/);
});

test("a page of another origin imports the module of a relay, and uses that relay", async (t) => {
  const folder = await folderWith(t, { "index.html": PAGE, "app.js": app(`${relay.origin}/sdk/mimei.js`), "app.css": CSS });
  await savesAndReads(t, await hostFolder(t, folder));
});

test("it may do so under a strict policy, too", async (t) => {
  const policy = await policyOf(FROM_A_RELAY, relay.origin);
  const folder = await folderWith(t, { "index.html": PAGE, "app.js": app(`${relay.origin}/sdk/mimei.js`), "app.css": CSS });
  await savesAndReads(t, await hostFolder(t, folder, { "content-security-policy": policy }));
});

test("a policy that forbids its worker is named by the error", async (t) => {
  const policy = (await policyOf(FROM_A_RELAY, relay.origin)).replace("worker-src blob:", "worker-src");
  const folder = await folderWith(t, { "index.html": PAGE, "app.js": app(`${relay.origin}/sdk/mimei.js`), "app.css": CSS });
  const page = await newPage(t, browser);
  await page.goto(await hostFolder(t, folder, { "content-security-policy": policy }));
  assert.match(await said(page), /^core\.failed: .*worker-src blob:/);
});

/** The first program of a README, with its relay's origin replaced, and nothing else. */
async function firstProgram(readme) {
  const [, program] = /```html\n([^]*?)```/.exec(await readFile(join(ROOT, readme), "utf8")) ?? [];
  assert.ok(program, `${readme} has a program`);
  return program;
}

test("the first program of the README is one program of ten lines", async () => {
  const program = await firstProgram("README.md");
  assert.equal(program.trim().split("\n").length, 10);
  assert.equal(await firstProgram("js-sdk/README.md"), program);
});

test("the first program of the README makes a note that two people write live", async (t) => {
  const own = await startRelay(t, { welcome: NO_WELCOME });
  const program = (await firstProgram("README.md")).replaceAll("http://localhost:8080", own.origin);
  const origin = await hostFolder(t, await folderWith(t, { "first.html": program }));
  const text = (page) => page.locator("#note");
  const shows = (page, wanted) => page.waitForFunction((wanted) => globalThis.note.value === wanted, wanted);

  const ada = await newPage(t, browser);
  const link = await invite(own);
  ada.on("dialog", (dialog) => dialog.accept(link));
  await ada.goto(`${origin}/first.html`);
  await ada.waitForURL(/#mimei:/);
  await text(ada).fill("Ada was here.");
  await text(ada).blur();

  const bob = await newPage(t, browser);
  await bob.goto(ada.url());
  await shows(bob, "Ada was here.");
  await text(bob).fill("So was Bob.");
  await text(bob).blur();
  await shows(ada, "So was Bob.");
  for (const page of [ada, bob]) assert.deepEqual(page.complaints, []);
});
