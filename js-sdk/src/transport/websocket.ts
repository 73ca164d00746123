/** The WebSocket: for networks where UDP is blocked. */
import { MimeiError } from "../errors.js";
import { OPEN_MS_MAX, QUEUE_LOW_BYTES, WEBSOCKET_QUEUE_POLL_MS } from "../limits.js";
import { lost, PipeConnection } from "./connection.js";
import type { Connection } from "./connection.js";
import { unreachable } from "./http.js";

const SUBPROTOCOL = "mimei.v1";
const EMPTY = new Uint8Array(0);

/** `origin` is the relay's, such as `https://relay.example`. */
export async function dialWebSocket(origin: string, options: { readonly signal: AbortSignal }): Promise<Connection> {
  options.signal.throwIfAborted();
  const socket = new WebSocket(`${origin.replace(/^http/, "ws")}/ws`, SUBPROTOCOL);
  socket.binaryType = "arraybuffer";
  try {
    await opened(socket, options.signal);
    return new WebSocketConnection(socket);
  } catch (thrown) {
    socket.close();
    throw thrown;
  }
}

function opened(socket: WebSocket, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  return new Promise<void>((resolve, reject) => {
    const late = new MimeiError("network.timeout", "The WebSocket did not open in time.", { retry: "later" });
    const timer = setTimeout(() => reject(late), OPEN_MS_MAX);
    done.signal.addEventListener("abort", () => clearTimeout(timer));
    signal.addEventListener("abort", () => reject(signal.reason), { signal: done.signal });
    socket.onerror = socket.onclose = () => reject(unreachable());
    socket.onopen = () => resolve();
  })
    .then(() => {
      if (socket.protocol !== SUBPROTOCOL) {
        throw new MimeiError("relay.incompatible", "The relay does not speak this version of MiMei.", { retry: "later" });
      }
    })
    .finally(() => {
      done.abort();
      socket.onopen = socket.onerror = socket.onclose = null;
    });
}

class WebSocketConnection extends PipeConnection {
  readonly way = "ws";
  readonly localFingerprint: Uint8Array = EMPTY;
  readonly remoteFingerprint: Uint8Array = EMPTY;
  readonly #socket: WebSocket;
  #poll: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocket) {
    super(socket);
    this.#socket = socket;
    socket.onmessage = (event) => this.deliver(event.data);
    socket.onclose = () => this.finish(lost());
  }

  protected awaitDrain(): void {
    this.#poll ??= setTimeout(() => {
      this.#poll = undefined;
      if (this.isClosed) return;
      if (this.queuedBytes <= QUEUE_LOW_BYTES) this.reportWritable();
      else this.awaitDrain();
    }, WEBSOCKET_QUEUE_POLL_MS);
  }

  protected end(): void {
    clearTimeout(this.#poll);
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
  }
}
