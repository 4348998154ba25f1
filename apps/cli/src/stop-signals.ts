const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A request to stop, and how to stop caring about them. */
export interface StopSignals {
  /** Resolves with the first signal. */
  readonly stopped: Promise<NodeJS.Signals>;
  release(): void;
}

/**
 * Turns SIGINT, SIGTERM and SIGHUP into one orderly end. More of them in the first second change nothing, as a launcher
 * and the terminal may both send one; after that the next one ends the process at once, for who has no patience.
 */
export function stopSignals(): StopSignals {
  const { promise: stopped, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let firstMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstMs !== undefined && performance.now() - firstMs > 1_000) process.exit(130);
    firstMs ??= performance.now();
    resolve(signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    stopped,
    release: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
