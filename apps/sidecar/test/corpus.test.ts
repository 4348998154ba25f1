import { isTenantId, parseDurationMs } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { type CorpusCase, type CorpusFile, loadCorpus } from "../../../test/corpus/load-corpus.ts";
import { type RunningSidecar, runSidecar, stoppedClock, testFeed } from "./running-sidecar.ts";
import { scratchFile } from "./scratch.ts";

const files = loadCorpus();

/** Cases of one file that share a moment: one feed answers them all. */
function momentsOf({ cases }: CorpusFile): { readonly name: string; readonly cases: readonly CorpusCase[] }[] {
  const groups = Map.groupBy(cases, ({ moment }) => JSON.stringify(Object.values(moment)));
  return [...groups.values()].map((members) => {
    const { nowMs, freshness } = (members[0] as CorpusCase).moment;
    return { name: `${freshness} at ${new Date(nowMs).toISOString()}`, cases: members };
  });
}

/** A sidecar that stands at the moment of the case, on a feed of the file's tenants and locks, really signed. */
async function sidecarAt(
  file: CorpusFile,
  { moment: { nowMs, horizonMs, freshness } }: CorpusCase,
): Promise<RunningSidecar> {
  const clock = stoppedClock(nowMs);
  const { policy } = file;
  if (!file.held) {
    const feed = await testFeed();
    const flags = { fallbackPolicy: scratchFile("policy.json", JSON.stringify(policy)) };
    return runSidecar({ ...feed, directory: `${feed.directory}-not-there` }, { flags, clock, isAwaited: false });
  }
  const iatMs = horizonMs - stepDownMs(file);
  const freshForMs = freshness === "fresh" ? Math.max(0, nowMs - iatMs) + 60_000 : 1_000;
  const { entitlements, locks } = file;
  // The corpus has steps that a build refuses to sign; the doors answer them all the same.
  const content = { entitlements, locks, policy, nowMs: iatMs, freshForMs, allowInvalid: true };
  return runSidecar(await testFeed(content), { clock });
}

/** What the sidecar must say of a case: the decision, and what it adds to a denial. */
function answerTo(file: CorpusFile, { tenant, expected, moment, report }: CorpusCase): object {
  const denied = expected.allowed ? {} : { tenant, ...report };
  const freshness = expected.freshness === "fallback" ? "fallback" : freshnessOf(file, moment);
  return { ...expected, ...denied, freshness, version: file.held ? "1.1" : "0.0" };
}

/**
 * Two moments of the corpus are for `decide` alone, since no replica can stand there: fresh without ever having had a
 * head (it is stale then), and before the head's own instant (now is then the head's, and it is fresh).
 */
function freshnessOf(file: CorpusFile, { nowMs, horizonMs, freshness }: CorpusCase["moment"]): string {
  if (!file.held) return "stale";
  return horizonMs - stepDownMs(file) > nowMs ? "fresh" : freshness;
}

function stepDownMs({ policy }: CorpusFile): number {
  return parseDurationMs(policy.offline.step_down_for) ?? 0;
}

describe.each(files)("corpus $name", (file) => {
  describe.each(momentsOf(file))("$name", ({ cases }) => {
    it(`D1 · POST /v1/check answers ${cases.length} cases as decide does`, async () => {
      const { ask } = await sidecarAt(file, cases[0] as CorpusCase);
      for (const item of cases) {
        const { title, tenant, ask: question, expected } = item;
        const answer = await ask("/v1/check", { body: { tenant, ...question } });
        if (!isTenantId(tenant)) {
          expect(expected.allowed, title).toBe(false);
          expect([answer.status, answer.json()], title).toEqual([400, expect.objectContaining({ field: "tenant" })]);
          continue;
        }
        expect(answer.status, `${title}: ${answer.text}`).toBe(200);
        expectAnswer(answer.json(), file, item);
      }
    });

    it(`D1 · POST /v1/checks answers ${cases.length} cases as decide does`, async () => {
      const { ask } = await sidecarAt(file, cases[0] as CorpusCase);
      const checks = cases.map(({ tenant, ask: question }) => ({ tenant, ...question }));
      const { decisions } = (await ask("/v1/checks", { body: { checks } })).json() as { decisions: unknown[] };
      expect(decisions).toHaveLength(cases.length);
      for (const [index, item] of cases.entries()) {
        if (isTenantId(item.tenant)) expectAnswer(decisions[index], file, item);
        else
          expect(decisions[index], item.title).toEqual({
            error: expect.objectContaining({ field: "tenant" }) as unknown,
          });
      }
    });

    it(`D1 · AuthZEN answers ${cases.length} cases as decide does`, async () => {
      const { ask } = await sidecarAt(file, cases[0] as CorpusCase);
      for (const item of cases) {
        const answer = await ask("/access/v1/evaluation", { body: authzenOf(item) });
        if (!isTenantId(item.tenant)) {
          expect(answer.status, item.title).toBe(400);
          continue;
        }
        expect(answer.status, `${item.title}: ${answer.text}`).toBe(200);
        const { decision, context } = answer.json() as { decision: boolean; context?: object };
        expect(decision, item.title).toBe(item.expected.allowed);
        if (context !== undefined) expectAnswer(context, file, item);
        else expect([item.expected.allowed, item.expected.freshness], item.title).toEqual([true, "fresh"]);
      }
    });

    const oneName = cases.filter(({ ask }) => (ask.capability === undefined) !== (ask.feature === undefined));
    it.skipIf(oneName.length === 0)(`D1 · OFREP answers ${oneName.length} cases as decide does`, async () => {
      const { ask } = await sidecarAt(file, cases[0] as CorpusCase);
      for (const { title, tenant, ask: asked, expected } of oneName) {
        const { capability, feature, usage, principal } = asked;
        const key = encodeURIComponent(feature ?? `can.${capability}`);
        const answer = await ask(`/ofrep/v1/evaluate/flags/${key}`, {
          body: { context: { targetingKey: tenant, ...(principal && { principal }), ...(usage && { usage }) } },
        });
        const flag = answer.json() as { variant?: string; errorCode?: string; metadata?: Record<string, unknown> };
        if (!isTenantId(tenant)) expect([answer.status, expected.allowed], title).toEqual([400, false]);
        else if (answer.status === 404) {
          expect(["unknown_capability", "feature_not_in_plan"], title).toContain(expected.reason);
          expect([flag.errorCode, expected.allowed], title).toEqual(["FLAG_NOT_FOUND", false]);
        } else {
          expect([answer.status, flag.variant], title).toEqual([200, expected.allowed ? "on" : "off"]);
          const { mode, reason, cause } = expected;
          expect(flag.metadata, title).toMatchObject({ mode, reason, ...(cause && { cause }) });
        }
      }
    });
  });
});

/** The question of a case in the words of AuthZEN. */
function authzenOf({ tenant, ask: { capability, feature, usage, principal } }: CorpusCase): object {
  const asIs = { type: "tenant", id: tenant };
  const properties = {
    ...(capability !== undefined && feature !== undefined ? { feature } : {}),
    ...(usage === undefined ? {} : { usage }),
  };
  return {
    subject: principal === undefined ? asIs : { type: "principal", id: "p", properties: { tenant, principal } },
    action: { name: capability ?? `feature:${feature}`, properties },
    resource: { type: "any", id: "any" },
  };
}

/** Where a case has a report it is whole; where not, the door may add case, instant and next mode of the cause. */
function expectAnswer(answer: unknown, file: CorpusFile, item: CorpusCase): void {
  const { case: _, since: __, next: ___, ...rest } = answer as Record<string, unknown>;
  const isReported = item.report !== undefined || item.expected.cause === undefined;
  expect(isReported ? answer : rest, item.title).toEqual(answerTo(file, item));
}
