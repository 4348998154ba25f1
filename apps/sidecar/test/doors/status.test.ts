import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { statusSchema } from "../../src/contract/status.ts";
import { NOW_MS, runSidecar, TENANTS, testFeed } from "../running-sidecar.ts";
import { scratchDirectory, scratchFile } from "../scratch.ts";

describe("GET /v1/status", () => {
  it("tells what is held, how fresh it is, and how sources and disk fare", async () => {
    const feed = await testFeed();
    const data = join(scratchDirectory(), "data");
    const { ask } = await runSidecar(feed, { flags: { data } });
    const answer = await ask("/v1/status");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(statusSchema.safeParse(answer.json()).error).toBeUndefined();
    expect(answer.json()).toMatchObject({
      ready: true,
      version: "1.1",
      locksVersion: "1.1",
      policy: expect.stringMatching(/^[\w-]{43}$/) as unknown,
      freshness: "fresh",
      freshUntil: new Date(NOW_MS + 30 * 86_400_000).toISOString(),
      horizon: new Date(NOW_MS + 86_400_000).toISOString(),
      now: new Date(NOW_MS).toISOString(),
      tenants: { held: TENANTS.length, restricted: 2, locked: 1 },
      quarantine: { count: 0, tenants: [] },
      refusals: { count: 0, last: null },
      sources: [{ name: feed.directory, state: "ok", lastOk: new Date(NOW_MS).toISOString() }],
      disk: { directory: data },
    });
  });

  it("tells whom a quarantine holds and why", async () => {
    const steps = [{ at: NOW_MS / 1_000, mode: "frozen" }];
    const odd = { tenant: "odd", plan: "gold", restrictions: [{ cause: "manual" as const, case: "c", steps }] };
    const { ask } = await runSidecar(await testFeed({ entitlements: [...TENANTS, odd], allowInvalid: true }));
    expect((await ask("/v1/status")).json()).toMatchObject({
      version: "1.1",
      quarantine: { count: 1, tenants: [{ tenant: "odd", why: 'plan "gold", mode "frozen"' }] },
    });
    expect((await ask("/metrics")).text).toContain('dimmer_tenants{state="quarantined"} 1');
  });

  it("tells what was refused, while the last good state answers on", async () => {
    const feed = await testFeed();
    const { ask, replica } = await runSidecar(feed);
    writeFileSync(join(feed.directory, "head.jws"), "garbage");
    await replica.refresh();
    expect((await ask("/v1/status")).json()).toMatchObject({
      ready: true,
      version: "1.1",
      refusals: {
        count: 1,
        last: {
          source: feed.directory,
          code: "statement_malformed",
          message: expect.stringContaining("must be three parts") as unknown,
        },
      },
      sources: [{ state: "refused" }],
    });
    expect((await ask("/metrics")).text).toMatch(/^dimmer_refusals_total 1$/m);
    expect((await ask("/v1/check", { body: { tenant: "unpaid", capability: "create" } })).json()).toMatchObject({
      allowed: false,
      reason: "restricted",
    });
  });

  it("tells of a data directory that cannot be written, and answers all the same", async () => {
    // A file in the place of a directory: also the superuser cannot write below it.
    const data = join(scratchFile("file", ""), "data");
    const { ask } = await runSidecar(await testFeed(), { flags: { data } });
    await expect
      .poll(async () => ((await ask("/v1/status")).json() as { disk: unknown }).disk, { interval: 20, timeout: 5_000 })
      .toMatchObject({ state: "failing", directory: data, lastError: expect.stringContaining(data) as unknown });
    expect((await ask("/metrics")).text).toContain("dimmer_disk_failing 1");
    expect((await ask("/readyz")).status).toBe(200);
  });

  it("is whole before anything is held", async () => {
    const feed = await testFeed();
    const { ask } = await runSidecar(
      { directory: `${feed.directory}-not-there`, trust: feed.trust },
      { isAwaited: false },
    );
    const status = (await ask("/v1/status")).json();
    expect(statusSchema.safeParse(status).error).toBeUndefined();
    expect(status).toMatchObject({
      ready: false,
      version: "0.0",
      policy: null,
      freshUntil: null,
      disk: { state: "none" },
    });
  });
});
