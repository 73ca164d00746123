import assert from "node:assert/strict";
import { test } from "node:test";
import { RETRY_MS_MAX, RETRY_MS_MIN } from "../dist/limits.js";
import { retryPauseMs } from "../dist/relay/backoff.js";
import { isTrustworthy, parseRelayTarget } from "../dist/relay/target.js";
import { readRelayDescription } from "../dist/relay/well-known.js";
import { base32Encode } from "../dist/transport/base32.js";

const user = (fill) => "b" + base32Encode(Uint8Array.from([0x01, 0x71, 0x1e, 0x20, ...Array(32).fill(fill)]));
const USER = user(1);
const ADDRESS = `relay:${USER}@192.0.2.7:4433/${base32Encode(new Uint8Array(32))}`;
const ORIGIN = "https://relay.example";
const described = (more) => JSON.stringify({ user: USER, address: ADDRESS, wire: [1], version: "0.1.0", ...more });

test("pauses double, stay within their bounds and are spread by half", () => {
  assert.equal(retryPauseMs(1, 1), RETRY_MS_MIN);
  assert.equal(retryPauseMs(1, 0), RETRY_MS_MIN / 2);
  assert.equal(retryPauseMs(4, 1), RETRY_MS_MIN * 8);
  assert.equal(retryPauseMs(5_000, 1), RETRY_MS_MAX);
});

test("a relay is named by its address or by an origin that cannot be forged", () => {
  assert.equal(parseRelayTarget(ADDRESS).kind, "address");
  assert.deepEqual(parseRelayTarget("https://relay.example/"), { kind: "origin", origin: ORIGIN });
  assert.deepEqual(parseRelayTarget("http://localhost:8080"), { kind: "origin", origin: "http://localhost:8080" });
  for (const text of ["http://192.0.2.7:8080", "http://relay.example", "https://relay.example/path", "https://a:b@relay.example", "https://", "relay.example"]) {
    assert.throws(() => parseRelayTarget(text), { code: "address.invalid" }, text);
  }
});

test("only https and this machine are trusted to say who a relay is", () => {
  for (const url of [ORIGIN, "http://localhost:1", "http://a.localhost", "http://127.0.0.1", "http://127.9.9.9", "http://[::1]:8080"]) {
    assert.equal(isTrustworthy(new URL(url)), true, url);
  }
  for (const url of ["http://192.168.1.2", "http://localhost.example", "http://127.0.0.1.example", "ftp://localhost", "http://pi.local"]) {
    assert.equal(isTrustworthy(new URL(url)), false, url);
  }
});

test("a relay's description gives whom to expect and where", () => {
  const { user: id, address } = readRelayDescription(ORIGIN, described({}));
  assert.equal(id, USER);
  assert.deepEqual(address?.endpoints, [{ ip: "192.0.2.7", port: 4433 }]);
  assert.equal(readRelayDescription(ORIGIN, described({ address: null })).address, undefined);
});

test("blocks come by HTTP from the relay's own origin or not at all", () => {
  const at = (blocks) => readRelayDescription(ORIGIN, described({ blocks })).blocks;
  assert.equal(at("/blocks"), `${ORIGIN}/blocks`);
  for (const blocks of ["https://elsewhere.example/blocks", "//elsewhere.example/blocks", "javascript:1", "http://relay.example/blocks", 7, null, undefined]) {
    assert.equal(at(blocks), undefined, String(blocks));
  }
});

test("what is no relay is told apart from a relay of another version", () => {
  for (const text of ["<!doctype html>", "null", "[]", "{}", described({ user: "me" })]) {
    assert.throws(() => readRelayDescription(ORIGIN, text), { code: "relay.none" }, text);
  }
  for (const wire of [[2], 1, undefined]) {
    assert.throws(() => readRelayDescription(ORIGIN, described({ wire })), { code: "relay.incompatible" });
  }
});

test("a description with an address of somebody else is refused", () => {
  const address = ADDRESS.replace(USER, user(2));
  assert.throws(() => readRelayDescription(ORIGIN, described({ address })), { code: "relay.incompatible" });
  assert.throws(() => readRelayDescription(ORIGIN, described({ address: "relay:?" })), { code: "relay.incompatible" });
});
