/** Which relay: by its pasteable address, or by the origin it is served from. */
import { MimeiError } from "../errors.js";
import { parseRelayAddress } from "../transport/address.js";
import type { RelayAddress } from "../transport/address.js";

export type RelayTarget =
  | { readonly kind: "address"; readonly address: RelayAddress }
  | { readonly kind: "origin"; readonly origin: string };

/** `relay:…`, or an origin such as `https://relay.example`. Throws `address.invalid`. */
export function parseRelayTarget(text: string): RelayTarget {
  const trimmed = text.trim();
  if (!/^https?:/i.test(trimmed)) return { kind: "address", address: parseRelayAddress(trimmed) };
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  if (url === undefined || url.username !== "" || url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw new MimeiError("address.invalid", `“${trimmed}” is not an origin such as https://relay.example.`);
  }
  if (!isTrustworthy(url)) {
    throw new MimeiError("address.invalid", "A relay on another machine is reached over https, not http.", {
      hint: "Use its https origin, or its “relay:” address, which needs no certificate.",
    });
  }
  return { kind: "origin", origin: url.origin };
}

/** Whether nobody on the way can change what this origin answers: https, or this machine itself. */
export function isTrustworthy(url: URL): boolean {
  if (url.protocol === "https:") return true;
  const host = url.hostname;
  const loopback = host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
  return url.protocol === "http:" && loopback;
}
