import { inFull, inMode, TestWorld } from "@dimmer/testkit";
import { describe, expect, it } from "vitest";
import type { JobParts } from "../src/run-job.ts";
import { Worker } from "../src/worker.ts";

function workerOf(world: TestWorld, parts: Partial<JobParts> = {}): { worker: Worker; pages: string[] } {
  const pages: string[] = [];
  const worker = new Worker({
    dimmer: world.dimmer,
    makePage: async (tenant, page) => void pages.push(`${tenant} ${page}`),
    crmUrl: "https://crm.test/",
    ...parts,
  });
  return { worker, pages };
}

describe("the worker", () => {
  it("carries out what may be, puts back what may not, and takes it up again", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme"), inMode("unpaid", "read_only")] });
    const { worker, pages } = workerOf(world);
    worker.queue.push({ id: "1", tenant: "acme", kind: "report" }, { id: "2", tenant: "unpaid", kind: "report" });
    expect(await worker.round()).toEqual([
      { id: "1", became: "done" },
      { id: "2", became: "put back" },
    ]);
    expect(pages).toHaveLength(10);
    await world.set(inFull("unpaid"));
    expect(await worker.round()).toEqual([{ id: "2", became: "done" }]);
    expect(worker.queue).toEqual([]);
  });

  it("goes on exporting where jobs have stopped", async () => {
    await using world = await TestWorld.create({ tenants: [inMode("leaving", "export_only")] });
    const { worker } = workerOf(world);
    worker.queue.push({ id: "1", tenant: "leaving", kind: "export" }, { id: "2", tenant: "leaving", kind: "report" });
    expect((await worker.round()).map(({ became }) => became)).toEqual(["done", "put back"]);
  });

  it("stops a report in the midst of it when the tenant is locked", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme")] });
    const pages: number[] = [];
    const makePage = async (_tenant: string, page: number): Promise<void> => {
      pages.push(page);
      if (pages.length === 4) await world.lock("acme");
    };
    const { worker } = workerOf(world, { makePage });
    worker.queue.push({ id: "1", tenant: "acme", kind: "report" });
    expect(await worker.round()).toEqual([{ id: "1", became: "put back" }]);
    expect(pages).toEqual([0, 1, 2, 3]);
    await world.unlock("acme");
    expect(await worker.round()).toEqual([{ id: "1", became: "done" }]);
  });

  it("sends to a third party only for tenants that may, and says so where it fails by itself", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme"), inMode("unpaid", "essential")] });
    const sent: string[] = [];
    const crm: typeof globalThis.fetch = async (_input, init) => {
      sent.push(init?.body as string);
      if (sent.length > 1) throw new TypeError("fetch failed");
      return new Response();
    };
    const { worker } = workerOf(world, { fetch: crm });
    worker.queue.push({ id: "1", tenant: "acme", kind: "sync" }, { id: "2", tenant: "acme", kind: "sync" });
    expect((await worker.round()).map(({ became }) => became)).toEqual(["done", "failed"]);
    worker.queue.push({ id: "3", tenant: "unpaid", kind: "sync" });
    expect((await worker.round()).map(({ became }) => became)).toEqual(["put back"]);
    expect(sent).toHaveLength(2);
  });
});
