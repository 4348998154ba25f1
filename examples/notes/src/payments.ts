/** What became of a payment. */
interface PaymentIntent {
  readonly tenant: string;
  /** ISO 8601. */
  readonly at: string;
  readonly status: "recorded" | "confirmed" | "failed";
  /** What happens now, for people. */
  readonly next: string;
}

/** Takes payments. */
export interface Payments {
  pay(tenant: string): Promise<PaymentIntent>;
}

const TIMEOUT_MS = 3_000;

/**
 * Records payments, and pretends to be a payment provider.
 *
 * @param options.hookUrl where to `POST {"tenant": …}`; a 2xx confirms the payment. Without it a payment is only
 *   recorded: a real product would hand it to its provider, whose webhook tells the vendor's billing.
 */
export function createPayments(options: {
  readonly nowMs: () => number;
  readonly hookUrl?: string | undefined;
}): Payments {
  const { nowMs, hookUrl } = options;
  return {
    async pay(tenant) {
      const at = new Date(nowMs()).toISOString();
      if (hookUrl === undefined) {
        return {
          tenant,
          at,
          status: "recorded",
          next: `In development, settle it with: npx dimmer tenant pay ${tenant}`,
        };
      }
      const isConfirmed = await confirm(hookUrl, tenant);
      return isConfirmed
        ? { tenant, at, status: "confirmed", next: "Service is back within a second." }
        : { tenant, at, status: "failed", next: "The payment could not be confirmed. Try again in a minute." };
    },
  };
}

async function confirm(hookUrl: string, tenant: string): Promise<boolean> {
  try {
    const response = await fetch(hookUrl, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ tenant }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    console.error("notes: the payment hook did not answer", error);
    return false;
  }
}
