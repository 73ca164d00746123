// The person of this browser, for every page of the site.
import { MimeiError, open } from "mimei";
import type { Me } from "mimei";
import { chooseRelay, chosenCache, chosenRelay, chosenWay } from "./choice";

/** Opens it with what the page's URL chooses. */
export async function openHere(app: string): Promise<Me> {
  const me = await openChosen(app);
  // A tab that shows somebody who is no longer here begins again.
  me.status.subscribe(({ error }) => error?.code === "identity.changed" && location.reload());
  return me;
}

/** Leaves the relay of this page, and meets it again in a new session. */
export function meetAgain(me: Me): void {
  me.useRelays([]);
  me.useRelays([chosenRelay() ?? location.origin]);
}

async function openChosen(app: string): Promise<Me> {
  const relay = chosenRelay();
  const way = chosenWay();
  const cacheBytes = chosenCache();
  const options = { app, ...(way && { way }), ...(cacheBytes !== undefined && { cacheBytes }) };
  try {
    return await open({ ...options, ...(relay && { relays: [relay] }) });
  } catch (thrown) {
    if (!(thrown instanceof MimeiError && thrown.code === "address.invalid")) throw thrown;
    chooseRelay(undefined); // A mistyped link must not keep the page from opening.
    return await open(options);
  }
}
