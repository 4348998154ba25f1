import type { FeedSource } from "@dimmer/feed/follow";
import { FeedDirectoryMirror } from "@dimmer/feed/node";
import type { Logger } from "pino";

/** What a publisher is given. */
export interface DirectoryPublisherOptions {
  /** What is published. */
  readonly source: FeedSource;
  readonly directory: string;
  readonly log: Logger;
}

/**
 * Writes what is published into a directory, beside the doors that serve it. A directory that cannot be written is told
 * once, counted, and tried again with the next head: it never holds up what is signed.
 */
export class DirectoryPublisher {
  readonly #mirror: FeedDirectoryMirror;
  readonly #directory: string;
  readonly #log: Logger;
  /** Attempts that failed. */
  failures = 0;
  /** What stands in the way now; `undefined` while nothing does. */
  fault: string | undefined;
  #okMs: number = performance.now();
  #isDue = false;
  #isClosed = false;
  #running: Promise<void> | undefined;

  constructor({ source, directory, log }: DirectoryPublisherOptions) {
    this.#mirror = new FeedDirectoryMirror(source, directory);
    this.#directory = directory;
    this.#log = log;
  }

  /** Has the directory brought up to date: now, and once more where something changed meanwhile. Never throws. */
  publish(): void {
    this.#isDue = true;
    if (this.#isClosed) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isDue) this.publish();
      if (this.#isDue) this.publish();
    });
  }

  /** Milliseconds since the directory was found up to date, or brought there. */
  ageMs(): number {
    return performance.now() - this.#okMs;
  }

  /** Finishes what is under way. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false;
      try {
        await this.#mirror.mirror();
        this.#okMs = performance.now();
        if (this.fault !== undefined)
          this.#log.info({ directory: this.#directory }, "the feed is written to its directory again");
        this.fault = undefined;
      } catch (error) {
        this.failures++;
        const fault = error instanceof Error ? error.message : String(error);
        if (this.fault === undefined) {
          this.#log.error(
            { err: error, directory: this.#directory },
            "the feed cannot be written to its directory; signing goes on",
          );
        }
        this.fault = fault;
      }
    }
  }
}
