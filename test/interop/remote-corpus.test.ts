import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compilePolicy, type Decision, denialOf, isTenantId, parseDurationMs, standingOf } from "@dimmer/core";
import type { ReplicaClock } from "@dimmer/feed/follow";
import { createKeyDirectory, publishFeed } from "@dimmer/feed/node";
import { connectRemote, type RemoteDimmer } from "@dimmer/sdk/remote";
import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CorpusCase, type CorpusFile, casesOf, loadCorpus, stateOf } from "../corpus/load-corpus.ts";

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

/** A remote client of a real sidecar that stands at the moment of a case, on a feed of the file, really signed. */
async function remoteAt(file: CorpusFile, { moment }: CorpusCase): Promise<RemoteDimmer> {
  const root = await mkdtemp(join(tmpdir(), "dimmer-interop-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const keys = await createKeyDirectory(join(root, "keys"));
  const outDir = join(root, "feed");
  const { entitlements, locks, policy, held } = file;
  const { nowMs, horizonMs, freshness } = moment;
  const iatMs = horizonMs - (parseDurationMs(policy.offline.step_down_for) ?? 0);
  const freshForMs = freshness === "fresh" ? Math.max(0, nowMs - iatMs) + 60_000 : 1_000;
  const audience = "development";
  // The corpus has steps that a build refuses to sign; the doors answer them all the same.
  const feed = { outDir, audience, keys, entitlements, locks, policy, nowMs: iatMs, freshForMs, allowInvalid: true };
  if (held) await publishFeed(feed);
  const socket = join(root, "s");
  const config = readSidecarConfig({ flags: { feed: [outDir], trust: [keys.trust], socket, tcp: "off" }, env: {} });
  const log = pino({ level: "silent" });
  const sidecar = await startSidecar(config, { clock: stoppedClock(nowMs), log });
  onTestFinished(() => sidecar.close());
  if (held) await sidecar.replica.ready();
  const waitMs = held ? 20_000 : 0;
  const remote = await connectRemote({ sidecar: `unix:${socket}`, trust: keys.trust, timeoutMs: 10_000, waitMs });
  onTestFinished(() => remote.close());
  expect(remote.isReady).toBe(held);
  return remote;
}

/** Of a lock that is held here the client says how fresh its own head is: its clock does not stand. */
function withoutFreshness(decision: Decision): object {
  const { freshness, ...rest } = decision;
  return decision.reason === "locked" ? rest : { ...rest, freshness };
}

/** Moments at which a replica can stand: not before its own head, and not fresh without one. */
function isForReplicas({ held, policy }: CorpusFile, { moment: { nowMs, horizonMs, freshness } }: CorpusCase): boolean {
  const stepDownMs = parseDurationMs(policy.offline.step_down_for) ?? 0;
  return held ? horizonMs - stepDownMs <= nowMs : freshness === "stale";
}

/** The denial is rendered in the client, of what the sidecar explains of the tenant. */
async function expectDenials(file: CorpusFile, cases: readonly CorpusCase[], remote: RemoteDimmer): Promise<void> {
  const policy = compilePolicy(file.policy);
  for (const { tenant, ask, expected, moment, title } of cases) {
    if (expected.allowed || !isTenantId(tenant)) continue;
    const about = { tenant, acceptLanguage: "ja", ...(ask.principal && { principal: ask.principal }) };
    const state = stateOf(file, policy, tenant);
    const inProcess = denialOf(expected, standingOf(state, moment), { ...about, cases: casesOf(file, tenant) });
    const { acceptLanguage, principal } = about;
    const denial = await remote.denial(tenant, expected, { acceptLanguage, ...(principal && { principal }) });
    expect(denial, title).toEqual(inProcess);
  }
}

const files = loadCorpus().filter(({ held, policy }) => held || policy.name === "standard");

describe.each(files)("corpus $name", { timeout: 120_000 }, (file) => {
  it("D1 · a remote client of a real sidecar answers every case as decide does", async () => {
    const moments = Map.groupBy(file.cases, ({ moment }) => JSON.stringify(moment));
    for (const cases of moments.values()) {
      const first = cases[0] as CorpusCase;
      if (!isForReplicas(file, first)) continue;
      const remote = await remoteAt(file, first);
      for (const { tenant, ask, expected, title } of cases) {
        const answer = await remote.ask(tenant, ask);
        expect(withoutFreshness(answer), title).toEqual(withoutFreshness(expected));
      }
      await expectDenials(file, cases, remote);
      const asked = cases.filter(({ tenant, expected }) => isTenantId(tenant) && expected.reason !== "locked").length;
      const { answered, unanswered, garbled } = remote.status().counters;
      expect({ answered, unanswered, garbled }).toEqual({ answered: asked, unanswered: 0, garbled: 0 });
    }
  });
});
