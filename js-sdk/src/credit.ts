/** The accounts with relays: what they serve on trust, what was signed for, and who is served at one's expense. */
import { readAccount, readAccounts, readRecords } from "./credit/account.js";
import type { Account, CreditRecord } from "./credit/account.js";
import { MimeiError } from "./errors.js";
import { unlessAborted } from "./item/pieces.js";
import { fields, text } from "./item/view.js";
import { LINK_CHARS_MAX, REACH_MS_MAX } from "./limits.js";
import { LiveSource, whenever } from "./live.js";
import type { Live } from "./live.js";
import type { Status } from "./relay/status.js";

/** Whose invite it is. */
export interface Invite {
  /** The relay's address, as it can be pasted. */
  readonly relay: string;
  /** The relay's user id. */
  readonly user: string;
}

/** Who is served at one's expense. */
export interface Sponsorship {
  /** The id of the MiMei. */
  readonly item: string;
  /** `Shared.id` of the link by which they come. Default: whoever may read because everyone may. */
  readonly link?: string | undefined;
  /** The relay's user id. Default: the relay of this tab. */
  readonly relay?: string | undefined;
}

/** How far one pays for others, in bytes. */
export interface Caps {
  /** At most so much a day, by the relay's clock. */
  readonly day: number;
  /** At most so much in all. What was served until now counts. */
  readonly total: number;
  /** When it ends; a time that has passed ends it now. Default: it does not end by itself. */
  readonly until?: Date | undefined;
}

export interface Credit {
  /** The accounts that are known here, followed as they change. Empty until the core has told. */
  readonly accounts: Live<readonly Account[]>;
  /** Whose invite that is, without using it. Rejects with `invite.invalid`. */
  readInvite(invite: string): Promise<Invite>;
  /**
   * Uses an invite, or a page's URL that holds one, and resolves with the account that it led to. The tab connects to
   * the invite's relay and stays with it; if the invite is refused, it goes back to its relays. Doing it again leads
   * to the same line. Rejects with `invite.invalid`, `invite.used`, `invite.unknown`, or with why the relay cannot be reached.
   */
  accept(invite: string, options?: { signal?: AbortSignal }): Promise<Account>;
  /** Pays for what others are served, in place of what was promised for the same before. It goes on while one is away. */
  sponsor(what: Sponsorship, caps: Caps): Promise<void>;
  /** All signed records of the accounts: what proves each number. */
  records(): Promise<readonly CreditRecord[]>;
}

/** What it needs of a tab. */
interface Desk {
  readonly status: Live<Status>;
  readonly relays: readonly string[];
  call(method: string, args?: unknown): Promise<unknown>;
  on(name: string, listener: () => void): () => void;
  use(wish: { relays: readonly string[] }): void;
  retry(): void;
}

export function credit(desk: Desk): Credit {
  const accounts = new LiveSource<readonly Account[]>([]);
  const look = lookAgain(async () => accounts.set(readAccounts(await desk.call("accounts", {}))));
  // What cannot be looked at now is looked at with the next change.
  const soon = (): void => void look().catch(() => {});
  for (const event of ["credit", "online", "resumed"]) desk.on(event, soon);
  desk.on("ended", () => accounts.end());
  soon();
  const readInvite = async (invite: string): Promise<Invite> => {
    const said = fields(await desk.call("readInvite", { invite: findInvite(invite) }));
    return { relay: text(said["relay"]), user: text(said["user"]) };
  };
  return {
    accounts,
    readInvite,
    accept: async (pasted, { signal } = {}) => {
      const invite = findInvite(pasted);
      const { relay, user } = await readInvite(invite);
      const account = await atRelay(desk, relay, user, signal, async () => readAccount(await desk.call("accept", { invite, user })));
      await look().catch(() => {}); // It is done even if it cannot be looked at.
      return account;
    },
    sponsor: async ({ item, link, relay }, { day, total, until }) => {
      const creditor = relay ?? desk.status.value.relay;
      if (creditor === undefined) throw new MimeiError("relay.none", "No relay is known that could serve others.", { retry: "later" });
      const end = until === undefined ? {} : { untilMs: Math.max(0, until.getTime()) };
      await desk.call("sponsor", { creditor, id: item, ...(link !== undefined && { link }), day, total, ...end });
      await look().catch(() => {});
    },
    records: async () => readRecords(await desk.call("creditRecords", {})),
  };
}

/** The invite in what somebody pasted. Some programs escape the second `#` of a URL. */
function findInvite(pasted: string): string {
  if (pasted.length > LINK_CHARS_MAX) throw new MimeiError("invite.invalid", "This is too long to be an invite.");
  const [, before = "", invite = pasted] = /^(.*#)?(mimei:invite\?.*)$/s.exec(pasted.trim()) ?? [];
  return before + (invite.includes("#") ? invite : invite.replace("%23", "#"));
}

/** Does it in a session with that relay. If it fails, the tab goes back to the relays that it had. */
async function atRelay<T>(desk: Desk, relay: string, user: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const before = desk.relays;
  const isOther = desk.status.value.relay !== user;
  if (isOther) desk.use({ relays: [relay] });
  else desk.retry();
  try {
    const isSettled = (now: Status): boolean => now.relay === user && (now.state === "online" || now.state === "failed");
    await whenever(desk.status, isSettled, REACH_MS_MAX, signal);
    const { state, error, relay: reached } = desk.status.value;
    if (state !== "online" || reached !== user) throw error ?? unreached();
    return await unlessAborted(work(), signal);
  } catch (thrown) {
    if (isOther) desk.use({ relays: before });
    throw thrown;
  }
}

function unreached(): MimeiError {
  const hint = "Ask whoever gave you the invite whether the relay is on, and try again.";
  return new MimeiError("network.unreachable", "The relay of this invite did not answer.", { hint, retry: "later" });
}

/** One look at a time; what changes during one is seen by the next. */
function lookAgain(look: () => Promise<void>): () => Promise<void> {
  let looking: Promise<void> | undefined;
  let isStale = false;
  const whileStale = async (): Promise<void> => {
    while (isStale) {
      isStale = false;
      await look();
    }
  };
  return () => {
    isStale = true;
    return (looking ??= whileStale().finally(() => (looking = undefined)));
  };
}
