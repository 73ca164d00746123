// Files on their way into the album.
import type { Entry, FolderItem } from "mimei";
import { problemOf } from "../files/problem";
import type { Problem } from "../files/problem";

/** A larger file makes a version of its own, so that the others need not wait for it. */
const ALONE_BYTES_MIN = 8 * 1024 * 1024;
/** So many small ones make one version. */
const TOGETHER_MAX = 20;
/** Of one choice; more are refused rather than kept waiting for hours. */
const FILES_MAX = 1_000;

export class Adding {
  /** Bytes that are sealed, of those that were chosen. */
  progress = $state.raw<{ done: number; total: number }>();
  problem = $state.raw<Problem>();
  readonly #item: FolderItem;
  #last: Promise<void> = Promise.resolve();
  /** Names that are taken by what is on its way. */
  readonly #names = new Set<string>();
  #waiting = $state(0);

  constructor(item: FolderItem) {
    this.#item = item;
  }

  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  /** Adds them after what is being added already. Resolves when they are saved here, or could not be. */
  add(files: readonly File[], there: readonly Entry[]): Promise<void> {
    if (files.length > FILES_MAX) {
      const hint = `Choose at most ${FILES_MAX} at once.`;
      this.problem = { code: "files.many", message: "These are very many files.", hint, canPass: false };
      return Promise.resolve();
    }
    const taken = new Set([...there.map(({ name }) => name ?? ""), ...this.#names]);
    const named = files.map((file) => [freeName(file.name, taken), file] as const);
    for (const [name] of named) this.#names.add(name);
    return this.#next(async () => {
      await this.#save(named).finally(() => named.forEach(([name]) => this.#names.delete(name)));
    });
  }

  remove(name: string): Promise<void> {
    return this.#next(async () => void (await this.#item.remove(name)));
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.problem = undefined;
    this.#waiting += 1;
    this.#last = this.#last.then(work).catch((thrown: unknown) => void (this.problem = problemOf(thrown)));
    return this.#last.finally(() => (this.#waiting -= 1));
  }

  async #save(named: readonly (readonly [string, File])[]): Promise<void> {
    const total = named.reduce((sum, [, { size }]) => sum + size, 0);
    let before = 0;
    try {
      for (const together of versionsOf(named)) {
        const onProgress = (done: number): void => void (this.progress = { done: before + done, total });
        onProgress(0);
        await this.#item.putAll(together, { onProgress });
        before += together.reduce((sum, [, { size }]) => sum + size, 0);
      }
    } finally {
      this.progress = undefined;
    }
  }
}

/** What is saved in one version each: the small ones first. */
function versionsOf(named: readonly (readonly [string, File])[]): (readonly (readonly [string, File])[])[] {
  const small = named.filter(([, { size }]) => size < ALONE_BYTES_MIN);
  const large = named.filter(([, { size }]) => size >= ALONE_BYTES_MIN);
  const groups = Array.from({ length: Math.ceil(small.length / TOGETHER_MAX) }, (_, at) => small.slice(at * TOGETHER_MAX, (at + 1) * TOGETHER_MAX));
  return [...groups, ...large.map((one) => [one])];
}

/** Two cameras give two pictures the same name; `taken` gets the one that is free. */
function freeName(wanted: string, taken: Set<string>): string {
  const [, stem = wanted, ext = ""] = /^(.+?)(\.[^.]*)?$/s.exec(wanted) ?? [];
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${stem} (${count})${ext}`;
  taken.add(name);
  return name;
}
