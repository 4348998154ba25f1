/** What a loop works on. */
export interface WorkLoopOptions {
  /** Takes what is due and does it; how much that was. It is called again at once while there was something. */
  readonly work: () => Promise<number>;
  /** How often it looks by itself, in milliseconds. */
  readonly everyMs: number;
  readonly onError: (error: unknown) => void;
}

/** Does due work: by itself every so often, and at once when it is woken. One turn at a time. */
export class WorkLoop {
  readonly #options: WorkLoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #isWanted = false;
  #isStopped = false;

  constructor(options: WorkLoopOptions) {
    this.#options = options;
  }

  /** Begins to look. */
  start(): void {
    this.#timer = setInterval(() => this.wake(), this.#options.everyMs);
    this.wake();
  }

  /** Has it look now. Never throws. */
  wake(): void {
    this.#isWanted = true;
    if (this.#isStopped) return;
    this.#turn ??= this.#run().finally(() => {
      this.#turn = undefined;
      if (this.#isWanted) this.wake();
    });
  }

  /** Ends after the turn under way. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#turn;
  }

  async #run(): Promise<void> {
    this.#isWanted = false;
    try {
      while (!this.#isStopped && (await this.#options.work()) > 0);
    } catch (error) {
      // What failed is due again at the next look.
      this.#options.onError(error);
    }
  }
}
