/**
 * Browsers are beginning to ask the person before a public page may reach a
 * relay in the local network. A connection that waits for the answer shows
 * nothing: its checks just do not begin.
 */
import { MimeiError } from "../errors.js";

const NAMES = ["local-network", "loopback-network", "local-network-access"];

/** `denied` if any of the permissions is, `prompt` if one waits for its answer, else `unknown`. */
export async function localNetworkPermission(): Promise<"denied" | "prompt" | "unknown"> {
  const states = await Promise.all(NAMES.map(stateOf));
  if (states.includes("denied")) return "denied";
  return states.includes("prompt") ? "prompt" : "unknown";
}

export function permissionError(state: "denied" | "prompt"): MimeiError {
  return state === "denied"
    ? new MimeiError("network.permission", "The browser does not let this page reach devices in your local network.", {
        hint: "Allow “local network access” in the site settings beside the address bar, then try again.",
        retry: "later",
      })
    : new MimeiError("network.permission", "The browser is waiting for you to allow access to your local network.", {
        hint: "Answer the question that the browser shows near the address bar.",
        retry: "now",
      });
}

async function stateOf(name: string): Promise<PermissionState | undefined> {
  try {
    return (await navigator.permissions.query({ name: name as PermissionName })).state;
  } catch {
    return undefined; // A browser that does not know the name does not ask.
  }
}
