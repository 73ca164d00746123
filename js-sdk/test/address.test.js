import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRelayAddress, isUserId, parseRelayAddress } from "../dist/transport/address.js";
import { base32Decode, base32Encode } from "../dist/transport/base32.js";

const USER = "b" + base32Encode(Uint8Array.from([0x01, 0x71, 0x1e, 0x20, ...Array(32).keys()]));
const RAW_CID = "b" + base32Encode(Uint8Array.from([0x01, 0x55, 0x1e, 0x20, ...Array(32).keys()]));
const FINGERPRINT = Uint8Array.from({ length: 32 }, (_, at) => 255 - at);
const FP = base32Encode(FINGERPRINT);

test("base32 gives back every length of bytes", () => {
  for (let length = 0; length <= 40; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length) & 255);
    assert.deepEqual(base32Decode(base32Encode(bytes)), bytes);
  }
});

test("base32 agrees with RFC 4648", () => {
  assert.equal(base32Encode(new TextEncoder().encode("foobar")), "mzxw6ytboi");
  assert.equal(base32Encode(new TextEncoder().encode("foob")), "mzxw6yq");
});

test("base32 refuses a second spelling of the same bytes", () => {
  assert.equal(base32Decode("MZXW6"), undefined, "upper case");
  assert.equal(base32Decode("mzxw6==="), undefined, "padding");
  assert.equal(base32Decode("mzxw6yr"), undefined, "bits left over");
  assert.equal(base32Decode("mzxw6y"), undefined, "no such length");
  assert.equal(base32Decode("m1"), undefined, "foreign character");
});

test("an address with IPv4 and IPv6 is read and written the same", () => {
  const text = `relay:${USER}@192.0.2.7:4433,[2001:db8::7]:443/${FP}`;
  const address = parseRelayAddress(`  ${text}\n`);
  assert.deepEqual(address, {
    user: USER,
    endpoints: [
      { ip: "192.0.2.7", port: 4433 },
      { ip: "2001:db8::7", port: 443 },
    ],
    fingerprint: FINGERPRINT,
  });
  assert.equal(formatRelayAddress(address), text);
});

test("an IPv6 address is brought to its usual spelling", () => {
  assert.equal(parseRelayAddress(`relay:${USER}@[0:0:0:0:0:0:0:1]:4433/${FP}`).endpoints[0]?.ip, "::1");
});

test("only the CID of an identity log is a user id", () => {
  assert.equal(isUserId(USER), true);
  assert.equal(isUserId(RAW_CID), false);
  assert.equal(isUserId(USER.slice(0, -1)), false);
  assert.equal(isUserId(USER.toUpperCase()), false);
  assert.equal(isUserId(""), false);
});

const refused = {
  "another scheme": `http:${USER}@192.0.2.7:4433/${FP}`,
  "no fingerprint": `relay:${USER}@192.0.2.7:4433`,
  "a short fingerprint": `relay:${USER}@192.0.2.7:4433/${FP.slice(0, -2)}`,
  "a fingerprint in upper case": `relay:${USER}@192.0.2.7:4433/${FP.toUpperCase()}`,
  "something after the fingerprint": `relay:${USER}@192.0.2.7:4433/${FP}/x`,
  "no user": `relay:@192.0.2.7:4433/${FP}`,
  "a raw CID as user": `relay:${RAW_CID}@192.0.2.7:4433/${FP}`,
  "no port": `relay:${USER}@192.0.2.7/${FP}`,
  "port 0": `relay:${USER}@192.0.2.7:0/${FP}`,
  "a port over 65535": `relay:${USER}@192.0.2.7:65536/${FP}`,
  "a port that browsers do not connect to": `relay:${USER}@192.0.2.7:53/${FP}`,
  "a port with a leading zero": `relay:${USER}@192.0.2.7:04433/${FP}`,
  "a host name": `relay:${USER}@relay.example:4433/${FP}`,
  "a short IPv4": `relay:${USER}@192.0.7:4433/${FP}`,
  "an octal IPv4": `relay:${USER}@0300.0.2.7:4433/${FP}`,
  "an IPv4 out of range": `relay:${USER}@192.0.2.256:4433/${FP}`,
  "IPv6 without brackets": `relay:${USER}@2001:db8::7:4433/${FP}`,
  "IPv6 with a zone": `relay:${USER}@[fe80::1%25eth0]:4433/${FP}`,
  "the unspecified address": `relay:${USER}@0.0.0.0:4433/${FP}`,
  "an empty endpoint": `relay:${USER}@192.0.2.7:4433,/${FP}`,
  "nine endpoints": `relay:${USER}@${Array(9).fill("192.0.2.7:4433").join(",")}/${FP}`,
  "a line break that would add to the session description": `relay:${USER}@192.0.2.7:4433\r\na=x/${FP}`,
  "an endless text": `relay:${"b".repeat(2000)}`,
};
for (const [what, text] of Object.entries(refused)) {
  test(`an address with ${what} is refused`, () => {
    assert.throws(() => parseRelayAddress(text), { name: "MimeiError", code: "address.invalid", retry: "never" });
  });
}
