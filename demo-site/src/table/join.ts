// What was added in two places at once is brought together without a question.
import type { Item } from "mimei";

/** The author does it at once; the others only if nobody did, and not all in the same moment. */
const OTHERS_MS_MIN = 3_000;
const OTHERS_MS_MAX = 8_000;

/** Joins all tips soon; what it returns calls that off. */
export function joinTips(item: Item, isAuthor: boolean): () => void {
  const laterMs = OTHERS_MS_MIN + Math.random() * (OTHERS_MS_MAX - OTHERS_MS_MIN);
  // What cannot be joined now, for want of a piece, is tried again with the next change.
  const timer = setTimeout(() => void item.merge().catch(() => {}), isAuthor ? 0 : laterMs);
  return () => clearTimeout(timer);
}
