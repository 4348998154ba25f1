import type { Command } from "commander";
import { addCommand, answering, collect } from "../command.ts";
import { holdFeed } from "../held-feed.ts";
import { tokenFrom } from "../token-input.ts";

interface Options {
  readonly feed: string;
  readonly trust: readonly string[];
  readonly audience?: string;
}

/** `dimmer token verify`: verifies an entitlement token as a service does to which it is presented. */
export function addTokenVerify(parent: Command): void {
  addCommand(parent, {
    usage: "verify <token>",
    summary: "verify an entitlement token as a service does",
    details:
      "TOKEN is the text itself, or - to read it from stdin. The keys and the policy come from the feed. Exit code 1 " +
      "for a token that expired over 60 s ago (clocks may differ by that), is forged, for somebody else or malformed.",
    examples: [
      ["token verify - --trust SHA256:… --feed feed < token.jws", "exit code 0 where it holds"],
      ["token verify eyJhbGci… --trust SHA256:… --feed feed --audience production", "for another audience"],
    ],
  })
    .requiredOption("--feed <dir|url>", "feed with the keys and the policy")
    .requiredOption("--trust <root>", "thumbprint of the root key, SHA256:…; again for a second", collect)
    .option("--audience <name>", "audience that the token must name (default: development)")
    .action(
      answering(async (given: string, { feed, trust, audience }: Options) => {
        const token = await tokenFrom(given);
        const { createTokenVerifier, formatVersion } = await import("@dimmer/statement");
        const replica = await holdFeed({ feed, trust, audience });
        try {
          const verifier = createTokenVerifier({
            keys: () => replica.keys,
            policy: () => replica.policy,
            nowMs: () => replica.clockMs,
          });
          const { tenant, version, entitlement, lock, issuedMs, expiresMs } = await verifier.verify(token);
          const [issued, expires] = [issuedMs, expiresMs].map((ms) => new Date(ms).toISOString()) as [string, string];
          const locked = lock === undefined ? "" : `, locked (${lock.cause})`;
          return {
            text: `valid: ${tenant}, plan ${entitlement.plan}${locked}, version ${formatVersion(version)}, expires ${expires}`,
            json: {
              isValid: true,
              tenant,
              version: formatVersion(version),
              issued,
              expires,
              entitlement,
              ...(lock && { lock }),
            },
          };
        } finally {
          await replica.close();
        }
      }),
    );
}
