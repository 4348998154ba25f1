import { join } from "node:path";
import { startAuthorityHost } from "../authority-process.ts";
import type { Scenario } from "../scenario.ts";
import { startSidecar, versionNumber } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { WATCHED, watch } from "../watcher.ts";

/** The authority is down when a sidecar starts: once with nothing on its disk, once with a snapshot. */
export const authorityColdStart: Scenario = {
  name: "authority-cold-start",
  summary: "the authority is down when the sidecar starts, without and with a snapshot",
  holds: ["D2", "D3", "F1", "F5", "F6"],
  isPatient: true,
  run: async (stage) => {
    const authority = await startAuthorityHost(stage);
    await authority.process.end();
    const data = join(stage.folder, "data");
    const options = { feed: [authority.url], trust: authority.trust, feedTokenFile: authority.feedTokenFile, data };
    const empty = await startSidecar(stage, options);
    const first = watch(stage, () => (empty.isAlive() ? empty : undefined));
    await until("an answer without data", () => first.seen.answers > 0);
    const [answer] = await empty.checks([{ tenant: WATCHED.paid, capability: "create", principal: "admin" }]);
    if (answer?.reason !== "no_data" || answer.freshness !== "fallback") {
      stage.violate("F6", `without data: ${JSON.stringify(answer)}`);
    }
    const health = [(await empty.ask("/livez")).status, (await empty.ask("/readyz")).status];
    if (health.join() !== "200,503")
      stage.violate("D2", `without a lock list livez and readyz answer ${health.join()}`);
    await pass(stage.isLong ? 20_000 : 1_000);
    await authority.restart();
    const recoveryMs = await until("a ready sidecar", () => first.seen.isReady, { timeoutMs: 90_000 });
    await until("a kept generation", async () => (await empty.status()).disk.state === "ok");
    await first.stop();
    await Promise.all([authority.process.end(), empty.end()]);
    const startMs = performance.now();
    const kept = await startSidecar(stage, options);
    const second = watch(stage, () => kept);
    await until("a sidecar ready from disk", () => second.seen.isReady);
    const readyMs = performance.now() - startMs;
    if (versionNumber(second.seen.version) < versionNumber(first.seen.version)) {
      stage.violate("F1", `${first.seen.version} was held, ${second.seen.version} is there after the restart`);
    }
    await pass(1_000);
    return {
      runs: 2,
      recoveryMs,
      figure: readyMs,
      unit: "ms from spawn to ready from disk",
      detail:
        "Without a snapshot: alive, not ready, allows by the fallback and says so; with one: ready at once, the locked locked.",
    };
  },
};
