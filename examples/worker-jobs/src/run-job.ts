import type { Dimmer } from "@dimmer/sdk";
import { guardEgress } from "@dimmer/sdk/egress";
import { guardJob } from "@dimmer/sdk/jobs";

/** A job as the product keeps it. The tenant was written by the product when the job was made. */
export interface Job {
  readonly id: string;
  readonly tenant: string;
  readonly kind: "report" | "export" | "sync";
}

/** What jobs are carried out with. */
export interface JobParts {
  readonly dimmer: Dimmer;
  /** Pages of a report, which take a while each. */
  readonly makePage: (tenant: string, page: number, signal: AbortSignal) => Promise<void>;
  /** Where `sync` sends to. */
  readonly crmUrl: string;
  readonly fetch?: typeof globalThis.fetch;
}

const PAGES = 10;

/** What a job needs: an export is the tenant's way out, asked for as such, and goes on where jobs have stopped. */
export function capabilityOf({ kind }: Job): "export" | "job" {
  return kind === "export" ? "export" : "job";
}

/**
 * Carries a job out if its tenant may: the middle of a worker, whatever queue is around it.
 *
 * @param queue aborts when the queue wants it to stop, for reasons of its own
 * @returns `later` where it was not begun, or was stopped: the queue is to keep it
 * @throws what the job fails with by itself
 */
export async function runJob(parts: JobParts, job: Job, queue?: AbortSignal): Promise<"done" | "later"> {
  const asked = { tenant: job.tenant, capability: capabilityOf(job), principal: "service" } as const;
  const { outcome } = await guardJob(parts.dimmer, asked, (signal) =>
    carryOut(parts, job, queue === undefined ? signal : AbortSignal.any([signal, queue])),
  );
  return outcome === "done" ? "done" : "later";
}

async function carryOut(parts: JobParts, { tenant, kind }: Job, signal: AbortSignal): Promise<void> {
  if (kind === "sync") {
    const guarded = guardEgress(parts.dimmer, tenant, parts.fetch);
    await guarded(parts.crmUrl, { method: "POST", body: JSON.stringify({ tenant }), signal });
    return;
  }
  for (let page = 0; page < PAGES; page++) {
    signal.throwIfAborted();
    await parts.makePage(tenant, page, signal);
  }
}
