// Which MiMei this page shows stands in its URL, behind the #, so that it survives a reload and can be sent.
import { findLink, pageLink } from "mimei";

/** The address in the page's URL, if there is one. */
export function linkHere(): string | undefined {
  const isLink = location.hash.startsWith("#mimei:") && !location.hash.startsWith("#mimei:invite?");
  return isLink ? findLink(location.href) : undefined;
}

/** Shows that address in the URL; the page hears of it as of any other link. */
export function goTo(link: string): void {
  location.href = pageLink(link, location.href);
}

/** The URL that is given to others: this page with the address behind the #. */
export function urlOf(link: string): string {
  const page = new URL(location.href);
  page.searchParams.delete("way"); // How this tab connects is not the reader's concern.
  return pageLink(link, page.href);
}
