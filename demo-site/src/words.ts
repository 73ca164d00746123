// What the states of the SDK are called on the page.
import type { Status, Trust, Way } from "mimei";

export const WAY_WORDS: Record<Way, string> = {
  rtc: "data channel, signalled over HTTP",
  "rtc-direct": "data channel, by address alone",
  ws: "WebSocket",
};

export const TRUST_WORDS: Record<Trust, string> = {
  expected: "proved to be the relay you asked for",
  pinned: "the same relay as last time",
  "first-use": "met for the first time, remembered from now on",
};

export const STATE_WORDS: Record<Status["state"], string> = {
  connecting: "Connecting",
  online: "Online",
  offline: "Offline",
  failed: "Not connected",
};

/** Which tab holds the connection. */
export function tabWords(isLeader: boolean): string {
  return isLeader ? "this tab, for all tabs of this site" : "another tab of this site";
}

/** Ids are long and begin alike; their end tells them apart. */
export function shortId(id: string): string {
  return id.length <= 20 ? id : `${id.slice(0, 6)}…${id.slice(-8)}`;
}

/** A length of time in at most two units: `8 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const units: [name: string, seconds: number][] = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const parts = units.slice(first, first + 2).map(([name, size], at) => {
    const above = at === 0 ? Number.POSITIVE_INFINITY : (units[first]?.[1] ?? 1);
    return [Math.floor((seconds % above) / size), name] as const;
  });
  return parts.filter(([count]) => count > 0).map((part) => part.join(" ")).join(" ");
}

/** How long something has lasted, in words. */
export function lasting(ms: number): string {
  return ms < 1000 ? "just now" : `for ${duration(ms)}`;
}

/** A file's name of which a long middle is left out: how it begins and ends tells most. */
export function shortName(name: string): string {
  const letters = [...name];
  return letters.length <= 60 ? name : `${letters.slice(0, 40).join("")}…${letters.slice(-16).join("")}`;
}

/** A size as people say it: `0 bytes`, `1 byte`, `1.5 kB`, `12 MB`. */
export function size(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = "";
  for (const next of units) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** `1 piece`, `2 pieces`. */
export function counted(count: number, one: string): string {
  return `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** The clock time of something today, else its day. */
export function moment(ms: number): string {
  const isToday = new Date(ms).toDateString() === new Date().toDateString();
  return (isToday ? CLOCK : DAY).format(ms);
}
