import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { compileStandardPolicy } from "@dimmer/core";
import { standardPolicy } from "@dimmer/core/standard-policy";
import { type BuiltFeed, buildFeed } from "@dimmer/feed/build";
import { type FeedSource, followFeed } from "@dimmer/feed/follow";
import { systemClock } from "@dimmer/feed/node";
import { createTokenVerifier, signStatement, verifyKeysetChain, verifyStatement } from "@dimmer/statement";
import { generateSigner, trustStringOf } from "@dimmer/statement/keys";

/**
 * What taking statements in costs, in a process of its own: `node contender.ts TOKENS ROUNDS TENANTS` prints a JSON line
 * with processor time by round: microseconds for a verification by `node:crypto` alone, for a whole statement, for a
 * token presented again, and milliseconds for a feed from nothing to ready.
 */
export interface IntakeRound {
  /** One Ed25519 verification of as many bytes, `node:crypto`, key object at hand. */
  readonly cryptoUs: number;
  /** `verifyStatement` of an entitlement token: form, kind, key, signature, payload, issuer, audience. */
  readonly statementUs: number;
  /** A token that was verified before, presented again. */
  readonly againUs: number;
  /** A feed in memory, from nothing until the replica is ready. */
  readonly feedMs: number;
}

const ISS = "https://dimmer.example";
const AUD = "development";
const DAY_S = 86_400;
const [tokenCount, rounds, tenantCount] = process.argv.slice(2).map(Number) as [number, number, number];
const nowMs = Date.now();
const nowS = Math.floor(nowMs / 1_000);
const roles = ["root", "policy", "locks", "feed"] as const;
const [root, policy, locks, feed] = await Promise.all(roles.map(async () => (await generateSigner()).signer));
if (root === undefined || policy === undefined || locks === undefined || feed === undefined) throw new Error("no keys");
const trust = await trustStringOf(root.publicKey);
const built = await buildFeed({
  entitlements: Array.from({ length: tenantCount }, (_, i) => ({
    tenant: `tenant-${i}`,
    plan: "pro",
    ...(i % 10 === 0
      ? {
          restrictions: [
            { cause: "nonpayment" as const, case: `case-${i}`, steps: [{ at: nowS - DAY_S, mode: "limited" }] },
          ],
        }
      : {}),
  })),
  locks: [],
  policy: standardPolicy,
  signers: { root, policy, locks, feed },
  iss: ISS,
  aud: AUD,
  nowMs,
  freshForMs: DAY_S * 1_000,
});
const keys = await verifyKeysetChain(built.keysets, { trust: [trust], audience: AUD });

async function tokenOf(i: number): Promise<string> {
  return await signStatement(
    "dimmer-entitlement+jwt",
    {
      iss: ISS,
      aud: AUD,
      sub: `tenant-${i}`,
      epoch: 1,
      seq: 1,
      iat: nowS,
      exp: nowS + 300,
      policy: built.headPayload.policy,
      entitlement: { tenant: `tenant-${i}`, plan: "pro", features: { seats: 25, theme: "custom" } },
    },
    feed as NonNullable<typeof feed>,
  );
}

/** Processor time of the whole process, so that work on a thread pool counts as well. */
async function cpuUs(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** The parts of a built feed, given as a directory gives them. */
function sourceOf({ head, keysets, parts }: BuiltFeed): FeedSource {
  return {
    name: "memory",
    kind: "directory",
    head: async (known) => (known?.etag === head ? "unchanged" : { token: head, etag: head }),
    keysets: async () => [...keysets],
    part: async (kind, digest) => {
      const bytes = parts.get(`${kind}/${digest}`);
      if (bytes === undefined) throw new Error(`no ${kind}/${digest}`);
      return bytes;
    },
  };
}

const tokens = await Promise.all(Array.from({ length: tokenCount }, (_, i) => tokenOf(i)));
const pair = generateKeyPairSync("ed25519");
const spki = createPublicKey(pair.privateKey);
const signed = tokens.map((token) => {
  const input = Buffer.from(token.slice(0, token.lastIndexOf(".")));
  return { input, signature: sign(null, input, pair.privateKey) };
});
/** As a process on Node should: WebCrypto would wait for a thread pool. */
const digest = (token: string): string => createHash("sha256").update(token).digest("base64url");
const compiled = compileStandardPolicy();
const presented = createTokenVerifier({
  keys: () => keys,
  policy: () => compiled,
  nowMs: () => nowMs,
  digest,
});
for (const token of tokens) await presented.verify(token);

async function round(): Promise<IntakeRound> {
  const cryptoUs = await cpuUs(() => {
    for (const { input, signature } of signed) {
      if (!verify(null, input, spki, signature)) throw new Error("a good signature was refused");
    }
  });
  const statementUs = await cpuUs(async () => {
    for (const token of tokens) await verifyStatement("dimmer-entitlement+jwt", token, keys, { digest });
  });
  const againTimes = 20;
  const againUs = await cpuUs(async () => {
    for (let i = 0; i < againTimes; i++) for (const token of tokens) await presented.verify(token);
  });
  const feedUs = await cpuUs(async () => {
    const replica = followFeed({ sources: [sourceOf(built)], trust: [trust], audience: AUD, clock: systemClock() });
    await replica.ready();
    if (replica.status().tenants !== tenantCount) throw new Error("not every tenant was taken in");
    await replica.close();
  });
  return {
    cryptoUs: cryptoUs / tokens.length,
    statementUs: statementUs / tokens.length,
    againUs: againUs / tokens.length / againTimes,
    feedMs: feedUs / 1_000,
  };
}

await round();
const results: IntakeRound[] = [];
for (let i = 0; i < rounds; i++) results.push(await round());
process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
