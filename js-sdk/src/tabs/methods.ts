/**
 * What one tab may ask of another, and whether it can be asked twice.
 *
 * A method that is not in this table is never sent to another tab: it may hold
 * secrets of the identity. The tab that is asked for it leads first, and does it
 * itself.
 */
import { isObject } from "../schema.js";

const always = (): boolean => true;
const never = (): boolean => false;

/** Whether a second run, of which only the answer is heard, leaves the same behind as one. */
const REPEATABLE = new Map<string, (args: Record<string, unknown>) => boolean>([
  ["me", always],
  ["devices", always],
  ["known", always],
  ["view", always],
  ["list", always],
  ["read", always],
  ["resolve", always],
  ["listUpload", always],
  // What does not follow what is known is refused, and told from its beginning.
  ["tellUpload", always],
  ["endUpload", always],
  ["settle", always],
  ["ping", always],
  ["open", always],
  ["reach", always],
  ["relay", always],
  ["accounts", always],
  ["creditRecords", always],
  ["readInvite", always],
  // Who accepts twice gets the same line; a mandate takes the place of the one before.
  ["accept", always],
  ["sponsor", always],
  // A piece is named by its contents.
  ["piece", always],
  // What is saved again is the same version.
  ["save", always],
  // Both say what shall be, not what shall change.
  ["release", always],
  ["choose", always],
  // Without a name or what one is made from, each is another MiMei.
  ["create", (args) => typeof args["name"] === "string" || args["seed"] instanceof Uint8Array],
  // Each link has a key of its own.
  ["share", (args) => args["to"] === "everyone"],
  // The second finds nobody to shut out.
  ["unshare", never],
  // The second finds nothing to join.
  ["merge", never],
]);

/** Whether a tab may ask another one for it. */
export function goesToOthers(method: string): boolean {
  return REPEATABLE.has(method);
}

export function isRepeatable(method: string, args: unknown): boolean {
  return REPEATABLE.get(method)?.(isObject(args) ? args : {}) ?? false;
}
