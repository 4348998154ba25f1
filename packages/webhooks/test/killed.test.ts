import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { startReceiver } from "./support/receiver.ts";
import { scratchPath } from "./support/scratch.ts";

const SCRIPT = fileURLToPath(new URL("support/killed-process.ts", import.meta.url));
const KILLS = 8;
const EACH = 60;

describe("a process that is killed with SIGKILL", () => {
  it("loses nothing that it promised, and keeps the order of every endpoint", async () => {
    const path = scratchPath("outbox.db");
    const seen = new Map<string, string[]>();
    let answers = 0;
    let onAnswer: () => void = () => undefined;
    const { url } = await startReceiver((res, { headers, body }) => {
      answers++;
      // Some fail, some arrive and are answered with a failure: the same event comes again.
      const n = (JSON.parse(body) as { n: number }).n;
      const endpoint = `e${n % 3}`;
      if (answers % 11 !== 0) seen.set(endpoint, [...(seen.get(endpoint) ?? []), String(headers["webhook-id"])]);
      onAnswer();
      res.writeHead(answers % 11 === 0 || answers % 13 === 0 ? 500 : 204).end();
    });
    const base = url.replace("/hook?a=1", "/");
    const promised = new Map<string, string[]>();
    for (let life = 0; life <= KILLS; life++) {
      const isLast = life === KILLS;
      const child = start([path, base, String(life * EACH), String(isLast ? 0 : EACH)], promised);
      if (isLast) {
        await expect.poll(() => missing(promised, seen), { timeout: 20_000 }).toEqual([]);
        await kill(child);
        break;
      }
      // Killed from within the receiver, while the sender waits for this very answer: between a send and its mark.
      const before = answers;
      const reached = new Promise<void>((done) => {
        onAnswer = () => {
          if (answers - before < 5 + life * 4) return;
          child.kill("SIGKILL");
          done();
        };
      });
      if (life % 2 === 1) {
        child.stdin?.write("deny\n");
        await once(child.stdout as NodeJS.ReadableStream, "data");
        child.stdin?.write("allow\n");
      }
      await reached;
      onAnswer = () => undefined;
      await ended(child);
    }
    for (const [endpoint, ids] of promised) {
      const firsts = [...new Set(seen.get(endpoint))].filter((id) => ids.includes(id));
      expect(firsts, endpoint).toEqual(ids);
    }
    expect([...promised.values()].flat().length).toBeGreaterThan(KILLS);
  }, 60_000);
});

function start(args: readonly string[], promised: Map<string, string[]>): ChildProcess {
  const child = spawn(process.execPath, ["--conditions=@dimmer/source", SCRIPT, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin?.on("error", () => undefined);
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    const [endpoint = "", id = ""] = line.split(" ");
    promised.set(endpoint, [...(promised.get(endpoint) ?? []), id]);
  });
  return child;
}

function missing(promised: Map<string, string[]>, seen: Map<string, string[]>): string[] {
  return [...promised].flatMap(([endpoint, ids]) => ids.filter((id) => !(seen.get(endpoint) ?? []).includes(id)));
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await ended(child);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
