import { join } from "node:path";
import type { PolicyDocument } from "@dimmer/core";
import type { ReplicaClock } from "@dimmer/feed/follow";
import { createKeyDirectory, publishFeed } from "@dimmer/feed/node";
import type { WireEntitlement, WireLock, WireTombstone } from "@dimmer/statement";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import { readSidecarConfig, type Sidecar, startSidecar } from "../src/index.ts";
import type { ServerTimeouts } from "../src/listen/server.ts";
import { type Answer, type Asked, ask } from "./http-client.ts";
import { scratchDirectory } from "./scratch.ts";

/** 10 December 2026, 09:00 in Tokyo: the instant of every sidecar in these tests unless said. */
export const NOW_MS: number = Date.parse("2026-12-10T09:00:00+09:00");
const DAY_SECONDS = 86_400;
const nowSeconds = NOW_MS / 1_000;

/** One tenant of each kind that the doors tell apart. */
export const TENANTS: readonly WireEntitlement[] = [
  { tenant: "acme", plan: "pro" },
  {
    tenant: "unpaid",
    plan: "pro",
    restrictions: [
      {
        cause: "nonpayment",
        case: "case_1",
        steps: [
          { at: nowSeconds - 3 * DAY_SECONDS, mode: "grace" },
          { at: nowSeconds - DAY_SECONDS, mode: "limited" },
          { at: nowSeconds + 6 * DAY_SECONDS, mode: "read_only" },
        ],
      },
    ],
  },
  {
    tenant: "reading",
    plan: "starter",
    restrictions: [
      { cause: "nonpayment", case: "case_2", steps: [{ at: nowSeconds - DAY_SECONDS, mode: "read_only" }] },
    ],
  },
  { tenant: "locked", plan: "pro" },
];

/** The lock of the tenant `locked`. */
const LOCKS: readonly WireLock[] = [
  { tenant: "locked", cause: "security", case: "INC-1", since: nowSeconds - 3_600, allow: ["support.critical"] },
];

/** A feed directory, and what to start a sidecar with to follow it. */
export interface TestFeed {
  readonly directory: string;
  readonly keysDirectory: string;
  readonly trust: string;
  /** Signs the directory anew. */
  readonly publish: (content: FeedContent) => Promise<void>;
}

/** What a feed says. Left out: the tenants and locks above, signed now, fresh for 30 days. */
export interface FeedContent {
  readonly entitlements?: Iterable<WireEntitlement | WireTombstone>;
  readonly locks?: Iterable<WireLock>;
  readonly policy?: PolicyDocument;
  readonly nowMs?: number;
  readonly freshForMs?: number;
  readonly allowInvalid?: boolean;
}

/** Builds a feed directory with keys of its own. */
export async function testFeed(content: FeedContent = {}): Promise<TestFeed> {
  const directory = join(scratchDirectory(), "feed");
  const keysDirectory = join(scratchDirectory(), "keys");
  const keys = await createKeyDirectory(keysDirectory);
  const publish = async (published: FeedContent): Promise<void> => {
    await publishFeed({
      entitlements: TENANTS,
      locks: LOCKS,
      nowMs: NOW_MS,
      ...published,
      outDir: directory,
      audience: "development",
      keys,
    });
  };
  await publish(content);
  return { directory, keysDirectory, trust: keys.trust, publish };
}

/** Clocks that stand still; timers are the machine's. */
export function stoppedClock(nowMs: number = NOW_MS): ReplicaClock {
  const timer = (handle: NodeJS.Timeout): { stop(): void } => {
    handle.unref();
    return { stop: () => clearTimeout(handle) };
  };
  return {
    wallMs: () => nowMs,
    monotonicMs: () => 0,
    every: (ms, fn) => timer(setInterval(fn, ms)),
    after: (ms, fn) => timer(setTimeout(fn, ms)),
    turn: () => new Promise((done) => void setImmediate(done)),
  };
}

/** A sidecar that listens on a socket and on a free port. */
export interface RunningSidecar extends Sidecar {
  /** Asks over the Unix socket. */
  readonly ask: (path: string, asked?: Asked) => Promise<Answer>;
  /** Asks over TCP. */
  readonly askTcp: (path: string, asked?: Asked) => Promise<Answer>;
  readonly socketPath: string;
  readonly port: number;
  /** What it logged, one JSON line an entry. */
  readonly logged: readonly string[];
}

/** How to start it, beside the feed. */
export interface RunOptions {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: ReplicaClock;
  readonly timeouts?: ServerTimeouts;
  /** Waits until it is ready unless `false`. */
  readonly isAwaited?: boolean;
}

/** Starts a sidecar on a feed; it is closed when the test is over. */
export async function runSidecar(
  feed: Pick<TestFeed, "directory" | "trust">,
  { flags = {}, env = {}, clock = stoppedClock(), timeouts, isAwaited = true }: RunOptions = {},
): Promise<RunningSidecar> {
  const socketPath = join(scratchDirectory(), "s");
  const logged: string[] = [];
  const config = readSidecarConfig({
    flags: { feed: [feed.directory], trust: [feed.trust], socket: socketPath, port: 0, pollMs: 50, ...flags },
    env,
  });
  const log = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });
  const sidecar = await startSidecar(config, { clock, log, ...(timeouts === undefined ? {} : { timeouts }) });
  onTestFinished(() => sidecar.close());
  if (isAwaited) await sidecar.replica.ready();
  const port = sidecar.tcp?.port ?? 0;
  return {
    ...sidecar,
    socketPath,
    port,
    logged,
    ask: (path, asked) => ask({ socketPath }, path, asked),
    askTcp: (path, asked) => ask({ port }, path, asked),
  };
}
