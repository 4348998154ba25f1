import { type Job, type JobParts, runJob } from "./run-job.ts";

/** What became of each job. */
export type Finished = { readonly id: string; readonly became: "done" | "put back" | "failed" };

/** A worker over a queue in memory: takes each job once, and puts back what its tenant may not do now. */
export class Worker {
  readonly queue: Job[] = [];
  readonly #parts: JobParts;

  constructor(parts: JobParts) {
    this.#parts = parts;
  }

  /** Goes through the queue once. What was put back is there again for the next round. */
  async round(): Promise<Finished[]> {
    const finished: Finished[] = [];
    for (const job of this.queue.splice(0)) finished.push({ id: job.id, became: await this.#run(job) });
    return finished;
  }

  async #run(job: Job): Promise<Finished["became"]> {
    try {
      if ((await runJob(this.#parts, job)) === "done") return "done";
      this.queue.push(job);
      return "put back";
    } catch {
      return "failed";
    }
  }
}
