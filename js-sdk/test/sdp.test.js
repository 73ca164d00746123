import assert from "node:assert/strict";
import { test } from "node:test";
import { directAnswer, directIcePwd, formatFingerprint, readFingerprint, readLocalDescription } from "../dist/transport/sdp.js";

const FINGERPRINT = Uint8Array.from({ length: 32 }, (_, at) => at * 8);
const COLONS = formatFingerprint(FINGERPRINT);
const OFFER = [
  "v=0",
  "a=group:BUNDLE 0",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=ice-ufrag:Ab1+",
  "a=ice-pwd:0123456789abcdefghij/+AB",
  `a=fingerprint:sha-256 ${COLONS}`,
  "a=setup:actpass",
  "a=mid:0",
  "",
].join("\r\n");
const address = {
  user: "b",
  endpoints: [
    { ip: "192.0.2.7", port: 4433 },
    { ip: "::1", port: 4434 },
  ],
  fingerprint: FINGERPRINT,
};

test("the own description gives password, mid and fingerprint", () => {
  assert.deepEqual(readLocalDescription(OFFER), {
    icePwd: "0123456789abcdefghij/+AB",
    mid: "0",
    fingerprint: FINGERPRINT,
  });
});

test("a description without the parts needed is refused", () => {
  assert.throws(() => readLocalDescription(OFFER.replace(/a=ice-pwd.*\r\n/, "")), { code: "relay.incompatible" });
  assert.throws(() => readFingerprint(OFFER.replace(/a=fingerprint.*\r\n/, "")), { code: "relay.incompatible" });
});

test("the same fingerprint twice is one, two different ones are refused", () => {
  assert.deepEqual(readFingerprint(OFFER + `a=fingerprint:SHA-256 ${COLONS.toLowerCase()}\r\n`), FINGERPRINT);
  const other = COLONS.replace(/^00/, "01");
  assert.throws(() => readFingerprint(OFFER + `a=fingerprint:sha-256 ${other}\r\n`), { code: "relay.incompatible" });
});

test("a fingerprint of another hash is refused, alone and beside a good one", () => {
  assert.throws(() => readFingerprint("a=fingerprint:sha-1 AA:BB\r\n"), { code: "relay.incompatible" });
  assert.throws(() => readFingerprint(OFFER + `a=fingerprint:sha-512 ${COLONS}\r\n`), { code: "relay.incompatible" });
});

test("the relay's ICE password follows from its fingerprint", async () => {
  // echo -n "mimei-direct-1 00:08:10:…:F8" | sha256sum | cut -c1-32
  assert.equal(await directIcePwd(FINGERPRINT), "d7b5d0a003662c05c5ef373388d49186");
});

test("the answer written for a relay says what the relay will do", async () => {
  const lines = (await directAnswer(readLocalDescription(OFFER), address)).split("\r\n");
  for (const line of [
    "a=ice-ufrag:mm1+0123456789abcdefghij/+AB",
    "a=ice-pwd:d7b5d0a003662c05c5ef373388d49186",
    `a=fingerprint:sha-256 ${COLONS}`,
    "a=setup:passive",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
    "a=mid:0",
    "a=candidate:1 1 udp 2113937151 192.0.2.7 4433 typ host",
    "a=candidate:2 1 udp 2113936895 ::1 4434 typ host",
  ]) {
    assert.ok(lines.includes(line), `${line} in\n${lines.join("\n")}`);
  }
  assert.ok(!lines.some((line) => line.includes("ice-lite")));
});
