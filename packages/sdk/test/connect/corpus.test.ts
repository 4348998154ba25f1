import { type Principal, parseDurationMs, type Usage } from "@dimmer/core";
import { followFeed, type ReplicaLog } from "@dimmer/feed/follow";
import { directorySource } from "@dimmer/feed/node";
import { describe, expect, it, vi } from "vitest";
import { type CorpusCase, type CorpusFile, loadCorpus } from "../../../../test/corpus/load-corpus.ts";
import type { Dimmer } from "../../src/connect/dimmer.ts";
import { dimmerOf } from "../../src/connect/replica-dimmer.ts";
import { valueOrElse } from "../../src/connect/value.ts";
import { keeper } from "./kept.ts";
import { LiveFeed } from "./live-feed.ts";
import { ManualClock } from "./manual-clock.ts";

const kept = keeper();
const silent: ReplicaLog = { info() {}, warn() {}, error() {} };

/** Two moments of the corpus are for `decide` alone: no replica stands there. */
function isForReplicas(file: CorpusFile, { moment: { nowMs, horizonMs, freshness } }: CorpusCase): boolean {
  return file.held ? horizonMs - stepDownMs(file) <= nowMs : freshness === "stale";
}

function stepDownMs({ policy }: CorpusFile): number {
  return parseDurationMs(policy.offline.step_down_for) ?? 0;
}

/** A Dimmer that stands at the moment of a case, over a feed of the file's tenants and locks. */
async function dimmerAt(file: CorpusFile, { moment: { nowMs, horizonMs, freshness } }: CorpusCase): Promise<Dimmer> {
  const iatMs = horizonMs - stepDownMs(file);
  const freshForMs = freshness === "fresh" ? nowMs - iatMs + 60_000 : 1_000;
  const { entitlements, locks, policy, held } = file;
  const feed = kept(await LiveFeed.create({ entitlements, locks, policy, nowMs: iatMs, freshForMs }));
  const source = directorySource(held ? feed.directory : feed.socketPath("none"));
  const clock = new ManualClock(nowMs);
  const replica = followFeed({ sources: [source], trust: [feed.trust], clock, fallbackPolicy: policy });
  const dimmer = kept(dimmerOf(replica, silent));
  if (held) await vi.waitFor(() => expect(dimmer.isReady).toBe(true), 10_000);
  return dimmer;
}

/** The same question by every method that takes it. */
function answersOf(dimmer: Dimmer, { tenant, ask }: CorpusCase): unknown[] {
  const { capability, feature, usage, principal } = ask;
  const byMethod: unknown[] = [];
  if (capability !== undefined && feature === undefined && usage === undefined) {
    byMethod.push(dimmer.check(tenant, capability, principal as Principal));
  }
  if (capability === undefined && feature !== undefined && usage !== undefined) {
    byMethod.push(dimmer.limit(tenant, feature, usage as Usage, principal as Principal));
  }
  return [dimmer.ask(tenant, ask), ...byMethod];
}

/** What `value` gives, asked twice: what follows from the answer about the feature alone. */
function checkValues(dimmer: Dimmer, { tenant, title, ask: { feature } }: CorpusCase): void {
  if (feature === undefined) return;
  const decision = dimmer.ask(tenant, { feature });
  for (const otherwise of [true, false, 7, "other", ["other"], { other: true }] as const) {
    for (const time of ["first", "second"]) {
      const value: unknown = dimmer.value(tenant, feature, otherwise as string);
      expect(value, `${title}, ${time}`).toEqual(valueOrElse(decision, otherwise as string));
    }
  }
}

describe.each(loadCorpus())("corpus $name", { timeout: 60_000 }, (file) => {
  it("D1 · the SDK answers every case as decide does, by every method", async () => {
    const moments = Map.groupBy(file.cases, ({ moment }) => JSON.stringify(moment));
    let answered = 0;
    for (const cases of moments.values()) {
      const first = cases[0] as CorpusCase;
      if (!isForReplicas(file, first)) continue;
      const dimmer = await dimmerAt(file, first);
      for (const item of cases) {
        for (const answer of answersOf(dimmer, item)) expect(answer, item.title).toEqual(item.expected);
        checkValues(dimmer, item);
        answered += 1;
      }
    }
    expect(answered, "cases answered").toBeGreaterThan(file.held ? file.cases.length / 2 : -1);
  });
});
