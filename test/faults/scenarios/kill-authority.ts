import { join } from "node:path";
import { startAuthorityHost } from "../authority-process.ts";
import { judgePublications } from "../publications.ts";
import type { Scenario } from "../scenario.ts";
import { readSqliteStore } from "../sqlite-store.ts";
import { startStreamClient } from "../stream-client.ts";
import { pass, until } from "../waiting.ts";
import { startWriters } from "../writers.ts";

/** SIGKILL of the authority on SQLite at random moments, also while it starts, under four writers and a stream. */
export const killAuthority: Scenario = {
  name: "kill-authority",
  summary: "SIGKILL of the authority (SQLite) at random moments under four writers",
  holds: ["F1", "F5"],
  run: async (stage) => {
    const { random } = stage;
    const path = join(stage.folder, "authority.db");
    const authority = await startAuthorityHost(stage, { store: `sqlite:${path}` });
    const heard = new Map<number, string>();
    const stream = startStreamClient({
      port: authority.port,
      secret: authority.fleetSecret,
      from: 1,
      random,
      onGap: (text) => stage.violate("F1", `the stream: ${text}`),
      onDelta: (seq, delta) => {
        const before = heard.get(seq);
        if (before !== undefined && before !== delta) stage.violate("F1", `1.${seq} was streamed with two contents`);
        heard.set(seq, delta);
      },
    });
    stage.atEnd(() => stream.close());
    const writers = startWriters(stage, authority);
    const kills = stage.isLong ? 200 : 12;
    let recoveryMs = 0;
    await until("writes", () => writers.acknowledged.length > 20);
    for (let kill = 0; kill < kills; kill++) {
      await authority.process.end();
      const isKilledAtStart = kill % 4 === 3;
      const startMs = performance.now();
      const before = writers.acknowledged.length;
      if (isKilledAtStart) {
        const lifeMs = random.int(100, 900);
        await authority
          .restart({ onSpawn: (child) => void pass(lifeMs).then(() => child.kill("SIGKILL")) })
          .catch(() => undefined);
        await authority.process.end();
        continue;
      }
      await authority.restart();
      await until("a write after a kill", () => writers.acknowledged.length > before);
      recoveryMs = Math.max(recoveryMs, performance.now() - startMs);
      await pass(random.int(0, 250));
      if (kill % 20 === 18) stage.progress(`${kill + 1} of ${kills} kills, ${writers.acknowledged.length} writes`);
    }
    if (!authority.process.isAlive()) await authority.restart();
    await writers.stop();
    await until("the stream caught up", () => stream.isConnected && stream.seq > 1, { timeoutMs: 60_000 });
    await authority.process.end("SIGTERM");
    stream.close();
    const { publications, integrity } = readSqliteStore(path);
    if (integrity !== "ok") stage.violate("F5", `the database file: ${integrity}`);
    for (const refused of writers.refused.slice(0, 3)) stage.violate("F5", `a write was refused: ${refused}`);
    judgePublications(stage, publications, { acknowledged: writers.acknowledged, heard });
    return {
      runs: kills,
      recoveryMs,
      figure: writers.acknowledged.length,
      unit: "writes acknowledged",
      detail: `${publications.length} versions, by one each, ${heard.size} of them streamed and the same afterwards; every acknowledged write is in the version that its answer named.`,
    };
  },
};
