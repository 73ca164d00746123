// One connection of the independent relay: docs/protocol.md, from Noise to the messages.
import { mapOf } from "../dag-cbor.js";
import { hexOf } from "./address.js";
import { Frames, packetsOfBlock, packetsOfMessage } from "./frames.js";
import { isSignedBy } from "./keys.js";
import { NoiseListener, prologueOfDataChannel } from "./noise.js";
import { Refusal } from "./rules.js";
import { must } from "./shape.js";
import { checkHello, checkedProof, proofOf } from "./user.js";

const ACCOUNT_ASKS = ["credit", "pay", "mandate", "accept"];

export class Session {
  /** The user on the other side, once it said hello. */
  user = null;
  /** MiMeis that the other side wants to be told of, in hex. */
  watched = new Set();
  #relay;
  #send;
  #noise;
  #frames = new Frames();
  #proof = null;
  #isBegun = false;
  /** Announced blocks by the number of their ask. */
  #puts = new Map();
  /** Signing keys of the links by which it entered each MiMei, all in hex. */
  #entered = new Map();

  /** `fingerprints` are the dialer's and the listener's; on such a connection packets go as they are. */
  constructor(relay, send, fingerprints) {
    this.#relay = relay;
    this.#send = send;
    this.#noise = new NoiseListener(prologueOfDataChannel(...fingerprints));
  }

  /** Takes a packet. */
  receive(packet) {
    if (!this.#isBegun) return this.#begin(packet);
    if (this.#proof === null) return this.#finish(packet);
    const frame = this.#frames.take(packet);
    if (frame === null) return undefined;
    return frame.message === undefined ? this.#block(frame) : this.#message(frame.message);
  }

  /** Sends packets as they are, whether or not they mean anything. */
  sendRaw(packets) {
    packets.forEach((packet) => this.#send(packet));
  }

  tell(mimei) {
    this.#say({ tell: mapOf({ mimei }) });
  }

  /** A `bye` is answered by `bye`. */
  #end(bye) {
    this.watched.clear();
    this.#say({ bye });
  }

  #begin(packet) {
    this.#noise.takeFirst(packet);
    this.#isBegun = true;
    this.#send(this.#noise.answer(proofOf(this.#relay.user, this.#noise.staticKey)));
  }

  #finish(packet) {
    const { theirStatic, payload } = this.#noise.takeLast(packet);
    this.#proof = checkedProof(payload, theirStatic);
    this.#say({ hello: mapOf({ log: this.#relay.user.log }) });
  }

  #say(message) {
    this.sendRaw(packetsOfMessage(mapOf(message)));
  }

  #message(message) {
    const [[kind, content]] = message;
    must(kind === "hello" ? this.user === null : this.user !== null, "hello first, and once");
    if (kind === "hello") return this.#hello(content.get("log"));
    if (kind === "bye") return this.#end(content);
    // The relay asks nothing; an answer to no open ask is ignored.
    if (kind === "answer" || kind === "refuse") return undefined;
    must(kind === "ask", "anything that a dialer says here");
    const [number, [[name, ask]]] = [content[0], content[1]];
    must(number % 2n === 0n, "a number of the dialer's");
    if (name === "put") return void this.#puts.set(number, ask);
    return this.#serve(number, name, () => this.#answer(name, ask));
  }

  #hello(log) {
    checkHello(log, this.#proof);
    this.user = this.#proof.get("user");
    this.#relay.logs.set(hexOf(this.user), log);
  }

  #block({ number, block }) {
    const ask = this.#puts.get(number);
    must(ask !== undefined, "an announced block");
    this.#puts.delete(number);
    this.#serve(number, "put", () => {
      this.#relay.put(ask, block, this.#rights(ask.get("mimei")), this.user);
      return { done: new Map() };
    });
  }

  #serve(number, name, answer) {
    try {
      const answered = answer();
      if (answered instanceof Uint8Array) this.sendRaw(packetsOfBlock(number, answered));
      else this.#say({ answer: [number, mapOf(answered)] });
    } catch (error) {
      const code = error instanceof Refusal ? error.code : "invalid";
      this.#relay.refused.push(`${name}: ${code}: ${error.message}`);
      this.#say({ refuse: [number, mapOf({ code, message: error.message })] });
    }
  }

  #answer(name, ask) {
    if (ACCOUNT_ASKS.includes(name)) return this.#account(name, ask);
    const rights = name === "ping" || name === "log" ? [] : this.#rights(ask.get("mimei"));
    switch (name) {
      case "ping":
        return { done: new Map() };
      case "enter":
        return this.#enter(ask);
      case "look":
        return { look: this.#look(ask, rights) };
      case "publish":
        return { publish: this.#relay.publish(ask, this.user) };
      case "have":
        return { have: this.#relay.have(ask, rights) };
      case "get":
        return this.#relay.get(ask, rights, this.user, this.#links(ask.get("mimei")));
      default:
        throw new Refusal("invalid", `nobody asks for ${name} here`);
    }
  }

  #account(name, ask) {
    const { accounts } = this.#relay;
    switch (name) {
      case "credit":
        return { credit: accounts.credit(ask, this.user) };
      case "pay":
        accounts.pay(ask.get("iou"), this.user);
        return { done: new Map() };
      case "mandate":
        accounts.mandate(ask.get("mandate"), this.user);
        return { done: new Map() };
      default:
        throw new Refusal("notFound", "there are no invites here");
    }
  }

  #look(ask, rights) {
    const look = this.#relay.look(ask, rights);
    if (ask.get("watch")) this.watched.add(hexOf(ask.get("mimei")));
    return look;
  }

  /** The link signs the hash of this session: its use is worth nothing in another. */
  #enter(ask) {
    const [mimei, link] = [ask.get("mimei"), ask.get("link")];
    const use = mapOf({ mimei, session: this.#noise.hash });
    must(isSignedBy(link, "mimei/exercise/1", use, ask.get("sig")), "a use of the link in this session");
    const links = this.#entered.get(hexOf(mimei)) ?? new Set();
    this.#entered.set(hexOf(mimei), links.add(Buffer.from(link).toString("hex")));
    if (this.#rights(mimei).length === 0) throw new Refusal("notFound", "there is no such MiMei here");
    return { done: new Map() };
  }

  #rights(mimei) {
    return this.#relay.rightsOf(mimei, this.user, this.#links(mimei));
  }

  #links(mimei) {
    return this.#entered.get(hexOf(mimei)) ?? new Set();
  }
}
