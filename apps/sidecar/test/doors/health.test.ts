import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runSidecar, testFeed } from "../running-sidecar.ts";
import { scratchDirectory } from "../scratch.ts";

describe("/livez and /readyz", () => {
  it("are ready once verified state and a lock list are held, and not before", async () => {
    const feed = await testFeed();
    const later = await testFeed();
    rmSync(later.directory, { recursive: true });
    const { ask, replica } = await runSidecar({ directory: later.directory, trust: later.trust }, { isAwaited: false });
    expect([(await ask("/livez")).status, (await ask("/readyz")).status]).toEqual([200, 503]);
    expect((await ask("/readyz")).headers["retry-after"]).toBe("1");
    // Another feed does not help: it is not trusted.
    await runSidecar(feed);
    expect((await ask("/readyz")).status).toBe(503);
    await later.publish({});
    await replica.refresh();
    const ready = await ask("/readyz");
    expect([ready.status, ready.text]).toEqual([200, "ready\n"]);
  });

  it("are ready from the disk alone, when the feed is gone", async () => {
    const feed = await testFeed();
    const data = join(scratchDirectory(), "data");
    const first = await runSidecar(feed, { flags: { data } });
    await first.close();
    rmSync(feed.directory, { recursive: true });
    const { ask } = await runSidecar(feed, { flags: { data } });
    expect((await ask("/readyz")).status).toBe(200);
    expect((await ask("/v1/check", { body: { tenant: "locked", capability: "view" } })).json()).toMatchObject({
      allowed: false,
      reason: "locked",
      version: "1.1",
    });
  });
});
