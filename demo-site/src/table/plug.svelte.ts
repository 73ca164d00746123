// The plug of a demo's relay: `cargo xtask demo` says in the page's URL where it is, and this tab alone keeps that.
import { problemOf } from "../files/problem";
import type { Problem } from "../files/problem";

/** `#plug=<port>-<token>`, before whatever else stands behind the #. */
const FRAGMENT = /^#plug=([1-9]\d{0,4})-([0-9a-f]{32})(?:&(.*))?$/s;
const KEPT = "mimei.table.plug";
/** Plugging in waits until the relay is there again. */
const ANSWER_MS_MAX = 20_000;

/** The plug in the page's URL, which is then taken out of it, or the one that was there before a reload. */
export function plugHere(): Plug | undefined {
  const [, port, token, rest = ""] = FRAGMENT.exec(location.hash) ?? [];
  if (port !== undefined && token !== undefined) {
    sessionStorage.setItem(KEPT, `${port}-${token}`);
    const url = new URL(location.href);
    url.hash = rest;
    history.replaceState(null, "", url);
  }
  const kept = /^(\d{1,5})-([0-9a-f]{32})$/.exec(sessionStorage.getItem(KEPT) ?? "");
  return kept === null ? undefined : new Plug(`http://${location.hostname}:${kept[1]}/plug/${kept[2]}`);
}

export class Plug {
  /** Whether the relay runs; unknown until the plug has answered. */
  isIn = $state<boolean>();
  isBusy = $state(false);
  problem = $state.raw<Problem>();
  readonly #address: string;

  constructor(address: string) {
    this.#address = address;
    void this.#ask("", "GET");
  }

  pull(): Promise<void> {
    return this.#ask("/pull", "POST");
  }

  putIn(): Promise<void> {
    return this.#ask("/in", "POST");
  }

  async #ask(path: string, method: "GET" | "POST"): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    this.problem = undefined;
    try {
      const answer = await fetch(this.#address + path, { method, signal: AbortSignal.timeout(ANSWER_MS_MAX) });
      if (!answer.ok) throw new Error(await answer.text());
      this.isIn = (await answer.json()).in === true;
    } catch (thrown) {
      this.problem = notAnswered(thrown);
    }
    this.isBusy = false;
  }
}

function notAnswered(thrown: unknown): Problem {
  if (!(thrown instanceof TypeError || thrown instanceof DOMException)) return problemOf(thrown);
  const hint = "Is `cargo xtask demo` still running? It prints a new link each time.";
  return { code: "plug.unreachable", message: "The plug does not answer.", hint, canPass: true };
}
