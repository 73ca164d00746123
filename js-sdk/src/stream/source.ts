/** What a stream reads from. */
export interface Source {
  /** In bytes. */
  readonly length: number;
  /**
   * One whole piece that begins at a multiple of `PIECE_BYTES`. It may wait until it is there, and rejects when it
   * never will be. Whoever gets it may give its buffer away.
   */
  piece(offset: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}
