import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { seededRandom } from "../random.ts";
import type { Stage } from "../scenario.ts";
import { type LateDelivery, startSoakWebhooks } from "./soak-webhooks.ts";

const undoing: (() => unknown)[] = [];
const violated: string[] = [];
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dimmer-s-"));
});
afterEach(async () => {
  for (const undo of undoing.splice(0).reverse()) await undo();
  rmSync(folder, { recursive: true, force: true });
  violated.length = 0;
});

function stage(): Stage {
  return {
    folder,
    isLong: false,
    random: seededRandom(1),
    progress: () => undefined,
    violate: (_, what) => violated.push(what),
    atEnd: (undo) => void undoing.push(undo),
  };
}

/** Has an event arrive at the receiver that the file names. */
async function deliver(file: string, tenant: string, place: number): Promise<void> {
  const url = /url: "([^"]+)\/t0"/.exec(readFileSync(file, "utf8"))?.[1];
  await fetch(`${url}/${tenant}`, { method: "POST", headers: { "webhook-id": `evt-${tenant}-${place}` } });
}

it("names what arrives after a denial, with the versions between which it was sent", async () => {
  const late: LateDelivery[] = [];
  const hooks = await startSoakWebhooks(stage(), { arriveMs: 1, leakMs: 0, onLate: (one) => late.push(one) });
  await deliver(hooks.file, "t0", 0);
  hooks.answered("t0", false, "1.2", performance.now());
  await deliver(hooks.file, "t0", 1);
  hooks.answered("t0", false, "1.3", performance.now());
  expect(late).toEqual([{ tenant: "t0", least: "1.2", most: "1.3" }]);
  expect(violated).toEqual([]);
});

it("sees that an event of an endpoint is left out, and takes one that comes again for none", async () => {
  const hooks = await startSoakWebhooks(stage(), { arriveMs: 1, onLate: () => undefined });
  for (const place of [0, 0, 2]) await deliver(hooks.file, "t0", place);
  expect(hooks.counts).toMatchObject({ arrived: 2, again: 1 });
  expect(violated).toEqual(["t0: after event 0 came 2"]);
});
