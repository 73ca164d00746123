// What the numbers of an account are called on the page, and why they are what they are.
import type { Account, Lane, Receipt } from "mimei";
import { size } from "../words";

const PERIODS = new Map([[1, "a day"], [7, "a week"], [30, "a month"], [365, "a year"]]);

/** Every so many days, as people say it. */
export function period(days: number): string {
  return PERIODS.get(days) ?? `every ${days} days`;
}

/** What a line gives: `50 GB of traffic a month and 5 GB of space`. */
export function termsOf({ line }: Account): string {
  if (line === undefined) return "nothing";
  const often = line.renews === undefined ? "" : ` ${period(line.renews.days)}`;
  return `${size(line.limit)} of traffic${often} and ${size(line.space)} of space`;
}

/** A number of an account, and what it follows from. */
export interface Reason {
  readonly name: string;
  readonly key: "signed" | "unsigned" | "owed" | "reserved" | "settled" | "exposure" | "limit";
  readonly why: string;
}

export const REASONS: readonly Reason[] = [
  { key: "signed", name: "Signed", why: "what your devices signed for, as they were served; a little ahead of it" },
  { key: "unsigned", name: "Not signed yet", why: "what you were served since the last signature" },
  { key: "owed", name: "For your readers", why: "what they were served while none of your devices was here to sign" },
  { key: "reserved", name: "Reserved", why: "what your readers may still be served at your expense" },
  { key: "settled", name: "Settled", why: "what the relay signed as settled; it counts against the rest" },
  { key: "exposure", name: "Used", why: "signed, not signed yet, for your readers and reserved, less what is settled" },
  { key: "limit", name: "Limit", why: "what the relay's owner signed for you" },
];

const RECEIPT_WORDS: Record<Receipt["reason"], string> = {
  allowance: "your allowance",
  service: "something you did for the relay",
  voucher: "a voucher",
  exchange: "an exchange of debts",
  refund: "a refund",
  gift: "a gift of the relay's owner",
};

export function receiptWords({ reason, amount }: Receipt): string {
  return `${size(amount)} by ${RECEIPT_WORDS[reason]}`;
}

/** Who paid for what was moved, in one sentence. */
export function paidWords(account: Account, own: Lane | undefined, guests: number): string {
  const mine = `${size(own?.served ?? 0)} that this browser sent and received`;
  const theirs = guests === 0 ? "" : ` and ${size(guests)} that your guests did`;
  return `You did: ${mine}${theirs}. It is signed for, and the relay serves you on trust, with ${size(account.available)} left of ${termsOf(account)}.`;
}
