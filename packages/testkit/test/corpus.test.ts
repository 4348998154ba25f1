import { isTenantId } from "@dimmer/core";
import { sidecarDoors, TestWorld } from "@dimmer/testkit";
import { describe, expect, it } from "vitest";
import { dimmerAt, momentsForReplicas } from "../../../test/corpus/dimmer-at.ts";
import { type CorpusCase, type CorpusFile, loadCorpus } from "../../../test/corpus/load-corpus.ts";

describe.each(loadCorpus())("corpus $name", { timeout: 60_000 }, (file) => {
  it("D1 · the doors of the kit answer every case as decide does, alone and in a batch", async () => {
    await using world = await TestWorld.create();
    for (const cases of momentsForReplicas(file)) {
      await using dimmer = await dimmerAt(file, cases[0] as CorpusCase);
      const doors = sidecarDoors({ feed: world.feed, source: world.source, dimmer: () => dimmer });
      const post = async (path: string, body: unknown): Promise<{ status: number; json: unknown }> => {
        const request = new Request(`http://sidecar.test${path}`, { method: "POST", body: JSON.stringify(body) });
        const response = await doors(request);
        return { status: response.status, json: await response.json() };
      };
      const checks = cases.map(({ tenant, ask }) => ({ tenant, ...ask }));
      const { decisions } = (await post("/v1/checks", { checks })).json as { decisions: unknown[] };
      for (const [at, item] of cases.entries()) {
        const { tenant, title } = item;
        const { status, json } = await post("/v1/check", checks[at]);
        expect(status, title).toBe(isTenantId(tenant) ? 200 : 400);
        if (!isTenantId(tenant)) continue;
        expectAnswer(json, file, item);
        expect(decisions[at], title).toEqual(json);
      }
    }
  });
});

/** What a sidecar says of a case, member by member; where a case has no report, it may name what stands behind a denial. */
function expectAnswer(answer: unknown, { held }: CorpusFile, { tenant, title, expected, report }: CorpusCase): void {
  const { case: _, since: __, next: ___, ...rest } = answer as Record<string, unknown>;
  const isReported = report !== undefined || expected.cause === undefined;
  const denied = expected.allowed ? {} : { tenant, ...report };
  expect(isReported ? answer : rest, title).toEqual({ ...expected, ...denied, version: held ? "1.1" : "0.0" });
}
