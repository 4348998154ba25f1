import { type BuildProgress, bucketOf, type FeedSigners } from "@dimmer/feed/build";
import {
  canonicalLine,
  checkWireEntitlement,
  compareVersions,
  inspectStatement,
  verifyKeysetChain,
  verifyStatement,
} from "@dimmer/statement";
import { trustStringOf } from "@dimmer/statement/keys";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  AUD,
  anyEntitlements,
  build,
  bytesOf,
  changedPolicy,
  generateSigners,
  ISS,
  indexOf,
  linesOf,
  NOW_MS,
  NOW_SECONDS,
  tenants,
} from "./fixture.ts";

// A bound and no expectation: properties sign hundreds of statements, slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let signers: FeedSigners;
let others: FeedSigners;

beforeAll(async () => {
  [signers, others] = await Promise.all([generateSigners(), generateSigners()]);
});

describe("buildFeed", () => {
  it("gives the same bytes for the same input, keys and time, whatever the order of the input", async () => {
    await fc.assert(
      fc.asyncProperty(anyEntitlements, fc.nat(), async (entitlements, seed) => {
        const locks = entitlements.slice(0, 3).map(({ tenant }) => ({
          tenant,
          cause: "security" as const,
          case: "INC-1",
          since: NOW_SECONDS,
          allow: ["pay", "export"],
        }));
        const turned = [...entitlements.slice(seed % 7), ...entitlements.slice(0, seed % 7)].reverse();
        const first = await build(signers, { entitlements, locks });
        const turnedLocks = locks.map((item) => ({ ...item, allow: ["export", "pay", "export"] })).reverse();
        const second = await build(signers, { entitlements: turned, locks: turnedLocks });
        const streamed = await build(signers, { entitlements: stream(entitlements), locks });
        expect(bytesOf(second)).toEqual(bytesOf(first));
        expect(bytesOf(streamed)).toEqual(bytesOf(first));
      }),
      { numRuns: 30 },
    );
  });

  it("holds each entitlement once, canonical, in its bucket, sorted by code unit", async () => {
    await fc.assert(
      fc.asyncProperty(anyEntitlements, async (entitlements) => {
        const built = await build(signers, { entitlements });
        const lines = linesOf(built);
        expect([...lines].sort()).toEqual(entitlements.map(canonicalLine).sort());
        for (const line of lines) expect(canonicalLine(checkWireEntitlement(JSON.parse(line)))).toBe(line);
        const { buckets, chunks, count } = indexOf(built);
        expect(count).toBe(entitlements.length);
        for (const [bucket, digest] of chunks.entries()) {
          const text = new TextDecoder().decode(built.parts.get(`chunks/${digest}`));
          const ids = [...text.matchAll(/^\{"tenant":"([^"]+)"/gm)].map(([, id]) => id as string);
          expect(ids).toEqual([...ids].sort());
          expect(ids.every((id) => bucketOf(id, buckets) === bucket)).toBe(true);
          if (ids.length > 0) expect(text.endsWith("}\n")).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("writes a chunk as canonical lines that end in a line feed, sorted by tenant", async () => {
    const built = await build(signers, {
      entitlements: [
        { tenant: "zeta", plan: "pro", features: {}, restrictions: [] },
        { tenant: "acme:b", gone: 1_795_000_000 },
        { tenant: "acme", plan: "pro", features: { theme: "x", seats: 3 } },
      ],
    });
    expect(linesOf(built).sort()).toEqual([
      '{"tenant":"acme","plan":"pro","features":{"seats":3,"theme":"x"}}',
      '{"tenant":"acme:b","gone":1795000000}',
      '{"tenant":"zeta","plan":"pro"}',
    ]);
    expect(built.counts).toEqual({ tenants: 2, restricted: 0, locked: 0, gone: 1, buckets: 16, lostChunks: 0 });
  });

  it("names one empty chunk in every bucket that has nobody", async () => {
    const { chunks, count } = indexOf(await build(signers));
    expect(new Set(chunks)).toEqual(new Set(["47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"]));
    expect([chunks.length, count]).toEqual([16, 0]);
  });

  it("signs every statement with the key of its role, for the issuer and the audience", async () => {
    const built = await build(signers, { entitlements: tenants(3) });
    const keys = await keysOf(built);
    expect(keys).toMatchObject({ iss: ISS, aud: AUD, version: 1, rootKid: signers.root.kid });
    const head = await verifyStatement("dimmer-head+jwt", built.head, keys);
    expect(head).toMatchObject({ kid: signers.feed.kid, payload: { iat: NOW_SECONDS, fresh_until: NOW_SECONDS + 60 } });
    const { index, policy, locks } = head.payload;
    const text = (name: string): string => new TextDecoder().decode(built.parts.get(name));
    expect(await verifyStatement("dimmer-index+jwt", text(`index/${index}`), keys)).toMatchObject({ digest: index });
    expect((await verifyStatement("dimmer-policy+jwt", text(`policy/${policy}`), keys)).kid).toBe(signers.policy.kid);
    expect((await verifyStatement("dimmer-locks+jwt", text(`locks/${locks.digest}`), keys)).kid).toBe(
      signers.locks.kid,
    );
  });

  it("tells how far it has come", async () => {
    const seen: BuildProgress[] = [];
    await build(signers, { entitlements: tenants(25_000), onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([
      { phase: "entitlements", done: 10_000 },
      { phase: "entitlements", done: 20_000 },
      { phase: "entitlements", done: 25_000, total: 25_000 },
      { phase: "chunks", done: 32, total: 32 },
    ]);
  });
});

describe("the version of a feed", () => {
  it("begins at 1.1", async () => {
    const built = await build(signers, { entitlements: tenants(2) });
    expect(built).toMatchObject({ version: { epoch: 1, seq: 1 }, locksVersion: { epoch: 1, seq: 1 }, changed: true });
  });

  it("stays while nothing but the time is new, and only the head is another", async () => {
    const first = await build(signers, { entitlements: tenants(20), locks: [lock("tenant-1")] });
    const next = { entitlements: tenants(20).reverse(), locks: [lock("tenant-1")], after: first };
    const second = await build(signers, { ...next, nowMs: NOW_MS + 5_000 });
    expect(second).toMatchObject({ version: { epoch: 1, seq: 1 }, locksVersion: { epoch: 1, seq: 1 }, changed: false });
    expect([second.keysets, second.parts]).toEqual([first.keysets, first.parts]);
    expect(second.headPayload).toEqual({ ...first.headPayload, iat: NOW_SECONDS + 5, fresh_until: NOW_SECONDS + 65 });
    expect(bytesOf(await build(signers, { ...next, after: second }))).toEqual(bytesOf(first));
  });

  it("rises by one for a changed entitlement, and only its chunk, the index and the head are new", async () => {
    const first = await build(signers, { entitlements: tenants(20) });
    const changed = tenants(20).map((item, i) => (i === 7 ? { ...item, plan: "starter" } : item));
    const second = await build(signers, { entitlements: changed, after: first });
    expect(second).toMatchObject({ version: { epoch: 1, seq: 2 }, locksVersion: { epoch: 1, seq: 1 }, changed: true });
    const fresh = [...second.parts.keys()].filter((name) => !first.parts.has(name));
    expect(new Set(fresh.map((name) => name.split("/")[0]))).toEqual(new Set(["chunks", "index"]));
    expect(fresh).toHaveLength(2);
    expect(indexOf(second)).toMatchObject({ epoch: 1, seq: 2 });
  });

  it("gives a changed lock list the version that it came with, and an unchanged one the bytes that it had", async () => {
    const first = await build(signers, { entitlements: tenants(2), locks: [lock("tenant-0")] });
    const second = await build(signers, {
      entitlements: tenants(3),
      locks: [lock("tenant-0")],
      after: first,
      nowMs: NOW_MS + 1_000,
    });
    const third = await build(signers, { entitlements: tenants(3), locks: [], after: second, nowMs: NOW_MS + 2_000 });
    const versions = [first, second, third].map(({ version, locksVersion }) => [version.seq, locksVersion.seq]);
    expect(versions).toEqual([
      [1, 1],
      [2, 1],
      [3, 3],
    ]);
    expect(second.headPayload.locks).toEqual(first.headPayload.locks);
    expect(await locksOf(third)).toMatchObject({ epoch: 1, seq: 3, iat: NOW_SECONDS + 2, locks: [] });
  });

  it("rises for another policy, and for another feed key, so that it never names two contents", async () => {
    const first = await build(signers, { entitlements: tenants(2) });
    const policy = changedPolicy((document) => {
      document.version = "2";
    });
    const second = await build(signers, { entitlements: tenants(2), policy, after: first });
    const third = await build({ ...signers, feed: others.feed }, { entitlements: tenants(2), policy, after: second });
    expect([second.version.seq, third.version.seq]).toEqual([2, 3]);
    expect(third.headPayload.policy).toBe(second.headPayload.policy);
  });

  it("starts the next epoch only where an operator says so, and seq goes on", async () => {
    const first = await build(signers, { entitlements: tenants(2) });
    const raised = await build(signers, { entitlements: tenants(2), after: first, raiseEpoch: true });
    expect(raised).toMatchObject({ version: { epoch: 2, seq: 2 }, locksVersion: { epoch: 1, seq: 1 } });
    expect(compareVersions(raised.version, first.version)).toBeGreaterThan(0);
  });

  it("F1 · never goes down over random rebuilds", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEntitlements, { minLength: 2, maxLength: 5 }), async (generations) => {
        let after = await build(signers, { entitlements: generations[0] ?? [] });
        for (const entitlements of generations.slice(1)) {
          const next = await build(signers, { entitlements, after });
          expect(compareVersions(next.version, after.version)).toBe(next.changed ? 1 : 0);
          expect(compareVersions(next.locksVersion, next.version)).toBeLessThanOrEqual(0);
          after = next;
        }
      }),
      { numRuns: 15 },
    );
  });
});

describe("keysets", () => {
  it("are one until keys change, then the next one is signed by the same root", async () => {
    const first = await build(signers);
    const second = await build({ ...signers, locks: others.locks }, { after: first });
    expect(second.keysets).toHaveLength(2);
    expect(second.keysets[0]).toBe(first.keysets[0]);
    expect(second.locksVersion).toEqual({ epoch: 1, seq: 2 });
    const keys = await keysOf(second);
    expect([keys.version, keys.find(others.locks.kid)?.role]).toEqual([2, "locks"]);
    // What replicas hold was signed by the one before.
    expect(keys.find(signers.locks.kid)).toMatchObject({ role: "locks" });
  });

  it("keep a revoked key listed with the last version that it signed well, in every later keyset", async () => {
    const first = await build(signers);
    const revocations = [{ kid: signers.feed.kid, lastGood: { epoch: 1, seq: 1 } }];
    const second = await build({ ...signers, feed: others.feed }, { after: first, revocations });
    const third = await build({ ...signers, feed: others.feed }, { after: second });
    expect(third.keysets).toEqual(second.keysets);
    expect((await keysOf(third)).find(signers.feed.kid)).toMatchObject({
      role: "feed",
      lastGood: { epoch: 1, seq: 1 },
    });
  });

  it.each(["policy", "locks", "feed"] as const)("are not continued by a revoked %s key", async (role) => {
    const after = await build(signers);
    const revocations = [{ kid: signers[role].kid, lastGood: { epoch: 1, seq: 1 } }];
    const refused = {
      code: "keys_unreadable",
      message: `the ${role} key ${signers[role].kid} is revoked; sign with a new ${role} key`,
    };
    await expect(build(signers, { after, revocations })).rejects.toMatchObject(refused);
    // Nor later, with the old key taken out of a backup.
    const second = await build({ ...signers, [role]: others[role] }, { after, revocations });
    await expect(build(signers, { after: second })).rejects.toMatchObject(refused);
  });

  it("are not continued under another root, issuer or audience", async () => {
    const after = await build(signers);
    await expect(build({ ...signers, root: others.root }, { previous: await previous(after) })).rejects.toMatchObject({
      code: "keys_unreadable",
      message: expect.stringMatching(/root key is .*use the keys of the feed, or .*keys rotate root/),
    });
    await expect(build(signers, { after, aud: "production" })).rejects.toMatchObject({
      code: "input_invalid",
      message: expect.stringContaining('not by "https://dimmer.example" for "production"'),
    });
    await expect(build(signers, { after, iss: "other" })).rejects.toMatchObject({ code: "input_invalid" });
  });
});

describe("what a build refuses", () => {
  const restricted = (mode: string): unknown => ({
    tenant: "acme",
    plan: "pro",
    restrictions: [{ cause: "nonpayment", case: "c1", steps: [{ at: 1, mode }] }],
  });
  it.each([
    ["a tenant twice", [...tenants(2), ...tenants(1)], /"tenant-0" is given twice/],
    [
      "an unknown plan",
      [{ tenant: "acme", plan: "gold" }],
      /"acme", plan: plan "gold" is not in the policy; known are starter/,
    ],
    ["an unknown mode", [restricted("dimmed")], /"acme", restrictions\[0\]\.steps\[0\]\.mode: mode "dimmed" is not/],
    ["an unknown feature", [{ tenant: "acme", plan: "pro", features: { seat: 3 } }], /features\.seat: feature "seat"/],
    [
      "a feature of another type",
      [{ tenant: "acme", plan: "pro", features: { seats: "25" } }],
      /features\.seats: "25" is no value/,
    ],
    [
      "what denies the way to pay (D5)",
      [
        {
          tenant: "acme",
          plan: "pro",
          restrictions: [
            { cause: "breach", case: "c1", steps: [{ at: 1, mode: "limited", deny: ["api.read", "pay"] }] },
          ],
        },
      ],
      /restrictions\[0\]\.steps\[0\]\.deny\[1\]: "pay" stays open in every mode but closed/,
    ],
    ["steps out of order", [steps(5, 4)], /restrictions\[0\]\.steps\[1\]\.at/],
    ["an id that is none", [{ tenant: "..", plan: "pro" }], /tenant "\.\.", tenant: must be/],
    ["nothing at all", [null], /must be an object/],
  ])("refuses %s", async (_, entitlements, message) => {
    await expect(build(signers, { entitlements: entitlements as never[] })).rejects.toMatchObject({
      name: "DimmerError",
      code: "entitlement_invalid",
      message: expect.stringMatching(message),
    });
  });

  it("refuses a tenant twice also where the feed follows another", async () => {
    const after = await build(signers, { entitlements: tenants(2) });
    const twice = [...tenants(2), { tenant: "tenant-0", plan: "starter" }];
    await expect(build(signers, { entitlements: twice, after })).rejects.toThrow(/"tenant-0" is given twice/);
  });

  it("refuses two locks of one tenant, and a lock that allows what does not exist", async () => {
    await expect(build(signers, { locks: [lock("a"), lock("a")] })).rejects.toThrow(/"a" has two locks/);
    await expect(build(signers, { locks: [{ ...lock("a"), allow: ["exprot"] }] })).rejects.toThrow(
      /lock\.allow\[0\]: "exprot" is not in the policy; known are view, export/,
    );
  });

  it("refuses a policy that does not lint, listing place, message, code and fix of each finding", async () => {
    const policy = changedPolicy((document) => {
      document.zone = "Mars/Olympus";
      document.offline.step_down_for = "soon";
    });
    const refused = build(signers, { policy });
    await expect(refused).rejects.toMatchObject({ code: "policy_invalid" });
    await expect(refused).rejects.toThrow(
      /does not lint:\n {2}zone: .*bad_zone.*\n {2}offline\.step_down_for: .*bad_duration/,
    );
  });

  it("refuses a policy that narrows a mode which a step names, and takes one that narrows another", async () => {
    const entitlements = [restricted("limited") as never];
    const after = await build(signers, { entitlements });
    const narrowing = (name: string) =>
      changedPolicy((document) => {
        delete document.modes.find((mode) => mode.name === name)?.admits["webhook"];
      });
    await expect(build(signers, { entitlements, after, policy: narrowing("limited") })).rejects.toMatchObject({
      code: "policy_invalid",
      message: expect.stringContaining("mode_narrowed"),
    });
    expect((await build(signers, { entitlements, after, policy: narrowing("grace") })).version.seq).toBe(2);
  });

  it("builds unknown names and bad policies where a test asks for them", async () => {
    const policy = changedPolicy((document) => {
      document.zone = "Mars/Olympus";
    });
    const built = await build(signers, { policy, entitlements: [restricted("dimmed") as never], allowInvalid: true });
    expect(linesOf(built)[0]).toContain('"mode":"dimmed"');
  });

  it("refuses times that mean nothing", async () => {
    await expect(build(signers, { nowMs: Number.NaN })).rejects.toThrow(/^nowMs: /);
    await expect(build(signers, { freshForMs: 999 })).rejects.toThrow(/^freshForMs: must be at least 1000/);
  });
});

function lock(tenant: string) {
  return { tenant, cause: "security" as const, case: "INC-1", since: NOW_SECONDS, allow: [] };
}

function steps(...ats: number[]): unknown {
  const list = ats.map((at) => ({ at, mode: "grace" }));
  return { tenant: "acme", plan: "pro", restrictions: [{ cause: "nonpayment", case: "c1", steps: list }] };
}

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

type Built = Awaited<ReturnType<typeof build>>;

async function previous(after: Built) {
  const { readPreviousFeed, sourceOf } = await import("@dimmer/feed/build");
  return await readPreviousFeed(sourceOf(after), {
    trust: [await trustStringOf(signers.root.publicKey)],
    audience: AUD,
  });
}

async function keysOf(built: Built) {
  const trust = [await trustStringOf(signers.root.publicKey)];
  return await verifyKeysetChain(built.keysets, { trust, audience: AUD });
}

async function locksOf(built: Built) {
  const inspected = inspectStatement(
    new TextDecoder().decode(built.parts.get(`locks/${built.headPayload.locks.digest}`)),
  );
  if (inspected.typ !== "dimmer-locks+jwt") throw new Error(inspected.typ);
  return inspected.payload;
}
