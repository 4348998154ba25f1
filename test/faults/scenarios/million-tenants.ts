import { cpSync, readFileSync, renameSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { publishFeed } from "@dimmer/feed/node";
import type { WireEntitlement } from "@dimmer/statement";
import { ask } from "../ask.ts";
import { lockOf, makeFeed, UNPAID } from "../feed-maker.ts";
import type { Scenario } from "../scenario.ts";
import { type SidecarProcess, startSidecar } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { WATCHED, watch } from "../watcher.ts";

/** All tenants at once: loaded, and every one of them changed while the sidecar answers. */
export const millionTenants: Scenario = {
  name: "million-tenants",
  summary: "1,000,000 tenants (short: 50,000) loaded, and each of them changed, while the sidecar answers",
  holds: ["D2", "D3", "F1", "F6", "F7"],
  run: async (stage) => {
    const tenants = stage.isLong ? 1_000_000 : 50_000;
    const feed = await makeFeed(stage);
    const next = join(stage.folder, "next");
    const publish = (outDir: string, plan: string): Promise<unknown> =>
      publishFeed({
        entitlements: many(tenants, plan),
        locks: [lockOf(WATCHED.locked)],
        nowMs: Date.now(),
        outDir,
        audience: "development",
        keys: feed.keys,
      });
    await publish(feed.directory, "pro");
    cpSync(feed.directory, next, { recursive: true });
    stage.progress("published; now the next generation");
    await publish(next, "starter");
    const options = { feed: [feed.directory], trust: feed.trust, data: join(stage.folder, "data") };
    const startMs = performance.now();
    let sidecar: SidecarProcess = await startSidecar(stage, options);
    const watcher = watch(stage, () => sidecar);
    await until("a ready sidecar", () => watcher.seen.isReady, { timeoutMs: 120_000 });
    const fromFeedMs = performance.now() - startMs;
    await until("a kept generation", async () => (await sidecar.status()).disk.state === "ok", { timeoutMs: 120_000 });
    const calm = await measure(sidecar, async () => await pass(stage.isLong ? 5_000 : 1_500));
    renameSync(feed.directory, join(stage.folder, "old"));
    renameSync(next, feed.directory);
    const fromMs = performance.now();
    const busy = await measure(sidecar, async () => {
      await until("the next generation", () => watcher.seen.version === "1.2", { timeoutMs: 180_000 });
      await pass(500);
    });
    const recoveryMs = performance.now() - fromMs;
    const { tenants: held } = await sidecar.status();
    if (held.held !== tenants + 2) stage.violate("F6", `${held.held} of ${tenants + 2} tenants are held`);
    const mostMb = peakMb(sidecar.pid);
    await sidecar.end();
    const againMs = performance.now();
    sidecar = await startSidecar(stage, { ...options, feed: [join(stage.folder, "nowhere")] });
    await until("a sidecar ready from disk", () => watcher.seen.isReady && watcher.seen.version === "1.2", {
      timeoutMs: 120_000,
    });
    const fromDiskMs = performance.now() - againMs;
    const rounded = (ms: number): string => `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`;
    return {
      runs: 1,
      recoveryMs,
      figure: busy.p99Ms,
      unit: "ms, p99 of /v1/check while all are changed",
      detail:
        `${tenants.toLocaleString("en")} tenants: ready from the feed in ${(fromFeedMs / 1_000).toFixed(1)} s, from disk in ${(fromDiskMs / 1_000).toFixed(1)} s. ` +
        `/v1/check before: p99 ${rounded(calm.p99Ms)}, longest ${rounded(calm.mostMs)}; meanwhile: p99 ${rounded(busy.p99Ms)}, longest ${rounded(busy.mostMs)}, ${busy.count} asked. At most ${mostMb} MB.`,
    };
  },
};

function* many(tenants: number, plan: string): Generator<WireEntitlement> {
  yield { tenant: WATCHED.paid, plan: "pro" };
  yield UNPAID;
  for (let i = 0; i < tenants; i++) yield { tenant: `tenant-${i}`, plan };
}

/** Asks one question after the other, a millisecond apart, for as long as `work` takes. */
async function measure(
  sidecar: SidecarProcess,
  work: () => Promise<void>,
): Promise<{ p99Ms: number; mostMs: number; count: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const tookMs: number[] = [];
  let isOver = false;
  const asking = (async () => {
    for (let n = 0; !isOver; n++) {
      const fromMs = performance.now();
      const body = `{"tenant":"tenant-${n % 1_000}","capability":"create","principal":"member"}`;
      await ask({ socketPath: sidecar.socketPath }, "/v1/check", { body, agent });
      tookMs.push(performance.now() - fromMs);
      await pass(1);
    }
  })();
  await work();
  isOver = true;
  await asking;
  agent.destroy();
  tookMs.sort((a, b) => a - b);
  return { p99Ms: tookMs[Math.floor(tookMs.length * 0.99)] ?? 0, mostMs: tookMs.at(-1) ?? 0, count: tookMs.length };
}

function peakMb(pid: number): number {
  try {
    return Math.round(Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024);
  } catch {
    return 0;
  }
}
