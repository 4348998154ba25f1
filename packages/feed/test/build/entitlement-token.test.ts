import { compilePolicy, standardPolicy } from "@dimmer/core";
import { type FeedSigners, signEntitlementToken, signTokenFromFeed, sourceOf } from "@dimmer/feed/build";
import { createTokenVerifier, inspectStatement, verifyKeysetChain } from "@dimmer/statement";
import { trustStringOf } from "@dimmer/statement/keys";
import { beforeAll, describe, expect, it } from "vitest";
import { AUD, build, generateSigners, NOW_MS, NOW_SECONDS, tenants } from "./fixture.ts";

let signers: FeedSigners;
let trust: string;
let built: Awaited<ReturnType<typeof build>>;
const lock = { tenant: "tenant-1", cause: "security" as const, case: "INC-1", since: NOW_SECONDS, allow: ["pay"] };

beforeAll(async () => {
  signers = await generateSigners();
  trust = await trustStringOf(signers.root.publicKey);
  const first = await build(signers, { entitlements: tenants(20), locks: [lock] });
  built = await build(signers, { entitlements: tenants(19), locks: [lock], after: first });
});

async function issue(tenant: string, ttlMs?: number): Promise<string | undefined> {
  const feed = { source: sourceOf(built), trust: [trust], signer: signers.feed };
  return await signTokenFromFeed({ tenant, ...feed, nowMs: NOW_MS, ...(ttlMs === undefined ? {} : { ttlMs }) });
}

describe("signTokenFromFeed", () => {
  it("says what the feed says about a tenant, for five minutes, and a verifier takes it", async () => {
    const token = (await issue("tenant-3")) ?? "";
    expect(inspectStatement(token).payload).toMatchObject({
      aud: AUD,
      sub: "tenant-3",
      epoch: 1,
      seq: 2,
      iat: NOW_SECONDS,
      exp: NOW_SECONDS + 300,
      policy: built.headPayload.policy,
      entitlement: { tenant: "tenant-3", plan: "pro" },
    });
    const keys = await verifyKeysetChain(built.keysets, { trust: [trust], audience: AUD });
    const policy = compilePolicy(standardPolicy);
    const verifier = createTokenVerifier({ keys: () => keys, policy: () => policy, nowMs: () => NOW_MS });
    expect(await verifier.verify(token)).toMatchObject({ tenant: "tenant-3" });
  });

  it("carries the tenant's lock", async () => {
    expect(inspectStatement((await issue("tenant-1")) ?? "").payload).toMatchObject({ lock });
  });

  it("gives nothing for a tenant that the feed does not have, or no longer", async () => {
    expect([await issue("nobody"), await issue("tenant-19"), await issue("..")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("refuses a life under a second or over an hour", async () => {
    await expect(issue("tenant-1", 3_600_001)).rejects.toThrow(/^ttlMs: must be from 1000 to 3600000/);
    await expect(issue("tenant-1", 999)).rejects.toThrow(TypeError);
    await expect(issue("tenant-1", Number.NaN)).rejects.toThrow(TypeError);
  });

  it("refuses a signer that is not the feed's, a foreign root, and a chunk with other bytes", async () => {
    const input = { tenant: "tenant-3", source: sourceOf(built), trust: [trust], signer: signers.feed, nowMs: NOW_MS };
    await expect(signTokenFromFeed({ ...input, signer: signers.policy })).rejects.toMatchObject({
      code: "keys_unreadable",
    });
    const foreign = [`SHA256:${"A".repeat(43)}`];
    await expect(signTokenFromFeed({ ...input, trust: foreign })).rejects.toMatchObject({
      code: "statement_untrusted",
    });
    const parts = new Map(
      [...built.parts].map(([name, bytes]) => [name, name.startsWith("chunks/") ? bytes.slice(1) : bytes]),
    );
    await expect(signTokenFromFeed({ ...input, source: sourceOf({ ...built, parts }) })).rejects.toMatchObject({
      code: "feed_refused",
    });
  });
});

describe("signEntitlementToken", () => {
  it("refuses a lock of somebody else", async () => {
    const [entitlement] = tenants(1);
    const input = { entitlement: entitlement as never, lock, version: built.version, policy: built.headPayload.policy };
    await expect(
      signEntitlementToken({ ...input, iss: "x", aud: AUD, signer: signers.feed, nowMs: NOW_MS }),
    ).rejects.toMatchObject({ code: "statement_malformed", message: expect.stringContaining("lock.tenant") });
  });
});
