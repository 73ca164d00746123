/** Every reason for which an operation fails, stable across versions. */
export const ERROR_CODES = [
  /** The text is not a relay address or an http origin. */
  "address.invalid",
  /** A setting given to `open` cannot be used. */
  "argument.invalid",
  /** The page is not a secure context, so it can have no keys. */
  "context.insecure",
  /** The browser lacks something that MiMei needs. */
  "context.unsupported",
  /** This `Me` was closed. */
  "context.closed",
  /** The core did not start, or said something that this version does not know. */
  "core.failed",
  /** The device has no network. */
  "network.offline",
  /** The relay could not be reached. */
  "network.unreachable",
  /** The relay did not answer in time. */
  "network.timeout",
  /** The connection was open and went away. */
  "network.lost",
  /** The browser keeps this page from reaching the local network. */
  "network.permission",
  /** More was queued than is allowed; the connection was closed. */
  "network.overflow",
  /** No relay is known to this page. */
  "relay.none",
  /** What answered is not a relay, or speaks another version. */
  "relay.incompatible",
  /** The relay refused what it was asked. */
  "relay.refused",
  /** The relay ended the session in order. */
  "connection.closed",
  /** Something between here and the relay changes the connection. */
  "handshake.intercepted",
  /** Somebody else answered than the relay that was expected. */
  "handshake.unexpected-peer",
  /** What answered could not prove its device key. */
  "handshake.signature",
  /** What answered sent an identity log that is not valid. */
  "handshake.log",
  /** One of the two devices was removed from its identity. */
  "handshake.device",
  /** What answered broke a rule of the handshake. */
  "handshake.malformed",
  /** The relay does not want this session. */
  "handshake.refused",
  /** The relay did not finish the handshake in time. */
  "handshake.timeout",
  /** One of the two devices was revoked while the session was open. */
  "session.revoked",
  /** More was sent than the other side could take. */
  "connection.flood",
  /** The relay broke a rule of the wire. */
  "wire.malformed",
  /** The keys of this browser do not open any more. */
  "identity.damaged",
  /** The recovery file was saved before; its secrets are not here any more. */
  "identity.backedUp",
  /** The identity of this browser has something that would be lost. */
  "identity.inUse",
  /** The recovery file is of the identity that is here already. */
  "identity.same",
  /** It is no recovery file, not all of it, or somebody else's. */
  "recovery.invalid",
  /** The browser has no room left. */
  "storage.quota",
  /** The store failed, the browser's or the relay's. */
  "storage.failed",
  /** Another tab wrote first. */
  "storage.conflict",
  /** The core was asked for something it does not know. */
  "core.invalid",
  /** A proof does not hold: a signature or a hash. */
  "verify.failed",
  /** The text holds no address of a MiMei, or one that is damaged. */
  "link.invalid",
  /** This device lacks the right for it. */
  "access.denied",
  /** Neither this device nor the relay has that MiMei, version or file. */
  "mimei.notFound",
  /** Nothing was saved in it yet. */
  "mimei.empty",
  /** There are several newest versions: choose one, or merge them. */
  "mimei.unmerged",
  /** The store has no room left, the browser's or the relay's. */
  "storage.full",
  /** A part of it is not on this device, and no relay can be asked. */
  "offline.missing",
  /** No relay can be reached now. What is saved is kept here, and sent by itself when one can. */
  "offline.waiting",
  /** The tab that worked for this one was closed before it answered, and what was asked may be done. */
  "tabs.interrupted",
  /** Another tab of this profile runs another version of this package. */
  "tabs.version",
  /** More tabs of this profile are open, or more relays are used in them, than one tab serves. */
  "tabs.many",
  /** The credit line is used up, or the relay waits for a signature. It goes on by itself when that has changed. */
  "credit.paused",
  /** Nobody pays for it: the relay gives this user no credit, and nobody sponsors it. */
  "credit.none",
  /** The relay counted more than this device's signatures cover, so it signs no more. */
  "credit.disputed",
  /** The text holds no invite, or one that is damaged. */
  "invite.invalid",
  /** The invite was used as often as it may be. */
  "invite.used",
  /** The relay knows no such invite, or it has ended. */
  "invite.unknown",
  /** A file could not be read while it was put: it was changed or moved since it was chosen. */
  "file.unreadable",
  /** That upload is under way no more: it was given up, or its device is gone. */
  "upload.over",
  /** Another tab does the work now; the upload is told of again from its beginning. Nothing for a page to do. */
  "upload.gap",
  /** Too many uploads into one MiMei at once. */
  "upload.many",
  /** This page cannot show files while they load: no service worker of this package controls it. Load the whole file. */
  "stream.unsupported",
  /** This profile has another identity than when this tab opened it. */
  "identity.changed",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];
/** Whether doing the same again can help: never, after a while, or at once. */
export type Retry = "never" | "later" | "now";

/** An error as it crosses the border between worker and page. */
export interface ErrorShape {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly retry: Retry;
}

/** The one error class of this package. `message` is for a person; `code` is for a program. */
export class MimeiError extends Error {
  override readonly name = "MimeiError";
  readonly code: ErrorCode;
  /** What the person can do about it; empty when there is nothing to do. */
  readonly hint: string;
  readonly retry: Retry;

  constructor(code: ErrorCode, message: string, more: { hint?: string; retry?: Retry; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.hint = more.hint ?? "";
    this.retry = more.retry ?? "never";
  }

  /** The error that the worker sent. A code of a newer core is kept in `cause`, never guessed. */
  static from(shape: ErrorShape): MimeiError {
    const { code, message, hint, retry } = shape;
    if (isErrorCode(code)) return new MimeiError(code, message, { hint, retry });
    return new MimeiError("core.failed", message, { hint, retry, cause: shape });
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(code);
}

/** Anything thrown, as an error that can be posted. */
export function errorShape(thrown: unknown): ErrorShape {
  const from = typeof thrown === "object" && thrown !== null ? (thrown as Record<string, unknown>) : {};
  const message = typeof from["message"] === "string" ? from["message"] : String(thrown);
  return {
    code: typeof from["code"] === "string" ? from["code"] : "core.failed",
    message,
    hint: typeof from["hint"] === "string" ? from["hint"] : "",
    retry: isRetry(from["retry"]) ? from["retry"] : "never",
  };
}

export function isRetry(value: unknown): value is Retry {
  return value === "never" || value === "later" || value === "now";
}
