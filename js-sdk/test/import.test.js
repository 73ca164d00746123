import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "mimei";

test("importing on a server does not throw, and open says that it needs a browser", async () => {
  await assert.rejects(open({ app: "com.example.test" }), { name: "MimeiError", code: "context.unsupported" });
});
