// Signed records of one kind in one MiMei, each naming those that it follows.
import { encode } from "../dag-cbor.js";
import { cidOf, hexOf } from "./address.js";

export class Graph {
  #records = new Map();
  #follows;

  /** `follows` gives the ids that a record's body names. */
  constructor(follows) {
    this.#follows = follows;
  }

  add(signed) {
    const id = cidOf(encode(signed));
    this.#records.set(hexOf(id), { id, signed, body: signed.get("body") });
  }

  has(id) {
    return this.#records.has(hexOf(id));
  }

  body(id) {
    return this.#records.get(hexOf(id)).body;
  }

  /** In the order in which they came: each behind those it follows. */
  get all() {
    return [...this.#records.values()];
  }

  /** Those that no other follows. */
  get newest() {
    const followed = new Set(this.all.flatMap(({ body }) => this.#follows(body).map(hexOf)));
    return this.all.filter(({ id }) => !followed.has(hexOf(id)));
  }

  /** The records of these ids and all that they follow, as a set of hex. Unknown ids mean nothing. */
  under(ids) {
    const found = new Set();
    const open = ids.filter((id) => this.has(id));
    while (open.length > 0) {
      const id = open.pop();
      if (found.has(hexOf(id))) continue;
      found.add(hexOf(id));
      open.push(...this.#follows(this.body(id)));
    }
    return found;
  }
}
