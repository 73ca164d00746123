// The account with the relay that this page uses.
import type { Account, Status } from "mimei";

/** A relay tells of an account right after its session opened; when it has not within this time, in ms, there is none. */
const TELL_MS_MAX = 2_000;

export function accountAt(accounts: readonly Account[], relay: string | undefined): Account | undefined {
  return accounts.find((account) => account.owes && account.creditor === relay && account.line !== undefined);
}

/** Whether the relay has had the time to tell of an account, and has not. */
export function keepsNothing(accounts: readonly Account[], { state, relay, sinceMs }: Status, nowMs: number): boolean {
  return state === "online" && accountAt(accounts, relay) === undefined && nowMs - sinceMs > TELL_MS_MAX;
}

/** What keeps one's own from being sent where no account is. */
export const KEEPS_NOTHING = "this relay keeps nothing for you; ask its owner for an invite. It goes on by itself then";
