/** A file that somebody else is uploading: read as far as it is there, and waited for where it is not. */
import { MimeiError } from "../errors.js";
import { PIECE_BYTES } from "../limits.js";
import { isObject } from "../protocol.js";
import type { Source } from "../stream/source.js";
import type { Desk } from "../tabs/desk.js";
import type { Entry } from "./entry.js";
import { unlessAborted } from "./pieces.js";
import { readOpened } from "./view.js";

/** How an upload is looked at; the functions of `entry`. */
export interface Looks {
  /** What is there: `length` says how much. Rejects with `upload.over` when it is under way no more. */
  soFar(): Promise<Entry>;
  /** The files of a version. */
  list(version: string): Promise<Entry[]>;
  /** A file's bytes, as far as it is there. */
  source(entry: Entry): Source;
}

/** What can change how far it is. */
const EVENTS = ["item", "online", "resumed", "ended"];

export class Incoming implements Source {
  readonly length: number;
  readonly #desk: Desk;
  readonly #id: string;
  readonly #entry: Entry;
  readonly #looks: Looks;
  #there: { readonly bytes: number; readonly source: Source | undefined } = { bytes: 0, source: undefined };
  #looking: Promise<void> | undefined;

  /** `entry` is the file as it will be. */
  constructor(desk: Desk, id: string, entry: Entry, looks: Looks) {
    this.length = entry.length;
    this.#desk = desk;
    this.#id = id;
    this.#entry = entry;
    this.#looks = looks;
  }

  async piece(offset: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const end = Math.min(offset + PIECE_BYTES, this.length);
    for (;;) {
      const { bytes, source } = this.#there;
      if (source !== undefined && bytes >= end) return await source.piece(offset, signal);
      const change = nextChange(this.#desk, this.#id);
      try {
        await unlessAborted(this.#look(), signal);
        if (this.#there.bytes < end) await unlessAborted(change.comes, signal);
      } finally {
        change.forget();
      }
    }
  }

  #look(): Promise<void> {
    return (this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined)));
  }

  async #lookOnce(): Promise<void> {
    const now = await this.#now();
    if (now.length > this.#there.bytes) this.#there = { bytes: now.length, source: this.#looks.source(now) };
  }

  async #now(): Promise<Entry> {
    try {
      return await this.#looks.soFar();
    } catch (thrown) {
      if (!(thrown instanceof MimeiError) || thrown.code !== "upload.over") throw thrown;
      return (await this.#saved()) ?? fail(thrown);
    }
  }

  /** It may be over because it is saved. */
  async #saved(): Promise<Entry | undefined> {
    const { current } = readOpened(await this.#desk.call("view", { id: this.#id })).view;
    if (current === undefined) return undefined;
    const { name, length } = this.#entry;
    return (await this.#looks.list(current.version)).find((entry) => entry.name === name && entry.length === length);
  }
}

function fail(thrown: MimeiError): never {
  throw thrown;
}

/** Listens from now on. */
function nextChange(desk: Desk, id: string): { readonly comes: Promise<void>; forget(): void } {
  let unhook: (() => void)[] = [];
  const comes = new Promise<void>((resolve) => {
    const heard = (name: string) => (data: unknown) => (name !== "item" || (isObject(data) && data["id"] === id) ? resolve() : undefined);
    unhook = EVENTS.map((name) => desk.on(name, heard(name)));
  });
  return { comes, forget: () => unhook.forEach((each) => each()) };
}
