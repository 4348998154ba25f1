import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import {
  type BuildInput,
  type BuiltFeed,
  buildFeed,
  type FeedSigners,
  readPreviousFeed,
  sourceOf,
} from "@dimmer/feed/build";
import { type IndexPayload, inspectStatement, type WireEntitlement, type WireTombstone } from "@dimmer/statement";
import { generateSigner, trustStringOf } from "@dimmer/statement/keys";
import fc from "fast-check";

export const ISS = "https://dimmer.example";
export const AUD = "test";
/** 2026-11-22T00:00:00Z */
export const NOW_MS = 1_795_305_600_000;
export const NOW_SECONDS: number = NOW_MS / 1_000;
export const DAY_MS = 86_400_000;

/** Four new keys. */
export async function generateSigners(): Promise<FeedSigners> {
  const [root, policy, locks, feed] = await Promise.all([
    generateSigner(),
    generateSigner(),
    generateSigner(),
    generateSigner(),
  ]);
  return { root: root.signer, policy: policy.signer, locks: locks.signer, feed: feed.signer };
}

/** Builds a small feed; `after` is the feed that it follows. */
export async function build(
  signers: FeedSigners,
  changes: Partial<BuildInput> & { readonly after?: BuiltFeed } = {},
): Promise<BuiltFeed> {
  const { after, ...input } = changes;
  const trust = await trustStringOf(signers.root.publicKey);
  return await buildFeed({
    entitlements: [],
    locks: [],
    policy: standardPolicy,
    signers,
    iss: ISS,
    aud: AUD,
    nowMs: NOW_MS,
    freshForMs: 60_000,
    ...(after === undefined
      ? {}
      : { previous: await readPreviousFeed(sourceOf(after), { trust: [trust], audience: AUD }) }),
    ...input,
  });
}

/** All lines of all chunks of a feed, in the order of the buckets. */
export function linesOf(built: BuiltFeed): string[] {
  const lines: string[] = [];
  for (const [name, bytes] of built.parts) {
    if (name.startsWith("chunks/")) lines.push(...new TextDecoder().decode(bytes).split("\n").slice(0, -1));
  }
  return lines;
}

/** What the index of a feed says. */
export function indexOf(built: BuiltFeed): IndexPayload {
  const inspected = inspectStatement(new TextDecoder().decode(built.parts.get(`index/${built.headPayload.index}`)));
  if (inspected.typ !== "dimmer-index+jwt") throw new Error(inspected.typ);
  return inspected.payload;
}

/** Everything of a feed, to be compared. */
export function bytesOf(built: BuiltFeed): unknown {
  const parts = Object.fromEntries([...built.parts].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]));
  return { head: built.head, keysets: built.keysets, parts };
}

/** Tenants `tenant-0` to `tenant-(count-1)` on plan `pro`. */
export function tenants(count: number): WireEntitlement[] {
  return Array.from({ length: count }, (_, i) => ({ tenant: `tenant-${i}`, plan: "pro" }));
}

const tenantId = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._:-]{0,20}$/).filter((id) => id !== "__proto__");
const seconds = fc.integer({ min: 1_700_000_000, max: 1_900_000_000 });
const modes: string[] = standardPolicy.modes.map(({ name }) => name);
const features = fc.record(
  {
    seats: fc.option(fc.nat(1_000)),
    sso: fc.boolean(),
    theme: fc.string({ unit: "grapheme", maxLength: 10 }).filter((text) => text.isWellFormed()),
  },
  { requiredKeys: [] },
);
const steps = fc
  .uniqueArray(seconds, { minLength: 1, maxLength: 5 })
  .chain((ats) =>
    fc.tuple(
      ...ats.sort((a, b) => a - b).map((at) => fc.record({ at: fc.constant(at), mode: fc.constantFrom(...modes) })),
    ),
  );
const exception = fc
  .tuple(seconds, fc.integer({ min: 1, max: 1_000_000 }))
  .map(([from, length]) => ({ floor: "essential", from, until: from + length }));
const restriction = fc.record(
  {
    cause: fc.constantFrom("nonpayment" as const, "breach" as const, "manual" as const),
    case: tenantId,
    steps,
    exception,
  },
  { requiredKeys: ["cause", "case", "steps"] },
);

/** Any entitlement that the standard policy knows, or a tombstone. */
const anyEntitlement: fc.Arbitrary<WireEntitlement | WireTombstone> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record(
      {
        tenant: tenantId,
        plan: fc.constantFrom("starter", "pro", "enterprise"),
        features,
        restrictions: fc.uniqueArray(restriction, { maxLength: 3, selector: (item) => item.case }),
      },
      { requiredKeys: ["tenant", "plan"] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ tenant: tenantId, gone: seconds }) },
);

/** Entitlements of distinct tenants. */
export const anyEntitlements: fc.Arbitrary<(WireEntitlement | WireTombstone)[]> = fc.uniqueArray(anyEntitlement, {
  maxLength: 60,
  selector: ({ tenant }) => tenant,
});

/** The standard policy, changed. */
export function changedPolicy(change: (policy: Mutable<PolicyDocument>) => void): PolicyDocument {
  const copy = structuredClone(standardPolicy) as unknown as Mutable<PolicyDocument>;
  change(copy);
  return copy as PolicyDocument;
}

type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
