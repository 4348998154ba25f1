import { rmSync } from "node:fs";
import { join } from "node:path";
import { startAuthorityHost } from "../authority-process.ts";
import { type LoopDisk, loopDisk } from "../loop-disk.ts";
import { makeCluster, startPostgres } from "../postgres-server.ts";
import { judgePublications } from "../publications.ts";
import { NotRun, type Scenario, type Stage } from "../scenario.ts";
import { startStreamClient } from "../stream-client.ts";
import { pass, until } from "../waiting.ts";
import { startWriters } from "../writers.ts";

/** The power goes under the PostgreSQL of an authority: its recovery has all that was acknowledged or streamed. */
export const powerLossPostgres: Scenario = {
  name: "power-loss-postgres",
  summary: "power loss under the authority's PostgreSQL: an ext4 loop image is copied at an instant under load",
  holds: ["F1", "F5"],
  run: async (stage) => {
    const disk = diskOrNone(stage);
    const data = join(disk?.directory ?? stage.folder, "pg");
    makeCluster(stage, data);
    let server = await startPostgres(stage, data);
    const authority = await startAuthorityHost(stage, { store: server.url });
    const heard = new Map<number, string>();
    const stream = startStreamClient({
      port: authority.port,
      secret: authority.fleetSecret,
      from: 1,
      random: stage.random,
      onDelta: (seq, delta) => void heard.set(seq, delta),
    });
    stage.atEnd(() => stream.close());
    const writers = startWriters(stage, authority);
    await until("writes", () => writers.acknowledged.length > 10);
    const cuts = stage.isLong ? 10 : 1;
    let torn = 0;
    let recoveryMs = 0;
    for (let cut = 0; cut < cuts; cut++) {
      await pass(stage.random.int(50, 400));
      if (disk === undefined) {
        const acknowledged = [...writers.acknowledged];
        const streamed = new Map(heard);
        await server.crash();
        const fromMs = performance.now();
        server = await startPostgres(stage, data, server.sockets);
        judgePublications(stage, server.publications(), { acknowledged, heard: streamed });
        await until("a write after the crash", () => writers.acknowledged.length > acknowledged.length + 4);
        recoveryMs = Math.max(recoveryMs, performance.now() - fromMs);
        continue;
      }
      server.signalAll("SIGSTOP");
      const acknowledged = [...writers.acknowledged];
      const streamed = new Map(heard);
      const left = disk.cutPower();
      server.signalAll("SIGCONT");
      if (left === undefined) {
        torn += 1;
        continue;
      }
      const fromMs = performance.now();
      // It names the process that still runs here: after a true cut nobody has that number.
      rmSync(join(left.directory, "pg", "postmaster.pid"), { force: true });
      const recovered = await startPostgres(stage, join(left.directory, "pg"));
      recoveryMs = Math.max(recoveryMs, performance.now() - fromMs);
      judgePublications(stage, recovered.publications(), { acknowledged, heard: streamed });
      await recovered.crash();
      left.unmount();
      stage.progress(`${cut + 1} of ${cuts} cuts`);
    }
    await writers.stop();
    if (torn === cuts) stage.violate("run", "no copy was of one instant");
    return {
      runs: cuts - torn,
      recoveryMs,
      figure: writers.acknowledged.length,
      unit: "writes acknowledged",
      detail: `${disk === undefined ? "Without a loop device: the server was stopped at once instead. " : ""}After each cut PostgreSQL recovered every write that was acknowledged and every version that was streamed. ${torn} copies were of no one instant and do not count.`,
    };
  },
};

/** Without a loop device the server is stopped at once instead, which loses what is in its memory. */
function diskOrNone(stage: Stage): LoopDisk | undefined {
  try {
    return loopDisk(stage, 192);
  } catch (error) {
    if (error instanceof NotRun) return undefined;
    throw error;
  }
}
