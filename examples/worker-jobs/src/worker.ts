import type { Dimmer } from "@dimmer/sdk";
import { guardEgress } from "@dimmer/sdk/egress";
import { guardJob } from "@dimmer/sdk/jobs";

/** A job as the product keeps it. The tenant was written by the product when the job was made. */
export interface Job {
  readonly id: string;
  readonly tenant: string;
  readonly kind: "report" | "export" | "sync";
}

/** What became of each job. */
export type Finished = { readonly id: string; readonly became: "done" | "put back" | "failed" };

/** What a worker is made of. */
export interface WorkerParts {
  readonly dimmer: Dimmer;
  /** Pages of a report, which take a while each. */
  readonly makePage: (tenant: string, page: number, signal: AbortSignal) => Promise<void>;
  /** Where `sync` sends to. */
  readonly crmUrl: string;
  readonly fetch?: typeof globalThis.fetch;
}

const PAGES = 10;

/**
 * A worker over a queue in memory: takes each job once, and puts back what its tenant may not do now. With a queue such as
 * pg-boss or BullMQ the loop is theirs, and the middle of `run` stays: see the README.
 */
export class Worker {
  readonly queue: Job[] = [];
  readonly #parts: WorkerParts;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  /** Goes through the queue once. What was put back is there again for the next round. */
  async round(): Promise<Finished[]> {
    const finished: Finished[] = [];
    for (const job of this.queue.splice(0)) finished.push({ id: job.id, became: await this.#run(job) });
    return finished;
  }

  async #run(job: Job): Promise<Finished["became"]> {
    const { tenant, kind } = job;
    // An export is the tenant's way out: it is asked for as such, and goes on where jobs have stopped.
    const capability = kind === "export" ? "export" : "job";
    try {
      const { outcome } = await guardJob(this.#parts.dimmer, { tenant, capability, principal: "service" }, (signal) =>
        this.#carryOut(job, signal),
      );
      if (outcome === "done") return "done";
      this.queue.push(job);
      return "put back";
    } catch {
      return "failed";
    }
  }

  async #carryOut({ tenant, kind }: Job, signal: AbortSignal): Promise<void> {
    const { dimmer, makePage, crmUrl, fetch } = this.#parts;
    if (kind === "sync") {
      const guarded = guardEgress(dimmer, tenant, fetch);
      await guarded(crmUrl, { method: "POST", body: JSON.stringify({ tenant }), signal });
      return;
    }
    for (let page = 0; page < PAGES; page++) {
      signal.throwIfAborted();
      await makePage(tenant, page, signal);
    }
  }
}
