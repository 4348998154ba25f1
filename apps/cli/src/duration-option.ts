import { usageFailure } from "./failure.ts";

/**
 * Reads the duration of an option, such as `5m`.
 *
 * @throws {CommandFailure} naming option, value and bounds
 */
export async function durationMs(
  option: string,
  text: string,
  bounds: { leastMs: number; mostMs: number },
): Promise<number> {
  const { parseDurationMs } = await import("@dimmer/core");
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms >= bounds.leastMs && ms <= bounds.mostMs) return ms;
  const range = `from ${bounds.leastMs / 1000}s to ${bounds.mostMs / 1000}s`;
  throw usageFailure(`${option} ${JSON.stringify(text)}: must be a duration ${range}, such as 60s, 5m, 24h or 30d`);
}
