/** What the browser tells about network and visibility, as a reason to look at the connection again. */
export function onWakeup(check: () => void): () => void {
  const visible = (): void => {
    if (document.visibilityState === "visible") check();
  };
  window.addEventListener("online", check);
  window.addEventListener("offline", check);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", check);
    window.removeEventListener("offline", check);
    document.removeEventListener("visibilitychange", visible);
  };
}
