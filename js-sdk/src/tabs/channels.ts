/** The names under which tabs of one profile find each other, and what they need of the browser. */

/** The part of a `BroadcastChannel` that is used. */
export interface Channel {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
  close(): void;
}

/** The part of `navigator.locks` that is used. */
export interface Locks {
  request(name: string, options: LockOptions, granted: () => Promise<void>): Promise<unknown>;
}

/** What the tabs of a profile have in common. */
export interface Profile {
  /** The database that they share: it names locks and channels. */
  readonly database: string;
  readonly locks: Locks;
  channel(name: string): Channel;
}

export function profileOf(database: string): Profile {
  return { database, locks: navigator.locks, channel: (name) => new BroadcastChannel(name) };
}

/** Who holds it leads. It never changes its name, so that versions of this package do not lead beside each other. */
export const leaderLock = ({ database }: Profile): string => `mimei ${database} leader`;
/** A tab that takes the lead to do something itself holds it until that is done. */
export const turnLock = ({ database }: Profile): string => `mimei ${database} turn`;
/** A follower holds it as long as it is there. */
export const tabLock = ({ database }: Profile, tab: string): string => `mimei ${database} tab ${tab}`;
export const commonChannel = (profile: Profile): Channel => profile.channel(`mimei ${profile.database} tabs`);
export const tabChannel = (profile: Profile, tab: string): Channel => profile.channel(`mimei ${profile.database} tab ${tab}`);

/** Gets a lock and keeps it until the signal aborts. Rejects if it aborts first. */
export function hold({ locks }: Profile, name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const held = (): Promise<void> => {
      resolve();
      return aborted(signal);
    };
    locks.request(name, { signal }, held).catch(reject);
  });
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
