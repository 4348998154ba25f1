import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../test/postgres/start-postgres.ts";
import { startReceiver } from "./support/receiver.ts";

const SCRIPT = fileURLToPath(new URL("support/takeover-process.ts", import.meta.url));
const EACH = 25;
const KILL_AT = 30;

let postgres: TestPostgres | undefined;
beforeAll(async () => {
  if (hasPostgres()) postgres = await startPostgres();
  else console.log("not run: two processes on PostgreSQL, which is not installed here");
});
afterAll(() => postgres?.stop());

describe.runIf(hasPostgres())(
  "two processes on one PostgreSQL store, of which one is killed in the middle of a replay,",
  () => {
    it("bring every event in order: the other takes over, and repeats at most one of an endpoint", async () => {
      const database = (await postgres?.database()) ?? "";
      const arrived = new Map<string, string[]>();
      const senders: string[] = [];
      let onArrival: (sender: string) => boolean = () => true;
      const { url } = await startReceiver((res, { headers }, path) => {
        const [, sender = "", tenant, endpoint] = path.split("/");
        const lane = `${tenant}/${endpoint}`;
        arrived.set(lane, [...(arrived.get(lane) ?? []), String(headers["webhook-id"])]);
        expect(headers["dimmer-resync"]).toBe("replay");
        senders.push(sender);
        // Whom it kills is answered nothing: that event had arrived and its sender never knew.
        if (onArrival(sender)) res.writeHead(204).end();
      });
      const processes = new Map<string, ChildProcess>();
      const answers: string[] = [];
      for (const [index, name] of ["one", "two"].entries()) {
        const base = url.replace("/hook?a=1", "/");
        processes.set(name, await start([database, base, name, String(index * EACH), String(EACH)], answers));
      }
      expect(new Set(answers)).toEqual(new Set(["held"]));
      expect(senders).toEqual([]);
      let killed: string | undefined;
      onArrival = (sender) => {
        if (killed === undefined && senders.length >= KILL_AT) {
          killed = sender;
          processes.get(sender)?.kill("SIGKILL");
        }
        return sender !== killed;
      };
      for (const child of processes.values()) child.stdin?.write("allow\n");
      const ids = Array.from({ length: 2 * EACH }, (_, n) => `e${n}`);
      const lanes = ["acme/a", "acme/b", "hinata/a", "hinata/b"];
      const missing = (): string[] =>
        lanes.flatMap((lane) =>
          ids.filter((id) => arrived.get(lane)?.includes(id) !== true).map((id) => `${lane} ${id}`),
        );
      await expect.poll(missing, { timeout: 30_000 }).toEqual([]);
      expect(killed).toBeDefined();
      expect(senders.slice(senders.lastIndexOf(killed ?? "") + 1).length).toBeGreaterThan(ids.length);
      for (const lane of lanes) {
        const seen = arrived.get(lane) ?? [];
        expect([...new Set(seen)], lane).toEqual(ids);
        expect(seen.length - ids.length, lane).toBeLessThanOrEqual(1);
        // What comes twice comes at once after itself, by the same id: nothing came in between.
        expect(
          seen.filter((id, at) => id !== seen[at - 1]),
          lane,
        ).toEqual(ids);
      }
    }, 60_000);
  },
);

/** Starts a process; resolves once everything that it was given is held. */
async function start(args: readonly string[], answers: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--conditions=@dimmer/source", SCRIPT, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin?.on("error", () => undefined);
  const { promise, resolve } = Promise.withResolvers<ChildProcess>();
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    const [, , answer] = line.split(" ");
    if (answer !== undefined) answers.push(answer);
    if (line === "done") resolve(child);
  });
  return await promise;
}
