import { bucketOf } from "@dimmer/feed/build";
import type { Replica } from "@dimmer/feed/follow";
import { describe, expect, it } from "vitest";
import { build, changedPolicy, generateSigners, indexOf, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { forge, nameOf, withParts } from "./forge.ts";
import { MemorySource, type ServedFeed } from "./memory-source.ts";
import { follow, signers } from "./replica-fixture.ts";

const lock = { tenant: "tenant-9", cause: "security" as const, case: "INC-1", since: NOW_SECONDS, allow: [] };
const first = await build(signers, { entitlements: tenants(40), locks: [lock] });
const changed = tenants(40).map((tenant) => (tenant.tenant === "tenant-3" ? { ...tenant, plan: "starter" } : tenant));
const second = await build(signers, { entitlements: changed, after: first, nowMs: NOW_SECONDS * 1_000 + 1_000 });

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const partOf = (feed: ServedFeed, name: string): Uint8Array => feed.parts.get(name) as Uint8Array;

/** Everything that a refused update must leave as it was. */
function stateOf(replica: Replica): unknown {
  const { version, locksVersion, policy, tenants: count, locked, freshness, horizonMs, quarantine } = replica.status();
  const answers = [...tenants(41).map(({ tenant }) => tenant), "stranger"].map((tenant) => [
    replica.check(tenant, "create", "member"),
    replica.value(tenant, "theme"),
    replica.value(tenant, "seats"),
  ]);
  return {
    version,
    locksVersion,
    policy,
    count,
    locked,
    freshness,
    horizonMs,
    quarantine,
    answers,
    head: replica.readHead(),
  };
}

async function expectRefused(update: ServedFeed, code: string, message: RegExp): Promise<void> {
  const source = new MemorySource(first);
  const { replica, events } = await follow(source);
  const before = stateOf(replica);
  source.feed = update;
  await replica.refresh();
  expect(stateOf(replica)).toEqual(before);
  const { refusals, sources } = replica.status();
  expect(refusals).toMatchObject({ count: 1, last: { code, source: "memory" } });
  expect(refusals.last?.message).toMatch(message);
  expect(sources[0]).toMatchObject({ state: "refused", lastError: refusals.last?.message });
  expect(events.filter(({ type }) => type === "refused")).toHaveLength(1);
  source.feed = second;
  await replica.refresh();
  expect(replica.version).toEqual(second.version);
  expect(replica.status().sources[0]).toMatchObject({ state: "ok" });
}

const index = indexOf(second);
const bucket = bucketOf("tenant-3", index.buckets);
const chunkText = new TextDecoder().decode(partOf(second, `chunks/${index.chunks[bucket]}`));
const line = (text: string, at: number): string => text.split("\n").slice(0, -1).at(at) as string;

describe("an update that a thief or a broken disk made", () => {
  const chunk = `chunks/${index.chunks[bucket]}`;
  const cases: [string, () => ServedFeed, string, RegExp][] = [
    [
      "a chunk cut off",
      () => withParts(second, { [chunk]: partOf(second, chunk).slice(0, -7) }),
      "feed_refused",
      /^chunks\/.{43}\.ndjson: has the digest/,
    ],
    [
      "a chunk of another feed",
      () => withParts(second, { [chunk]: bytes(`${line(chunkText, 0)}\n`) }),
      "feed_refused",
      /chunks\/.{43}\.ndjson: has the digest/,
    ],
    ["a chunk that is missing", () => withParts(second, { [chunk]: undefined }), "feed_refused", /has no chunks\//],
    [
      "an index with one byte changed",
      () => withParts(second, { [nameOf(second, "index")]: flipped(partOf(second, nameOf(second, "index"))) }),
      "feed_refused",
      /^index\/.{43}\.jws: has the digest/,
    ],
    [
      "10 MB of garbage for an index",
      () => withParts(second, { [nameOf(second, "index")]: new Uint8Array(10_000_000) }),
      "feed_refused",
      /^index\/.{43}\.jws: has the digest/,
    ],
    ["an empty head", () => ({ ...second, head: "" }), "statement_malformed", /./],
    ["garbage for a head", () => ({ ...second, head: "\u0000\ufeff🐈.".repeat(200) }), "statement_malformed", /./],
    [
      "a head with one character changed",
      () => ({ ...second, head: flippedToken(second.head) }),
      "statement_untrusted",
      /signature/,
    ],
    [
      "a policy statement for a head",
      () => ({ ...second, head: new TextDecoder().decode(partOf(second, nameOf(second, "policy"))) }),
      "statement_malformed",
      /typ|4096 are allowed/,
    ],
    ["no keysets", () => ({ ...second, keysets: [] }), "statement_malformed", /keysets/],
    [
      "a keyset with one character changed",
      () => ({ ...second, keysets: second.keysets.map(flippedToken) }),
      "statement_untrusted",
      /./,
    ],
  ];
  it.each(cases)("F3 · is refused whole: %s", async (_, update, code, message) => {
    // Keysets are looked at once a minute, or when a head needs them.
    await expectRefusedWithKeys(update(), code, message);
  });
});

async function expectRefusedWithKeys(update: ServedFeed, code: string, message: RegExp): Promise<void> {
  if (update.keysets === second.keysets) {
    await expectRefused(update, code, message);
    return;
  }
  const source = new MemorySource(first);
  const { replica, clock } = await follow(source);
  const before = stateOf(replica);
  source.feed = update;
  clock.pass(59_000);
  clock.pass(2_000);
  await replica.refresh();
  expect({ ...(stateOf(replica) as object), freshness: 0, answers: 0 }).toEqual({
    ...(before as object),
    freshness: 0,
    answers: 0,
  });
  expect(replica.status().refusals.last).toMatchObject({ code });
}

describe("an update that only a broken authority would sign", () => {
  const forged: [string, Parameters<typeof forge>[2], string, RegExp][] = [
    [
      "a byte order mark",
      { chunk: { bucket, bytes: `\ufeff${chunkText}` } },
      "feed_refused",
      /line 1: must begin with/,
    ],
    [
      "CRLF",
      { chunk: { bucket, bytes: chunkText.replaceAll("\n", "\r\n") } },
      "feed_refused",
      /line 1: is not in the canonical/,
    ],
    ["NUL", { chunk: { bucket, bytes: chunkText.replace("}", "\0}") } }, "feed_refused", /line 1: is not JSON/],
    [
      "bytes that are not UTF-8",
      { chunk: { bucket, bytes: Buffer.from(chunkText.replace("}", "\xff}"), "latin1") } },
      "feed_refused",
      /line 1: is not UTF-8/,
    ],
    ["an empty line", { chunk: { bucket, bytes: `\n${chunkText}` } }, "feed_refused", /line 1: must begin with/],
    ["no line end", { chunk: { bucket, bytes: chunkText.slice(0, -1) } }, "feed_refused", /is cut off: the last line/],
    [
      "white space",
      { chunk: { bucket, bytes: chunkText.replace(",", ", ") } },
      "feed_refused",
      /line 1: is not in the canonical spelling/,
    ],
    [
      "an unknown field before one that is known",
      { chunk: { bucket, bytes: chunkText.replace(',"plan"', ',"x":1,"plan"') } },
      "feed_refused",
      /line 1: is not in the canonical/,
    ],
    [
      "the id ..",
      { chunk: { bucket, bytes: chunkText.replace(/"tenant":"[^"]+"/, '"tenant":".."') } },
      "feed_refused",
      /line 1: must begin with/,
    ],
    [
      "a plan that is no name",
      { chunk: { bucket, bytes: chunkText.replace(/"plan":"[^"]+"/, '"plan":"__proto__"') } },
      "entitlement_invalid",
      /line 1: plan/,
    ],
    [
      "a tenant twice",
      { chunk: { bucket, bytes: `${line(chunkText, 0)}\n${chunkText}` } },
      "feed_refused",
      /line 2: tenant "[^"]+" is there twice/,
    ],
    [
      "a tenant in another bucket",
      { chunk: { bucket: (bucket + 1) % index.buckets, bytes: chunkText } },
      "feed_refused",
      /belongs to bucket/,
    ],
    [
      "a count that is not the lines'",
      { index: (p) => ({ ...p, count: p.count + 1 }) },
      "feed_refused",
      /count is 41, but the chunks have 40 lines/,
    ],
    [
      "an index newer than its head",
      { index: (p) => ({ ...p, seq: p.seq + 1 }) },
      "feed_refused",
      /is newer than its head/,
    ],
    [
      "an index as old as the one held",
      { index: (p) => ({ ...p, seq: 1 }) },
      "feed_refused",
      /index 1\.1 has the version that is held, but another content/,
    ],
    [
      "an index older than the one held",
      { index: (p) => ({ ...p, seq: 0 }) },
      "statement_outdated",
      /index 1\.0 is older than 1\.1, held/,
    ],
    [
      "an index with another policy",
      { index: (p) => ({ ...p, policy: p.chunks[0] as string }) },
      "feed_refused",
      /policy is .{43}, but the head names/,
    ],
    [
      "a lock list of another version",
      { locks: (p) => ({ ...p, seq: p.seq + 1 }) },
      "feed_refused",
      /lock list has the version/,
    ],
    ["an audience that is not ours", { head: (p) => ({ ...p, aud: "other" }) }, "statement_untrusted", /aud/],
    [
      "an issuer that is not ours",
      { head: (p) => ({ ...p, iss: "https://other.example" }) },
      "statement_untrusted",
      /iss/,
    ],
  ];
  it.each(forged)("F3 · is refused whole: %s", async (_, forgery, code, message) => {
    await expectRefused(await forge(second, signers, forgery), code, message);
  });

  it("F3 · is refused whole: lines out of order", async () => {
    const lines = chunkText.split("\n").slice(0, -1);
    expect(lines.length).toBeGreaterThan(1);
    const turned = await forge(second, signers, { chunk: { bucket, bytes: `${lines.toReversed().join("\n")}\n` } });
    await expectRefused(turned, "feed_refused", /line 2: tenant "[^"]+" must stand before the line before/);
  });

  const faulty: [string, string, RegExp][] = [
    [
      "steps out of order",
      restriction('"steps":[{"at":200,"mode":"grace"},{"at":100,"mode":"limited"}]'),
      /restrictions\[0\]\.steps\[1\]\.at: must be later/,
    ],
    [
      "an at without a number",
      restriction('"steps":[{"at":"2026-01-01","mode":"grace"}]'),
      /restrictions\[0\]\.steps\[0\]\.at/,
    ],
    [
      "an exception that ends before it begins",
      restriction('"steps":[{"at":1,"mode":"grace"}],"exception":{"floor":"essential","from":9,"until":8}'),
      /exception\.until: must be later/,
    ],
    [
      "an exception without end",
      restriction('"steps":[{"at":1,"mode":"grace"}],"exception":{"floor":"essential","from":9}'),
      /exception\.until: must be whole/,
    ],
    [
      "the same case twice",
      `"restrictions":[${one('"steps":[{"at":1,"mode":"grace"}]')},${one('"steps":[{"at":1,"mode":"grace"}]')}]`,
      /restrictions\[1\]\.case: must differ/,
    ],
  ];
  it.each(faulty)("F3 · is refused whole: %s", async (_, rest, message) => {
    const lines = chunkText.replace('"plan":"pro"', `"plan":"pro",${rest}`);
    await expectRefused(
      await forge(second, signers, { chunk: { bucket, bytes: lines } }),
      "entitlement_invalid",
      message,
    );
  });

  it("F3 · is refused whole: a policy that does not lint", async () => {
    const policy = changedPolicy((document) => {
      document.fallback.no_data = {} as never;
    });
    const forgery = await forge(second, signers, { policy: (payload) => ({ ...payload, policy }) });
    await expectRefused(forgery, "policy_invalid", /^policy\/.{43}\.jws: fallback/);
  });

  it("F3 · is refused whole: statements of keys that are not trusted", async () => {
    const others = await generateSigners();
    const feed = await build(others, { entitlements: tenants(3), after: undefined as never });
    await expectRefusedWithKeys({ ...feed, keysets: [...feed.keysets] }, "statement_untrusted", /./);
  });

  it("F3 · is refused whole: a head signed by the key of another role", async () => {
    const turned = { ...signers, feed: signers.locks };
    await expectRefused(await forge(second, turned, {}), "statement_untrusted", /role/);
  });
});

it("F3 · tells a refusal once however often it is met, and a new one again", async () => {
  const source = new MemorySource(first);
  const { replica, events, logged } = await follow(source);
  source.feed = { ...second, head: flippedToken(second.head) };
  await replica.refresh();
  await replica.refresh();
  expect(replica.status().refusals.count).toBe(1);
  source.feed = withParts(second, { [nameOf(second, "index")]: bytes("x") });
  await replica.refresh();
  await replica.refresh();
  expect(replica.status().refusals.count).toBe(2);
  source.feed = second;
  await replica.refresh();
  expect(events.filter(({ type }) => type === "refused")).toHaveLength(2);
  expect(logged.filter((message) => message.includes("refused"))).toHaveLength(2);
});

it("takes a feed whose tenant has any feature value, as text of any language", async () => {
  const theme = '日本語 \u2028 "quoted" \\ 😀';
  const feed = await build(signers, {
    entitlements: [
      { tenant: "a", plan: "pro", features: { theme } },
      { tenant: "b", plan: "pro", features: { theme } },
    ],
  });
  const { replica } = await follow(new MemorySource(feed));
  expect(replica.value("a", "theme")).toBe(theme);
  expect(replica.value("b", "theme")).toBe(theme);
});

function one(rest: string): string {
  return `{"cause":"nonpayment","case":"c1",${rest}}`;
}

function restriction(rest: string): string {
  return `"restrictions":[${one(rest)}]`;
}

function flipped(part: Uint8Array): Uint8Array {
  return part.with(Math.floor(part.length / 2), (part[Math.floor(part.length / 2)] as number) ^ 1);
}

function flippedToken(token: string): string {
  const at = token.lastIndexOf(".") + 10;
  return `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
}
