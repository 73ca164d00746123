// The relay and the way that this page was told to use stand in its URL, so that they survive a reload and can be seen.
import type { Way } from "mimei";
import { writable } from "svelte/store";

/** The relay pasted by the person, if any. */
export function chosenRelay(): string | undefined {
  return new URLSearchParams(location.search).get("relay") ?? undefined;
}

/** Whether the page was told to use another relay than that of its site. */
export const isOtherRelay = writable(chosenRelay() !== undefined);

/** `undefined`: the relay of this site. */
export function chooseRelay(address: string | undefined): void {
  const url = new URL(location.href);
  if (address === undefined) url.searchParams.delete("relay");
  else url.searchParams.set("relay", address);
  history.replaceState(null, "", url);
  isOtherRelay.set(address !== undefined);
}

/** `?way=` keeps to one way, to try it out. */
export function chosenWay(): Way | undefined {
  const way = new URLSearchParams(location.search).get("way");
  return way === "rtc" || way === "rtc-direct" || way === "ws" ? way : undefined;
}

/** `?cache=` is how many bytes of files are kept here, to try it out. */
export function chosenCache(): number | undefined {
  const bytes = new URLSearchParams(location.search).get("cache");
  return bytes !== null && /^\d{1,15}$/.test(bytes) ? Number(bytes) : undefined;
}
