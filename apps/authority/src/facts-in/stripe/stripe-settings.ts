import Stripe from "stripe";

/** How Stripe reaches the authority, and the authority Stripe. */
export interface StripeSettings {
  /** Signing secrets of the webhook endpoint, `whsec_…`: several while one takes the place of another. */
  readonly webhookSecrets: readonly string[];
  /** A restricted key that may read invoices, customers, charges and invoice payments. Left out: no reconciling. */
  readonly apiKey?: string;
  /** What a refund says of its invoice: that it stays settled, or that so much of it is owed again. Default: settled. */
  readonly refunds?: "settled" | "owed";
  /** Where the API is. Default: Stripe's own. */
  readonly apiUrl?: string;
}

const TIMEOUT_MS = 20_000;
const RETRIES = 2;

/** A client of Stripe's API for a key, at the address that the settings name. */
export function stripeClient(apiKey: string, apiUrl: string | undefined): Stripe {
  const url = apiUrl === undefined ? undefined : new URL(apiUrl);
  return new Stripe(apiKey, {
    timeout: TIMEOUT_MS,
    maxNetworkRetries: RETRIES,
    telemetry: false,
    ...(url === undefined
      ? {}
      : {
          host: url.hostname,
          protocol: url.protocol === "http:" ? ("http" as const) : ("https" as const),
          port: url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port),
        }),
  });
}
