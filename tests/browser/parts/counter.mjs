/** A TCP port in front of another, which counts. */
import { once } from "node:events";
import net from "node:net";
import { whenDone } from "./cleanup.mjs";

/** Passes on to `to` of this machine, also after what listens there went away and came back. */
export async function startCounter(t, to) {
  const open = new Set();
  const counter = { toRelay: 0, toPage: 0 };
  const server = net.createServer((near) => {
    const far = net.connect(to, "127.0.0.1");
    near.on("data", (bytes) => (counter.toRelay += bytes.length));
    far.on("data", (bytes) => (counter.toPage += bytes.length));
    near.pipe(far).pipe(near);
    const end = () => (near.destroy(), far.destroy(), open.delete(end));
    open.add(end);
    for (const socket of [near, far]) socket.setNoDelay().on("error", end).on("close", end);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  whenDone(t, () => {
    server.close();
    for (const end of open) end();
  });
  return Object.assign(counter, { origin: `http://localhost:${server.address().port}` });
}
