/** A large file on its way in: relays are told of its pieces, so that others read what is there already. */
import { MimeiError } from "../errors.js";
import { TOLD_AFTER_PIECES, TOLD_EVERY_PART, TOLD_EVERY_PIECES } from "../limits.js";
import type { Desk } from "../tabs/desk.js";
import { piecesOf } from "./pieces.js";

/** What is told of an upload from its beginning. */
export interface Telling {
  /** The next piece is kept. */
  add(piece: string): void;
  /** All pieces are; resolves when they are told. */
  whole(): Promise<void>;
  /** It is saved, or was given up. Rejects with nothing. */
  end(isSaved: boolean): Promise<void>;
}

interface Told {
  /** The MiMei. */
  readonly id: string;
  readonly name: string | undefined;
  readonly type: string;
  /** In bytes. */
  readonly total: number;
}

/** Small files are there at once, and nothing is told of them. */
export function telling(desk: Desk, told: Told): Telling | undefined {
  return piecesOf(told.total) < TOLD_AFTER_PIECES ? undefined : new Teller(desk, told);
}

class Teller implements Telling {
  readonly #desk: Desk;
  readonly #args: object;
  readonly #pieces: string[] = [];
  #told = 0;
  #running: Promise<void> | undefined;

  constructor(desk: Desk, { name, ...told }: Told) {
    this.#desk = desk;
    this.#args = { ...told, ...(name !== undefined && { name }), upload: freshId() };
  }

  add(piece: string): void {
    this.#pieces.push(piece);
    if (this.#pieces.length >= dueAfter(this.#told)) void this.#tell();
  }

  async whole(): Promise<void> {
    await this.#tell();
    if (this.#told < this.#pieces.length) await this.#tell();
  }

  async end(isSaved: boolean): Promise<void> {
    await this.#running;
    await this.#desk.call("endUpload", { ...this.#args, saved: isSaved }).catch(() => {}); // What is told runs out by itself.
  }

  /** One at a time; those that come meanwhile go with the next. */
  #tell(): Promise<void> {
    return (this.#running ??= this.#tellOnce().finally(() => (this.#running = undefined)));
  }

  async #tellOnce(): Promise<void> {
    const { length } = this.#pieces;
    try {
      await this.#send(this.#told, length);
      this.#told = length;
    } catch (thrown) {
      // Another tab does the work now, and knows nothing of it yet. What else goes wrong, saving says.
      if (thrown instanceof MimeiError && thrown.code === "upload.gap" && this.#told > 0) {
        this.#told = 0;
        await this.#tellOnce();
      }
    }
  }

  async #send(at: number, end: number): Promise<void> {
    if (at < end) await this.#desk.call("tellUpload", { ...this.#args, at, pieces: this.#pieces.slice(at, end) });
  }
}

/** With how many pieces it is told again. */
function dueAfter(told: number): number {
  return told === 0 ? TOLD_AFTER_PIECES : told + Math.max(TOLD_EVERY_PIECES, Math.floor(told / TOLD_EVERY_PART));
}

/** 16 random bytes. */
function freshId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
