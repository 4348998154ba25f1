import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDurationMs } from "@dimmer/core";
import { followFeed, type ReplicaClock, type ReplicaLog } from "@dimmer/feed/follow";
import { createKeyDirectory, directorySource, publishFeed } from "@dimmer/feed/node";
import type { Dimmer } from "@dimmer/sdk";
import { dimmerOf } from "@dimmer/sdk/replica";
import type { CorpusCase, CorpusFile } from "./load-corpus.ts";

const SILENT: ReplicaLog = { info() {}, warn() {}, error() {} };

/** Cases of a file that share a moment at which a replica can stand: not before its own head, nor fresh without one. */
export function momentsForReplicas(file: CorpusFile): CorpusCase[][] {
  const groups = Map.groupBy(file.cases, ({ moment }) => JSON.stringify(moment));
  return [...groups.values()].filter((cases) => {
    const { nowMs, horizonMs, freshness } = (cases[0] as CorpusCase).moment;
    return file.held ? horizonMs - stepDownMs(file) <= nowMs : freshness === "stale";
  });
}

/** A Dimmer that stands at the moment of a case, over a feed of the file's tenants and locks, really signed. */
export async function dimmerAt(file: CorpusFile, { moment }: CorpusCase): Promise<Dimmer & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), "dimmer-corpus-"));
  const keys = await createKeyDirectory(join(root, "keys"));
  const outDir = join(root, "feed");
  const { entitlements, locks, policy, held } = file;
  const { nowMs, horizonMs, freshness } = moment;
  const iatMs = horizonMs - stepDownMs(file);
  const freshForMs = freshness === "fresh" ? nowMs - iatMs + 60_000 : 1_000;
  // The corpus has steps that a build refuses to sign; who follows answers them all the same.
  const said = { entitlements, locks, policy, nowMs: iatMs, freshForMs, allowInvalid: true };
  if (held) await publishFeed({ ...said, outDir, audience: "development", keys });
  const source = directorySource(outDir);
  const follow = { sources: [source], trust: [keys.trust], clock: stoppedClock(nowMs), fallbackPolicy: policy };
  const dimmer = dimmerOf(followFeed(follow), SILENT);
  if (held) await dimmer.ready();
  const dispose = async (): Promise<void> => {
    await dimmer.close();
    await rm(root, { recursive: true, force: true });
  };
  return Object.assign(dimmer, { [Symbol.asyncDispose]: dispose });
}

function stepDownMs({ policy }: CorpusFile): number {
  return parseDurationMs(policy.offline.step_down_for) ?? 0;
}

/** Clocks that stand at an instant; timers are the machine's. */
function stoppedClock(nowMs: number): ReplicaClock {
  const timer = (handle: NodeJS.Timeout): { stop(): void } => {
    handle.unref();
    return { stop: () => clearTimeout(handle) };
  };
  return {
    wallMs: () => nowMs,
    monotonicMs: () => 0,
    every: (ms, fn) => timer(setInterval(fn, ms)),
    after: (ms, fn) => timer(setTimeout(fn, ms)),
    turn: () => new Promise((done) => void setImmediate(done)),
  };
}
