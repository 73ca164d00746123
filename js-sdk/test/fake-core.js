/** A core that keeps everything in memory and speaks as the real one does; `refuse` makes a method fail. */
import { MimeiError } from "../dist/errors.js";
import { Seat } from "../dist/tabs/seat.js";

const PIECE_BYTES = 262_144;
export const ID = "b" + "a".repeat(58);
export const RELAY = "relay:" + "u".repeat(10);

export function fakeCore({ kind = "folder", rights = ["read", "write", "save", "release", "setRights"] } = {}) {
  const listeners = new Set();
  const pieces = new Map();
  const state = { versions: [], tips: [], files: new Map(), shares: [], unsentBlocks: 0, warning: undefined };
  const core = { calls: [], running: 0, runningMost: 0, refuse: {}, state, pieces, sharedLink: `mimei:${ID}?h=head#secret` };

  const opened = (more = {}) => ({
    id: ID,
    ...{ kind, ext: "", app: "com.example.test", author: "me", rights, everyone: [], shares: state.shares, forks: [] },
    tips: state.tips.map((tip) => ({ ...tip })),
    uploads: [], tipsTotal: state.tips.length,
    versions: state.versions.map((version) => ({ ...version })),
    unsentBlocks: state.unsentBlocks,
    waiting: state.unsentBlocks > 0,
    ...(state.warning && { warning: state.warning }),
    ...more,
  });

  /** What somebody saved, here or elsewhere. */
  core.saved = (edits) => {
    const number = state.versions.length + 1;
    const version = `v${number}`;
    const before = state.files.get(state.tips[0]?.last) ?? [];
    const after = new Map(before.map((file) => [file.name, file]));
    for (const { name, file } of edits) {
      if (file === undefined) after.delete(name);
      else after.set(name, { ...(name && { name }), blob: file.pieces.join("+"), length: file.length, type: file.type });
    }
    state.files.set(version, [...after.values()]);
    state.versions.push({ version, number, timeMs: 1_000 * number, by: "me", parents: [] });
    state.tips = [{ head: `h${number}`, last: version, ...(state.tips[0]?.release && { release: state.tips[0].release }) }];
    return { version, number, keptTwice: [] };
  };
  core.emit = (name, data) => [...listeners].filter((each) => each.name === name).forEach(({ heard }) => heard(data));

  const methods = {
    create: () => opened(),
    open: () => opened(core.openedMore),
    view: () => opened(),
    known: () => [ID],
    piece: async ({ part }) => {
      const name = `p${pieces.size}`;
      pieces.set(name, undefined);
      pieces.set(name, new Uint8Array(await part.arrayBuffer()));
      return name;
    },
    save: ({ edits }) => core.saved(edits),
    list: ({ version }) => state.files.get(version),
    read: ({ blob, offset }) => pieces.get(blob.split("+")[offset / PIECE_BYTES]).slice(),
    share: ({ to, can, untilMs }) => {
      const id = to === "link" ? `key${state.shares.length}` : undefined;
      state.shares.push({ with: to, id, rights: [can], untilMs });
      return { link: core.sharedLink, id };
    },
    unshare: ({ with: kind, withId }) => void (state.shares = state.shares.filter((each) => each.with !== kind || each.id !== withId)),
    release: ({ version }) => void (state.tips[0].release = version),
    choose: ({ version }) => void (state.tips = state.tips.filter(({ last }) => last === version)),
    merge: () => core.saved([]),
    settle: () => undefined,
    resolve: ({ at }) => {
      const { last, release } = state.tips[0] ?? {};
      const wanted = { last, release }[at] ?? at;
      const found = state.versions.find(({ version, number }) => version === wanted || String(number) === wanted);
      if (found === undefined) throw new MimeiError("mimei.notFound", "there is no such version");
      return { version: found.version, number: found.number };
    },
  };

  core.call = async (method, args) => {
    core.calls.push({ method, args });
    core.runningMost = Math.max(core.runningMost, (core.running += 1));
    await new Promise((resolve) => setImmediate(resolve));
    core.running -= 1;
    const error = core.refuse[method]?.(args);
    if (error) throw error;
    return methods[method](args);
  };
  core.on = (name, heard) => {
    const listener = { name, heard };
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  core.listening = () => listeners.size;
  core.of = (method) => core.calls.filter((call) => call.method === method).map(({ args }) => args);
  return core;
}

/** The links of a tab of which the own relay is online, as connection 7. */
export const fakeRelays = (reach = async () => ({ session: { conn: 7 }, address: RELAY })) => ({
  take: () => ({ link: { status: { subscribe: () => () => {} } }, way: undefined, release() {} }),
  reach: (_shared, named) => reach(named),
});

/** A tab's place at that core. */
export function fakeDesk(core, relays = fakeRelays()) {
  const seat = new Seat({ core: { call: (...args) => core.call(...args), on: () => () => {} }, relays, identity: {} }, { status() {}, event() {} });
  seat.use({ relays: [], way: undefined });
  return { call: (method, args) => seat.call(method, args), on: core.on };
}
