import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AuthorityHost, startAuthorityHost } from "../authority-process.ts";
import type { Running } from "../processes.ts";
import { startTcpProxy, type TcpProxy } from "../proxy/tcp-proxy.ts";
import type { Stage } from "../scenario.ts";
import { type SidecarProcess, startSidecar } from "../sidecar-process.ts";
import { until } from "../waiting.ts";

/** A sidecar of a soak, the line to its feed, and its clock where that can be moved. */
export interface SoakSidecar {
  readonly number: number;
  readonly proxy: TcpProxy;
  /** The process at present; `undefined` while none is meant to be there. */
  readonly process: SidecarProcess | undefined;
  /** Sets its clock so many days off; `undefined` where this machine cannot. */
  readonly setClock: ((days: number) => void) | undefined;
  /** Kills it and starts another on the same data. */
  restart(): Promise<void>;
}

/** A real authority and real sidecars, each behind a line of its own. */
export interface SoakWorld {
  readonly authority: AuthorityHost;
  readonly sidecars: readonly SoakSidecar[];
  /** File of the authority's store. */
  readonly storePath: string;
  /** Key of the role that records invoices and payments. */
  readonly financeKey: string;
  /** Kills the authority, has `whileDown` look at what it left, and starts it again. */
  restartAuthority(whileDown: () => void): Promise<void>;
}

/** Tells of every process that is started: a role that starts another has a new pid. */
export type OnProcess = (role: string, pid: number) => void;

/** Enough that the breaker lets a few hundred narrowings an hour pass. */
const FILLERS = 20_000;
const READY_MS = 60_000;

/** Starts everything. Sidecar 0 sends the webhooks and is never killed; the last has a clock that moves, where it can. */
export async function startSoakWorld(
  stage: Stage,
  { sidecars: count, webhooksFile, onProcess }: { sidecars: number; webhooksFile: string; onProcess: OnProcess },
): Promise<SoakWorld> {
  const storePath = join(stage.folder, "authority.db");
  const authority = await startAuthorityHost(stage, { store: `sqlite:${storePath}`, fillers: FILLERS });
  onProcess("authority", authority.process.pid);
  const answer = await authority.write("POST", "/v1/api-keys", { name: "finance", roles: ["finance"] });
  const financeKey = answer.json<{ secret: string }>().secret;
  const library = libfaketime();
  const sidecars: SoakSidecar[] = [];
  for (let number = 0; number < count; number++) {
    const isClock = number > 0 && number === count - 1 && library !== undefined;
    sidecars.push(
      await startSoakSidecar(stage, {
        number,
        authority,
        library: isClock ? library : undefined,
        webhooksFile: number === 0 ? webhooksFile : undefined,
        onStart: ({ pid }) => onProcess(`sidecar ${number}`, pid),
      }),
    );
  }
  for (const sidecar of sidecars) {
    await until(
      `sidecar ${sidecar.number} to be ready`,
      async () => (await sidecar.process?.status())?.ready === true,
      { timeoutMs: READY_MS },
    );
  }
  return {
    authority,
    sidecars,
    storePath,
    financeKey,
    restartAuthority: async (whileDown) => {
      await authority.process.end();
      whileDown();
      await authority.restart();
      onProcess("authority", authority.process.pid);
    },
  };
}

interface SoakSidecarOptions {
  readonly number: number;
  readonly authority: AuthorityHost;
  readonly library: string | undefined;
  readonly webhooksFile: string | undefined;
  readonly onStart: (process: Running) => void;
}

async function startSoakSidecar(stage: Stage, options: SoakSidecarOptions): Promise<SoakSidecar> {
  const { number, authority, library, webhooksFile, onStart } = options;
  const proxy = await startTcpProxy(authority);
  stage.atEnd(() => proxy.close());
  const clock = join(stage.folder, `clock-${number}`);
  const setClock = (days: number): void => writeFileSync(clock, `${days < 0 ? "-" : "+"}${Math.abs(days)}d`);
  setClock(0);
  const start = async (): Promise<SidecarProcess> => {
    const started = await startSidecar(stage, {
      feed: [`http://127.0.0.1:${proxy.port}`],
      trust: authority.trust,
      feedTokenFile: authority.feedTokenFile,
      pollMs: 500,
      data: join(stage.folder, `data-${number}`),
      socketPath: join(stage.folder, `s${number}`),
      env: {
        ...(library === undefined ? {} : fakedClock(library, clock)),
        ...(webhooksFile === undefined
          ? {}
          : { DIMMER_WEBHOOKS: webhooksFile, DIMMER_WEBHOOKS_ALLOW_LOOPBACK: "true" }),
      },
    });
    onStart(started);
    return started;
  };
  let process: SidecarProcess | undefined = await start();
  return {
    number,
    proxy,
    get process() {
      return process;
    },
    setClock: library === undefined ? undefined : setClock,
    restart: async () => {
      const ending = process;
      process = undefined;
      await ending?.end();
      process = await start();
    },
  };
}

function fakedClock(library: string, file: string): Record<string, string> {
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
  };
}

/** Where libfaketime is; `undefined` where it is not installed. */
function libfaketime(): string | undefined {
  const root = "/usr/lib";
  const folders = existsSync(root) ? readdirSync(root).map((name) => join(root, name, "faketime")) : [];
  return [join(root, "faketime"), ...folders].map((folder) => join(folder, "libfaketime.so.1")).find(existsSync);
}
