import Stripe from "stripe";

/** How far the timestamp of a signature may lie from now, either way, in milliseconds. */
const WEBHOOK_TOLERANCE_MS = 300_000;

/**
 * The event of a webhook whose signature one of the secrets made, at about now; `undefined` for any other: forged,
 * replayed, or stamped with a time to come. It says not which, so that a forger learns nothing.
 *
 * @param body the bytes as they came
 */
export function verifiedEvent(
  { body, signature, nowMs }: { body: Buffer; signature: string | undefined; nowMs: number },
  secrets: readonly string[],
): Stripe.Event | undefined {
  if (signature === undefined || isAhead(signature, nowMs)) return undefined;
  for (const secret of secrets) {
    try {
      const toleranceS = WEBHOOK_TOLERANCE_MS / 1_000;
      return Stripe.webhooks.constructEvent(body, signature, secret, toleranceS, undefined, nowMs);
    } catch {
      // The next secret may be the one.
    }
  }
  return undefined;
}

/** The package checks the age of a timestamp alone: one from the future would be young for as long as it likes. */
function isAhead(signature: string, nowMs: number): boolean {
  const stamps = [...signature.matchAll(/(?:^|,)t=([^,]*)/g)].map(([, stamp]) => Number(stamp));
  return stamps.length !== 1 || !stamps.every((stamp) => stamp * 1_000 <= nowMs + WEBHOOK_TOLERANCE_MS);
}
