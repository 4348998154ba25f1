import { join } from "node:path";
import { ask } from "../ask.ts";
import { startAuthorityHost } from "../authority-process.ts";
import { limitedDisk } from "../limited-disk.ts";
import { judgePublications } from "../publications.ts";
import type { Scenario } from "../scenario.ts";
import { readSqliteStore } from "../sqlite-store.ts";
import { pass, until } from "../waiting.ts";
import { startWriters } from "../writers.ts";

/** The disk of the authority is full: it acknowledges nothing that it cannot keep, serves on, and goes on with room. */
export const diskFullAuthority: Scenario = {
  name: "disk-full-authority",
  summary: "the authority's disk (SQLite) is full under four writers, and has room again",
  holds: ["F1", "F5"],
  isPatient: true,
  run: async (stage) => {
    const folder = join(stage.folder, "disk");
    const disk = limitedDisk(stage, folder, 24);
    const path = join(folder, "authority.db");
    const authority = await startAuthorityHost(stage, { store: `sqlite:${path}` });
    const writers = startWriters(stage, authority, 20);
    const rounds = stage.isLong ? 6 : 2;
    let recoveryMs = 0;
    let served = 0;
    for (let round = 0; round < rounds; round++) {
      await until("writes", () => writers.acknowledged.length > 20 * (round + 1));
      disk.fill(authority.process.pid);
      await pass(stage.isLong ? stage.random.int(500, 8_000) : 800);
      const head = await ask({ port: authority.port }, "/v1/feed/head", {
        headers: { authorization: `Bearer ${authority.fleetSecret}` },
      });
      if (head.status === 200) served += 1;
      else stage.violate("F6", `with a full disk the head answers ${head.status}: ${head.text.slice(0, 200)}`);
      if (!authority.process.isAlive()) stage.violate("F5", `it ended: ${authority.process.errors().slice(-300)}`);
      const before = writers.acknowledged.length;
      disk.free(authority.process.pid);
      recoveryMs = Math.max(
        recoveryMs,
        await until("a write with room", () => writers.acknowledged.length > before + 4),
      );
    }
    await writers.stop();
    await authority.process.end("SIGTERM");
    const { publications, integrity } = readSqliteStore(path);
    if (integrity !== "ok") stage.violate("F5", `the database file: ${integrity}`);
    for (const refused of writers.refused.slice(0, 3)) stage.violate("F5", `the client was blamed: ${refused}`);
    judgePublications(stage, publications, { acknowledged: writers.acknowledged, heard: new Map() });
    return {
      runs: rounds,
      recoveryMs,
      figure: writers.acknowledged.length,
      unit: "writes acknowledged",
      detail: `By ${disk.kind}: what could not be kept was answered 5xx, the feed was served on (${served} of ${rounds} times), and no version is missing.`,
    };
  },
};
