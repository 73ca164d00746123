/** A TCP port in front of another that soon lets little through towards it, until it is opened. */
import { once } from "node:events";
import net from "node:net";
import { whenDone } from "./cleanup.mjs";

/** Less than any line has on which files are sent, and enough that sessions live. */
const BYTES_PER_SECOND = 256 * 1024;

/** Becomes slow behind `bytesMax` bytes towards `to`; `gate.open()` makes it fast again. */
export async function startGate(t, to, bytesMax) {
  let [left, isOpen] = [bytesMax, false];
  const sockets = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(to, "127.0.0.1");
    for (const socket of [near, far]) sockets.add(socket.on("error", () => {}).setNoDelay());
    far.pipe(near);
    near.on("data", (bytes) => {
      left -= bytes.length;
      far.write(bytes);
      if (isOpen || left > 0) return;
      near.pause();
      setTimeout(() => near.resume(), (1000 * bytes.length) / BYTES_PER_SECOND);
    });
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  whenDone(t, () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: server.address().port, open: () => void (isOpen = true) };
}
