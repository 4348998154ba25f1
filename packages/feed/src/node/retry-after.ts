const SECONDS = /^\d{1,9}$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Reads a `Retry-After` header, seconds or an HTTP date, as milliseconds from now; `undefined` for anything else. Never
 * throws.
 *
 * @see RFC 9110 §10.2.3
 */
export function retryAfterMsOf(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  if (typeof header !== "string") return undefined;
  if (SECONDS.test(header)) return Number(header) * 1_000;
  const atMs = HTTP_DATE.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
