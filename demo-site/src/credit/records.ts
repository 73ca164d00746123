// The signed records of an account as a file, for whoever wants to count again.
import type { Account, Me } from "mimei";

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Records as they were signed, and what was only counted: what devices were served, what readers read. */
export async function saveRecords(me: Me, account: Account): Promise<void> {
  const records = (await me.credit.records()).map(({ kind, bytes }) => ({ kind, cbor: hex(bytes) }));
  const served = account.lanes.map(({ device, served }) => ({ device, served }));
  const sponsored = account.sponsored.map(({ id, link, used }) => ({ id, link: link ?? null, used }));
  const text = JSON.stringify({ creditor: account.creditor, debtor: account.debtor, records, served, sponsored }, null, 2);
  const url = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `mimei-credit-${account.creditor.slice(-6)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // The download has begun long before.
}
