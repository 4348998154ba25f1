import { destination, type Logger, pino } from "pino";

/** Nothing logs these; should anything begin to, they stay out. */
const SECRETS = ["token", "*.token", "authorization", "*.authorization", "*.headers.authorization", "passphrase"];

/**
 * Makes the log of a sidecar: JSON lines on standard error, so that a command keeps standard output to its answers.
 * Requests are not logged at any level: they are counted, and their tenants are nobody's business. Never throws.
 */
export function createLog({ logLevel }: { readonly logLevel: string }): Logger {
  return pino(
    { level: logLevel, base: { name: "dimmer-sidecar" }, redact: SECRETS },
    destination({ dest: 2, sync: true }),
  );
}
