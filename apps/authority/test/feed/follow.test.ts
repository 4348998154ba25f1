import { followFeed, type Replica } from "@dimmer/feed/follow";
import { httpSource, systemClock } from "@dimmer/feed/node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
let replica: Replica;
let collections: string;
let security: string;
beforeAll(async () => {
  authority = await runAuthority({ listEveryMs: 0, headEveryMs: 200 });
  [collections, security] = [await authority.keyWith("collections"), await authority.keyWith("security")];
  await authority.ask("PUT", "/v1/tenants/acme", { body: { name: "ACME", plan: "pro" } });
  replica = followFeed({
    sources: [httpSource(authority.url, { token: await authority.fleetSecret() })],
    trust: [authority.trust],
    clock: systemClock(),
    pollMs: 3_600_000,
  });
  await replica.ready();
});
afterAll(async () => {
  await replica.close();
  await authority.stop();
});

/** Has the replica look once the list of what was published last is made. */
async function followed(of: RunningAuthority = authority): Promise<void> {
  await vi.waitUntil(async () => {
    const state = await of.store.db.selectFrom("feed_state").select(["seq", "index_seq"]).executeTakeFirstOrThrow();
    return state.seq === state.index_seq;
  });
  await replica.refresh();
}

describe("a replica of the authority", () => {
  it("follows what is restricted, cleared, locked, lifted and removed", async () => {
    await followed();
    expect(replica.check("acme", "create").reason).toBe("granted");
    expect(replica.value("acme", "seats")).toBe(25);
    const path = "/v1/tenants/acme/restrictions/case_1";
    const body = { cause: "nonpayment", steps: [{ at: 1, mode: "limited" }] };
    await authority.ask("PUT", path, { key: collections, body });
    await followed();
    expect(replica.check("acme", "create")).toMatchObject({
      reason: "restricted",
      cause: "nonpayment",
      freshness: "fresh",
    });
    await authority.ask("DELETE", path, { key: collections });
    await followed();
    expect(replica.check("acme", "create").allowed).toBe(true);
    await authority.ask("PUT", "/v1/tenants/acme/locks/INC-1", { key: security, body: { cause: "security" } });
    await followed();
    expect(replica.check("acme", "view").reason).toBe("locked");
    await authority.ask("DELETE", "/v1/tenants/acme/locks/INC-1", { key: security });
    await followed();
    expect(replica.check("acme", "view").allowed).toBe(true);
    await authority.ask("DELETE", "/v1/tenants/acme");
    await followed();
    expect(replica.check("acme", "view").reason).toBe("unknown_tenant");
    expect(replica.status()).toMatchObject({ quarantine: { count: 0 }, refusals: { count: 0 } });
  });

  it("goes on over a restart of the authority, which loses nothing and keeps its versions", async () => {
    await authority.ask("PUT", "/v1/tenants/lasting", { body: { name: "L", plan: "starter" } });
    await followed();
    expect(replica.check("lasting", "view").reason).toBe("granted");
    const before = replica.version;
    const port = Number(new URL(authority.url).port);
    await authority.close();
    const again = await runAuthority({ folder: authority.folder, listEveryMs: 0, headEveryMs: 200, config: { port } });
    expect(again.firstSecret).toBeUndefined();
    expect(again.trust).toBe(authority.trust);
    await authority.ask("PUT", "/v1/tenants/later", { body: { name: "L", plan: "pro" } });
    await followed(again);
    expect(replica.check("later", "view").reason).toBe("granted");
    expect(replica.version).toEqual({ epoch: 1, seq: (before?.seq ?? 0) + 1 });
    expect(replica.status().refusals.count).toBe(0);
    await again.stop();
  }, 20_000);
});
