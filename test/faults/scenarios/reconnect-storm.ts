import { readFileSync } from "node:fs";
import { startAuthorityHost } from "../authority-process.ts";
import type { Scenario } from "../scenario.ts";
import { type StreamClient, startStreamClient } from "../stream-client.ts";
import { until } from "../waiting.ts";

/** The authority dies and comes back, and every replica wants its stream again at once. */
export const reconnectStorm: Scenario = {
  name: "reconnect-storm",
  summary: "the authority is killed and comes back to 2,000 replicas (short: 200) that all connect again",
  holds: ["F1", "F2", "F7"],
  run: async (stage) => {
    const replicas = stage.isLong ? 2_000 : 200;
    const authority = await startAuthorityHost(stage);
    const heard = new Map<number, string>();
    const clients: StreamClient[] = Array.from({ length: replicas }, () =>
      startStreamClient({
        port: authority.port,
        secret: authority.fleetSecret,
        from: 1,
        random: stage.random,
        onGap: (text) => stage.violate("F2", text),
        onDelta: (seq, delta) => {
          if ((heard.get(seq) ?? delta) !== delta) stage.violate("F1", `1.${seq} came with two contents`);
          heard.set(seq, delta);
        },
      }),
    );
    stage.atEnd(() => {
      for (const client of clients) client.close();
    });
    const allHave = (version: string): Promise<number> => {
      const seq = Number(version.split(".")[1]);
      return until(
        `${version} at every replica`,
        () => clients.every((client) => client.isConnected && client.seq >= seq),
        {
          timeoutMs: 120_000,
        },
      );
    };
    await allHave(await authority.change(0, "before"));
    const memoryMb = residentMb(authority.process.pid);
    const storms = stage.isLong ? 3 : 1;
    let recoveryMs = 0;
    let broadcastMs = 0;
    let mostMb = memoryMb;
    for (let storm = 0; storm < storms; storm++) {
      await authority.process.end();
      await authority.restart();
      const fromMs = performance.now();
      const version = await authority.change(storm, `storm-${storm}`);
      const writeMs = performance.now() - fromMs;
      if (writeMs > 5_000) stage.violate("F7", `a write in the storm took ${Math.round(writeMs)} ms`);
      await allHave(version);
      recoveryMs = Math.max(recoveryMs, performance.now() - fromMs);
      mostMb = Math.max(mostMb, residentMb(authority.process.pid));
      const calm = await authority.change(storm + 10, `calm-${storm}`);
      broadcastMs = Math.max(broadcastMs, await allHave(calm));
      stage.progress(`storm ${storm + 1} of ${storms}: all back after ${Math.round(recoveryMs)} ms`);
    }
    const turnedAway = clients.reduce((sum, client) => sum + client.failures, 0);
    return {
      runs: storms,
      recoveryMs,
      figure: broadcastMs,
      unit: `ms until ${replicas.toLocaleString("en")} had a change`,
      detail: `${replicas.toLocaleString("en")} streams stood again, ${turnedAway} tries in all, each caught up without a gap; the authority took ${mostMb} MB at most.`,
    };
  },
};

function residentMb(pid: number): number {
  try {
    return Math.round(Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024);
  } catch {
    return 0;
  }
}
