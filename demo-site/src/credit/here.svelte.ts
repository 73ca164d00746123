// The account with the relay that this page uses.
import type { Account, Me } from "mimei";

export function accountAt(accounts: readonly Account[], relay: string | undefined): Account | undefined {
  return accounts.find((account) => account.owes && account.creditor === relay && account.line !== undefined);
}

/** Why nothing goes on at this relay, in a sentence; none if it does. */
export function stopAt(me: Me): { readonly value: string | undefined } {
  let stop = $state<string>();
  $effect(() => {
    let accounts: readonly Account[] = [];
    let relay: string | undefined;
    const look = (): void => void (stop = accountAt(accounts, relay)?.stop);
    const ends = [
      me.credit.accounts.subscribe((now) => ((accounts = now), look())),
      me.status.subscribe((now) => ((relay = now.relay), look())),
    ];
    return () => ends.forEach((end) => end());
  });
  return {
    get value() {
      return stop;
    },
  };
}
