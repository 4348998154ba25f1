import type { PgBoss } from "pg-boss";
import { capabilityOf, type Job, type JobParts, runJob } from "./run-job.ts";

/** The queue's name. */
export const QUEUE = "jobs";

/** How a worker over pg-boss works. */
export interface PgBossWorkerOptions extends JobParts {
  /** Started already. */
  readonly boss: PgBoss;
  /** Seconds after which a job that was put back is looked at again by itself. Default 300. */
  readonly lookAgainSeconds?: number;
  /** Is told what became of each job. */
  readonly onJob?: (job: Job, became: "done" | "put back") => void;
}

/** What a tenant's jobs that were put back are found by. */
const heldKey = (tenant: string): string => `held:${tenant}`;

/**
 * Works on a queue of pg-boss. A job whose tenant may not run it is sent anew, for later, and costs none of its attempts; it
 * is brought forward as soon as its tenant's rights change. It is sent before the old one is completed: a crash between the
 * two leaves both and loses none, so jobs carry an id of their own to be told apart by.
 *
 * @returns stops listening and working; jobs stay in the queue
 */
export async function startPgBossWorker(options: PgBossWorkerOptions): Promise<() => Promise<void>> {
  const { boss, dimmer, lookAgainSeconds = 300, onJob } = options;
  await boss.createQueue(QUEUE, { retryLimit: 2, retryDelay: 1 });
  const bringForward = (tenant: string): void => {
    const forward = { singletonKey: heldKey(tenant), match: "all", startAfter: new Date() } as const;
    boss.update(QUEUE, undefined, forward).catch((error: unknown) => boss.emit("error", error as Error));
  };
  const off = dimmer.on("change", ({ tenant }) => bringForward(tenant));
  await boss.work<Job>(QUEUE, { pollingIntervalSeconds: 0.5 }, async (jobs) => {
    for (const { data, signal } of jobs) {
      const became = await runJob(options, data, signal);
      if (became === "later") {
        await boss.send(QUEUE, data, { startAfter: lookAgainSeconds, singletonKey: heldKey(data.tenant) });
        // A change that came before the job was in the queue again found nothing to bring forward.
        if (dimmer.check(data.tenant, capabilityOf(data), "service").allowed) bringForward(data.tenant);
      }
      onJob?.(data, became === "done" ? "done" : "put back");
    }
  });
  return async () => {
    off();
    await boss.offWork(QUEUE, { wait: true });
  };
}
