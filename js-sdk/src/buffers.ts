/**
 * Buffers that are used again. A collector sees little of what buffers hold: in a large transfer each of page and
 * worker would let 64 MiB gather before it looks.
 */
export class Buffers {
  readonly #bytes: number;
  readonly #max: number;
  readonly #free: ArrayBuffer[] = [];

  /** Of so many bytes each; at most `max` wait to be used again. */
  constructor(bytes: number, max: number) {
    this.#bytes = bytes;
    this.#max = max;
  }

  /** With whatever was in it. */
  take(): ArrayBuffer {
    return this.#free.pop() ?? new ArrayBuffer(this.#bytes);
  }

  /** It is done with. One of another size, or that was given away, is not taken. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#bytes && this.#free.length < this.#max) this.#free.push(buffer);
  }
}
