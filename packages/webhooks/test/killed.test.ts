import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { startReceiver } from "./support/receiver.ts";
import { scratchPath } from "./support/scratch.ts";
import { seededRandom } from "./support/seeded-random.ts";

const SCRIPT = fileURLToPath(new URL("support/killed-process.ts", import.meta.url));
/** `WEBHOOK_KILLS=500` for more, `WEBHOOK_SEED=…` for a history that was seen to fail. */
const KILLS = Number(process.env["WEBHOOK_KILLS"] ?? 12);
const SEED = Number(process.env["WEBHOOK_SEED"] ?? randomInt(2 ** 31));
const EACH = 60;
const GRACE_MS = 1_000;

/** One life of the product, from its start to its death. */
interface Life {
  /** Since when its tenant acme may not receive, as it said itself. */
  deniedSinceMs: number;
  /** Called at everything that can be seen from outside: a request, a promise, a change that was heard. */
  onSight: () => void;
}

/** What was seen of all lives, by tenant and endpoint. */
interface History {
  readonly promised: Map<string, number[]>;
  readonly arrived: Map<string, number[]>;
  readonly faults: string[];
  readonly lives: Life[];
}

describe("a process that is killed with SIGKILL at any point", () => {
  it(
    `loses nothing that it promised, keeps the order of every endpoint, sends nothing while denied (${KILLS} kills)`,
    async () => {
      const random = seededRandom(SEED);
      const path = scratchPath("outbox.db");
      const history: History = { promised: new Map(), arrived: new Map(), faults: [], lives: [] };
      const url = await receive(history, random);
      for (let n = 0; n < KILLS; n++) {
        const life: Life = { deniedSinceMs: Number.POSITIVE_INFINITY, onSight: () => undefined };
        history.lives.push(life);
        const isDenied = random() < 0.4;
        if (isDenied) life.deniedSinceMs = Number.NEGATIVE_INFINITY;
        const child = start(history, life, [
          path,
          `${url}/${n}`,
          String(n * EACH),
          String(EACH),
          String(Math.floor(random() * 2 ** 31)),
          isDenied ? "denied" : "allowed",
        ]);
        await killSomewhere(child, life, random);
      }
      const life: Life = { deniedSinceMs: Number.POSITIVE_INFINITY, onSight: () => undefined };
      history.lives.push(life);
      const child = start(history, life, [path, `${url}/${KILLS}`, "0", "0", "0", "allowed"]);
      await expect.poll(() => missing(history), { timeout: 30_000, message: `seed ${SEED}` }).toEqual([]);
      child.kill("SIGKILL");
      await ended(child);
      for (const [lane, places] of history.arrived) {
        const firsts = [...new Set(places)];
        expect(firsts, `${lane}, seed ${SEED}`).toEqual([...firsts].sort((a, b) => a - b));
      }
      expect(history.faults, `seed ${SEED}`).toEqual([]);
      expect([...history.promised.values()].flat().length).toBeGreaterThan(KILLS);
    },
    60_000 + KILLS * 3_000,
  );
});

/** Receivers that take, fail, take and fail, and are slow; they judge what may not come. */
async function receive(history: History, random: () => number): Promise<string> {
  const { url } = await startReceiver((res, { headers, body }, path) => {
    const [, number = "", tenant = "", endpoint = ""] = path.split("/");
    const life = history.lives[Number(number)] as Life;
    const { n } = JSON.parse(body) as { n: number };
    if (headers["webhook-id"] !== `n${n}`) history.faults.push(`n${n} came as ${String(headers["webhook-id"])}`);
    if (tenant === "acme" && performance.now() - life.deniedSinceMs > GRACE_MS) {
      history.faults.push(`${endpoint}: n${n} was sent in life ${number} while denied`);
    }
    const does = random();
    if (does > 0.1) add(history.arrived, `${tenant} ${endpoint}`, n);
    const answer = (): void => void res.writeHead(does < 0.2 ? 500 : 204).end();
    if (does > 0.95) setTimeout(answer, 40).unref();
    else answer();
    life.onSight();
  });
  return new URL(url).origin;
}

/** Lets a process live until so many things were seen of it, and a moment longer; now and then not that long. */
async function killSomewhere(child: ChildProcess, life: Life, random: () => number): Promise<void> {
  const sights = 1 + Math.floor(random() * (EACH - 10));
  const flipsAt = Math.floor(random() * sights * 2);
  const flip = life.deniedSinceMs === Number.POSITIVE_INFINITY ? "deny" : "allow";
  const momentMs = random() * 8;
  const isEarly = random() < 0.1;
  let seen = 0;
  await new Promise<void>((reached) => {
    if (isEarly) setTimeout(reached, random() * 400);
    life.onSight = () => {
      seen++;
      if (seen === flipsAt) {
        // Denied is who said that it heard so; allowed is who was told.
        if (flip === "allow") life.deniedSinceMs = Number.POSITIVE_INFINITY;
        child.stdin?.write(`${flip}\n`);
      }
      if (seen === sights) setTimeout(reached, momentMs);
    };
  });
  life.onSight = () => undefined;
  child.kill("SIGKILL");
  await ended(child);
}

function start(history: History, life: Life, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ["--conditions=@dimmer/source", SCRIPT, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin?.on("error", () => undefined);
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    const [what, tenant = "", endpoint = "", n = ""] = line.split(" ");
    if (what === "promised") add(history.promised, `${tenant} ${endpoint}`, Number(n));
    if (what === "deny") life.deniedSinceMs = performance.now();
    life.onSight();
  });
  return child;
}

function add(map: Map<string, number[]>, lane: string, n: number): void {
  const places = map.get(lane) ?? [];
  map.set(lane, places);
  places.push(n);
}

function missing({ promised, arrived }: History): string[] {
  return [...promised].flatMap(([lane, places]) => {
    const known = new Set(arrived.get(lane));
    return places.filter((n) => !known.has(n)).map((n) => `${lane} n${n}`);
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
