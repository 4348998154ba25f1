import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const SCRIPT = fileURLToPath(new URL("../src/webhook-timeline.ts", import.meta.url));

it("shows webhooks held while a customer has not paid, and caught up in order once it has", {
  timeout: 60_000,
}, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@dimmer/source", SCRIPT]);
  const story = stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/^ *[\d.]+ s {2}/, "").replace(/ of [\d:.]+/, ""));
  // A receiver answers on its own time: what it tells is judged in its own order.
  expect(story.filter((line) => line.startsWith("receiver"))).toEqual([
    "receiver  ◀ note.created",
    "receiver  nothing came: 1 in all",
    "receiver  ◀ export.finished   Dimmer-Resync: replay",
    "receiver  ◀ contact.changed   Dimmer-Resync: replay",
    "receiver  ◀ note.created",
  ]);
  expect(story.filter((line) => line.startsWith("product"))).toEqual([
    "product   POST /notes → 201",
    "product   POST /notes → 402",
    "product   GET /export.json → 200",
    "product   PUT /contact → 200",
    "product   POST /notes → 201",
  ]);
});
