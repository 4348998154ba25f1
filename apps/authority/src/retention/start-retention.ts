import type { Logger } from "pino";
import type { Store } from "../store/open-store.ts";
import { WorkLoop } from "../work-loop.ts";
import { forgetSettled } from "./forget-settled.ts";

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;

/** Begins to forget, now and every hour, what was settled `days` ago; nothing where that is 0. Any process may do it. */
export function startRetention({
  store,
  now,
  days,
  log,
}: {
  readonly store: Store;
  readonly now: () => number;
  readonly days: number;
  readonly log: Logger;
}): WorkLoop {
  const loop = new WorkLoop({
    work: async () => (days === 0 ? 0 : await forgetSettled(store, now() - days * DAY_MS)),
    everyMs: EVERY_MS,
    onError: (err) => log.error({ err }, "what is settled could not be forgotten; it is tried again"),
  });
  loop.start();
  return loop;
}
