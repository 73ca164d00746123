/** Two machines on one cable: network namespaces, for which one must be root on Linux. */
import { execFile, execFileSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { whenDone } from "./cleanup.mjs";
import { freshData } from "./relay.mjs";

const run = promisify(execFile);
const NEAR_IP = "10.77.0.1";
const FAR_IP = "10.77.0.2";

/** Why there can be no namespaces here, or `false`; for the `skip` of a test. */
export function noNamespaces() {
  const name = `mimei-try-${process.pid}`;
  try {
    execFileSync("ip", ["netns", "add", name], { stdio: "pipe" });
    execFileSync("ip", ["netns", "del", name], { stdio: "pipe" });
    return false;
  } catch (error) {
    return `a second network needs root and \`ip netns\`: ${String(error.stderr ?? error.message).trim()}`;
  }
}

/** `near` and `far`: each an `ip`, and `inside`, the beginning of a command that runs there. */
export async function twoMachines(t) {
  const [near, far] = ["near", "far"].map((side) => `mimei-${side}-${process.pid}`);
  for (const name of [near, far]) {
    await run("ip", ["netns", "add", name]);
    whenDone(t, () => run("ip", ["netns", "del", name]));
  }
  await run("ip", ["link", "add", "cable", "netns", near, "type", "veth", "peer", "name", "cable", "netns", far]);
  return { near: await machine(near, NEAR_IP), far: await machine(far, FAR_IP) };
}

async function machine(name, ip) {
  await run("ip", ["-n", name, "address", "add", `${ip}/24`, "dev", "cable"]);
  for (const device of ["lo", "cable"]) await run("ip", ["-n", name, "link", "set", device, "up"]);
  return { ip, inside: ["ip", "netns", "exec", name] };
}

/** A program as one file, that runs another inside a machine. */
export async function wrapped(t, { inside }, program) {
  const path = join(await freshData(t), "program");
  await writeFile(path, `#!/bin/sh\nexec ${inside.join(" ")} '${program}' "$@"\n`);
  await chmod(path, 0o755);
  return path;
}
