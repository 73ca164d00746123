/**
 * Which files a page may show by itself: raster images, audio, video and plain
 * text, as *our* table says. What a writer claims decides nothing, since a page
 * made of somebody else's HTML or SVG would run with this origin's keys.
 */

/** How a file is shown; `download` means only saving it. */
export type ShownAs = "image" | "audio" | "video" | "text" | "download";

export interface Showable {
  readonly as: ShownAs;
  /** The media type under which its bytes may become a `Blob`. */
  readonly type: string;
}

const DOWNLOAD: Showable = { as: "download", type: "application/octet-stream" };
const TEXT = "text/plain;charset=utf-8";

const BY_EXTENSION = new Map<string, string>([
  ...named("image/png", "png"),
  ...named("image/apng", "apng"),
  ...named("image/jpeg", "jpg", "jpeg"),
  ...named("image/gif", "gif"),
  ...named("image/webp", "webp"),
  ...named("image/avif", "avif"),
  ...named("image/bmp", "bmp"),
  ...named("image/x-icon", "ico"),
  ...named("audio/mpeg", "mp3"),
  ...named("audio/mp4", "m4a"),
  ...named("audio/aac", "aac"),
  ...named("audio/flac", "flac"),
  ...named("audio/wav", "wav"),
  ...named("audio/ogg", "ogg", "oga", "opus"),
  ...named("audio/webm", "weba"),
  ...named("video/mp4", "mp4", "m4v"),
  ...named("video/webm", "webm"),
  ...named("video/ogg", "ogv"),
  ...named("video/quicktime", "mov"),
  ...named(TEXT, "txt", "text", "md", "markdown", "csv", "tsv", "log", "json", "yaml", "yml", "toml", "ini", "srt", "vtt"),
]);

const INERT = new Set(BY_EXTENSION.values());

/** Whether it is a media type of our table, under which nothing runs. */
export function isInert(type: string): boolean {
  return INERT.has(type);
}

/** How files without a known extension begin. `undefined` is any byte. */
const BY_HEAD: readonly (readonly [type: string, head: readonly (number | undefined)[]])[] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [...ascii("GIF8"), undefined, 0x61]],
  ["image/webp", [...ascii("RIFF"), ...any(4), ...ascii("WEBP")]],
  ["image/avif", [...any(4), ...ascii("ftypavif")]],
  ["audio/wav", [...ascii("RIFF"), ...any(4), ...ascii("WAVE")]],
  ["audio/flac", ascii("fLaC")],
  ["audio/mpeg", ascii("ID3")],
  ["audio/ogg", ascii("OggS")],
  ["audio/mp4", [...any(4), ...ascii("ftypM4A ")]],
  ["video/quicktime", [...any(4), ...ascii("ftypqt  ")]],
  ["video/mp4", [...any(4), ...ascii("ftyp")]],
  ["video/webm", [0x1a, 0x45, 0xdf, 0xa3]],
];

/**
 * How that file may be shown: by the extension of its name, and when it has none
 * by how it begins (`head`: its first bytes, if they are at hand). A known
 * extension is never overruled, and everything unknown is a download.
 */
export function showable(entry: { readonly name?: string | undefined; readonly ext?: string }, head?: Uint8Array): Showable {
  const ext = extensionOf(entry.name ?? "") || (entry.ext ?? "").toLowerCase();
  const type = ext === "" ? sniffed(head) : BY_EXTENSION.get(ext);
  return type === undefined ? DOWNLOAD : { as: kindOf(type), type };
}

/** What follows the last dot, in small letters; empty without one. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot + 1).toLowerCase();
}

function sniffed(head: Uint8Array | undefined): string | undefined {
  if (head === undefined) return undefined;
  const begins = (bytes: readonly (number | undefined)[]): boolean =>
    head.length >= bytes.length && bytes.every((byte, at) => byte === undefined || head[at] === byte);
  return BY_HEAD.find(([, bytes]) => begins(bytes))?.[0];
}

function kindOf(type: string): ShownAs {
  const [family] = type.split("/");
  return family === "image" || family === "audio" || family === "video" ? family : "text";
}

function named(type: string, ...extensions: string[]): [string, string][] {
  return extensions.map((extension) => [extension, type]);
}

function ascii(text: string): number[] {
  return [...text].map((letter) => letter.charCodeAt(0));
}

function any(bytes: number): undefined[] {
  return Array.from({ length: bytes }, () => undefined);
}
