import type { Command } from "commander";
import { addCommand, answering } from "../command.ts";
import { durationMs } from "../duration-option.ts";
import { usageFailure } from "../failure.ts";
import { requireFeedDirectory } from "../feed-choice.ts";
import { addPassphraseOption, openKeys, type PassphraseOption } from "../keys.ts";

interface Options extends PassphraseOption {
  readonly feed: string;
  readonly keys: string;
  readonly ttl: string;
}

const MOST_TTL_MS = 3_600_000;

/** `dimmer token issue`: signs the entitlement token of one tenant of a feed. */
export function addTokenIssue(parent: Command): void {
  const command = addCommand(parent, {
    usage: "issue <tenant>",
    summary: "sign the entitlement token of a tenant of a feed",
    details:
      "The token says what the feed says about the tenant, its lock too, and is good for its time to live (at most 1h): " +
      "for edge functions that see a token and no feed. Whoever verifies it takes it until 60 s after it expires, as " +
      "clocks differ.",
    examples: [
      ["token issue acme --feed feed --keys .dimmer/keys", "of a feed that dimmer feed build wrote; for five minutes"],
      ["token issue acme --feed feed --keys keys --ttl 1h --json", "as JSON, with when it expires"],
    ],
  })
    .requiredOption("--feed <dir>", "feed directory that says what the tenant has")
    .requiredOption("--keys <dir>", "key directory whose feed key signs")
    .option("--ttl <duration>", "time to live, from 1s to 1h", "5m");
  addPassphraseOption(command).action(
    answering(async (tenant: string, { feed, keys, ttl, ...passphrase }: Options) => {
      const ttlMs = await durationMs("--ttl", ttl, { leastMs: 1_000, mostMs: MOST_TTL_MS });
      requireFeedDirectory(feed);
      const { issueEntitlementToken } = await import("@dimmer/feed/node");
      const directory = await openKeys(keys, passphrase);
      const nowMs = Date.now();
      const given = { tenant, feedDirectory: feed, keys: directory, ttlMs, nowMs };
      const token = await issueEntitlementToken(given).catch(async (cause: unknown) => {
        const { DimmerError } = await import("@dimmer/core");
        if (!(cause instanceof DimmerError) || cause.code !== "statement_untrusted") throw cause;
        const message = `--keys ${keys}: these are not the keys of the feed ${feed} (${cause.message})`;
        throw new DimmerError(cause.code, message, { cause });
      });
      if (token === undefined) throw usageFailure(`tenant ${JSON.stringify(tenant)}: is not in the feed ${feed}`);
      const { inspectStatement } = await import("@dimmer/statement");
      const { payload } = inspectStatement(token);
      const expires = "exp" in payload ? new Date(payload.exp * 1_000).toISOString() : undefined;
      return { text: token, json: { token, tenant, expires } };
    }),
  );
}
