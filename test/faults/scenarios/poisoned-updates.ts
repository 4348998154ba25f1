import { readFileSync } from "node:fs";
import { join } from "node:path";
import { publishFeed } from "@dimmer/feed/node";
import { entitlementsOf, lockOf, type MadeFeed, makeFeed } from "../feed-maker.ts";
import { blindPoisons, foreignPoisons, misplacedPoisons, type Poison } from "../poisons.ts";
import { startFeedServer } from "../proxy/feed-server.ts";
import type { Scenario, Stage } from "../scenario.ts";
import { startSidecar } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** Updates that a mutating proxy has damaged or exchanged: each is refused whole, and the next good one counts. */
export const poisonedUpdates: Scenario = {
  name: "poisoned-updates",
  summary: "a mutating proxy: bit flips, truncation, other keys, another audience, statements exchanged",
  holds: ["D2", "D3", "F1", "F2", "F3", "F6"],
  isPatient: true,
  run: async (stage) => {
    const feed = await makeFeed(stage);
    await feed.publish({ round: 0 });
    const poisons = await poisonsFor(stage, feed);
    const server = await startFeedServer(stage, feed.directory);
    const sidecar = await startSidecar(stage, {
      feed: [server.url],
      trust: feed.trust,
      data: join(stage.folder, "data"),
    });
    const watcher = watch(stage, () => sidecar);
    await until("a ready sidecar", () => watcher.seen.isReady);
    let recoveryMs = 0;
    for (const [round, { name, part, make }] of poisons.entries()) {
      const before = watcher.seen.version;
      const asked = server.asked[part] ?? 0;
      const seen: Buffer[] = [];
      server.serving.poison = (which, bytes) => {
        if (which !== part) return bytes;
        const made = make(bytes);
        // What chance left as it was is no poison.
        if (!made.equals(bytes)) seen.push(made);
        return made;
      };
      const version = await feed.publish({ round: round + 1, locked: [`t${round % 7}`] });
      // Keysets are looked at once a minute, and where a key is not known: they are poisoned, and not always asked for.
      const isAsked = await until(name, () => (server.asked[part] ?? 0) > asked + (part === "head" ? 1 : 0), {
        timeoutMs: part === "keysets" ? 300 : 60_000,
      }).catch(() => undefined);
      if (isAsked === undefined && part !== "keysets") stage.violate("run", `${name} was never asked for`);
      await pass(60);
      const { refusals, version: after } = await sidecar.status();
      if (seen.length > 0 && part !== "keysets" && after !== before) {
        stage.violate("F3", `${name} took ${before} to ${after}; last refusal ${refusals.last?.message ?? "none"}`);
      }
      server.serving.poison = undefined;
      recoveryMs = Math.max(
        recoveryMs,
        await until(version, () => watcher.seen.version === version, { timeoutMs: 90_000 }),
      );
      if (round % 20 === 19) stage.progress(`${round + 1} of ${poisons.length}`);
    }
    await expectNeverReady(stage, feed);
    const { refusals } = await sidecar.status();
    return {
      runs: poisons.length,
      recoveryMs,
      figure: refusals.count,
      unit: "updates refused whole",
      detail:
        "None of them changed anything; each time the next good update counted. A sidecar that has only seen another root's feed is never ready.",
    };
  },
};

/** In the short run some of each kind; in the long one all of them, the blind ones at three places each. */
async function poisonsFor(stage: Stage, feed: MadeFeed): Promise<Poison[]> {
  const foreign = await makeFeed(stage, "foreign");
  await foreign.publish({ round: 99 });
  const elsewhere = join(stage.folder, "elsewhere");
  await publishFeed({
    entitlements: entitlementsOf({ round: 98 }),
    locks: [lockOf("locked")],
    nowMs: Date.now(),
    outDir: elsewhere,
    audience: "elsewhere",
    keys: feed.keys,
  });
  const honest = (): Record<"index" | "policy" | "locks" | "head", Buffer> => {
    const head = readFileSync(join(feed.directory, "head.jws"));
    const says = JSON.parse(Buffer.from(head.toString().split(".")[1] ?? "", "base64url").toString()) as {
      index: string;
      policy: string;
      locks: { digest: string };
    };
    const read = (kind: string, digest: string): Buffer => readFileSync(join(feed.directory, kind, `${digest}.jws`));
    return {
      head,
      index: read("index", says.index),
      policy: read("policy", says.policy),
      locks: read("locks", says.locks.digest),
    };
  };
  const forged = [
    ...foreignPoisons({ name: "another root", directory: foreign.directory }),
    ...foreignPoisons({ name: "another audience", directory: elsewhere }),
    ...misplacedPoisons(honest),
  ].filter(({ name }) => name !== "keysets of another audience");
  if (stage.isLong) return [...forged, ...Array.from({ length: 3 }, () => blindPoisons(stage.random)).flat()];
  const blind = blindPoisons(stage.random);
  return [...forged, ...Array.from({ length: 5 }, () => stage.random.pick(blind))];
}

/** Trust is pinned: of a feed of another root nothing is ever taken, and readiness is not pretended. */
async function expectNeverReady(stage: Stage, feed: MadeFeed): Promise<void> {
  const foreign = join(stage.folder, "foreign");
  const sidecar = await startSidecar(stage, { feed: [foreign], trust: feed.trust });
  await until("a refusal", async () => (await sidecar.status()).refusals.count > 0);
  const { ready, version } = await sidecar.status();
  if (ready || version !== "0.0") stage.violate("F3", `of another root's feed it took ${version}`);
  await sidecar.end();
}
