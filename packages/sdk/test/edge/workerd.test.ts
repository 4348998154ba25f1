import { fileURLToPath } from "node:url";
import { Miniflare, type Request as WorkerRequest, Response as WorkerResponse } from "miniflare";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bundle } from "./bundle.ts";
import { AUD, EdgeWorld, lock, secondsFrom, tenant } from "./edge-world.ts";

let world: EdgeWorld;
let worker: Miniflare;

beforeAll(async () => {
  world = await EdgeWorld.create({ entitlements: [tenant("acme"), tenant("late", "limited")] });
  // A Worker has the machine's clock.
  world.trueMs = Date.now();
  await world.publish({});
  const { code } = await bundle(fileURLToPath(new URL("./workerd/worker.ts", import.meta.url)));
  worker = new Miniflare({
    compatibilityDate: "2026-07-01",
    modules: [{ type: "ESModule", path: "main.mjs", contents: code }],
    bindings: { TRUST: world.trust, AUDIENCE: AUD },
    serviceBindings: {
      async FEED(request: WorkerRequest) {
        const response = await world.fetch(request.url, { headers: Object.fromEntries(request.headers) });
        const body = response.status === 304 ? null : await response.text();
        return new WorkerResponse(body, { status: response.status, headers: Object.fromEntries(response.headers) });
      },
    },
  });
  await worker.ready;
}, 60_000);
afterAll(async () => {
  await worker?.dispose();
});

interface Answer {
  readonly decision?: object;
  readonly status?: object;
  readonly isNode?: boolean;
  readonly code?: string;
}

async function ask(question: Record<string, string>): Promise<Answer> {
  const response = await worker.dispatchFetch("http://worker.test/", {
    method: "POST",
    body: JSON.stringify(question),
  });
  return (await response.json()) as Answer;
}

describe("an edge client in workerd", { timeout: 30_000 }, () => {
  it("decides from cached entitlements, one look-up for all requests", async () => {
    const question = { tenant: "late", capability: "create", principal: "member" };
    const { decision, status, isNode, code } = await ask(question);
    expect(code).toBeUndefined();
    expect(decision).toMatchObject({ allowed: false, reason: "restricted", cause: "nonpayment", freshness: "fresh" });
    expect(status).toMatchObject({ isReady: true, follow: "on-use", tenants: 1 });
    expect(isNode).toBe(false);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask({ ...question, capability: "view" })));
    expect(answers.map((answer) => answer.code)).toEqual(Array.from({ length: 20 }, () => undefined));
    expect(answers.map((answer) => answer.decision)).toEqual(
      Array.from({ length: 20 }, () => expect.objectContaining({ allowed: true }) as unknown),
    );
    expect(world.requests.filter((path) => path === "/v1/entitlements/late")).toHaveLength(1);
  });

  it("decides from a token that is presented", async () => {
    const token = await world.tokenOf("late");
    const question = { token, capability: "create", principal: "member" };
    expect((await ask(question)).decision).toMatchObject({ allowed: false, mode: "limited" });
    expect((await ask({ ...question, token: `${token}=` })).code).toBe("statement_malformed");
    const old = await world.tokenOf("late", { nowMs: secondsFrom(0) * 1_000 });
    expect((await ask({ ...question, token: old })).code).toBe("statement_expired");
  });

  it("D2 · denies a tenant that is locked, from the first request after the list was due", async () => {
    const question = { tenant: "acme", capability: "create", principal: "admin" };
    expect((await ask(question)).decision).toMatchObject({ allowed: true });
    world.trueMs = Date.now();
    await world.publish({ locks: [lock("acme")] });
    await vi.waitFor(async () => expect((await ask(question)).decision).toMatchObject({ reason: "locked" }), 5_000);
  });
});
