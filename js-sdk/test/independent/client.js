// The wasm client, in Node and with its store in memory, joined to the independent relay without a network.
import { existsSync, readFileSync } from "node:fs";
import { textOf } from "./address.js";

const WASM = new URL("../../src/wasm/", import.meta.url);
const PIECE_BYTES = 262_144;
const CONN = 1;
/** Stand for the certificates of a data channel; both sides are told the same. */
const FINGERPRINTS = [new Uint8Array(32).fill(0xaa), new Uint8Array(32).fill(0xbb)];

let loaded;

/** The module that `cargo xtask wasm` builds. */
function load() {
  return (loaded ??= loadOnce());
}

async function loadOnce() {
  const module = new URL("client_bg.wasm", WASM);
  if (!existsSync(module)) throw new Error("js-sdk/src/wasm is missing: run `cargo xtask wasm` first.");
  // The module looks for the globals of a worker.
  globalThis.self ??= globalThis;
  const { default: init, Client } = await import(new URL("client.js", WASM));
  await init({ module_or_path: readFileSync(module) });
  return Client;
}

/** A client with an identity of its own. */
export class Tab {
  #client;
  #session;
  #waiting = new Set();
  #open;
  #end;
  /** Resolves when its session is open. */
  opened = new Promise((resolve) => (this.#open = resolve));
  /** Resolves with why its session ended. */
  ended = new Promise((resolve) => (this.#end = resolve));

  /** A client without a relay. */
  static async alone() {
    const tab = new Tab();
    const Client = await load();
    const options = { database: "", app: "org.example.notes" };
    tab.#client = await Client.open(options, (said) => tab.#hear(said));
    return tab;
  }

  /** A client that has a session with the relay. */
  static async at(relay, { expect = relay.user.id } = {}) {
    const tab = await Tab.alone();
    const [dialer, listener] = FINGERPRINTS;
    // Neither side is called while it is at work, as on a network.
    const toClient = (packet) => setImmediate(() => tab.#client.received(CONN, new Uint8Array(packet)));
    tab.#session = relay.connect(toClient, FINGERPRINTS);
    tab.#client.connected(CONN, "rtc", textOf(expect), dialer, listener);
    await Promise.race([tab.opened, tab.ended]);
    return tab;
  }

  call(method, args) {
    return this.#client.call(method, args);
  }

  /** Sends the client packets of the relay's that mean nothing, or not what the relay would say. */
  hearFromRelay(packets) {
    this.#session.sendRaw(packets);
  }

  ping() {
    return this.call("ping", { conn: CONN });
  }

  open(link) {
    return this.call("open", { link, conn: CONN });
  }

  /** Resolves when `holds` is true of the MiMei as it is seen here. */
  async until(id, holds) {
    for (;;) {
      const changed = new Promise((resolve) => this.#waiting.add(resolve));
      const view = await this.call("view", { id });
      if (holds(view)) return view;
      await changed;
    }
  }

  /** Makes a version with these files, `[name, bytes]`, and resolves when the relay has all of it. */
  async save(id, files, memo = "") {
    const edits = [];
    for (const [name, bytes] of files) edits.push({ name, file: await this.#put(id, bytes) });
    const saved = await this.call("save", { id, edits, memo });
    await this.call("settle", { id });
    return saved;
  }

  async #put(id, bytes) {
    const pieces = [];
    for (let at = 0; at === 0 || at < bytes.length; at += PIECE_BYTES) {
      pieces.push(await this.call("piece", { id, bytes: bytes.slice(at, at + PIECE_BYTES) }));
    }
    return { pieces, length: bytes.length, type: "application/octet-stream" };
  }

  /** The files of a version as the client reads them: `[name, bytes]`. */
  async files(id, version) {
    const files = [];
    for (const { name, blob, length, type } of await this.call("list", { id, version })) {
      const parts = [];
      for (let offset = 0; offset === 0 || offset < length; offset += PIECE_BYTES) {
        parts.push(await this.call("read", { id, blob, length, type, offset }));
      }
      files.push([name, new Uint8Array(Buffer.concat(parts))]);
    }
    return files;
  }

  async close() {
    await this.#client.close();
  }

  #hear(said) {
    if (said.type === "send") return void setImmediate(() => this.#deliver(said.bytes));
    if (said.type === "close") return void setImmediate(() => this.#client.closed(CONN));
    if (said.type === "session" && said.state === "open") return this.#open(said);
    if (said.type === "session") return this.#end(said);
    if (said.type !== "item") return undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    waiting.forEach((resolve) => resolve());
  }

  #deliver(bytes) {
    this.#client.writable(CONN, 0);
    this.#session.receive(Buffer.from(bytes));
  }
}
