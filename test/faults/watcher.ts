import { setTimeout as pause } from "node:timers/promises";
import type { Stage } from "./scenario.ts";
import { type CheckAnswer, type CheckQuestion, type SidecarProcess, versionNumber } from "./sidecar-process.ts";

/** Tenants whose standing a scenario never changes. */
export interface WatchedTenants {
  /** Pays: may create, whatever happens. */
  readonly paid: string;
  /** Is restricted: may view, and not create. */
  readonly unpaid: string;
  /** Is locked, also against viewing. */
  readonly locked: string;
}

/** The tenants that every feed of these scenarios has. */
export const WATCHED: WatchedTenants = { paid: "acme", unpaid: "unpaid", locked: "locked" };

/** What was seen so far. */
export interface Seen {
  answers: number;
  /** The newest version that was answered. */
  version: string;
  locksVersion: string;
  /** The longest time between two answers of a process that was there, in milliseconds. */
  longestGapMs: number;
  /** Of the process at present: one that has just been started was not seen yet. */
  readonly isReady: boolean;
  isStale: boolean;
  /** Whether who does not pay was restricted once: from then on only a payment ends that. */
  isNarrowed: boolean;
}

/** Looks at a sidecar for as long as it is not stopped. */
export interface Watcher {
  readonly seen: Readonly<Seen>;
  /** Resolves when the look under way is over. */
  stop(): Promise<void>;
}

const QUESTIONS = ({ paid, unpaid, locked }: WatchedTenants): readonly CheckQuestion[] => [
  { tenant: paid, capability: "create", principal: "admin" },
  { tenant: unpaid, capability: "create", principal: "admin" },
  { tenant: unpaid, capability: "view", principal: "admin" },
  { tenant: locked, capability: "view", principal: "admin" },
  { tenant: locked, capability: "login", principal: "admin" },
];

/**
 * Asks a sidecar again and again, over restarts on one data directory, and records each answer that breaks D2, D3, F1 or
 * F6: versions only rise, the locked stay locked, who paid may go on, who did not is not let through.
 *
 * @param sidecar the process at present; `undefined` where none is meant to be there
 */
export function watch(
  stage: Stage,
  sidecar: () => SidecarProcess | undefined,
  { everyMs = 20, tenants = WATCHED }: { readonly everyMs?: number; readonly tenants?: WatchedTenants } = {},
): Watcher {
  let isStopped = false;
  let isReady = false;
  let at: SidecarProcess | undefined;
  let lastMs = 0;
  const seen: Seen = {
    answers: 0,
    version: "0.0",
    locksVersion: "0.0",
    longestGapMs: 0,
    get isReady() {
      return isReady && at === sidecar();
    },
    isStale: false,
    isNarrowed: false,
  };
  const questions = QUESTIONS(tenants);
  const look = async (): Promise<void> => {
    const asked = sidecar();
    if (asked !== at) {
      at = asked;
      isReady = false;
      lastMs = performance.now();
    }
    if (asked === undefined) return;
    const status = await asked.status();
    const answers = await asked.checks(questions);
    if (sidecar() !== asked) return;
    const nowMs = performance.now();
    seen.longestGapMs = Math.max(seen.longestGapMs, nowMs - lastMs - everyMs);
    lastMs = nowMs;
    seen.answers += 1;
    seen.isStale = status.freshness === "stale";
    if (isReady && !status.ready) stage.violate("F1", "a sidecar that was ready is not ready any more");
    isReady = status.ready;
    rise(stage, seen, "version", status.version);
    rise(stage, seen, "locksVersion", status.locksVersion);
    judge(stage, answers, seen);
  };
  const run = (async () => {
    while (!isStopped) {
      // A process that is killed, stopped or starting gives no answer: that is no wrong one.
      await look().catch(() => undefined);
      await pause(everyMs);
    }
  })();
  const stop = async (): Promise<void> => {
    isStopped = true;
    await run;
  };
  stage.atEnd(stop);
  return { seen, stop };
}

function rise(stage: Stage, seen: Seen, what: "version" | "locksVersion", told: string): void {
  if (versionNumber(told) === 0) return;
  if (versionNumber(told) < versionNumber(seen[what])) {
    stage.violate("F1", `the ${what} went from ${seen[what]} down to ${told}`);
  } else seen[what] = told;
}

function judge(stage: Stage, answers: readonly CheckAnswer[], seen: Seen): void {
  const [paid, unpaidCreate, unpaidView, ...locked] = answers;
  if (paid?.allowed !== true) stage.violate("F6", `who paid was denied: ${JSON.stringify(paid)}`);
  if (unpaidView?.allowed !== true) stage.violate("F6", `viewing was denied: ${JSON.stringify(unpaidView)}`);
  if (!seen.isReady) return;
  if (unpaidCreate?.reason === "restricted") seen.isNarrowed = true;
  else if (seen.isNarrowed) stage.violate("F3", `who did not pay: ${JSON.stringify(unpaidCreate)}`);
  for (const answer of locked) {
    if (answer.reason === "locked" && !answer.allowed) continue;
    stage.violate("D2", `the locked was answered ${JSON.stringify(answer)}`);
    stage.violate("D3", "a lock was lifted without a newer list");
  }
}
