const METHODS = ["verify", "sign", "digest", "importKey", "exportKey"] as const;

let pending = 0;

/** Calls of WebCrypto under way: a replica that waits for one is not idle, whatever its timers say. */
export function pendingCrypto(): number {
  return pending;
}

/** Counts the calls of WebCrypto from now on, for the process of the test. */
export function countCrypto(): void {
  const { subtle } = crypto;
  for (const method of METHODS) {
    const call = subtle[method].bind(subtle) as (...args: unknown[]) => Promise<unknown>;
    const counted = async (...args: unknown[]): Promise<unknown> => {
      pending += 1;
      try {
        return await call(...args);
      } finally {
        pending -= 1;
      }
    };
    Object.defineProperty(subtle, method, { value: counted, configurable: true });
  }
}
