import { Agent } from "node:http";
import { join } from "node:path";
import { type Answer, type Asked, ask } from "./ask.ts";
import { type Running, type StartOptions, startDimmer } from "./processes.ts";
import type { Stage } from "./scenario.ts";

/** What `/v1/status` says, as far as it is looked at. */
export interface SidecarStatus {
  readonly ready: boolean;
  readonly version: string;
  readonly locksVersion: string;
  readonly freshness: "fresh" | "stale";
  readonly tenants: { readonly held: number; readonly locked: number };
  readonly refusals: {
    readonly count: number;
    readonly last: { readonly code: string; readonly message: string } | null;
  };
  readonly sources: readonly { readonly state: string; readonly lastError: string | null }[];
  readonly disk: { readonly state: string; readonly lastError: string | null };
  readonly counters: Readonly<Record<string, number>>;
}

/** One answer of `/v1/check` or `/v1/checks`. */
export interface CheckAnswer {
  readonly allowed: boolean;
  readonly reason: string;
  readonly mode: string;
  readonly freshness: string;
  readonly version: string;
}

/** A question of `/v1/checks`. */
export interface CheckQuestion {
  readonly tenant: string;
  readonly capability: string;
  readonly principal: string;
}

/** A sidecar of its own process. */
export interface SidecarProcess extends Running {
  readonly socketPath: string;
  ask(path: string, asked?: Asked): Promise<Answer>;
  status(): Promise<SidecarStatus>;
  checks(questions: readonly CheckQuestion[]): Promise<readonly CheckAnswer[]>;
}

/** How to start a sidecar. */
export interface SidecarOptions extends StartOptions {
  readonly feed: readonly string[];
  readonly trust: string;
  readonly data?: string;
  /** File with the bearer token for the feed. */
  readonly feedTokenFile?: string;
  /** Default 50. */
  readonly pollMs?: number;
  /** Default a socket of its own in the folder of the stage. */
  readonly socketPath?: string;
}

let made = 0;

/** Starts the real sidecar, on a Unix socket alone. Resolves when it listens, which is before it is ready. */
export async function startSidecar(stage: Stage, options: SidecarOptions): Promise<SidecarProcess> {
  const { feed, trust, data, feedTokenFile, pollMs = 50, ...start } = options;
  const socketPath = options.socketPath ?? join(stage.folder, `s${++made}`);
  const args = ["sidecar", ...feed.flatMap((source) => ["--feed", source]), "--trust", trust];
  args.push("--socket", socketPath, "--tcp", "off", "--poll-ms", String(pollMs), "--log-level", "warn");
  if (data !== undefined) args.push("--data", data);
  if (feedTokenFile !== undefined) args.push("--feed-token-file", feedTokenFile);
  const running = await startDimmer(stage, args, start);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  stage.atEnd(() => agent.destroy());
  const askIt: SidecarProcess["ask"] = (path, asked = {}) => ask({ socketPath }, path, { agent, ...asked });
  return {
    ...running,
    socketPath,
    ask: askIt,
    status: async () => (await askIt("/v1/status")).json<SidecarStatus>(),
    checks: async (questions) => {
      const answer = await askIt("/v1/checks", { body: { checks: questions } });
      if (answer.status !== 200) throw new Error(`/v1/checks answered ${answer.status}: ${answer.text}`);
      return answer.json<{ decisions: CheckAnswer[] }>().decisions;
    },
  };
}

/** A version as two numbers that compare; `0.0` is none. */
export function versionNumber(version: string): number {
  const [epoch, seq] = version.split(".").map(Number);
  return (epoch ?? 0) * 1e10 + (seq ?? 0);
}
