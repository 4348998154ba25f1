import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ask, type Decision, DimmerError, type FeatureDecision, parseDurationMs } from "@dimmer/core";
import { type FeedSource, followFeed, type Replica, type ReplicaClock } from "@dimmer/feed/follow";
import { createKeyDirectory, diskStore, httpSource, publishFeed } from "@dimmer/feed/node";
import { connectEdge } from "@dimmer/sdk/edge";
import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CorpusCase, type CorpusFile, loadCorpus } from "../corpus/load-corpus.ts";

const TOKEN = "a-token-of-the-test-alone";
const KINDS = ["followed", "restarted", "cut off", "cached"] as const;

/** Whoever answers a question of the corpus. */
type Answering = (tenant: string, ask: Ask) => Promise<Decision | FeatureDecision> | Decision | FeatureDecision;

/** Clocks that stand where they are put; timers are the machine's. */
class PutClock implements ReplicaClock {
  readonly #startMs: number;
  nowMs: number;

  constructor(nowMs: number) {
    this.#startMs = nowMs;
    this.nowMs = nowMs;
  }
  wallMs(): number {
    return this.nowMs;
  }
  monotonicMs(): number {
    return this.nowMs - this.#startMs;
  }
  every(ms: number, fn: () => void): { stop(): void } {
    const handle = setInterval(fn, ms);
    handle.unref();
    return { stop: () => clearInterval(handle) };
  }
  after(ms: number, fn: () => void): { stop(): void } {
    const handle = setTimeout(fn, ms);
    handle.unref();
    return { stop: () => clearTimeout(handle) };
  }
  turn(): Promise<void> {
    return new Promise((done) => void setImmediate(done));
  }
}

/** A source that can be taken away. */
class TakenSource implements FeedSource {
  readonly name: string;
  readonly kind = "network";
  isGone = false;
  readonly #source: FeedSource;

  constructor(source: FeedSource) {
    this.#source = source;
    this.name = source.name;
  }
  head: FeedSource["head"] = async (...known) => await this.#there().head(...known);
  keysets: FeedSource["keysets"] = async (...signal) => await this.#there().keysets(...signal);
  part: FeedSource["part"] = async (...named) => await this.#there().part(...named);
  async close(): Promise<void> {
    await this.#source.close?.();
  }
  #there(): FeedSource {
    if (this.isGone) throw new DimmerError("feed_unreachable", "the source is gone", { retryable: true });
    return this.#source;
  }
}

/** One feed of a corpus file, served by a sidecar that stands at the moment of the cases. */
interface Served {
  readonly file: CorpusFile;
  readonly root: string;
  readonly url: string;
  readonly trust: string;
  readonly iatMs: number;
  readonly nowMs: number;
}

async function serve(file: CorpusFile, { moment }: CorpusCase): Promise<Served> {
  const root = await mkdtemp(join(tmpdir(), "dimmer-interop-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const keysDirectory = join(root, "keys");
  const keys = await createKeyDirectory(keysDirectory);
  const outDir = join(root, "feed");
  const { entitlements, locks, policy, held } = file;
  const { nowMs, horizonMs, freshness } = moment;
  const iatMs = held ? horizonMs - stepDownMs(file) : nowMs;
  const freshForMs = freshness === "fresh" ? nowMs - iatMs + 60_000 : 1_000;
  const audience = "development";
  if (held) {
    // The corpus has steps that a build refuses to sign; replicas answer them all the same.
    const content = { entitlements, locks, policy, allowInvalid: true };
    await publishFeed({ outDir, audience, keys, nowMs: iatMs, freshForMs, ...content });
  }
  const tokenFile = join(root, "token");
  await writeFile(tokenFile, TOKEN, { mode: 0o600 });
  const flags = { feed: [outDir], trust: [keys.trust], port: 0, tcp: "full", tokenFile, keys: keysDirectory };
  const config = readSidecarConfig({ flags, env: {} });
  const sidecar = await startSidecar(config, { clock: new PutClock(nowMs), log: pino({ level: "silent" }) });
  onTestFinished(() => sidecar.close());
  if (held) await sidecar.replica.ready();
  const url = `http://127.0.0.1:${sidecar.tcp?.port}`;
  return { file, root, url, trust: keys.trust, iatMs, nowMs };
}

/** Follows the feed from the instant of its head on, and then stands at the moment of the cases. */
async function follow(served: Served, isCutOff: boolean): Promise<Replica> {
  const { file, url, trust, iatMs, nowMs } = served;
  const clock = new PutClock(iatMs);
  const source = new TakenSource(httpSource(url, { token: TOKEN }));
  const replica = followFeed({ sources: [source], trust: [trust], clock, fallbackPolicy: file.policy });
  onTestFinished(() => replica.close());
  if (file.held) await replica.ready();
  source.isGone = isCutOff;
  clock.nowMs = nowMs;
  await replica.refresh();
  await expect.poll(() => replica.clockMs, { interval: 2, timeout: 10_000 }).toBe(nowMs);
  return replica;
}

/** Follows the feed, ends, and starts again from its disk at the moment of the cases, without a source. */
async function restart(served: Served): Promise<Replica> {
  const { file, root, url, trust, iatMs, nowMs } = served;
  const store = (): ReturnType<typeof diskStore> => diskStore(join(root, "data"));
  const options = { trust: [trust], fallbackPolicy: file.policy };
  if (file.held) {
    const sources = [httpSource(url, { token: TOKEN })];
    const first = followFeed({ ...options, sources, clock: new PutClock(iatMs), store: store() });
    await first.ready();
    await first.close();
  }
  const gone = new TakenSource(httpSource(url));
  gone.isGone = true;
  const replica = followFeed({ ...options, sources: [gone], clock: new PutClock(nowMs), store: store() });
  onTestFinished(() => replica.close());
  if (file.held) await replica.ready();
  return replica;
}

/** Connects at the instant of the head, and asks for tokens at the moment of the cases. */
async function cache({ file, url, trust, iatMs, nowMs }: Served): Promise<Answering> {
  const clock = new PutClock(iatMs);
  const how = { follow: "on-use", waitMs: file.held ? 20_000 : 0, timeoutMs: 20_000 } as const;
  const edge = await connectEdge({ feed: url, token: TOKEN, trust, clock, fallbackPolicy: file.policy, ...how });
  onTestFinished(() => edge.close());
  expect(edge.isReady).toBe(file.held);
  clock.nowMs = nowMs;
  return (tenant, ask) => edge.ask(tenant, ask);
}

async function answering(kind: (typeof KINDS)[number], served: Served): Promise<Answering> {
  if (kind === "cached") return await cache(served);
  const replica = kind === "restarted" ? await restart(served) : await follow(served, kind === "cut off");
  expect(replica.isReady).toBe(served.file.held);
  return (tenant, ask) => replica.ask(tenant, ask);
}

/** Moments at which a replica can stand: not before its own head, and not fresh without one. */
function isForReplicas(file: CorpusFile, { moment: { nowMs, horizonMs, freshness } }: CorpusCase): boolean {
  return file.held ? horizonMs - stepDownMs(file) <= nowMs : freshness === "stale";
}

function stepDownMs({ policy }: CorpusFile): number {
  return parseDurationMs(policy.offline.step_down_for) ?? 0;
}

describe.each(loadCorpus())("corpus $name", { timeout: 120_000 }, (file) => {
  it("D1 · is answered alike by a replica that follows, was restarted, is cut off, or caches", async () => {
    const moments = Map.groupBy(file.cases, ({ moment }) => JSON.stringify(moment));
    const wrong: unknown[] = [];
    let answered = 0;
    for (const cases of moments.values()) {
      const first = cases[0] as CorpusCase;
      if (!isForReplicas(file, first)) continue;
      const served = await serve(file, first);
      for (const kind of KINDS) {
        const answerOf = await answering(kind, served);
        for (const { tenant, ask, expected, title } of cases) {
          const answer = await answerOf(tenant, ask);
          answered += 1;
          const isRight = JSON.stringify(sorted(answer)) === JSON.stringify(sorted(expected));
          if (!isRight) wrong.push({ case: `${file.name} · ${title}`, replica: kind, answer, expected });
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(answered, "answers compared").toBeGreaterThan(file.held ? 2 * file.cases.length : -1);
  });
});

/** Its members in the order of their names. */
function sorted(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}
