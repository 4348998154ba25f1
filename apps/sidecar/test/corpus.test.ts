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
  more: Readonly<Record<string, unknown>> = {},
): Promise<RunningSidecar> {
  const clock = stoppedClock(nowMs);
  const { policy } = file;
  if (!file.held) {
    const feed = await testFeed();
    const flags = { ...more, fallbackPolicy: scratchFile("policy.json", JSON.stringify(policy)) };
    return runSidecar({ ...feed, directory: `${feed.directory}-not-there` }, { flags, clock, isAwaited: false });
  }
  const iatMs = horizonMs - stepDownMs(file);
  const freshForMs = freshness === "fresh" ? Math.max(0, nowMs - iatMs) + 60_000 : 1_000;
  const { entitlements, locks } = file;
  // The corpus has steps that a build refuses to sign; the doors answer them all the same.
  const content = { entitlements, locks, policy, nowMs: iatMs, freshForMs, allowInvalid: true };
  return runSidecar(await testFeed(content), { clock, flags: more });
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

describe.each(files)("corpus $name", { timeout: 60_000 }, (file) => {
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

    it(`D1 · AuthZEN answers ${cases.length} cases in a batch, and finds what they allow`, async () => {
      const { ask } = await sidecarAt(file, cases[0] as CorpusCase);
      const { evaluations } = (
        await ask("/access/v1/evaluations", { body: { evaluations: cases.map(authzenOf) } })
      ).json() as {
        evaluations: { decision: boolean; context?: object }[];
      };
      expect(evaluations).toHaveLength(cases.length);
      for (const [index, item] of cases.entries()) {
        const { decision, context } = evaluations[index] as (typeof evaluations)[number];
        expect(decision, item.title).toBe(item.expected.allowed);
        if (isTenantId(item.tenant) && context !== undefined) expectAnswer(context, file, item);
        if (!isTenantId(item.tenant) || !isOneName(item) || item.ask.usage !== undefined) continue;
        const { subject, resource } = authzenOf(item);
        const found = (await ask("/access/v1/search/action", { body: { subject, resource } })).json();
        const name = item.ask.capability ?? `feature:${item.ask.feature}`;
        // What a fallback allows is no finding, and a name that the policy does not have is none to find.
        const isFound = item.expected.allowed && item.expected.reason !== "unknown_tenant" && isKnown(file, item);
        expect(
          (found as { results: { name: string }[] }).results.some((one) => one.name === name),
          item.title,
        ).toBe(isFound);
      }
    });

    const oneName = cases.filter(isOneName);
    if (oneName.length > 0) {
      it(`D1 · OFREP answers ${oneName.length} cases as decide does, one by one and all at once`, async () => {
        const { ask } = await sidecarAt(file, cases[0] as CorpusCase);
        for (const item of oneName) {
          const { title, tenant, ask: asked, expected } = item;
          const { capability, feature, usage, principal } = asked;
          const key = feature ?? `can.${capability}`;
          const body = { context: { targetingKey: tenant, ...(principal && { principal }), ...(usage && { usage }) } };
          const answer = await ask(`/ofrep/v1/evaluate/flags/${encodeURIComponent(key)}`, { body });
          const all = (await ask("/ofrep/v1/evaluate/flags", { body })).json() as { flags?: { key: string }[] };
          const among = all.flags?.find((one) => one.key === key);
          const flag = answer.json() as { variant?: string; errorCode?: string; metadata?: Record<string, unknown> };
          if (!isTenantId(tenant)) expect([answer.status, expected.allowed], title).toEqual([400, false]);
          else if (answer.status === 404) {
            expect(["unknown_capability", "feature_not_in_plan"], title).toContain(expected.reason);
            expect([flag.errorCode, expected.allowed, among], title).toEqual(["FLAG_NOT_FOUND", false, undefined]);
          } else {
            expect([answer.status, flag.variant], title).toEqual([200, expected.allowed ? "on" : "off"]);
            const { mode, cause } = expected;
            // Where a lock stands behind a name that there is not, the flag tells the lock: no default is to open it.
            const isUnknown = expected.reason === "unknown_capability";
            const reason = isUnknown && mode === "locked" ? "locked" : expected.reason;
            expect(flag.metadata, title).toMatchObject({ mode, reason });
            // A lock keeps its cause to itself.
            expect(flag.metadata?.["cause"], title).toBe(reason === "locked" ? undefined : cause);
            if (isKnown(file, item)) expect(among, title).toEqual(flag);
          }
        }
      });
    }

    const routed = cases.filter(isRoutable);
    if (routed.length > 0) {
      it(`D1 · requests are judged in ${routed.length} cases as decide does, by every hook and by POST /v1/check`, async () => {
        const routes = routed.map(({ ask: { capability, feature } }, index) => ({
          path: `/cases/${index}`,
          capability,
          ...(feature === undefined ? {} : { feature }),
        }));
        const running = await sidecarAt(file, cases[0] as CorpusCase, {
          routes: scratchFile("routes.yaml", JSON.stringify(routes)),
        });
        for (const [index, item] of routed.entries()) await expectJudged(running, item, `/cases/${index}`);
      });
    }
  });
});

const isOneName = ({ ask }: CorpusCase): boolean => (ask.capability === undefined) !== (ask.feature === undefined);

/** Whether the policy has the capability or feature of a case that names one. */
function isKnown({ policy }: CorpusFile, { ask: { capability, feature = "" } }: CorpusCase): boolean {
  return capability === undefined ? Object.hasOwn(policy.features, feature) : policy.capabilities.includes(capability);
}

/** Whether a request can ask what a case asks: a route has a capability, and no usage. */
function isRoutable({ tenant, ask: { capability, usage } }: CorpusCase): boolean {
  return isTenantId(tenant) && capability !== undefined && /^[a-z][a-z0-9_.]*$/.test(capability) && usage === undefined;
}

/** The same request at every hook and at `/v1/check`: the answer of its case, unless the session itself has ended. */
async function expectJudged(
  { ask }: RunningSidecar,
  { title, tenant, ask: asked, expected }: CorpusCase,
  path: string,
): Promise<void> {
  const { principal, capability } = asked;
  const who = { tenant, ...(principal === undefined ? {} : { principal }) };
  const isSession = principal !== undefined && principal !== "service" && capability !== "login";
  const login = (await ask("/v1/check", { body: { ...who, capability: "login" } })).json() as Told;
  const { allowed, mode, reason } = expected.allowed && isSession && !login.allowed ? login : expected;
  const told = (await ask("/v1/check", { body: { ...who, request: { method: "GET", path } } })).json() as Told;
  expect({ allowed: told.allowed, mode: told.mode, reason: told.reason }, title).toEqual({ allowed, mode, reason });
  const head = { "dimmer-tenant": tenant, ...(principal === undefined ? {} : { "dimmer-principal": principal }) };
  for (const [door, headers] of [
    ["/hook/nginx", { ...head, "x-original-method": "GET", "x-original-uri": path }],
    ["/hook/forward", { ...head, "x-forwarded-method": "GET", "x-forwarded-uri": path }],
    [`/hook/envoy${path}`, head],
  ] as const) {
    const answer = await ask(door, { headers });
    const real = Number(answer.headers["dimmer-status"]);
    expect([real < 300, answer.headers["dimmer-mode"], answer.headers["dimmer-reason"]], `${title} at ${door}`).toEqual(
      [allowed, mode, reason],
    );
    expect(answer.status, `${title} at ${door}`).toBe(door === "/hook/nginx" && !allowed ? 403 : real);
  }
}

interface Told {
  readonly allowed: boolean;
  readonly mode: string;
  readonly reason: string;
}

/** The question of a case in the words of AuthZEN. */
function authzenOf({ tenant, ask: { capability, feature, usage, principal } }: CorpusCase): {
  readonly subject: object;
  readonly action: object;
  readonly resource: object;
} {
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
