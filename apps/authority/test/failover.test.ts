import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createKeyDirectory } from "@dimmer/feed/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../test/postgres/start-postgres.ts";
import { openStore, type Store } from "../src/store/open-store.ts";
import { openWatch, payloadOf } from "./support/watch-stream.ts";

interface Process {
  readonly url: string;
  readonly firstSecret?: string;
  readonly child: ChildProcess;
}

interface Line {
  readonly tenant: string;
  readonly features: { readonly theme: string };
}

const TENANTS = 40;
const program = new URL("./support/authority-process.ts", import.meta.url).pathname;

async function start(store: string, keys: string): Promise<Process> {
  const flags = JSON.stringify({ store, keys, port: 0, drainMs: 200, ratePerSecond: 100_000, logLevel: "silent" });
  const child = spawn(process.execPath, ["--conditions=@dimmer/source", program, flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = await new Promise<string>((done, fail) => {
    createInterface({ input: child.stdout }).once("line", done);
    child.once("exit", (code) => fail(new Error(`the authority ended with ${code}`)));
  });
  return { ...(JSON.parse(line) as { url: string; firstSecret?: string }), child };
}

async function kill({ child }: Process, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  const ended = new Promise((done) => child.once("exit", done));
  child.kill(signal);
  await ended;
}

describe.runIf(hasPostgres())("two authorities on one PostgreSQL", () => {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-failover-"));
  let server: TestPostgres;
  let store: Store;
  let processes: Process[];
  let key: string;

  beforeAll(async () => {
    server = await startPostgres();
    const url = await server.database();
    const keys = join(folder, "keys");
    await createKeyDirectory(keys);
    const first = await start(url, keys);
    processes = [first, await start(url, keys)];
    key = first.firstSecret as string;
    store = await openStore(url);
  }, 60_000);
  afterAll(async () => {
    for (const running of processes)
      if (running.child.exitCode === null && running.child.signalCode === null) await kill(running, "SIGTERM");
    await store.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = async (
    url: string,
    method: string,
    path: string,
    body?: object,
    headers = {},
  ): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        "dimmer-reason": "load",
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, ...((await response.json()) as object) };
  };
  const isLeader = async ({ url }: Process): Promise<boolean> =>
    /^dimmer_leader 1$/m.test(await (await fetch(`${url}/metrics`)).text());

  it("F1 · take over from each other under load: nothing is lost, doubled or reordered, and the epoch does not move", async () => {
    const leading = await Promise.all(processes.map(isLeader));
    expect(leading.filter(Boolean)).toHaveLength(1);
    const leader = processes[leading.indexOf(true)] as Process;
    const survivor = processes[leading.indexOf(false)] as Process;
    const { secret } = (await ask(survivor.url, "POST", "/v1/fleet/credentials", { name: "watcher" })) as {
      secret: string;
    };
    const stream = await openWatch(survivor.url, secret, "epoch=1&seq=1");
    expect(stream.status).toBe(200);

    // Writers go on with each write, at one process or the other, until it is answered: the last answer is the truth.
    const wanted = new Map<string, string>();
    const answered: { tenant: string; theme: string; version: string }[] = [];
    let isOver = false;
    const write = async (writer: number): Promise<void> => {
      for (let round = 0; !isOver; round++) {
        const tenant = `t${(writer * 10 + (round % 10)) % TENANTS}`;
        // A theme narrows nobody: the breaker has no part in this.
        const theme = `${writer}-${round}`;
        const headers = { "idempotency-key": theme };
        for (let attempt = 0; ; attempt++) {
          const at = attempt % 2 === 0 ? leader : survivor;
          const answer = await ask(
            at.url,
            "PUT",
            `/v1/tenants/${tenant}`,
            { name: tenant, plan: "pro", features: { theme } },
            headers,
          ).catch(() => undefined);
          if (answer === undefined || (answer["status"] as number) >= 500) continue;
          expect(answer["status"], JSON.stringify(answer)).toBeLessThan(300);
          wanted.set(tenant, theme);
          if (typeof answer["version"] === "string") answered.push({ tenant, theme, version: answer["version"] });
          break;
        }
      }
    };
    const writers = [0, 1, 2, 3].map(write);
    await expect.poll(() => answered.length, { timeout: 20_000 }).toBeGreaterThan(50);
    const before = answered.length;
    const killedMs = performance.now();
    await kill(leader, "SIGKILL");
    await expect.poll(() => isLeader(survivor), { timeout: 30_000, interval: 50 }).toBe(true);
    const tookMs = Math.round(performance.now() - killedMs);
    await expect.poll(() => answered.length, { timeout: 20_000 }).toBeGreaterThan(before + 50);
    isOver = true;
    await Promise.all(writers);

    const open = (): Promise<unknown[]> =>
      store.db.selectFrom("pending").select("id").where("published_seq", "is", null).execute();
    await expect.poll(open, { timeout: 10_000 }).toEqual([]);
    const publications = await store.db.selectFrom("publication").selectAll().orderBy("seq").execute();
    expect(publications.map(({ epoch, base, seq }) => [epoch, base, seq])).toEqual(
      publications.map((_, i) => [1, i + 1, i + 2]),
    );

    // Replayed in their order, the deltas give what is published, which is what was asked for last.
    const lines = new Map<string, string>();
    const deltas = publications.map(({ delta }) => payloadOf(delta) as { entitlements: Line[] });
    for (const { entitlements } of deltas) for (const line of entitlements) lines.set(line.tenant, line.features.theme);
    const stored = await store.db.selectFrom("entitlement").selectAll().execute();
    expect(
      new Map(stored.map(({ tenant_id, line }) => [tenant_id, (JSON.parse(line) as Line).features.theme])),
    ).toEqual(lines);
    expect(lines).toEqual(wanted);
    // Each answer named a version that had it: the newest line of that tenant up to there.
    for (const { tenant, theme, version } of answered) {
      const upTo = deltas.slice(0, Number(version.split(".")[1]) - 1).flatMap(({ entitlements }) => entitlements);
      expect(upTo.findLast((line) => line.tenant === tenant)?.features.theme, `${tenant} at ${version}`).toBe(theme);
    }
    // Who watched the survivor heard every change once, in order, over the change of leader.
    const heard = (): number[] =>
      stream.events.filter(({ event }) => event === "delta").map(({ data }) => payloadOf(data)["seq"] as number);
    await expect.poll(() => heard().length).toBe(publications.length);
    expect(heard()).toEqual(publications.map(({ seq }) => seq));
    stream.close();
    process.stdout.write(
      `${JSON.stringify({ fault: "leader killed", versions: publications.length, answered: answered.length, tookOverMs: tookMs })}\n`,
    );
  }, 90_000);
});

if (!hasPostgres()) process.stdout.write("PostgreSQL: not run (two authorities on one server)\n");
