import { credit } from "./credit.js";
import type { Credit } from "./credit.js";
import type { Identity } from "./identity.js";
import type { Items, ItemsOfMe } from "./item/items.js";
import type { Live } from "./live.js";
import { recovery } from "./recovery.js";
import type { Recovery } from "./recovery.js";
import type { Status } from "./relay/status.js";
import { parseRelays } from "./relay/wish.js";
import type { Tab } from "./tabs/tab.js";

/** The person on this device, their MiMeis, and the connection to their relay. */
export interface Me extends Omit<Identity, "backedUp">, ItemsOfMe, Recovery, AsyncDisposable {
  /** How the connection to the relay stands, whichever tab holds it. */
  readonly status: Live<Status>;
  /** Whether this tab does the work for all tabs of the profile. It makes no difference to what can be done here. */
  readonly leader: Live<boolean>;
  /** What relays serve on trust, and what was signed for. */
  readonly credit: Credit;
  /** Leaves the present relay and uses these, the first that answers; other tabs keep theirs. Throws `address.invalid`. */
  useRelays(relays: readonly string[]): void;
  /** Tries to connect now instead of at `status.nextTryMs`. */
  retry(): void;
  /** Round trip to the relay through the session, in ms. */
  ping(): Promise<number>;
  /** Ends this tab's part; the last tab ends session and worker. What is stored stays. */
  close(): Promise<void>;
}

export function me(identity: Identity, tab: Tab, items: Items, release: () => void): Me {
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await items.close();
    await tab.close().finally(release);
  };
  return {
    ...identity,
    ...recovery(tab, identity.backedUp),
    status: tab.status,
    leader: tab.leader,
    credit: credit(tab),
    useRelays: (relays) => {
      parseRelays(relays);
      tab.use({ relays: [...relays] });
    },
    retry: () => tab.retry(),
    ping: () => tab.ping(),
    file: (name, options) => items.file(name, options),
    folder: (name, options) => items.folder(name, options),
    open: (address, options) => items.open(address, options),
    here: (id) => items.here(id),
    known: () => items.known(),
    settled: (options) => items.settled(options),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}
