import { fileURLToPath } from "node:url";
import { inFull, inMode, TestWorld } from "@dimmer/testkit";
import { Miniflare, type Request as WorkerRequest, Response as WorkerResponse } from "miniflare";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bundle } from "../../../packages/sdk/test/edge/bundle.ts";

let world: TestWorld;
let worker: Miniflare;
const passed: string[] = [];

beforeAll(async () => {
  world = await TestWorld.create({ tenants: [inFull("acme"), inMode("late", "limited")] });
  const { code } = await bundle(fileURLToPath(new URL("../src/worker.ts", import.meta.url)));
  worker = new Miniflare({
    compatibilityDate: "2026-07-01",
    modules: [{ type: "ESModule", path: "worker.mjs", contents: code }],
    bindings: { DIMMER_TRUST: world.trust, DIMMER_AUDIENCE: "development" },
    serviceBindings: {
      async DIMMER(request: WorkerRequest) {
        const headers = Object.fromEntries(request.headers);
        const response = await world.authority(new Request(request.url, { headers }));
        const body = response.status === 304 ? null : await response.text();
        return new WorkerResponse(body, { status: response.status, headers: Object.fromEntries(response.headers) });
      },
      async API(request: WorkerRequest) {
        passed.push(`${request.method} ${new URL(request.url).pathname}`);
        return new WorkerResponse("from the API");
      },
    },
  });
  await worker.ready;
}, 60_000);
afterAll(async () => {
  await worker?.dispose();
  await world?.close();
});

async function ask(method: string, path: string, headers: Record<string, string> = {}): Promise<WorkerResponse> {
  return (await worker.dispatchFetch(`http://notes.test${path}`, { method, headers })) as unknown as WorkerResponse;
}

const as = (session: string): Record<string, string> => ({ authorization: `Bearer ${session}` });

describe("a Worker in front of an API", { timeout: 30_000 }, () => {
  it("passes on what the tenant may do", async () => {
    expect(await (await ask("POST", "/notes", as("acme:member"))).text()).toBe("from the API");
    expect(await (await ask("GET", "/notes", as("late:member"))).text()).toBe("from the API");
    expect(passed.splice(0)).toEqual(["POST /notes", "GET /notes"]);
  });

  it("answers a denial in the place of the API, which does not hear of it", async () => {
    const answer = await ask("POST", "/notes", { ...as("late:member"), "accept-language": "en" });
    expect(answer.status).toBe(402);
    expect(await answer.json()).toMatchObject({ cause: "nonpayment", case: "case_late", mode: "limited" });
    expect(passed).toEqual([]);
  });

  it("lets who owes pay, and export", async () => {
    for (const [method, path] of [
      ["POST", "/pay"],
      ["GET", "/export.csv"],
    ] as const) {
      expect((await ask(method, path, as("late:admin"))).status).toBe(200);
    }
    expect(passed.splice(0)).toEqual(["POST /pay", "GET /export.csv"]);
  });

  it("answers from an entitlement token that is presented", async () => {
    const token = (await world.token("late")) as string;
    const answer = await ask("GET", "/may/create", { "dimmer-entitlement": token });
    expect(await answer.json()).toMatchObject({ allowed: false, reason: "restricted" });
    expect((await ask("GET", "/may/create", { "dimmer-entitlement": "forged" })).status).toBe(400);
  });

  it("D2 · denies a tenant as soon as the list with its lock is looked at", async () => {
    await world.lock("acme");
    const locked = async (): Promise<number> => (await ask("POST", "/notes", as("acme:admin"))).status;
    await vi.waitFor(async () => expect(await locked()).toBe(403), { timeout: 15_000, interval: 250 });
  });
});
