import { DimmerError } from "@dimmer/core";

/**
 * What to throw for an error of the file system: a `DimmerError` `disk_failed` that says what was being done. Anything
 * else (a `DimmerError` already, a mistake in the code) is given back as it is.
 */
export function diskFailure(what: string, cause: unknown): unknown {
  if (cause instanceof DimmerError || !(cause instanceof Error) || !("syscall" in cause)) return cause;
  return new DimmerError("disk_failed", `${what}: ${cause.message}`, { cause });
}
