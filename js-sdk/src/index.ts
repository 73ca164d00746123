/// <reference lib="esnext.disposable" preserve="true" />
/**
 * MiMei in a page: an identity of one's own and a relay that keeps what one shares.
 *
 * ```ts
 * import { open } from "mimei";
 *
 * const me = await open({ app: "com.example.notes" });
 * me.status.subscribe(({ state, relay, way }) => console.log(state, relay, way));
 *
 * const folder = await me.folder("holiday");
 * await folder.put("beach.jpg", file);
 * const { link } = await folder.share({ to: "link", can: "read" });
 * ```
 *
 * `open` starts a worker that holds keys, store and protocol (`worker.ts`); the
 * page side holds the transports (`transport/`), decides which relay and which
 * way (`relay/`) and moves frames between the two (`core.ts`, `protocol.ts`).
 * Files and folders are in `item/`; URLs under which
 * they are shown while they load in `stream/`.
 */
export { open } from "./open.js";
export type { OpenOptions } from "./open.js";
export type { Me } from "./me.js";
export type { Caps, Credit, Invite, Sponsorship } from "./credit.js";
export type { Account, CreditLine, CreditRecord, Lane, Receipt, Sponsored } from "./credit/account.js";
export type { DeviceOfMe, Recovery } from "./recovery.js";
export type { ItemsOfMe, New, NewFile, OpenLinkOptions } from "./item/items.js";
export type { At, Item, PutOptions, Share, Shared, Snapshot } from "./item/item.js";
export type { FileItem } from "./item/file.js";
export type { FolderItem } from "./item/folder.js";
export type { Entry, Reader, UrlOptions } from "./item/entry.js";
export type { Fork, Given, ItemKind, ItemView, Saved, Tip, Upload, Version } from "./item/view.js";
export type { Options, Progress } from "./item/pieces.js";
export type { Paused } from "./item/paused.js";
export type { StreamUrl } from "./stream/streams.js";
export { findLink, pageLink } from "./item/address.js";
export { showable } from "./item/showable.js";
export type { Showable, ShownAs } from "./item/showable.js";
export type { Status } from "./relay/status.js";
export type { Live } from "./live.js";
export { MimeiError } from "./errors.js";
export type { ErrorCode, Retry } from "./errors.js";
export { formatRelayAddress, parseRelayAddress } from "./transport/address.js";
export type { Endpoint, RelayAddress } from "./transport/address.js";
export type { Way } from "./transport/connection.js";
export type { Trust } from "./protocol.js";
