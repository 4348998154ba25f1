import { join } from "node:path";
import { startAuthorityHost } from "../authority-process.ts";
import { loopDisk } from "../loop-disk.ts";
import { judgePublications } from "../publications.ts";
import type { Scenario } from "../scenario.ts";
import { readSqliteStore } from "../sqlite-store.ts";
import { startStreamClient } from "../stream-client.ts";
import { pass, until } from "../waiting.ts";
import { startWriters } from "../writers.ts";

/** The power goes under an authority on SQLite: what it acknowledged or streamed is in the file, whatever else is lost. */
export const powerLossSqlite: Scenario = {
  name: "power-loss-sqlite",
  summary: "power loss under the authority on SQLite: an ext4 loop image is copied at an instant under load",
  holds: ["F1", "F5"],
  run: async (stage) => {
    const disk = loopDisk(stage, 64);
    const authority = await startAuthorityHost(stage, { store: `sqlite:${join(disk.directory, "authority.db")}` });
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
    const cuts = stage.isLong ? 40 : 5;
    let torn = 0;
    for (let cut = 0; cut < cuts; cut++) {
      await pass(stage.random.int(50, 300));
      authority.process.signal("SIGSTOP");
      const acknowledged = [...writers.acknowledged];
      const streamed = new Map(heard);
      const left = disk.cutPower();
      authority.process.signal("SIGCONT");
      if (left === undefined) {
        torn += 1;
        continue;
      }
      const { publications, integrity } = readSqliteStore(join(left.directory, "authority.db"));
      if (integrity !== "ok") stage.violate("F5", `the file after a cut: ${integrity}`);
      judgePublications(stage, publications, { acknowledged, heard: streamed });
      left.unmount();
      if (cut % 10 === 9) stage.progress(`${cut + 1} of ${cuts} cuts`);
    }
    await writers.stop();
    if (torn === cuts) stage.violate("run", "no copy was of one instant");
    return {
      runs: cuts - torn,
      figure: writers.acknowledged.length,
      unit: "writes acknowledged",
      detail: `After each cut the file was sound and had every write that was acknowledged and every version that was streamed. ${torn} copies were of no one instant and do not count.`,
    };
  },
};
