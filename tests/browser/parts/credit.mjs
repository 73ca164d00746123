/** What a relay's owner does at a terminal, and the numbers of an account worked out again from its records. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { decode } from "../../../js-sdk/test/dag-cbor.js";
import { program } from "./relay.mjs";

/** A relay that keeps nothing for whoever has no invite. */
export const NO_WELCOME = { MIMEI_STRANGERS: "50M" };

/** Runs a command of the owner of a relay that runs or not. */
export async function owner(relay, ...args) {
  const { stdout } = await promisify(execFile)(program(), [...args, "--data", relay.data]);
  return stdout;
}

/** The link that the owner sends to somebody. */
export async function invite(relay, { space = "50M", traffic = "100M/month", name = "Ada" } = {}) {
  const text = await owner(relay, "invite", "--no-qr", "--space", space, "--traffic", traffic, "--for", name);
  return text.split("\n")[0];
}

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0n);
const most = (a, b) => (a > b ? a : b);

/** docs/credit.md, Numbers, from the signed records and the two counts: served by device in hex, sponsored by mandate in hex. */
export function numbersOf(records, { served, sponsored }, nowMs) {
  const of = (kind) => records.filter((record) => record.kind === kind).map(({ bytes }) => decode(bytes).get("body"));
  const [line] = of("line");
  const [receipt] = of("receipt");
  const lanes = of("iou").map((iou) => {
    const device = Buffer.from(iou.get("by").get("device")).toString("hex");
    return { total: iou.get("total"), folded: iou.get("folded"), served: served.get(device) ?? 0n };
  });
  const mandates = of("mandate").map((mandate) => ({
    total: mandate.get("total"),
    used: sponsored.get(whatOf(mandate)) ?? 0n,
    ended: mandate.get("until") !== null && mandate.get("until") <= BigInt(nowMs),
  }));
  const signed = sum(lanes.map(({ total }) => total));
  const unsigned = sum(lanes.map(({ total, folded, served }) => most(0n, served + folded - total)));
  const owed = most(0n, sum(mandates.map(({ used }) => used)) - sum(lanes.map(({ folded }) => folded)));
  const reserved = sum(mandates.map(({ total, used, ended }) => (ended ? 0n : most(0n, total - used))));
  const settled = receipt?.get("total") ?? 0n;
  const exposure = most(0n, signed + unsigned + owed + reserved - settled);
  return { limit: line.get("limit"), signed, unsigned, owed, reserved, settled, exposure };
}

/** Saves the records of the account on the page and reads them: those that are signed, and the two counts. */
export async function savedRecords(page) {
  const saving = page.waitForEvent("download");
  await page.getByTestId("credit-save").click();
  const file = JSON.parse(await readFile(await (await saving).path(), "utf8"));
  const records = file.records.map(({ kind, cbor }) => ({ kind, bytes: Buffer.from(cbor, "hex") }));
  const served = new Map(file.served.map(({ device, served }) => [device, BigInt(served)]));
  const sponsored = new Map(file.sponsored.map(({ link, used }) => [link ?? "", BigInt(used)]));
  return { records, counts: { served, sponsored } };
}

/** By what a mandate is told apart: its link's key in hex, or nothing for everyone. */
export function whatOf(mandate) {
  const [[kind, what]] = mandate.get("what");
  return kind === "link" ? Buffer.from(what.get("link")).toString("hex") : "";
}
