import { generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";

/** What was measured that an estimate rests on. */
export interface Measured {
  /** Tenants of the two largest sizes, and there: bytes of the feed, MB once ready, milliseconds until ready. */
  readonly tenants: readonly [less: number, more: number];
  readonly feedBytes: readonly [less: number, more: number];
  readonly readyMb: readonly [less: number, more: number];
  readonly fromFeedMs: readonly [less: number, more: number];
  /** Microseconds of the authority's processor for one change to one stream more; `NaN` where it was not measured. */
  readonly streamUs: number;
  /** Of one statement. */
  readonly signMs: number;
  readonly verifyMs: number;
}

/** What is assumed and not measured. */
export const ASSUMED = {
  tenants: 10_000_000,
  sidecars: 10_000,
  /** Share of tenants that change in a day. */
  changing: 0.01,
  deltaBytes: 700,
  headBytes: 1_000,
  headEveryS: 5,
  /** Buckets of a feed of that many tenants, and bytes of the index for each, encoded. */
  buckets: 16_384,
  indexBytes: 62,
  usd: { insideGb: 0.01, outsideGb: 0.09, cdnGb: 0.02, memoryGbMonth: 3 },
  cells: 10,
} as const;

const DAY_S = 86_400;
const MONTH_DAYS = 30;
const GB = 1e9;

/** Milliseconds to sign and to verify one statement of a delta's size here (Ed25519, `node:crypto`): medians. */
export function measureSignatures(): Pick<Measured, "signMs" | "verifyMs"> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const bytes = randomBytes(ASSUMED.deltaBytes);
  const signature = sign(null, bytes, privateKey);
  return {
    signMs: medianMsOf(() => void sign(null, bytes, privateKey)),
    verifyMs: medianMsOf(() => void verify(null, bytes, publicKey, signature)),
  };
}

function medianMsOf(once: () => void): number {
  const times = Array.from({ length: 501 }, () => {
    const startMs = performance.now();
    once();
    return performance.now() - startMs;
  });
  return times.toSorted((a, b) => a - b)[250] ?? Number.NaN;
}

/** Ten million tenants and ten thousand sidecars, worked out from what was measured: a Markdown table. */
export function estimateOf(measured: Measured): string {
  const { tenants, sidecars, changing, deltaBytes, headBytes, headEveryS, buckets, indexBytes, usd, cells } = ASSUMED;
  const at = (figure: readonly [number, number]): number => extrapolate(measured.tenants, figure, tenants);
  const feedBytes = at(measured.feedBytes);
  const changes = tenants * changing;
  const heads = DAY_S / headEveryS;
  const statements = changes + heads + DAY_S / 60;
  const deltaRate = (changes / DAY_S) * deltaBytes * sidecars;
  const headRate = (headBytes / headEveryS) * sidecars;
  const monthGb = ((deltaRate + headRate) * DAY_S * MONTH_DAYS) / GB;
  const coldGb = (feedBytes * sidecars) / GB;
  const minuteBytes = buckets * indexBytes + Math.min(buckets, changes / 1_440) * (feedBytes / buckets);
  const listingGb = (minuteBytes * 1_440 * MONTH_DAYS * sidecars) / GB;
  const memoryGb = at(measured.readyMb) / 1_024;
  const cellMemoryGb = extrapolate(measured.tenants, measured.readyMb, tenants / cells) / 1_024;
  const fanOut = (changes / DAY_S) * sidecars * (measured.streamUs / 1e6);
  return [
    `| ${n(tenants)} tenants, ${n(sidecars)} sidecars | worked out | a month |`,
    "| --- | --- | --- |",
    `| feed | ${mb(feedBytes)}, ${n(buckets)} buckets of ${n(tenants / buckets)} tenants (${kb(feedBytes / buckets)}); an index of ${mb(buckets * indexBytes)} | |`,
    `| signatures | ${n(heads)} heads, ${n(changes)} deltas, 1,440 indexes a day at ${measured.signMs.toFixed(2)} ms: ${n((statements * measured.signMs) / 1_000)} s of one core a day | nothing |`,
    `| verifying, each sidecar | the same statements at ${measured.verifyMs.toFixed(2)} ms: ${n((statements * measured.verifyMs) / 1_000)} s of one core a day, ${(((statements * measured.verifyMs) / 1_000 / DAY_S) * 100).toFixed(2)} % | nothing |`,
    `| streams, all sidecars | deltas ${mb(deltaRate)}/s, heads ${mb(headRate)}/s: ${tb(monthGb)} a month | ${money(monthGb * usd.insideGb)} inside a region, ${money(monthGb * usd.outsideGb)} out of it |`,
    Number.isFinite(measured.streamUs)
      ? `| fan-out at one origin | ${(changes / DAY_S).toFixed(1)} deltas a second to ${n(sidecars)} streams at ${measured.streamUs.toFixed(1)} µs each: ${(fanOut * 100).toFixed(0)} % of a core | one machine |`
      : "| fan-out at one origin | not measured: this machine opens too few files | |",
    `| all sidecars cold at once | ${tb(coldGb)}, of files that are named by their digest | ${money(coldGb * usd.cdnGb)} each time, from a CDN |`,
    `| listing instead of streams, by the minute | ${mb(minuteBytes)} each: ${mb((minuteBytes / 60) * sidecars)}/s for all | ${money(listingGb * usd.insideGb)} inside a region: not this way |`,
    `| memory of a sidecar with every tenant | ${memoryGb.toFixed(1)} GB; ready in ${n(at(measured.fromFeedMs) / 1_000)} s | **${tb(memoryGb * sidecars)} for all: ${money(memoryGb * sidecars * usd.memoryGbMonth)}** |`,
    `| the same in ${cells} cells | ${cellMemoryGb.toFixed(2)} GB; ready in ${n(extrapolate(measured.tenants, measured.fromFeedMs, tenants / cells) / 1_000)} s | **${tb(cellMemoryGb * sidecars)} for all: ${money(cellMemoryGb * sidecars * usd.memoryGbMonth)}** |`,
    "",
    `Measured: bytes, memory and readiness at ${n(measured.tenants[0])} and ${n(measured.tenants[1])} tenants, continued as a straight line; the authority's ` +
      "processor time for one stream more; a signature and its verification. " +
      `Assumed: one tenant in ${n(1 / changing)} changes a day, spread evenly; a delta of ${deltaBytes} B and a head of ${n(headBytes)} B every ${headEveryS} s on each ` +
      `stream; ${indexBytes} B of index a bucket; prices of USD ${usd.insideGb} a GB inside a region, ${usd.outsideGb} out of it, ${usd.cdnGb} from a CDN, and ${usd.memoryGbMonth} a GB of memory a month.`,
  ].join("\n");
}

/** On the straight line through two measured points. */
function extrapolate(
  [less, more]: readonly [number, number],
  [low, high]: readonly [number, number],
  to: number,
): number {
  return high + ((high - low) / (more - less)) * (to - more);
}

function n(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function kb(bytes: number): string {
  return `${(bytes / 1e3).toFixed(0)} KB`;
}

function mb(bytes: number): string {
  return bytes < 1e7 ? `${(bytes / 1e6).toFixed(1)} MB` : `${n(bytes / 1e6)} MB`;
}

function tb(gb: number): string {
  return gb < 100 ? `${n(gb)} GB` : `${(gb / 1_000).toFixed(1)} TB`;
}

/** Two digits are all that an estimate has. */
function money(usd: number): string {
  const place = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, usd))) - 1);
  return `USD ${n(Math.round(usd / place) * place)}`;
}
