/** What the core says of a MiMei, checked and in this package's words. */
import { MimeiError } from "../errors.js";
import { isObject } from "../protocol.js";

export type ItemKind = "file" | "folder";

/** One saved version. */
export interface Version {
  /** Names exactly this content, for ever. */
  readonly version: string;
  /** 1 + the largest parent's. Versions that were saved apart can have the same. */
  readonly number: number;
  /** When it was saved, by its writer's clock, in ms since the Unix epoch. */
  readonly timeMs: number;
  /** Who saved it: a user id. */
  readonly by: string;
  /** The versions it follows. */
  readonly parents: readonly string[];
}

/** One end of the history: more than one is unmerged. */
export interface Tip {
  readonly head: string;
  /** The newest version under it. */
  readonly last: string;
  /** The version chosen for visitors, if one was chosen. */
  readonly release: string | undefined;
}

/** Somebody who was let in. */
export interface Given {
  readonly with: "link" | "everyone" | "user";
  /** The link's public key, or the user id. */
  readonly id: string | undefined;
  /** What they may do. */
  readonly rights: readonly string[];
  /** When that ends, in ms since the Unix epoch. */
  readonly untilMs: number | undefined;
}

/** A file that somebody else is uploading. `item.incoming` shows it. */
export interface Upload {
  readonly id: string;
  /** Who uploads: a user id. */
  readonly by: string;
  /** By which device. */
  readonly device: string;
  /** Bytes that are there already. */
  readonly done: number;
  /** Bytes that it will have. */
  readonly total: number;
}

/** A device that signed two histories; what it signed does not count, and these heads prove it. */
export interface Fork {
  readonly device: string;
  readonly heads: readonly string[];
}

/** A MiMei as it looks from here. */
export interface ItemView {
  readonly id: string;
  readonly kind: ItemKind;
  /** What follows the dot of a file's name. */
  readonly ext: string;
  readonly app: string;
  /** Who made it: a user id. */
  readonly author: string;
  /** What this device may do. */
  readonly rights: readonly string[];
  /** What whoever comes may do. */
  readonly everyone: readonly string[];
  /** Who was let in and not shut out again. */
  readonly shares: readonly Given[];
  /** Devices that broke the rules of history. */
  readonly forks: readonly Fork[];
  /** The winner first; at most 16 of them. */
  readonly tips: readonly Tip[];
  readonly tipsTotal: number;
  /** By number, the oldest first. */
  readonly versions: readonly Version[];
  /** What others are uploading right now. */
  readonly uploads: readonly Upload[];
  /** What this device works on, or a visitor sees; nothing before the first version. */
  readonly current: Version | undefined;
  /** The newest version under the winning tip. */
  readonly last: Version | undefined;
  /** The version chosen for visitors. */
  readonly release: Version | undefined;
  /** Pieces and records that no relay has yet. */
  readonly unsentBlocks: number;
  /** Whether anything waits for a relay. */
  readonly waiting: boolean;
  /** When a relay last said what it has, in ms since the Unix epoch. */
  readonly seenMs: number | undefined;
  /** What a reader should know, such as that a relay showed less than was seen before. */
  readonly warning: string | undefined;
}

/** What the core answers when a MiMei is made, opened or looked at. */
export interface Opened {
  readonly view: ItemView;
  /** The version that was asked for. */
  readonly at: string | undefined;
}

export interface Saved {
  readonly version: string;
  readonly number: number;
  /** Names under which a merge kept a second file, because both sides had changed it. */
  readonly keptTwice: readonly string[];
}

export function readOpened(value: unknown): Opened {
  const said = fields(value);
  const rights = texts(said["rights"]);
  const tips = list(said["tips"]).map(readTip);
  const versions = list(said["versions"]).map(readVersion);
  const named = (version: string | undefined): Version | undefined => versions.find((each) => each.version === version);
  const [last, release] = [named(tips[0]?.last), named(tips[0]?.release)];
  const view: ItemView = {
    id: text(said["id"]),
    kind: readKind(said["kind"]),
    ext: text(said["ext"]),
    app: text(said["app"]),
    author: text(said["author"]),
    rights,
    everyone: texts(said["everyone"]),
    shares: list(said["shares"]).map(readGiven),
    forks: list(said["forks"]).map(readFork),
    tips,
    tipsTotal: count(said["tipsTotal"]),
    versions,
    // Where a version was chosen for visitors, they see that and nothing newer.
    uploads: rights.includes("save") || release === undefined ? list(said["uploads"]).map(readUpload) : [],
    current: rights.includes("save") ? last : (release ?? last),
    last,
    release,
    unsentBlocks: count(said["unsentBlocks"]),
    waiting: said["waiting"] === true,
    seenMs: maybe(said["seenMs"], count),
    warning: maybe(said["warning"], text),
  };
  return { view, at: maybe(said["at"], text) };
}

export function readSaved(value: unknown): Saved {
  const said = fields(value);
  return { version: text(said["version"]), number: count(said["number"]), keptTwice: texts(said["keptTwice"] ?? []) };
}

export function fields(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : unknown();
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : unknown();
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : unknown();
}

export function texts(value: unknown): string[] {
  return list(value).map(text);
}

export function count(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : unknown();
}

export function maybe<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

export function unknown(): never {
  throw new MimeiError("core.failed", "The core described a MiMei in a way unknown to this version.", { hint: "Reload the page." });
}

function readKind(value: unknown): ItemKind {
  return value === "file" || value === "folder" ? value : unknown();
}

function readGiven(value: unknown): Given {
  const said = fields(value);
  const kind = said["with"];
  return {
    with: kind === "link" || kind === "everyone" || kind === "user" ? kind : unknown(),
    id: maybe(said["id"], text),
    rights: texts(said["rights"]),
    untilMs: maybe(said["untilMs"], count),
  };
}

function readUpload(value: unknown): Upload {
  const said = fields(value);
  return { id: text(said["id"]), by: text(said["by"]), device: text(said["device"]), done: count(said["done"]), total: count(said["total"]) };
}

function readFork(value: unknown): Fork {
  const said = fields(value);
  return { device: text(said["device"]), heads: texts(said["heads"]) };
}

function readTip(value: unknown): Tip {
  const said = fields(value);
  return { head: text(said["head"]), last: text(said["last"]), release: maybe(said["release"], text) };
}

function readVersion(value: unknown): Version {
  const said = fields(value);
  return {
    version: text(said["version"]),
    number: count(said["number"]),
    timeMs: count(said["timeMs"]),
    by: text(said["by"]),
    parents: texts(said["parents"]),
  };
}
