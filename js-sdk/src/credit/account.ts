/** What the core says of an account, checked and in this package's words. Amounts are bytes of credit. */
import { count, fields, list, maybe, text, unknown } from "../item/view.js";

/** A relay's signed promise: it serves this user on trust, and keeps what they share. */
export interface CreditLine {
  /** The largest exposure. */
  readonly limit: number;
  /** Bytes of pieces that are kept. */
  readonly space: number;
  /** When it ends for new work, by the relay's clock, in ms since the Unix epoch. */
  readonly untilMs: number | undefined;
  /** Every so many days the relay settles up to `amount` of the debt by itself. */
  readonly renews: { readonly days: number; readonly amount: number } | undefined;
  readonly serial: number;
}

const REASONS = ["allowance", "service", "voucher", "exchange", "refund", "gift"] as const;

/** The relay's signature for what is settled. */
export interface Receipt {
  /** In all, until now. */
  readonly total: number;
  /** What the newest receipt added. */
  readonly amount: number;
  readonly reason: (typeof REASONS)[number];
  /** By the relay's clock, in ms since the Unix epoch. */
  readonly timeMs: number;
}

/** What one device of the user signed and was served. */
export interface Lane {
  readonly device: string;
  /** What it signed for in all. */
  readonly total: number;
  /** The part of that which others were served at the user's expense. */
  readonly folded: number;
  /** What it was served itself. */
  readonly served: number;
  readonly isThis: boolean;
}

/** A promise to pay for what others read, and what they read until now. */
export interface Sponsored {
  /** Of which MiMei. */
  readonly id: string;
  /** Whoever came by this link; none: whoever may read because everyone may. */
  readonly link: string | undefined;
  /** At most so much a day. */
  readonly day: number;
  /** At most so much in all, with what was used before it was changed. */
  readonly total: number;
  /** In all. */
  readonly used: number;
  /** The part of it on the relay's present day. */
  readonly today: number;
  /** When it ends or ended, by the relay's clock, in ms since the Unix epoch. */
  readonly untilMs: number | undefined;
}

/**
 * Who owes whom, and how much. `exposure` is `signed + unsigned + owed + reserved - settled`; each of these follows
 * from signed records as docs/credit.md says.
 */
export interface Account {
  /** Who serves: a user id, in practice a relay's. */
  readonly creditor: string;
  /** Who is served. */
  readonly debtor: string;
  /** Whether this user is the one who is served. */
  readonly owes: boolean;
  /** None: the creditor serves this user nothing on trust, and keeps nothing for them. */
  readonly line: CreditLine | undefined;
  /** The newest one. */
  readonly receipt: Receipt | undefined;
  /** The largest exposure; 0 without a line. */
  readonly limit: number;
  /** What the user's devices signed for. */
  readonly signed: number;
  /** What the creditor signed as settled. */
  readonly settled: number;
  /** What was served and not signed for yet. */
  readonly unsigned: number;
  /** What others were served at this user's expense and no device signed for yet. */
  readonly owed: number;
  /** What they may still be served. */
  readonly reserved: number;
  readonly exposure: number;
  /** What the limit leaves. */
  readonly available: number;
  /** Whether it is time to say that the limit is near. */
  readonly near: boolean;
  /** Bytes of pieces that are kept for the debtor, as the creditor last said. */
  readonly stored: number;
  /** Why nothing goes on, in a sentence for a person; none if it does. */
  readonly stop: string | undefined;
  /** By device. */
  readonly lanes: readonly Lane[];
  readonly sponsored: readonly Sponsored[];
}

/** A record of an account as it was signed. */
export interface CreditRecord {
  /** Such as `line`, `iou`, `receipt`, `mandate`. */
  readonly kind: string;
  /** DAG-CBOR of `{sig, body}`, as docs/credit.md says. */
  readonly bytes: Uint8Array;
}

export function readAccounts(value: unknown): Account[] {
  return list(value).map(readAccount);
}

export function readAccount(value: unknown): Account {
  const said = fields(value);
  const amount = (name: string): number => count(said[name]);
  return {
    creditor: text(said["creditor"]),
    debtor: text(said["debtor"]),
    owes: said["owes"] === true,
    line: maybe(said["line"], readLine),
    receipt: maybe(said["receipt"], readReceipt),
    limit: amount("limit"),
    signed: amount("signed"),
    settled: amount("settled"),
    unsigned: amount("unsigned"),
    owed: amount("owed"),
    reserved: amount("reserved"),
    exposure: amount("exposure"),
    available: amount("available"),
    near: said["near"] === true,
    stored: amount("stored"),
    stop: maybe(said["stop"], text),
    lanes: list(said["lanes"]).map(readLane),
    sponsored: list(said["sponsored"]).map(readSponsored),
  };
}

export function readRecords(value: unknown): CreditRecord[] {
  return list(value).map((each) => {
    const { kind, bytes } = fields(each);
    return { kind: text(kind), bytes: bytes instanceof Uint8Array ? bytes : unknown() };
  });
}

function readLine(value: unknown): CreditLine {
  const said = fields(value);
  const days = maybe(said["renewsDays"], count);
  return {
    limit: count(said["limit"]),
    space: count(said["space"]),
    untilMs: maybe(said["untilMs"], count),
    renews: days === undefined ? undefined : { days, amount: count(said["renewsAmount"]) },
    serial: count(said["serial"]),
  };
}

function readReceipt(value: unknown): Receipt {
  const said = fields(value);
  const reason = REASONS.find((known) => known === said["reason"]) ?? unknown();
  return { total: count(said["total"]), amount: count(said["amount"]), reason, timeMs: count(said["timeMs"]) };
}

function readLane(value: unknown): Lane {
  const said = fields(value);
  return {
    device: text(said["device"]),
    total: count(said["total"]),
    folded: count(said["folded"]),
    served: count(said["served"]),
    isThis: said["isThis"] === true,
  };
}

function readSponsored(value: unknown): Sponsored {
  const said = fields(value);
  return {
    id: text(said["id"]),
    link: maybe(said["link"], text),
    day: count(said["day"]),
    total: count(said["total"]),
    used: count(said["used"]),
    today: count(said["today"]),
    untilMs: maybe(said["untilMs"], count),
  };
}
