import { followFeed } from "@dimmer/feed/follow";
import { expect, it } from "vitest";
import { AUD, NOW_MS } from "../build/fixture.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemorySource } from "./memory-source.ts";
import { MemoryStore } from "./memory-store.ts";
import { trust } from "./replica-fixture.ts";
import { limited, plan, stream } from "./stream-fixture.ts";

it("F1 · nobody is answered from a generation of the disk before the frames that came after it", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  await world.change({ set: [limited("a")] });
  for (let i = 0; i < 20; i += 1) await world.change({ set: [plan(`t${i}`, "pro")] });
  const newest = world.replica.version;
  const replica = followFeed({
    sources: [new MemorySource(undefined)],
    trust: [trust],
    audience: AUD,
    store: store.copy(),
    clock: new FakeClock(NOW_MS),
  });
  const seen = new Set<string>();
  const told: unknown[] = [];
  replica.subscribe((event) => {
    if (event.type === "ready" || event.type === "applied") told.push(event.type, replica.version);
  });
  while (!replica.isReady) {
    seen.add(`${replica.check("a", "create").reason} at ${replica.version?.seq}, ${replica.readHead()?.etag}`);
    await new Promise((done) => void setImmediate(done));
  }
  expect([...seen]).toEqual(["no_data at undefined, undefined"]);
  expect([replica.check("a", "create").reason, replica.version]).toEqual(["restricted", newest]);
  await expect.poll(() => told).toEqual(["ready", newest, "applied", newest]);
  await replica.close();
});
