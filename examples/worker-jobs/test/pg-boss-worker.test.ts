import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { inFull, inMode, serveDoors, TestWorld } from "@dimmer/testkit";
import { PgBoss } from "pg-boss";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../test/postgres/start-postgres.ts";
import { type PgBossWorkerOptions, QUEUE, startPgBossWorker } from "../src/pg-boss-worker.ts";
import type { Job } from "../src/run-job.ts";

/** A real database is waited for on a machine that others use. */
const PATIENT = { timeout: 90_000 };
const WAIT = { timeout: 40_000, interval: 20 };

let postgres: TestPostgres | undefined;
beforeAll(async () => {
  if (hasPostgres()) postgres = await startPostgres();
  else console.log("not run: the worker on pg-boss, as PostgreSQL is not installed here");
}, 60_000);
afterAll(() => postgres?.stop());

interface Running {
  readonly boss: PgBoss;
  /** `id: became`, in the order in which it became so. */
  readonly became: string[];
  readonly pages: string[];
  stop(): Promise<void>;
}

async function running(url: string, world: TestWorld, more: Partial<PgBossWorkerOptions> = {}): Promise<Running> {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  // The server may be stopped before its last connections are.
  boss.on("error", () => undefined);
  await boss.start();
  const became: string[] = [];
  const pages: string[] = [];
  const stopWorking = await startPgBossWorker({
    boss,
    dimmer: world.dimmer,
    makePage: async (tenant, page) => void pages.push(`${tenant} ${page}`),
    crmUrl: "http://127.0.0.1:9/",
    onJob: ({ id }, what) => became.push(`${id}: ${what}`),
    ...more,
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= stopWorking().then(() => boss.stop({ graceful: false }));
    return stopped;
  };
  onTestFinished(stop);
  return { boss, became, pages, stop };
}

const report = (tenant: string): Job => ({ id: `report-${tenant}`, tenant, kind: "report" });
const database = async (): Promise<string> => (await postgres?.database()) ?? "";

describe.runIf(hasPostgres())("the worker on pg-boss and PostgreSQL", PATIENT, () => {
  it("holds the jobs of a tenant that owes, beside all others, and runs them as soon as it has paid", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("paying"), inMode("acme", "read_only")] });
    const { boss, became, pages } = await running(await database(), world);
    await boss.send(QUEUE, report("acme"));
    await boss.send(QUEUE, { id: "export-acme", tenant: "acme", kind: "export" });
    await boss.send(QUEUE, report("paying"));
    await expect
      .poll(() => became.toSorted(), WAIT)
      .toEqual(["export-acme: done", "report-acme: put back", "report-paying: done"]);
    expect(await boss.findJobs(QUEUE, { queued: true })).toMatchObject([{ data: report("acme"), retryCount: 0 }]);
    await world.set(inFull("acme"));
    // Sooner than the five minutes that it was put back for.
    await expect.poll(() => became.at(-1), WAIT).toBe("report-acme: done");
    expect(pages.filter((page) => page.startsWith("acme"))).toHaveLength(20);
    expect(await boss.findJobs(QUEUE, { queued: true })).toEqual([]);
  });

  it("brings a job forward whose tenant pays while it is being put back", async () => {
    await using world = await TestWorld.create({ tenants: [inMode("acme", "read_only")] });
    const url = await database();
    const { boss, became } = await running(url, world);
    const send = boss.send.bind(boss);
    // The change is told before the queue has the job again: the listener finds nothing.
    vi.spyOn(boss, "send")
      .mockImplementationOnce(send)
      .mockImplementationOnce(async (...put) => {
        await world.set(inFull("acme"));
        return await send(...(put as unknown as Parameters<typeof send>));
      });
    await boss.send(QUEUE, report("acme"));
    await expect.poll(() => became, WAIT).toEqual(["report-acme: put back", "report-acme: done"]);
  });

  it("never runs a job of a locked tenant, however often it comes up, nor loses it", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme")] });
    await world.lock("acme");
    const { boss, became, pages } = await running(await database(), world, { lookAgainSeconds: 0 });
    await boss.send(QUEUE, report("acme"));
    // More often than the queue would have tried it again.
    await expect.poll(() => became.length, WAIT).toBeGreaterThan(3);
    expect(new Set(became)).toEqual(new Set(["report-acme: put back"]));
    expect(pages).toEqual([]);
    await world.unlock("acme");
    await expect.poll(() => became.at(-1), WAIT).toBe("report-acme: done");
    expect(pages).toHaveLength(10);
  });

  it("stops a job that is under way when its tenant is locked, and begins it anew after that", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme")] });
    const pages: number[] = [];
    const makePage = async (_tenant: string, page: number): Promise<void> => {
      pages.push(page);
      if (pages.length === 4) await world.lock("acme");
    };
    const { boss, became } = await running(await database(), world, { makePage });
    await boss.send(QUEUE, report("acme"));
    await expect.poll(() => became, WAIT).toEqual(["report-acme: put back"]);
    expect(pages).toEqual([0, 1, 2, 3]);
    await world.unlock("acme");
    await expect.poll(() => became.at(-1), WAIT).toBe("report-acme: done");
  });

  it("leaves what fails by itself to the queue, which tries it again", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme")] });
    const makePage = vi.fn(async () => {});
    makePage.mockRejectedValueOnce(new Error("disk"));
    const { boss, became } = await running(await database(), world, { makePage });
    await boss.send(QUEUE, report("acme"));
    await expect.poll(() => became, WAIT).toEqual(["report-acme: done"]);
    expect(makePage).toHaveBeenCalledTimes(11);
  });

  it("keeps what is held over a restart of the worker", async () => {
    await using world = await TestWorld.create({ tenants: [inMode("shut", "read_only")] });
    const url = await database();
    const first = await running(url, world);
    await first.boss.send(QUEUE, report("shut"));
    await expect.poll(() => first.became, WAIT).toEqual(["report-shut: put back"]);
    await first.stop();
    const second = await running(url, world);
    await world.set(inFull("shut"));
    await expect.poll(() => second.became, WAIT).toEqual(["report-shut: done"]);
  });

  it("is what the program does with DATABASE_URL", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme"), inMode("blue-harbor", "read_only")] });
    await using sidecar = await serveDoors(world.sidecar);
    const program = fileURLToPath(new URL("../src/main.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions=@dimmer/source", program], {
      env: {
        PATH: process.env["PATH"],
        DIMMER_FEED: sidecar.url,
        DIMMER_TRUST: world.trust,
        DATABASE_URL: await database(),
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
    await expect.poll(() => lines, WAIT).toContain("report-acme: done");
    await expect.poll(() => lines, WAIT).toContain("report-blue-harbor: put back");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});
