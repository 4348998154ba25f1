import { join } from "node:path";
import { startAuthorityHost } from "../authority-process.ts";
import { fillerName } from "../feed-maker.ts";
import {
  DOUBLING,
  damaging,
  HONEST,
  losing,
  type Mischief,
  renaming,
  replaying,
  startStreamProxy,
  swapping,
} from "../proxy/stream-proxy.ts";
import type { Scenario } from "../scenario.ts";
import { startSidecar, versionNumber } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** The stream itself is wrong: events come twice, in another order, not at all, again, damaged, under another name. */
export const streamFrames: Scenario = {
  name: "stream-frames",
  summary: "events of the stream come twice, swapped, not at all, again, damaged, under another name",
  holds: ["D2", "D3", "F1", "F2", "F3", "F6"],
  isPatient: true,
  run: async (stage) => {
    const { random } = stage;
    const authority = await startAuthorityHost(stage);
    const proxy = await startStreamProxy(stage, authority);
    const sidecar = await startSidecar(stage, {
      feed: [`http://127.0.0.1:${proxy.port}`],
      trust: authority.trust,
      feedTokenFile: authority.feedTokenFile,
      data: join(stage.folder, "data"),
      pollMs: 500,
    });
    const watcher = watch(stage, () => sidecar);
    await until("a ready sidecar", () => watcher.seen.isReady);
    await until("a stream", () => proxy.streams > 0);
    const kinds: readonly (readonly [string, Mischief])[] = [
      ["twice", DOUBLING],
      ["swapped", swapping()],
      ["again", replaying(random)],
      ["lost", losing(random, 0.3)],
      ["damaged", damaging(random, 0.3)],
      ["renamed", renaming(random)],
    ];
    const rounds = stage.isLong ? 4 : 1;
    const changes = stage.isLong ? 40 : 12;
    const themes = new Map<string, string>();
    let recoveryMs = 0;
    let version = "0.0";
    for (let round = 0; round < rounds; round++) {
      for (const [name, mischief] of kinds) {
        proxy.mischief = mischief;
        for (let n = 0; n < changes; n++) {
          const filler = random.int(0, 39);
          version = await authority.change(filler, `${name}-${round}-${n}`);
          themes.set(fillerName(filler), `${name}-${round}-${n}`);
          await pass(random.int(0, 40));
        }
        proxy.mischief = HONEST;
        version = await authority.change(0, `honest-${name}-${round}`);
        themes.set(fillerName(0), `honest-${name}-${round}`);
        const isThere = (): boolean => versionNumber(watcher.seen.version) >= versionNumber(version);
        recoveryMs = Math.max(
          recoveryMs,
          await until(`${version} after events ${name}`, isThere, { timeoutMs: 120_000 }),
        );
        const checks = [...themes.keys()].map((tenant) => ({ tenant, feature: "theme", principal: "admin" }));
        const answer = await sidecar.ask("/v1/checks", { body: { checks } });
        const { decisions } = answer.json<{ decisions: { value?: unknown }[] }>();
        const wrong = [...themes.values()].filter((theme, i) => decisions[i]?.value !== theme).length;
        if (wrong > 0) stage.violate("F2", `events ${name}: ${wrong} of ${themes.size} tenants differ at ${version}`);
        stage.progress(`events ${name}: right again`);
      }
    }
    const { refusals } = await sidecar.status();
    return {
      runs: rounds * kinds.length,
      recoveryMs,
      figure: proxy.meddled,
      unit: "events meddled with",
      detail: `${refusals.count} updates were refused, ${proxy.streams} streams opened; each time every tenant was as the authority had it, and none before its version.`,
    };
  },
};
