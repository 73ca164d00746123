/** What the published types promise. It is compiled against `dist/types`, as in the project of whoever installs it; nothing runs. */
import { findLink, formatRelayAddress, MimeiError, open, pageLink, parseRelayAddress, showable } from "mimei";
import type {
  Account,
  At,
  DeviceOfMe,
  Entry,
  ErrorCode,
  FileItem,
  FolderItem,
  Invite,
  Item,
  ItemView,
  Live,
  Me,
  OpenOptions,
  Options,
  PutOptions,
  Reader,
  RelayAddress,
  Retry,
  Saved,
  Share,
  Shared,
  Showable,
  Snapshot,
  Status,
  StreamUrl,
  Upload,
  Version,
  Way,
} from "mimei";

/** Whether two types are the same, and not only each assignable to the other. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only for `true`. */
const holds = <_ extends true>(): void => {};
declare const some: <T>() => T;

async function opening(): Promise<void> {
  const me = await open({ app: "com.example.app" });
  holds<Same<typeof me, Me>>();
  await open({ app: "com.example.app", relays: ["https://relay.example"], way: "ws", store: "memory", cacheBytes: 1e9 });
  holds<Same<Exclude<OpenOptions["store"], undefined>, "browser" | "memory">>();
  // @ts-expect-error An app has a name.
  await open({});
  // @ts-expect-error There is no such store.
  await open({ app: "com.example.app", store: "disk" });
  // @ts-expect-error What it is made of is not for others.
  await import("mimei/dist/sdk/mimei.js");
}

async function person(me: Me): Promise<void> {
  holds<Same<Me["id"], string>>();
  holds<Same<Me["status"], Live<Status>>>();
  holds<Same<Me["leader"], Live<boolean>>>();
  holds<Same<Me["devices"], Live<readonly DeviceOfMe[]>>>();
  const account: Account = await me.credit.accept("mimei:invite?…");
  const invite: Invite = await me.credit.readInvite("mimei:invite?…");
  await me.credit.sponsor({ item: "b…" }, { day: 1, total: account.limit });
  await me.settled({ signal: new AbortController().signal });
  void invite.relay;
  // @ts-expect-error The identity is for life.
  me.id = "b…";
  {
    await using closing = me;
    await using item = await closing.file();
    void item;
  }
}

async function items(me: Me): Promise<void> {
  const file = await me.file("note.txt", { ext: "txt", public: true });
  const folder = await me.folder("holiday");
  holds<Same<typeof file, FileItem>>();
  holds<Same<typeof folder, FolderItem>>();
  const saved: Saved = await file.put("text", { memo: "first" });
  await folder.put("beach.jpg", new Blob(), { onProgress: (done: number, total: number) => void (done / total) });
  await folder.putAll(new Map<string, string | Blob>([["a", "b"]]));
  const text: string = await file.text();
  void [saved.number, text];
  // @ts-expect-error A file has no names.
  await file.put("beach.jpg", new Blob(), {});
  // @ts-expect-error A folder has no text.
  await folder.text();
  // @ts-expect-error Bytes come as a Blob.
  await file.put(new Uint8Array());

  const opened = await me.open("mimei:b…");
  // @ts-expect-error It may be a file.
  await opened.remove("beach.jpg");
  if (opened.kind === "folder") await opened.remove("beach.jpg");
  else holds<Same<typeof opened, FileItem>>();
}

async function reading(item: Item, entry: Entry): Promise<void> {
  holds<Same<Item["view"], Live<ItemView>>>();
  holds<Same<At, "last" | "release" | number | string>>();
  const { current, tips, uploads } = item.view.value;
  holds<Same<typeof current, Version | undefined>>();
  // @ts-expect-error Nothing may be saved in it yet.
  void current.number;
  void tips[0]?.last;
  const entries: Entry[] = await item.list("release");
  holds<Same<Entry["name"], string | undefined>>();
  const blob: Blob = await item.blob(entry, { onPause: (why) => void why?.message });
  for await (const view of item.view) holds<Same<typeof view, ItemView>>();
  const stop: () => void = item.view.subscribe((view) => void view.rights);
  const url: StreamUrl = await item.url(entry, { onFailure: (why: MimeiError) => void why.hint });
  const then: Snapshot = await item.at(1);
  const reader: Reader = then;
  const upload: Upload | undefined = uploads[0];
  if (upload !== undefined) await item.incoming(upload);
  void [entries, blob, stop, url.href, reader, showable(entry) satisfies Showable];
  // @ts-expect-error A version is for ever as it is.
  await then.put("text");
  // @ts-expect-error Reading through a URL has no progress.
  await item.url(entry, { onProgress: () => {} });
  // @ts-expect-error A view is looked at, not changed.
  item.view.value = some<ItemView>();
}

async function sharing(item: Item): Promise<void> {
  const { link, id, revoke }: Shared = await item.share({ to: "link", can: "write", until: new Date() });
  holds<Same<typeof id, string | undefined>>();
  await revoke();
  await item.unshare({ with: "link", id });
  holds<Same<Share["can"], "read" | "write">>();
  // @ts-expect-error It is read or written.
  await item.share({ to: "link", can: "own" });
  // @ts-expect-error Each right has somebody.
  await item.share({ can: "read" });
  const [page, found]: [string, string] = [pageLink(link, "https://page.example/"), findLink(link)];
  void [page, found];
}

function errors(thrown: unknown): void {
  if (!(thrown instanceof MimeiError)) return;
  holds<Same<typeof thrown.code, ErrorCode>>();
  holds<Same<typeof thrown.retry, Retry>>();
  if (thrown.code === "credit.paused") void thrown.hint;
  // @ts-expect-error There is no such code.
  if (thrown.code === "no.such") return;
}

function addresses(): void {
  const address: RelayAddress = parseRelayAddress("relay:…");
  const text: string = formatRelayAddress(address);
  holds<Same<Way, "rtc" | "rtc-direct" | "ws">>();
  void text;
}

function settings(): void {
  const put: PutOptions = { memo: "first", signal: new AbortController().signal };
  const options: Options = put;
  void options;
}

void [opening, person, items, reading, sharing, errors, addresses, settings];
