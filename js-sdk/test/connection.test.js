import assert from "node:assert/strict";
import { test } from "node:test";
import { QUEUE_BYTES_MAX, QUEUE_LOW_BYTES } from "../dist/limits.js";
import { PipeConnection } from "../dist/transport/connection.js";

/** A transport whose queue the test sets. */
class Transport extends PipeConnection {
  draining = 0;
  ended = 0;
  constructor(pipe) {
    super(pipe);
    this.pipe = pipe;
  }
  awaitDrain() {
    this.draining += 1;
  }
  end() {
    this.ended += 1;
  }
  drainTo(bytes) {
    this.pipe.bufferedAmount = bytes;
    this.reportWritable();
  }
  receive(data) {
    this.deliver(data);
  }
}

function transport(send = function (bytes) {
  this.bufferedAmount += bytes.byteLength;
}) {
  const connection = new Transport({ bufferedAmount: 0, send });
  const told = [];
  connection.listen({
    message: (bytes) => told.push(["message", ...bytes]),
    writable: (queuedBytes) => told.push(["writable", queuedBytes]),
    closed: (error) => told.push(["closed", error?.code]),
  });
  return { connection, told };
}

test("frames sent in one go make one report, even if the queue was never full", async () => {
  const { connection, told } = transport();
  connection.send(new Uint8Array(10));
  connection.send(new Uint8Array(20));
  await Promise.resolve();
  assert.deepEqual(told, [["writable", 30]]);
});

test("above the low mark the report comes when the queue has drained", async () => {
  const { connection, told } = transport();
  connection.send(new Uint8Array(QUEUE_LOW_BYTES + 1));
  await Promise.resolve();
  assert.deepEqual([told, connection.draining], [[], 1]);
  connection.drainTo(5);
  assert.deepEqual(told, [["writable", 5]]);
});

test("a queue over its bound ends the connection instead of growing", () => {
  const { connection, told } = transport();
  connection.send(new Uint8Array(QUEUE_BYTES_MAX));
  connection.send(new Uint8Array(1));
  assert.deepEqual(told, [["closed", "network.overflow"]]);
});

test("a transport that refuses a frame is a lost connection", () => {
  const { connection, told } = transport(() => {
    throw new Error("not open");
  });
  connection.send(new Uint8Array(1));
  assert.deepEqual(told, [["closed", "network.lost"]]);
});

test("text is refused, bytes are passed on", () => {
  const { connection, told } = transport();
  connection.receive(Uint8Array.of(1, 2).buffer);
  connection.receive("hello");
  assert.deepEqual(told, [["message", 1, 2], ["closed", "relay.incompatible"]]);
});

test("a connection closes once and says nothing afterwards", async () => {
  const { connection, told } = transport();
  connection.send(new Uint8Array(1));
  connection.close();
  connection.close();
  connection.send(new Uint8Array(1));
  await Promise.resolve();
  assert.deepEqual([told, connection.ended], [[["closed", undefined]], 1]);
});
