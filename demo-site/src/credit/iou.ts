// What this device signed for last, as it stands in the record itself.
import type { Account, CreditRecord } from "mimei";
import { decode } from "./cbor";
import type { Value } from "./cbor";

export interface Iou {
  /** Bytes of credit in all, from the first day on. */
  readonly total: number;
  /** The part of it for others. */
  readonly folded: number;
  /** Rises with each. */
  readonly serial: number;
  /** In hex. */
  readonly signature: string;
}

/** The newest one of this device for that account, if it signed any. */
export function newestIou(records: readonly CreditRecord[], { creditor, lanes }: Account): Iou | undefined {
  const device = lanes.find(({ isThis }) => isThis)?.device;
  for (const { kind, bytes } of records) {
    if (kind !== "iou") continue;
    const { sig, body } = map(decode(bytes));
    const { by, total, folded, serial, creditor: whose } = map(body);
    if (whose !== creditor || hex(map(by)["device"]) !== device) continue;
    return { total: Number(total), folded: Number(folded), serial: Number(serial), signature: hex(sig) };
  }
  return undefined;
}

function map(value: Value | undefined): { readonly [key: string]: Value } {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || Array.isArray(value)) throw new Error("This is no record.");
  return value;
}

function hex(bytes: Value | undefined): string {
  if (!(bytes instanceof Uint8Array)) return "";
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
