// The album as it was. What was shown stays until the version that was chosen is there.
import type { Entry, Item, Snapshot, Version } from "mimei";
import { problemOf } from "../files/problem";
import type { Problem } from "../files/problem";

export class Past {
  /** The version that is looked at; none is now. */
  version = $state.raw<Version>();
  /** What reads `entries`. */
  reader = $state.raw<Snapshot>();
  entries = $state.raw<Entry[]>();
  problem = $state.raw<Problem>();
  readonly #item: Item;

  constructor(item: Item) {
    this.#item = item;
  }

  async look(version: Version): Promise<void> {
    this.version = version;
    this.problem = undefined;
    try {
      const reader = await this.#item.at(version.version);
      const entries = await reader.list();
      if (this.version !== version) return;
      this.reader = reader;
      this.entries = entries;
    } catch (thrown) {
      if (this.version === version) this.problem = problemOf(thrown);
    }
  }

  now(): void {
    this.version = undefined;
    this.reader = undefined;
    this.entries = undefined;
    this.problem = undefined;
  }
}
