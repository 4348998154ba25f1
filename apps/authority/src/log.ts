import { destination, type Logger, pino } from "pino";

/** Nothing logs these; should anything begin to, they stay out. */
const SECRETS = ["token", "*.token", "secret", "*.secret", "authorization", "*.headers.authorization", "passphrase"];

/**
 * Makes the log of an authority: JSON lines on standard error. Requests are not logged: they are counted, and every
 * change stands in the ledger. Never throws.
 */
export function createLog({ logLevel }: { readonly logLevel: string }): Logger {
  return pino(
    { level: logLevel, base: { name: "dimmer-authority" }, redact: SECRETS },
    destination({ dest: 2, sync: true }),
  );
}
