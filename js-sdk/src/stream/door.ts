/** How the files of one person get stream URLs. */
import { MimeiError } from "../errors.js";
import { unlessAborted } from "../item/pieces.js";
import { containerHere, controlled } from "./control.js";
import { Streams } from "./streams.js";
import type { Shown, StreamUrl } from "./streams.js";

/** What items need for URLs. */
export interface StreamDoor {
  /** Rejects with `stream.unsupported` where this page cannot have one. Aborting closes it. */
  open(shown: Shown, signal?: AbortSignal): Promise<StreamUrl>;
}

let streamsHere: Streams | undefined;

/** All persons of a page share its streams, since the worker asks the page. */
function pageStreams(): Streams {
  return (streamsHere ??= listening(new Streams({ freshId: () => crypto.randomUUID(), origin: location.origin })));
}

function listening(streams: Streams): Streams {
  const container = containerHere();
  container?.addEventListener("message", ({ data, ports }) => streams.answer(data, ports[0]));
  container?.startMessages();
  return streams;
}

/** The worker is registered when the first URL is wanted. All URLs close when `signal` aborts. */
export function streamDoor(script: string, signal: AbortSignal): StreamDoor {
  pageStreams(); // A tab without streams is asked, too, when somebody pastes another one's URL there.
  return {
    open: async (shown, ends) => {
      signal.throwIfAborted();
      await unlessAborted(controlled(script), ends);
      ends?.throwIfAborted();
      signal.throwIfAborted();
      const url = pageStreams().open(shown);
      for (const each of [signal, ends]) each?.addEventListener("abort", () => url.close(), { once: true });
      return url;
    },
  };
}

/** Where there is no page. */
export const NO_STREAMS: StreamDoor = {
  open: async () => {
    throw new MimeiError("stream.unsupported", "There is no page that could show it.", { hint: "Load the whole file first." });
  },
};
