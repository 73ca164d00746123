/** A relay: the program that is tested, started on ports of its own choice. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { whenDone } from "./cleanup.mjs";

const STARTS_MAX = 3;
/** What whoever comes gets, so that tests of other things need no invites. */
const WELCOME = { MIMEI_WELCOME_TRAFFIC: "100G", MIMEI_WELCOME_SPACE: "10G" };
const LINES = { user: /^relay +(\S+)$/, origin: /^open +(\S+)$/, address: /^address +(\S+)$/ };

/** `MIMEI_BIN` names the program. */
export function program() {
  const path = process.env.MIMEI_BIN;
  assert.ok(path, "MIMEI_BIN must name the relay program; `cargo xtask test` sets it");
  return path;
}

/** A data directory that is gone after the test. */
export async function freshData(t) {
  const folder = await mkdtemp(join(tmpdir(), "mimei-browser-"));
  whenDone(t, () => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** What `mimei id --data` prints. */
export async function idOf(data) {
  const { stdout } = await promisify(execFile)(program(), ["id", "--data", data]);
  return /^user +(\S+)$/m.exec(stdout)?.[1];
}

/**
 * Starts a relay and waits until it says where it is.
 * `inside` is a command that runs it elsewhere, such as in a network namespace; `welcome` is its environment.
 * It logs as much as `relay.sessions()` needs.
 */
export async function startRelay(t, { data, listen = "127.0.0.1:0", more = [], inside = [], welcome = WELCOME } = {}) {
  const folder = data ?? (await freshData(t));
  const command = [...inside, program(), "run", "--data", folder, "--listen", listen, ...more];
  for (let left = STARTS_MAX; ; left--) {
    const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...welcome, MIMEI_LOG: "info,relay_node::driver=debug" } });
    const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
    whenDone(t, () => (child.kill("SIGKILL"), exited));
    const log = logOf(child);
    const { said, errors } = await firstLines(child, log);
    if (said !== undefined) return new Relay(child, exited, folder, said, log);
    // The TCP port that the system chose can be somebody's UDP port.
    if (left > 1 && errors.includes("cannot receive data channels")) continue;
    throw new Error(`the relay did not start: ${JSON.stringify(await exited)} ${errors}`);
  }
}

class Relay {
  #child;
  #exited;
  #log;

  constructor(child, exited, data, said, log) {
    this.#child = child;
    this.#exited = exited;
    this.#log = log;
    this.data = data;
    this.pid = child.pid;
    /** The relay's user id. */
    this.user = said.user;
    this.origin = said.origin;
    this.address = said.address;
    this.port = Number(new URL(said.origin).port);
  }

  /** How many sessions were opened so far, and how many of them are open. */
  sessions() {
    const open = new Set();
    let opened = 0;
    for (const line of this.#log.text.split("\n")) {
      const [, what] = /session (opened|closed)/.exec(line) ?? [];
      const [, connection] = /connection=(\d+)/.exec(line) ?? [];
      if (what === "opened") {
        opened += 1;
        open.add(connection);
      }
      if (what === "closed") open.delete(connection);
    }
    return { opened, open: open.size };
  }

  /** Sends a signal and waits for the end. Returns `{code, signal}`. */
  async end(signal) {
    this.#child.kill(signal);
    return await this.#exited;
  }
}

/** What it logs, without colours. */
function logOf(child) {
  const log = { text: "" };
  child.stderr.setEncoding("utf8").on("data", (text) => (log.text += text.replace(/\x1b\[[0-9;]*m/g, "")));
  return log;
}

/** `said` once it has said all, or the `errors` that it said instead. */
async function firstLines(child, log) {
  const said = {};
  for await (const line of createInterface({ input: child.stdout })) {
    for (const [name, shape] of Object.entries(LINES)) said[name] ??= shape.exec(line)?.[1];
    if (!Object.keys(LINES).every((name) => said[name])) continue;
    child.stdout.resume(); // Whatever else it says must not fill the pipe.
    return { said };
  }
  return { errors: log.text };
}
