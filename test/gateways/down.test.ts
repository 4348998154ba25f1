import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { ask } from "../../apps/sidecar/test/http-client.ts";
import { testFeed } from "../../apps/sidecar/test/running-sidecar.ts";
import { scratchDirectory } from "../../apps/sidecar/test/scratch.ts";
import { isInstalled, KINDS, type Kind, type Sides, startGateway } from "./gateway.ts";
import { startUpstream } from "./upstream.ts";

const LAUNCHER = fileURLToPath(new URL("../../apps/cli/bin/dimmer.js", import.meta.url));
const ACME = { authorization: "Bearer acme:member" };

/** A gateway before a product of its own. */
interface Way {
  readonly kind: Kind;
  readonly failsOpen: boolean;
  readonly port: number;
  readonly reached: readonly unknown[];
}

/** Starts every gateway that is here, failing closed and, where it can, open, as patient as it is shipped. */
function startAll(sidecar: Sides["sidecar"]): Promise<Way[]> {
  const ways = KINDS.filter(isInstalled).flatMap((kind) =>
    [false, ...(kind.failOpen ? [true] : [])].map((failsOpen) => ({ kind, failsOpen })),
  );
  return Promise.all(
    ways.map(async ({ kind, failsOpen }) => {
      const { port: product, reached } = await startUpstream();
      const port = await startGateway(kind, { product, sidecar }, { failsOpen, isPatient: false });
      return { kind, failsOpen, port, reached };
    }),
  );
}

/** A sidecar as a process of its own, which can be stopped and killed. */
async function startProcess(): Promise<Sides["sidecar"] & { readonly signal: (signal: NodeJS.Signals) => void }> {
  const feed = await testFeed({ nowMs: Date.now() });
  const socketPath = `${scratchDirectory()}/s`;
  const flags = ["--feed", feed.directory, "--trust", feed.trust, "--socket", socketPath, "--port", "0"];
  const args = ["--conditions=@dimmer/source", LAUNCHER, "sidecar", ...flags, "--log-level", "warn", "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const { url } = JSON.parse(line) as { readonly url: string };
  return { port: Number(new URL(url).port), socketPath, signal: (signal) => void child.kill(signal) };
}

/** What a tenant in good standing gets of one: its status, whether it came in time, and how often the product was reached. */
async function outcomeOf({ kind, port, reached }: Way): Promise<Readonly<Record<string, unknown>>> {
  const before = reached.length;
  const sinceMs = performance.now();
  const { status } = await ask({ port }, "/notes", { headers: ACME, body: "{}" });
  const isInTime = performance.now() - sinceMs < kind.whenHung.withinMs;
  return { name: kind.name, status, isInTime, reached: reached.length - before };
}

const expected = ({ kind: { name }, failsOpen }: Way, status: number): unknown =>
  failsOpen
    ? { name, status: 200, isInTime: true, reached: 1 }
    : { name, status, isInTime: true, reached: status === 200 ? 1 : 0 };

it("every gateway does what its example says when the sidecar hangs, comes back, and is killed", {
  timeout: 120_000,
}, async () => {
  const sidecar = await startProcess();
  const ways = await startAll(sidecar);
  const outcomes = (): Promise<unknown[]> => Promise.all(ways.map(outcomeOf));
  const answers = async (): Promise<void> => {
    // It is asked: who is locked out gets in nowhere.
    const statusOf = async ({ port }: Way): Promise<number> =>
      (await ask({ port }, "/notes", { headers: { authorization: "Bearer locked:admin" }, body: "{}" })).status;
    const denied = (): Promise<number[]> => Promise.all(ways.map(statusOf));
    await expect.poll(denied, { timeout: 20_000 }).toEqual(ways.map(() => 403));
  };
  await answers();
  sidecar.signal("SIGSTOP");
  expect(await outcomes()).toEqual(ways.map((way) => expected(way, way.kind.whenHung.status)));
  sidecar.signal("SIGCONT");
  await answers();
  await expect.poll(outcomes, { timeout: 20_000 }).toEqual(ways.map((way) => expected(way, 200)));
  sidecar.signal("SIGKILL");
  expect(await outcomes()).toEqual(ways.map((way) => expected(way, way.kind.whenDown)));
});
