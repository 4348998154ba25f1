import type { DimmerEvents } from "@dimmer/sdk";
import type { GateClock } from "../clock.ts";
import type { AcceptedEvent } from "../event.ts";
import type { Outbox } from "../store/outbox.ts";

/** What of a Dimmer the gate asks: the SDK's `connect` gives one, and anything that answers the same does. */
export interface Deciding {
  /** Whether verified data is held. Until then nothing that waits is sent. */
  readonly isReady: boolean;
  /** Whether a tenant may receive now; from memory, never throws. */
  check(tenant: string, capability: "webhook" | "integration"): { readonly allowed: boolean };
  /** Tells that a tenant's mode is another one. Without it the gate finds out within `lookEveryMs`. */
  on?(event: "change", listener: (change: Pick<DimmerEvents["change"], "tenant">) => void): () => void;
}

/** What a sender is told beside the event. */
export interface SendContext {
  /** Aborts half a second after the tenant may no longer receive, and when an attempt takes too long. */
  readonly signal: AbortSignal;
  /** 1 for the first. */
  readonly attempt: number;
  /** `replay`: it waited because of a mode. `required`: it is no event but says that some were dropped. */
  readonly resync: "replay" | "required" | undefined;
}

/**
 * Sends one event, once. Resolves where it arrived; rejects where it did not, with a `SendFailure` where it knows more.
 * What it resolves to is not looked at.
 */
export type Send = (event: AcceptedEvent, context: SendContext) => Promise<unknown>;

/** Where the gate says what operators should know. No payload is ever in it. */
export interface GateLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** How a gate works. */
export interface GateOptions {
  readonly dimmer: Deciding;
  /** `sqliteStore(path)`, `postgresStore(pool)` or `memoryStore()`. The gate does not close it. */
  readonly store: Outbox;
  /** `httpSender(…)` or the product's own. */
  readonly send: Send;
  /**
   * Called when a tenant may receive again, for integrations that must be pulled again: since when it could not, until
   * now; for 16 tenants at once. Called again, later, while it rejects or does not end, and after a crash. At least
   * once. `signal` aborts when
   * it has taken `resyncTimeoutMs`, when the tenant may no longer receive, and when the gate closes: what is asked for
   * next then covers this as well.
   */
  readonly onResync?: (resync: {
    readonly tenant: string;
    readonly sinceMs: number;
    readonly untilMs: number;
    readonly signal: AbortSignal;
  }) => Promise<unknown>;
  /** How long `onResync` may take, in milliseconds. Default 600,000; one that needs longer is begun again and again. */
  readonly resyncTimeoutMs?: number;
  /** Which capability a tenant needs to receive. Default `webhook`; `integration` for calls that come in. */
  readonly capability?: "webhook" | "integration";
  /** The most bytes of a body. Default 1 MiB; past it `deliver` rejects. */
  readonly maxEventBytes?: number;
  /** Replayed events a second, per endpoint. Default 50: a receiver that takes fewer answers 429 and is left alone. */
  readonly replayPerSecond?: number;
  /** Attempts under way at once, of what waits. Default 256; slow receivers take them up to their timeout. */
  readonly maxConcurrent?: number;
  /** The same, of one tenant. Default 32, so that no tenant's slow receivers take all. */
  readonly maxConcurrentPerTenant?: number;
  /** How long one attempt may take, in milliseconds, whatever the sender does. Default 60,000. */
  readonly sendTimeoutMs?: number;
  /** Waits after failed attempts, in milliseconds, each a year at most. Default: the schedule of Standard Webhooks, over three days. */
  readonly retryScheduleMs?: readonly number[];
  /** How often the gate looks for what is due and who may receive again, in milliseconds. Default 500. */
  readonly lookEveryMs?: number;
  /** How long the right to send for a tenant holds unless renewed, in milliseconds, 200 at least. Default 30,000: after a crash another process takes over that late. */
  readonly leaseMs?: number;
  /** Default: one line on standard error. */
  readonly log?: GateLog;
  readonly clock?: GateClock;
  /** From 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
}

/** The options with every default filled in. */
export type GateSettings = Required<Omit<GateOptions, "onResync" | "clock">> &
  Pick<GateOptions, "onResync"> & { readonly clock: GateClock };

const NUMBERS = [
  "maxEventBytes",
  "replayPerSecond",
  "maxConcurrent",
  "maxConcurrentPerTenant",
  "sendTimeoutMs",
  "resyncTimeoutMs",
  "lookEveryMs",
  "leaseMs",
] as const;

/** Less is over before a timer and a database have renewed it: what is under way were cut, and sent again. */
const LEAST_LEASE_MS = 200;
/** All of them: the compiler asks for each, and for no other. */
export const GATE_OPTIONS: Readonly<Record<keyof GateOptions, true>> = {
  dimmer: true,
  store: true,
  send: true,
  onResync: true,
  resyncTimeoutMs: true,
  capability: true,
  maxEventBytes: true,
  replayPerSecond: true,
  maxConcurrent: true,
  maxConcurrentPerTenant: true,
  sendTimeoutMs: true,
  retryScheduleMs: true,
  lookEveryMs: true,
  leaseMs: true,
  log: true,
  clock: true,
  random: true,
};

const YEAR_MS = 366 * 86_400_000;

/**
 * Says what is wrong with options at construction.
 *
 * @throws {TypeError} `options_invalid` naming the field, the value and the fix
 */
export function checkSettings(settings: GateSettings): GateSettings {
  for (const name of NUMBERS) {
    const value: unknown = settings[name];
    if (typeof value !== "number" || !(value > 0) || !Number.isFinite(value))
      throw mistake(name, value, "write a finite number above 0");
  }
  const { send, dimmer, store } = settings as Readonly<Record<"send" | "dimmer" | "store", unknown>>;
  if (typeof send !== "function") throw mistake("send", send, "give a function");
  for (const [name, value] of Object.entries({ dimmer, store })) {
    const method = name === "dimmer" ? "check" : "append";
    if (typeof (value as Record<string, unknown> | undefined)?.[method] !== "function") {
      throw mistake(name, value, `give one with the method ${method}`);
    }
  }
  if (settings.leaseMs < LEAST_LEASE_MS) {
    throw mistake("leaseMs", settings.leaseMs, `write ${LEAST_LEASE_MS} or more: it must be renewed in time`);
  }
  if (!Array.isArray(settings.retryScheduleMs) || !settings.retryScheduleMs.every(isWait)) {
    throw mistake("retryScheduleMs", settings.retryScheduleMs, "write a list of milliseconds, each a year at most");
  }
  return settings;
}

function isWait(waitMs: unknown): boolean {
  return typeof waitMs === "number" && waitMs >= 0 && waitMs <= YEAR_MS;
}

function mistake(field: string, value: unknown, fix: string): TypeError {
  return Object.assign(new TypeError(`createGate: ${field} is ${String(value)}: ${fix}`), {
    code: "options_invalid" as const,
  });
}
