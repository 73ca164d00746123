// This browser's own albums: which was the last, and the link by which others join it.
import { MimeiError } from "mimei";
import type { FolderItem, Me } from "mimei";

/** A part of every album's id, so it never changes. */
export const APP = "net.mimei.table";
const LAST = "mimei.table.last";
const LINK = "mimei.table.link";

/** The link is shown to whoever looks at the table, so it needs no better place than the page's own storage. */
interface Invitation {
  readonly link: string;
  /** Which of `view.shares` it is. */
  readonly share: string;
}

/** The album that was made here last; none if another person was here then. */
export async function lastAlbum(me: Me): Promise<FolderItem | undefined> {
  const id = localStorage.getItem(LAST);
  if (id === null) return undefined;
  try {
    const item = await me.here(id);
    if (item.kind === "folder" && item.view.value.author === me.id) return item;
    await item.close();
  } catch {
    // It is not here any more, and another one is made.
  }
  return undefined;
}

export async function newAlbum(me: Me): Promise<FolderItem> {
  const album = await unlessInterrupted(() => me.folder());
  localStorage.setItem(LAST, album.id);
  return album;
}

/** The link by which others join and add: the one that was made before, while it opens something. */
export async function invitationTo(album: FolderItem): Promise<string> {
  const kept = readInvitation(`${LINK}.${album.id}`);
  if (kept !== undefined && album.view.value.shares.some(({ id }) => id === kept.share)) return kept.link;
  const { link, id } = await unlessInterrupted(() => album.share({ to: "link", can: "write" }));
  localStorage.setItem(`${LINK}.${album.id}`, JSON.stringify({ link, share: id }));
  return link;
}

function readInvitation(key: string): Invitation | undefined {
  try {
    const { link, share } = JSON.parse(localStorage.getItem(key) ?? "");
    return typeof link === "string" && typeof share === "string" ? { link, share } : undefined;
  } catch {
    return undefined;
  }
}

/** The tab that did the work may close meanwhile; an album or a link that nobody has harms nobody. */
async function unlessInterrupted<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof MimeiError && thrown.code === "tabs.interrupted") return await work();
    throw thrown;
  }
}
