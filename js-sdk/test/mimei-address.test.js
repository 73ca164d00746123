import assert from "node:assert/strict";
import { test } from "node:test";
import { findLink, pageLink, relaysOf, selectorOf, withRelays } from "../dist/item/address.js";
import { LINK_CHARS_MAX, RELAYS_MAX } from "../dist/limits.js";
import { formatRelayAddress } from "../dist/transport/address.js";
import { base32Encode } from "../dist/transport/base32.js";

const user = (fill) => "b" + base32Encode(Uint8Array.from([0x01, 0x71, 0x1e, 0x20, ...Array(32).fill(fill)]));
const relay = (fill, ip = "192.0.2.7") => formatRelayAddress({ user: user(fill), endpoints: [{ ip, port: 4433 }], fingerprint: new Uint8Array(32).fill(fill) });
const ID = user(9);
const SECRET = "a".repeat(52);

test("an address survives as a page's URL, in which nothing stands that URLs may not have", () => {
  const link = withRelays(`mimei:${ID}@3?h=${ID}#${SECRET}`, [relay(1, "2001:db8::1")]);
  const url = pageLink(link, "https://host.example/page?relay=x#old");
  assert.ok(url.startsWith(`https://host.example/page?relay=x#mimei:${ID}@3?h=`), url);
  assert.match(url, /^https:\/\/[^#]+#[A-Za-z0-9\-._~:@,/?&=%]+$/);
  assert.equal(new URL(url).href, url);
  assert.equal(findLink(url), link);
  assert.equal(findLink(` ${url}\n`), link);
  assert.equal(findLink(url.replace("%23", "#")), link, "as some programs unescape it");
});

test("what is no address is refused with a hint", () => {
  for (const text of ["", "hello", "https://host.example/", "https://host.example/#other", `x mimei:${ID}`, "mimei:".padEnd(LINK_CHARS_MAX + 1, "a")]) {
    assert.throws(() => findLink(text), ({ code, hint }) => code === "link.invalid" && hint !== "", text);
  }
  assert.equal(findLink(ID), `mimei:${ID}`);
});

test("relays are added before the secret, each once, and not more than an address may have", () => {
  assert.equal(withRelays(`mimei:${ID}#${SECRET}`, [relay(1)]), `mimei:${ID}?r=${relay(1)}#${SECRET}`);
  assert.equal(withRelays(`mimei:${ID}`, [relay(1), relay(1)]), `mimei:${ID}?r=${relay(1)}`);
  const one = withRelays(`mimei:${ID}?h=x#${SECRET}`, [relay(1)]);
  assert.equal(withRelays(one, [relay(1)]), one);
  assert.equal(withRelays(`mimei:${ID}#${SECRET}`, []), `mimei:${ID}#${SECRET}`);
  const many = withRelays(one, Array.from({ length: 20 }, (_, at) => relay(at)));
  assert.equal(relaysOf(many).length, RELAYS_MAX);
  assert.ok(many.endsWith(`#${SECRET}`));
});

test("an IPv6 relay is written as the core writes it, and read again", () => {
  const link = withRelays(`mimei:${ID}`, [relay(1, "2001:db8::1")]);
  assert.match(link, /\?r=relay:b[a-z2-7]+@%5B2001:db8::1%5D:4433\/[a-z2-7]+$/);
  assert.deepEqual(relaysOf(link).map(formatRelayAddress), [relay(1, "2001:db8::1")]);
});

test("a damaged relay in an address does not hide the others", () => {
  const good = encodeURIComponent(relay(2));
  assert.deepEqual(relaysOf(`mimei:${ID}?r=relay:nobody&r=%E0&r=${good}#${SECRET}`).map((each) => each.user), [user(2)]);
  assert.deepEqual(relaysOf(`mimei:${ID}#r=${good}`), []);
});

test("the version that is asked for is found", () => {
  assert.equal(selectorOf(`mimei:${ID}@12?r=${relay(1)}#x`), "12");
  assert.equal(selectorOf(`mimei:${ID}?r=${relay(1)}#x`), undefined, "a relay's address has an @ of its own");
});
