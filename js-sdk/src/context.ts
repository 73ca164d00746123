/** What a page must be able to do before it may have keys. */
import { MimeiError } from "./errors.js";

/** Throws `context.insecure` or `context.unsupported`. */
export function requireContext(needStore: boolean): void {
  if (typeof window === "undefined" || typeof document === "undefined") {
    throw new MimeiError("context.unsupported", "MiMei opens in a browser's page.");
  }
  if (!window.isSecureContext) {
    const message = "A page opened over plain http cannot keep keys: open it over https, or as http://localhost on the relay's own machine.";
    throw new MimeiError("context.insecure", message);
  }
  const missing = missingParts(needStore);
  if (missing.length === 0) return;
  throw new MimeiError("context.unsupported", `This browser lacks ${missing.join(", ")}.`, {
    hint: "Update the browser; a private window can also be the reason.",
  });
}

function missingParts(needStore: boolean): string[] {
  const parts: [name: string, present: boolean][] = [
    ["workers", typeof Worker === "function"],
    ["WebAssembly", typeof WebAssembly === "object"],
    ["WebCrypto", typeof globalThis.crypto?.subtle === "object"],
    ["IndexedDB", !needStore || (typeof indexedDB === "object" && indexedDB !== null)],
    ["Web Locks", !needStore || typeof navigator.locks === "object"],
    ["BroadcastChannel", !needStore || typeof BroadcastChannel === "function"],
    ["WebRTC and WebSocket", typeof RTCPeerConnection === "function" || typeof WebSocket === "function"],
  ];
  return parts.filter(([, present]) => !present).map(([name]) => name);
}
