import { createTokenVerifier } from "@dimmer/statement";
import { describe, expect, it } from "vitest";
import { NOW_MS, runSidecar, stoppedClock, testFeed } from "../running-sidecar.ts";

describe("GET /v1/entitlements/{id}", () => {
  it("signs a token with the feed key, which verifies and answers like the sidecar", async () => {
    const feed = await testFeed();
    const { ask, replica } = await runSidecar(feed, { flags: { keys: feed.keysDirectory } });
    const verifier = createTokenVerifier({
      keys: () => replica.keys,
      policy: () => replica.policy,
      nowMs: () => NOW_MS,
    });
    for (const tenant of ["acme", "unpaid", "locked"]) {
      const answer = await ask(`/v1/entitlements/${tenant}`);
      expect([answer.status, answer.headers["content-type"], answer.headers["cache-control"]]).toEqual([
        200,
        "application/jwt",
        "no-store",
      ]);
      const presented = await verifier.verify(answer.text);
      expect(presented).toMatchObject({ tenant, version: { epoch: 1, seq: 1 }, expiresMs: NOW_MS + 300_000 });
      const question = { capability: "create", principal: "member" } as const;
      expect(presented.ask(question)).toEqual(replica.check(tenant, "create", "member"));
    }
  });

  it("gives a token again until half its life or another version", async () => {
    let nowMs = NOW_MS;
    const clock = { ...stoppedClock(), wallMs: () => nowMs, monotonicMs: () => nowMs - NOW_MS };
    const feed = await testFeed();
    const { ask, replica } = await runSidecar(feed, { flags: { keys: feed.keysDirectory }, clock });
    const issue = async (): Promise<string> => (await ask("/v1/entitlements/acme")).text;
    const pass = async (ms: number): Promise<void> => {
      nowMs += ms;
      await expect.poll(() => replica.clockMs, { interval: 5, timeout: 5_000 }).toBe(nowMs);
    };
    const first = await issue();
    await pass(149_000);
    expect(await issue()).toBe(first);
    await pass(2_000);
    const second = await issue();
    expect(second).not.toBe(first);
    await feed.publish({ nowMs, locks: [] });
    await replica.refresh();
    expect(await issue()).not.toBe(second);
    expect((await ask("/metrics")).text).toContain("dimmer_tokens_signed_total 3");
    expect((await ask("/metrics")).text).toContain("dimmer_tokens_reused_total 1");
  });

  it("says that it cannot sign without keys, or with keys that the feed does not name", async () => {
    const feed = await testFeed();
    const without = await (await runSidecar(feed)).ask("/v1/entitlements/acme");
    expect([without.status, without.json()]).toEqual([
      501,
      expect.objectContaining({
        type: "urn:dimmer:problem:no_signer",
        detail: expect.stringContaining("a sidecar holds no signing key") as unknown,
      }),
    ]);
    const { keysDirectory } = await testFeed();
    const other = await (await runSidecar(feed, { flags: { keys: keysDirectory } })).ask("/v1/entitlements/acme");
    expect([other.status, other.json()]).toEqual([
      501,
      expect.objectContaining({ detail: expect.stringContaining("keyset does not name the key") as unknown }),
    ]);
  });

  it("knows no token of who is not in the feed, none of what is no tenant, and none before a generation", async () => {
    const feed = await testFeed();
    const flags = { keys: feed.keysDirectory };
    const { ask } = await runSidecar(feed, { flags });
    const unknown = await ask("/v1/entitlements/nobody");
    expect([unknown.status, unknown.json()]).toMatchObject([404, { type: "urn:dimmer:problem:tenant_unknown" }]);
    expect((await ask("/v1/entitlements/..%2f")).status).toBe(400);
    const empty = { directory: `${feed.directory}-not-there`, trust: feed.trust };
    const unready = await runSidecar(empty, { flags, isAwaited: false });
    expect((await unready.ask("/v1/entitlements/acme")).status).toBe(503);
  });
});
