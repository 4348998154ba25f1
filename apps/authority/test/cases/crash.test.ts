import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { engines } from "../support/engines.ts";
import { at, caseWorld, invoice } from "./case-world.ts";

const program = new URL("./runner-process.ts", import.meta.url).pathname;
const DUE_MS = at("2026-12-25T09:00:00+09:00");
const CASES = 60;

/** Starts a runner on a store; resolves when it has ended, by itself or killed after so many milliseconds. */
async function run(url: string, holder: string, killAfterMs?: number): Promise<boolean> {
  const args = ["--conditions=@dimmer/source", program, url, String(DUE_MS), holder];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.once("exit", done));
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout });
  const begun = new Promise<void>((done) => {
    lines.on("line", (line) => {
      said.push(line);
      done();
    });
  });
  await Promise.race([begun, ended]);
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  await ended;
  clearTimeout(timer);
  return said.includes("done");
}

/** Makes cases that are due at one moment, in a store that nobody holds then. */
async function manyDue(url: string): Promise<void> {
  const world = await caseWorld(url);
  world.nowMs = at("2026-12-01T12:00:00+09:00");
  for (let i = 0; i < CASES; i++) {
    await world.tenant(`t${i}`);
    await world.record(`t${i}`, invoice(`i${i}`, "2026-12-25"));
  }
  await world.close();
}

async function countsOf({ db }: Store): Promise<Record<string, number>> {
  const sent = await db.selectFrom("fact").select("id").where("kind", "=", "notice_sent").execute();
  const notices = await db.selectFrom("notice").select("id").where("template", "=", "due_day").execute();
  const ledger = await db.selectFrom("ledger").select("id").where("action", "=", "fact.notice_sent").execute();
  const due = await db.selectFrom("case_file").select("id").where("next_wake_ms", "<=", DUE_MS).execute();
  return { sent: sent.length, notices: notices.length, ledger: ledger.length, due: due.length };
}

describe.each(engines())("runners on $name", (engine) => {
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());

  it("L7 · a runner that is killed at any moment has done each case whole or not at all, and the next goes on", async () => {
    const url = await engine.url();
    await manyDue(url);
    let isDone = false;
    for (const afterMs of [0, 5, 15, 30, 60]) {
      isDone = (await run(url, `killed-${afterMs}`, afterMs)) || isDone;
      const store = await openStore(url);
      const { sent, notices, ledger } = await countsOf(store);
      expect([notices, ledger]).toEqual([sent, sent]);
      // Whoever is gone leaves its leases to run out; their end is not waited for here.
      await store.db.updateTable("case_file").set({ lease_until_ms: 0 }).execute();
      await store.close();
    }
    expect(await run(url, "last")).toBe(true);
    const store = await openStore(url);
    expect(await countsOf(store)).toEqual({ sent: CASES, notices: CASES, ledger: CASES, due: 0 });
    await store.close();
  }, 120_000);

  if (engine.name === "PostgreSQL") {
    it("two runners share the work: each case is done once", async () => {
      const url = await engine.url();
      await manyDue(url);
      const [first, second] = await Promise.all([run(url, "first"), run(url, "second")]);
      expect([first, second]).toEqual([true, true]);
      const store = await openStore(url);
      expect(await countsOf(store)).toEqual({ sent: CASES, notices: CASES, ledger: CASES, due: 0 });
      await store.close();
    }, 120_000);
  }
});
