import type { Store } from "../store/open-store.ts";
import type { DevClock } from "./dev-clock.ts";

/** What a clock is walked with. */
export interface WalkOptions {
  readonly clock: DevClock;
  readonly store: Store;
  /** Has whoever works by the clock look at it now. */
  readonly wake: () => void;
  /** Milliseconds that what is due at one instant may take. Default 10,000. */
  readonly settleMs?: number;
}

/** Where a walk came to. */
export interface Walked {
  /** Instants at which something was due. */
  readonly stops: number;
  /** Whether all that was due was done in its time. */
  readonly isSettled: boolean;
}

const SETTLE_MS = 10_000;
const LOOK_EVERY_MS = 10;
const MAX_STOPS = 2_000;
/** What goes out by itself; the rest is for people, who have their own time. */
const SENT = ["mail", "webhook"] as const;

/**
 * Moves a clock to an instant by way of every instant at which something is due, and waits at each until it is done:
 * who looks away for a week sends a week's notices late and moves every step that they announce. Stays where something
 * could not be done in its time.
 *
 * @throws what the store or the file system throws
 */
export async function walkClock(targetMs: number, options: WalkOptions): Promise<Walked> {
  const { clock, store } = options;
  let stops = 0;
  let isSettled = await settle(options);
  for (; stops < MAX_STOPS && isSettled; stops++) {
    const nextMs = await nextDueMs(store, clock.now());
    if (nextMs === undefined || nextMs > targetMs) break;
    clock.moveTo(nextMs);
    isSettled = await settle(options);
  }
  // What is stuck, as mails are without a mail server, would be stuck at every stop: it is waited for once.
  if (isSettled) {
    clock.moveTo(targetMs);
    isSettled = await settle(options);
  }
  return { stops, isSettled };
}

/** Waits until nothing is due any more. */
async function settle({ clock, store, wake, settleMs = SETTLE_MS }: WalkOptions): Promise<boolean> {
  const untilMs = performance.now() + settleMs;
  for (;;) {
    wake();
    if (!(await isAnythingDue(store, clock.now()))) return true;
    if (performance.now() > untilMs) return false;
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
}

async function isAnythingDue({ db }: Store, nowMs: number): Promise<boolean> {
  const file = await db.selectFrom("case_file").select("id").where("next_wake_ms", "<=", nowMs).executeTakeFirst();
  if (file !== undefined) return true;
  const delivery = await db
    .selectFrom("notice_delivery")
    .select("id")
    .where("state", "=", "queued")
    .where("channel", "in", SENT)
    .where("next_ms", "<=", nowMs)
    .executeTakeFirst();
  return delivery !== undefined;
}

/** The next instant at which a case or a notice has something to do; what only waits to be tried again is none. */
async function nextDueMs({ db }: Store, nowMs: number): Promise<number | undefined> {
  const file = await db
    .selectFrom("case_file")
    .select((row) => row.fn.min("next_wake_ms").as("ms"))
    .where("next_wake_ms", ">", nowMs)
    .where("fault", "is", null)
    .executeTakeFirst();
  const delivery = await db
    .selectFrom("notice_delivery")
    .select((row) => row.fn.min("next_ms").as("ms"))
    .where("state", "=", "queued")
    .where("channel", "in", SENT)
    .where("attempts", "=", 0)
    .where("next_ms", ">", nowMs)
    .executeTakeFirst();
  const found = [file?.ms, delivery?.ms].flatMap((ms) => (ms == null ? [] : [Number(ms)]));
  return found.length === 0 ? undefined : Math.min(...found);
}
