import { readable } from "svelte/store";

/** The present, in ms since the Unix epoch, once a second while somebody looks. */
export const now = readable(Date.now(), (set) => {
  set(Date.now());
  const timer = setInterval(() => set(Date.now()), 1000);
  return () => clearInterval(timer);
});
