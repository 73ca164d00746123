/** What the browser tells before a page stops running, and when it runs again. */

export interface Sleeper {
  sleep(): void;
  wake(): void;
}

export function onSleep(sleeper: Sleeper): () => void {
  const hooks = new AbortController();
  const { signal } = hooks;
  const hidden = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) sleeper.sleep(); // Else it is gone, and its locks with it.
  };
  window.addEventListener("pagehide", hidden, { signal });
  window.addEventListener("pageshow", () => sleeper.wake(), { signal });
  document.addEventListener("freeze", () => sleeper.sleep(), { signal });
  document.addEventListener("resume", () => sleeper.wake(), { signal });
  return () => hooks.abort();
}
