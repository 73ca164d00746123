import { RETRY_MS_MAX, RETRY_MS_MIN } from "../limits.js";

/**
 * The pause after the nth try, in ms: it doubles up to a minute, and a half of
 * it is drawn, so that the tabs of a relay that restarts do not come at once.
 * `random` is in 0 to 1.
 */
export function retryPauseMs(attempt: number, random: number): number {
  const full = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.max(0, attempt - 1));
  return Math.round(full / 2 + (full / 2) * random);
}
