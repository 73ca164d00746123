/** A long line, made in user space: every byte is late, and of datagrams some are lost. */
import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import { whenDone } from "./cleanup.mjs";

export const ONE_WAY_MS = 25;
const LOSS = 0.01;
/** Printed by the test, so that the same datagrams can be lost again. */
const SEED = Number(process.env.SHAPER_SEED ?? 20_240_229);

/** A UDP port in front of another; set `to` once that is known. `counts` are of datagrams. */
export async function startUdpShaper(t) {
  const shaper = { to: undefined, seed: SEED, counts: { passed: 0, lost: 0 } };
  const random = seeded(SEED);
  const front = await bound(t);
  const backs = new Map();
  const later = (send) => {
    if (random() < LOSS) return void (shaper.counts.lost += 1);
    shaper.counts.passed += 1;
    setTimeout(send, ONE_WAY_MS);
  };
  // Each sender has a port of its own towards the relay, as behind a NAT.
  const backOf = async (from) => {
    const back = await bound(t);
    back.on("message", (bytes) => later(() => front.send(bytes, from.port, from.address, ignore)));
    return back;
  };
  front.on("message", async (bytes, from) => {
    if (!backs.has(from.port)) backs.set(from.port, backOf(from));
    const back = await backs.get(from.port);
    later(() => back.send(bytes, shaper.to, "127.0.0.1", ignore));
  });
  return Object.assign(shaper, { port: front.address().port });
}

/**
 * A TCP port in front of `to`. Nothing is lost here: TCP would send it again.
 * With `bytesPerSecond` the line is thin as well.
 */
export async function startTcpShaper(t, to, { bytesPerSecond = Infinity } = {}) {
  const open = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(to, "127.0.0.1");
    for (const socket of [near, far]) open.add(socket.on("error", ignore).setNoDelay());
    delayed(near, far, bytesPerSecond);
    delayed(far, near, bytesPerSecond);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  whenDone(t, () => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return server.address().port;
}

function delayed(from, to, bytesPerSecond) {
  from.on("data", (bytes) => {
    setTimeout(() => to.write(bytes), ONE_WAY_MS);
    if (bytesPerSecond === Infinity) return;
    from.pause();
    setTimeout(() => from.resume(), (1000 * bytes.length) / bytesPerSecond);
  });
  from.on("end", () => setTimeout(() => to.end(), ONE_WAY_MS));
  from.on("close", () => setTimeout(() => to.destroy(), ONE_WAY_MS));
}

async function bound(t) {
  const socket = dgram.createSocket("udp4");
  let closed = false;
  const send = socket.send.bind(socket);
  // What is still under way when the test ends is lost.
  socket.send = (...args) => void (closed || send(...args));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  whenDone(t, () => {
    closed = true;
    socket.close();
  });
  return socket;
}

/** Mulberry32: 0 to 1. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ignore = () => {};
