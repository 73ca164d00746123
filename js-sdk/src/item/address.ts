/**
 * Addresses of MiMeis: `mimei:<id>[@version][?h=<head>&r=<relay>…][#<secret>]`.
 * The core makes and reads them; here they get relays, and a page to open them with.
 */
import { MimeiError } from "../errors.js";
import { LINK_CHARS_MAX, RELAYS_MAX } from "../limits.js";
import { parseRelayAddress } from "../transport/address.js";
import type { RelayAddress } from "../transport/address.js";

const SCHEME = "mimei:";
const ID = /^b[a-z2-7]{58}$/;

/** The address in what somebody pasted: an address, a page's URL that holds one, or an id. Throws `link.invalid`. */
export function findLink(pasted: string): string {
  const text = pasted.trim();
  if (text.length > LINK_CHARS_MAX) throw invalid("This is too long to be an address of a MiMei.");
  if (ID.test(text)) return SCHEME + text;
  if (text.startsWith(SCHEME)) return text;
  const hash = /^https?:/i.test(text) ? text.indexOf(`#${SCHEME}`) : -1;
  if (hash < 0) throw invalid("There is no address of a MiMei in this: it begins with “mimei:” or holds “#mimei:”.");
  const fragment = text.slice(hash + 1);
  return fragment.includes("#") ? fragment : fragment.replace("%23", "#");
}

/** Which version the address asks for, as it is written there. */
export function selectorOf(link: string): string | undefined {
  return /^mimei:[^@?#]*@([^?#]*)/.exec(link)?.[1];
}

/** The relays that the address names and this version can dial. */
export function relaysOf(link: string): RelayAddress[] {
  const query = /\?([^#]*)/.exec(link)?.[1] ?? "";
  const named = query.split("&").filter((part) => part.startsWith("r="));
  return named.slice(0, RELAYS_MAX).flatMap((part) => {
    try {
      return [parseRelayAddress(decodeURIComponent(part.slice("r=".length)))];
    } catch {
      return []; // Another of them may be good; what the core cannot read it refuses.
    }
  });
}

/** The address with relays added, each once. */
export function withRelays(link: string, relays: readonly string[]): string {
  const [, base = link, query = "", secret = ""] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(link) ?? [];
  const parts = query === "" ? [] : query.slice(1).split("&");
  const named = parts.filter((part) => part.startsWith("r=")).length;
  const fresh = [...new Set(relays.map((relay) => `r=${escaped(relay)}`))].filter((part) => !parts.includes(part));
  const all = [...parts, ...fresh.slice(0, Math.max(0, RELAYS_MAX - named))];
  return base + (all.length === 0 ? "" : `?${all.join("&")}`) + secret;
}

/**
 * The address as the URL of a page that opens it: `https://host/#mimei:…%23<secret>`.
 * It stands behind `#`, so no server is told. The second `#` is escaped, since
 * many programs end a URL there; nothing else in an address needs escaping.
 */
export function pageLink(link: string, page: string): string {
  const url = new URL(page);
  url.hash = "";
  return `${url.href.replace(/#$/, "")}#${link.replace("#", "%23")}`;
}

/** As the core writes relays into addresses: one spelling of each. */
function escaped(relay: string): string {
  return encodeURIComponent(relay).replace(/%(?:3A|40|2C|2F)/g, decodeURIComponent);
}

function invalid(message: string): MimeiError {
  return new MimeiError("link.invalid", message, { hint: "Copy the whole address again." });
}
