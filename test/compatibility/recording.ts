import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Principal } from "@dimmer/core";
import type { Replica, ReplicaClock } from "@dimmer/feed/follow";
import type { Version } from "@dimmer/statement";

/** 10 December 2026, 09:00 in Tokyo: the instant of what is recorded. */
export const NOW_MS: number = Date.parse("2026-12-10T09:00:00+09:00");

/** What a recorded feed must lead to. */
export interface Recording {
  readonly trust: string;
  readonly audience: string;
  /** The version of the directory, and that of the stream's end. */
  readonly from: Version;
  readonly to: Version;
  /** Digest of the policy at the end. */
  readonly policy: string;
  readonly answers: { readonly listed: Answers; readonly streamed: Answers };
}

/** By tenant and question: the reason, the mode and the cause of the answer. */
export type Answers = Readonly<Record<string, Readonly<Record<string, string>>>>;

const TENANTS =
  "plain-1 plain-2 plain-3 plain-4 plain-5 plain-6 overrides due limited reading hospital owing paying breaching " +
  "leaving held several locked locked-open removed new nobody";
const CAPABILITIES = "view export create login api.read api.write pay webhook job support.critical";
const FEATURES = "seats sso theme api_rps";
const PRINCIPALS: readonly Principal[] = ["member", "admin", "service"];

/** The questions that are asked of every tenant. */
export const REPLAYED: readonly string[] = [
  ...CAPABILITIES.split(" ").flatMap((capability) => PRINCIPALS.map((principal) => `${capability} ${principal}`)),
  ...FEATURES.split(" ").map((feature) => `feature ${feature}`),
];

/** What a replica answers to all of them. */
export function answersOf(replica: Replica): Answers {
  return Object.fromEntries(
    TENANTS.split(" ").map((tenant) => [
      tenant,
      Object.fromEntries(REPLAYED.map((question) => [question, answerOf(replica, tenant, question)])),
    ]),
  );
}

function answerOf(replica: Replica, tenant: string, question: string): string {
  const [what = "", principal = ""] = question.split(" ");
  if (what === "feature") return JSON.stringify(replica.value(tenant, principal) ?? null);
  const { allowed, reason, mode, cause } = replica.check(tenant, what, principal as Principal);
  return [allowed ? "allow" : "deny", reason, mode, ...(cause === undefined ? [] : [cause])].join(" ");
}

/** A recorded feed, read from its directory. */
export interface RecordedFeed extends Recording {
  readonly head: string;
  /** Oldest first. */
  readonly keysets: readonly string[];
  /** By `kind/digest`. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
  /** The bytes of the stream. */
  readonly watch: string;
}

/** Reads a recorded feed. */
export function readRecorded(directory: string): RecordedFeed {
  const text = (name: string): string => readFileSync(join(directory, name), "utf8");
  const parts = new Map<string, Uint8Array>();
  for (const kind of ["index", "policy", "locks", "chunks"]) {
    for (const file of readdirSync(join(directory, kind)))
      parts.set(`${kind}/${file.replace(/\..*/, "")}`, readFileSync(join(directory, kind, file)));
  }
  const keysets = readdirSync(join(directory, "keysets"))
    .sort()
    .map((file) => text(`keysets/${file}`));
  const recording = JSON.parse(text("recording.json")) as Recording;
  return { ...recording, head: text("head.jws"), keysets, parts, watch: text("watch.sse") };
}

/** Clocks that stand still; timers are the machine's. */
export function clockAt(nowMs: number): ReplicaClock {
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
