import assert from "node:assert/strict";
import { test } from "node:test";
import { MimeiError } from "../dist/errors.js";
import { recovery } from "../dist/recovery.js";

/** A tab whose core knows one device, and a recovery file called `good`. */
function fakeDesk() {
  const listeners = new Map();
  const desk = { backedUp: false, devices: [{ id: "d1", addedMs: 5, isThis: true, removed: false }], calls: [], reopened: 0 };
  desk.on = (name, listener) => (listeners.set(name, listener), () => listeners.delete(name));
  desk.tell = (name) => listeners.get(name)?.();
  desk.reopen = async () => void (desk.reopened += 1);
  desk.call = async (method, args) => {
    desk.calls.push(method);
    if (args?.file !== undefined && args.file !== "good") throw new MimeiError("recovery.invalid", "not whole");
    if (method === "restore" && desk.inUse && !args.replace) throw new MimeiError("identity.inUse", "something is here");
    if (method === "confirmBackup") desk.backedUp = true;
    return { me: { id: "u", device: "d1", backedUp: desk.backedUp, createdMs: 1 }, devices: desk.devices, recoveryFile: "good" }[method];
  };
  return desk;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("devices and backup are known soon, and followed", async () => {
  const desk = fakeDesk();
  const mine = recovery(desk, true);
  assert.deepEqual([mine.backedUp.value, mine.devices.value], [true, []], "what was said at the beginning");
  await turn();
  assert.deepEqual([mine.backedUp.value, mine.devices.value], [false, desk.devices]);
  desk.backedUp = true; // Confirmed in another tab.
  desk.devices = [...desk.devices, { id: "d2", addedMs: 9, isThis: false, removed: true }];
  desk.tell("identity");
  await turn();
  assert.deepEqual([mine.backedUp.value, mine.devices.value.map(({ id, removed }) => [id, removed])], [true, [["d1", false], ["d2", true]]]);
  desk.devices = [{ id: 7 }];
  desk.tell("resumed");
  await turn();
  assert.equal(mine.devices.value.length, 2, "what is not understood changes nothing");
});

test("only a file that is whole confirms the backup", async () => {
  const desk = fakeDesk();
  const mine = recovery(desk, false);
  assert.equal(await mine.recoveryFile(), "good");
  await assert.rejects(mine.confirmBackup("goo"), { code: "recovery.invalid" });
  assert.equal(mine.backedUp.value, false);
  await mine.confirmBackup("good");
  assert.equal(mine.backedUp.value, true);
});

test("a restore that is refused leaves the core alone, and one that is done opens it anew", async () => {
  const desk = fakeDesk();
  desk.inUse = true;
  const mine = recovery(desk, false);
  await assert.rejects(mine.restore("nonsense"), { code: "recovery.invalid" });
  await assert.rejects(mine.restore("good"), { code: "identity.inUse" });
  assert.equal(desk.reopened, 0);
  await mine.restore("good", { replace: true });
  assert.equal(desk.reopened, 1);
});
