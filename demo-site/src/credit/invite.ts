// An invite stands in the page's URL, behind the #, until it was used.

/** The invite in the page's URL, if there is one. */
export function inviteHere(): string | undefined {
  return location.hash.startsWith("#mimei:invite?") ? location.hash.slice(1) : undefined;
}

/** It was used, or is not wanted: it need not be seen over anybody's shoulder any longer. */
export function forgetInvite(): void {
  if (inviteHere() === undefined) return; // It was pasted, and the URL shows something else.
  const url = new URL(location.href);
  url.hash = "";
  history.replaceState(null, "", url);
}
