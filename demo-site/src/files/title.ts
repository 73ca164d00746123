// What a MiMei is called on this page: the names of its files.
import type { Entry, Me } from "mimei";
import { shortName } from "../words";

export function titleFor([first, ...more]: readonly Entry[]): string {
  if (first === undefined) return "Empty folder";
  const name = shortName(first.name ?? "File");
  return more.length === 0 ? name : `${name} and ${more.length} more`;
}

/** From what is on this device; `undefined` when it does not tell. */
export async function titleOf(me: Me, id: string): Promise<string | undefined> {
  try {
    const item = await me.here(id);
    return titleFor(await item.list().finally(() => item.close()));
  } catch {
    return undefined;
  }
}
