import { join } from "node:path";
import { type AuthorityHost, startAuthorityHost } from "./authority-process.ts";
import { fillerName } from "./feed-maker.ts";
import type { StartOptions } from "./processes.ts";
import { startTcpProxy, type TcpProxy } from "./proxy/tcp-proxy.ts";
import type { Stage } from "./scenario.ts";
import { type SidecarProcess, startSidecar, versionNumber } from "./sidecar-process.ts";
import { until } from "./waiting.ts";
import { type Watcher, watch } from "./watcher.ts";

/** An authority, a line that can be made bad, and a sidecar at its end that is watched. */
export interface FollowedAuthority {
  readonly authority: AuthorityHost;
  readonly proxy: TcpProxy;
  readonly watcher: Watcher;
  /** The sidecar at present. */
  readonly sidecar: SidecarProcess;
  /** Starts another sidecar in its place, on the same data. */
  restartSidecar(options?: StartOptions): Promise<SidecarProcess>;
  /** Takes the sidecar away without another in its place. */
  endSidecar(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Changes a filler and waits until the sidecar enforces it. @returns milliseconds from the answer of the authority */
  changeAndFollow(theme: string): Promise<number>;
  /** F2: what the sidecar says of every filler that was changed is what was asked for last. */
  expectConverged(): Promise<void>;
  /** Notes a change that was made elsewhere, for `expectConverged`. */
  note(filler: number, theme: string): void;
}

/** How long a replica may take to see a change once nothing is wrong any more: its longest wait, 5 minutes, and a list. */
const FOLLOW_MS = 330_000;

/** Starts all three and waits until the sidecar holds what the authority has published. */
export async function followAuthority(
  stage: Stage,
  { withData = true, start = {} }: { readonly withData?: boolean; readonly start?: StartOptions } = {},
): Promise<FollowedAuthority> {
  const authority = await startAuthorityHost(stage, start);
  const proxy = await startTcpProxy(authority);
  stage.atEnd(() => proxy.close());
  const options = {
    feed: [`http://127.0.0.1:${proxy.port}`],
    trust: authority.trust,
    feedTokenFile: authority.feedTokenFile,
    pollMs: 500,
    ...(withData ? { data: join(stage.folder, "data") } : {}),
  };
  let sidecar: SidecarProcess | undefined = await startSidecar(stage, options);
  const watcher = watch(stage, () => sidecar);
  const themes = new Map<string, string>();
  const present = (): SidecarProcess => {
    if (sidecar === undefined) throw new Error("no sidecar is there");
    return sidecar;
  };
  await until("a sidecar that follows the authority", async () => (await present().status()).ready);
  return {
    authority,
    proxy,
    watcher,
    get sidecar() {
      return present();
    },
    restartSidecar: async (start = {}) => {
      sidecar = await startSidecar(stage, { ...options, ...start });
      return sidecar;
    },
    endSidecar: async (signal) => {
      const ending = sidecar;
      sidecar = undefined;
      await ending?.end(signal);
    },
    changeAndFollow: async (theme) => {
      const filler = stage.random.int(0, 39);
      const version = await authority.change(filler, theme);
      themes.set(fillerName(filler), theme);
      return await until(
        `version ${version} in the sidecar`,
        async () => versionNumber((await present().status()).version) >= versionNumber(version),
        { timeoutMs: FOLLOW_MS },
      );
    },
    note: (filler, theme) => void themes.set(fillerName(filler), theme),
    expectConverged: async () => {
      const wrong = await until("the same themes", async () => (await differing(present(), themes)) === 0, {
        timeoutMs: FOLLOW_MS,
      }).then(
        () => 0,
        async () => await differing(present(), themes),
      );
      if (wrong > 0) stage.violate("F2", `${wrong} of ${themes.size} tenants are not as the authority has them`);
    },
  };
}

async function differing(sidecar: SidecarProcess, themes: ReadonlyMap<string, string>): Promise<number> {
  if (themes.size === 0) return 0;
  const checks = [...themes.keys()].map((tenant) => ({ tenant, feature: "theme", principal: "admin" }));
  const answer = await sidecar.ask("/v1/checks", { body: { checks } });
  const { decisions } = answer.json<{ decisions: { value?: unknown }[] }>();
  return [...themes.values()].filter((theme, i) => decisions[i]?.value !== theme).length;
}
