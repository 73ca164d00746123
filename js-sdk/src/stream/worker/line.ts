/** The worker's side of one read: a question, an answer, and the next question. */
import { readToWorker } from "../messages.js";
import type { Asked, ToPage, ToWorker } from "../messages.js";

/** What is needed of the page that asks. */
export interface Page {
  postMessage(message: unknown, transfer: Transferable[]): void;
}

export class Line {
  readonly #port: MessagePort;
  #settle: ((said: ToWorker | undefined) => void) | undefined;
  #isOver = false;

  /** Asks the page for a stream. */
  constructor(page: Page, asked: Asked) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.addEventListener("message", ({ data }) => this.#hear(readToWorker(data)));
    port1.addEventListener("close", () => this.#hear(undefined)); // The page is gone.
    port1.start();
    page.postMessage(asked, [port2]);
  }

  say(message: ToPage): void {
    this.#port.postMessage(message);
  }

  /** What the page says next; nothing when it says nothing more, or not within that time. */
  async heard(msMax?: number): Promise<ToWorker | undefined> {
    if (this.#isOver) return undefined;
    const comes = new Promise<ToWorker | undefined>((resolve) => (this.#settle = resolve));
    const timer = msMax === undefined ? undefined : setTimeout(() => this.#hear(undefined), msMax);
    try {
      return await comes;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nothing more is wanted. */
  end(): void {
    if (this.#isOver) return;
    this.say({ type: "end" });
    this.#hear(undefined);
  }

  #hear(said: ToWorker | undefined): void {
    // What comes unasked is that the page reads no more.
    if (said === undefined || this.#settle === undefined) {
      this.#isOver = true;
      this.#port.close();
    }
    this.#settle?.(said);
    this.#settle = undefined;
  }
}
