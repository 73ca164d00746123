// The files of the version that is shown. The ones before stay to be seen until the next are there.
import type { Entry, Item } from "mimei";
import { problemOf } from "./problem";
import type { Problem } from "./problem";

export class Listing {
  /** Whose files `entries` are. */
  version = $state.raw<string>();
  entries = $state.raw<Entry[]>();
  problem = $state.raw<Problem>();
  readonly #item: Item;
  #wanted: string | undefined;

  constructor(item: Item) {
    this.#item = item;
  }

  /** Lists that version, unless it was the last one that was asked for. */
  load(version: string, again = false): void {
    if (version === this.#wanted && !again) return;
    this.#wanted = version;
    void this.#list(version);
  }

  async #list(version: string): Promise<void> {
    try {
      const entries = await this.#item.list(version);
      if (version !== this.#wanted) return;
      this.entries = entries;
      this.version = version;
      this.problem = undefined;
    } catch (thrown) {
      if (version === this.#wanted) this.problem = problemOf(thrown);
    }
  }
}
