import { type BuiltFeed, type FeedReport, type FeedSigners, sourceOf, verifyFeed } from "@dimmer/feed/build";
import { type IndexPayload, sha256, signStatement } from "@dimmer/statement";
import { trustStringOf } from "@dimmer/statement/keys";
import { beforeAll, describe, expect, it } from "vitest";
import { AUD, build, generateSigners, indexOf, NOW_MS, NOW_SECONDS, tenants } from "./fixture.ts";

let signers: FeedSigners;
let trust: string;
let good: BuiltFeed;

beforeAll(async () => {
  signers = await generateSigners();
  trust = await trustStringOf(signers.root.publicKey);
  const lock = { tenant: "tenant-1", cause: "security" as const, case: "INC-1", since: NOW_SECONDS, allow: [] };
  const first = await build(signers, { entitlements: tenants(200), locks: [lock] });
  good = await build(signers, { entitlements: tenants(199), locks: [lock], after: first });
});

async function verify(built: BuiltFeed, nowMs = NOW_MS): Promise<FeedReport> {
  return await verifyFeed(sourceOf(built), { trust: [trust], audience: AUD, nowMs });
}

function withParts(change: (parts: Map<string, Uint8Array>) => void): BuiltFeed {
  const parts = new Map(good.parts);
  change(parts);
  return { ...good, parts };
}

/** The feed with other chunks under an index and a head that are signed for them: what only a look at the lines finds. */
async function withChunk(bucket: number, text: string, changes: Partial<IndexPayload> = {}): Promise<BuiltFeed> {
  const indexed = indexOf(good);
  const bytes = new TextEncoder().encode(text);
  const digest = await sha256(bytes);
  const chunks = indexed.chunks.with(bucket, digest);
  const index = await signStatement("dimmer-index+jwt", { ...indexed, chunks, ...changes }, signers.feed);
  const indexBytes = new TextEncoder().encode(index);
  const headPayload = { ...good.headPayload, index: await sha256(indexBytes) };
  const head = await signStatement("dimmer-head+jwt", headPayload, signers.feed);
  const parts = new Map([...good.parts, [`chunks/${digest}`, bytes], [`index/${headPayload.index}`, indexBytes]]);
  return { ...good, head, headPayload, parts };
}

/** A chunk of the good feed with at least two lines. */
function someChunk(): { readonly bucket: number; readonly name: string; readonly lines: string[] } {
  for (const [bucket, digest] of indexOf(good).chunks.entries()) {
    const lines = new TextDecoder()
      .decode(good.parts.get(`chunks/${digest}`))
      .split("\n")
      .slice(0, -1);
    if (lines.length > 2) return { bucket, name: `chunks/${digest}`, lines };
  }
  throw new Error("no chunk of two lines");
}

describe("verifyFeed", () => {
  it("finds nothing in a good feed and says what it holds", async () => {
    expect(await verify(good)).toEqual({
      isGood: true,
      faults: [],
      version: { epoch: 1, seq: 2 },
      locksVersion: { epoch: 1, seq: 1 },
      keysetVersion: 1,
      policy: { name: "standard", version: "1" },
      freshUntil: NOW_SECONDS + 60,
      counts: { tenants: 199, restricted: 0, locked: 1, gone: 1, buckets: 16 },
    });
  });

  it("warns of a head that is no longer fresh", async () => {
    const { isGood, faults } = await verify(good, NOW_MS + 60_000);
    expect([isGood, faults]).toEqual([
      true,
      [{ severity: "warning", file: "head.jws", message: expect.stringContaining("no longer fresh") }],
    ]);
  });

  it("finds every file that is missing or has other bytes, each by its name", async () => {
    const { index, policy, locks } = good.headPayload;
    const names = [`policy/${policy}`, `locks/${locks.digest}`, someChunk().name, `index/${index}`];
    const extension = (name: string): string => (name.startsWith("chunks/") ? "ndjson" : "jws");
    for (const name of names) {
      const missing = await verify(withParts((parts) => parts.delete(name)));
      expect(missing).toMatchObject({ isGood: false, faults: [{ file: `${name}.${extension(name)}` }] });
      const changed = await verify(
        withParts((parts) => {
          const bytes = Uint8Array.from(parts.get(name) ?? []);
          bytes[40] = (bytes[40] ?? 0) ^ 1;
          parts.set(name, bytes);
        }),
      );
      expect(changed.faults[0]).toMatchObject({ severity: "error", file: `${name}.${extension(name)}` });
      expect(changed.faults[0]?.message).toMatch(/^digest: must be/);
    }
  });

  it("finds a feed of other keys, of another audience, and a head that nobody signed", async () => {
    const foreign = await verifyFeed(sourceOf(good), {
      trust: [`SHA256:${"A".repeat(43)}`],
      audience: AUD,
      nowMs: NOW_MS,
    });
    expect(foreign).toMatchObject({
      isGood: false,
      faults: [{ file: "keysets/", message: expect.stringContaining("pinned") }],
    });
    const elsewhere = await verifyFeed(sourceOf(good), { trust: [trust], audience: "production", nowMs: NOW_MS });
    expect(elsewhere.faults).toMatchObject([{ file: "keysets/", message: expect.stringContaining("aud") }]);
    const forged = await verify({ ...good, head: `${good.head.slice(0, -8)}AAAAAAAA` });
    expect(forged).toMatchObject({ isGood: false, faults: [{ file: "head.jws" }] });
  });

  it("names the line of what is wrong in a chunk that is signed as it is", async () => {
    const { bucket, lines } = someChunk();
    const [first = "", second = "", ...rest] = lines;
    const cases: [string, string, number, RegExp][] = [
      ["lines out of order", [second, first, ...rest].join("\n"), 2, /out of order/],
      ["a line twice", [first, first, second, ...rest].join("\n"), 2, /stands there twice/],
      ["a space", [first, second.replace(":", ": "), ...rest].join("\n"), 2, /not in canonical form/],
      ["no JSON", [first, "}", ...rest].join("\n"), 2, /not JSON/],
      ["CRLF", [first, `${second}\r`, ...rest].join("\n"), 2, /not in canonical form/],
      ["NUL", [first, `${second}\0`, ...rest].join("\n"), 2, /not JSON/],
      ["a BOM", [`\ufeff${first}`, second, ...rest].join("\n"), 1, /not JSON/],
      [
        "a foreign tenant",
        [...lines, '{"tenant":"zzz","plan":"pro"}'].join("\n"),
        lines.length + 1,
        /belongs in bucket/,
      ],
      ["a bad id", [first, '{"tenant":"..","plan":"pro"}', ...rest].join("\n"), 2, /tenant: must be/],
    ];
    for (const [name, text, line, message] of cases) {
      const report = await verify(await withChunk(bucket, `${text}\n`));
      expect(report.isGood, name).toBe(false);
      expect(report.faults[0], name).toMatchObject({ line, message: expect.stringMatching(message) });
      expect(report.faults[0]?.file, name).toMatch(/^chunks\/[\w-]{43}\.ndjson$/);
    }
    const torn = await verify(await withChunk(bucket, lines.join("\n").slice(0, -3)));
    expect(torn.faults[0]).toMatchObject({ line: lines.length, message: expect.stringContaining("torn") });
  });

  it("finds a count that is not the number of lines", async () => {
    const { bucket, lines } = someChunk();
    const report = await verify(await withChunk(bucket, `${lines.join("\n")}\n`, { count: 7 }));
    expect(report.faults).toEqual([
      { severity: "error", file: expect.stringMatching(/^index\//), message: "says 7 lines, but its chunks have 200" },
    ]);
  });

  it("F3 · warns of names that the policy does not know, since replicas put those tenants in quarantine", async () => {
    const odd = await build(signers, { entitlements: [{ tenant: "acme", plan: "gold" }], allowInvalid: true });
    const report = await verify(odd);
    expect(report.isGood).toBe(true);
    expect(report.faults).toMatchObject([
      { severity: "warning", line: 1, message: expect.stringContaining('plan "gold"') },
    ]);
  });

  it("lists at most 100 faults and says that there are more", async () => {
    const { bucket } = someChunk();
    const { faults, isGood } = await verify(await withChunk(bucket, "x\n".repeat(500)));
    expect([faults.length, isGood]).toEqual([100, false]);
    expect(faults.at(-1)?.message).toBe("there are more faults than are listed");
  });
});
