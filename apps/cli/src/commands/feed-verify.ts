import type { FeedFault } from "@dimmer/feed/build";
import type { Command } from "commander";
import { addCommand, answering, collect } from "../command.ts";
import { feedSource, requireTrust, trustHint } from "../feed-choice.ts";

interface Options {
  readonly trust: readonly string[];
  readonly audience: string;
}

/** `dimmer feed verify`: checks everything in a feed, and says all that is wrong with it. */
export function addFeedVerify(parent: Command): void {
  addCommand(parent, {
    usage: "verify <feed>",
    summary: "check everything in a feed: signatures, digests, counts, every line",
    details:
      "FEED is a feed directory, an http(s):// URL or unix:/path.sock. Goes on after a fault where it can. Exit code 1 " +
      "where a replica would refuse the feed; a warning (no longer fresh, a tenant in quarantine) does not count.",
    examples: [
      ["feed verify feed --trust SHA256:…", "a directory"],
      ["feed verify unix:.dimmer/sidecar.sock --trust SHA256:… --json", "what a sidecar serves again"],
    ],
  })
    .requiredOption("--trust <root>", "thumbprint of the root key, SHA256:…; again for a second", collect)
    .option("--audience <name>", "audience that the feed must name", "development")
    .action(
      answering(async (feed: string, { trust, audience }: Options) => {
        requireTrust(trust);
        const source = await feedSource(feed);
        const { verifyFeed } = await import("@dimmer/feed/build");
        const { formatVersion } = await import("@dimmer/statement");
        try {
          const report = await verifyFeed(source, { trust, audience, nowMs: Date.now() });
          const { isGood, faults, counts, policy } = report;
          const version = report.version === undefined ? undefined : formatVersion(report.version);
          const freshUntil =
            report.freshUntil === undefined ? undefined : new Date(report.freshUntil * 1_000).toISOString();
          const parts = [
            version && `version ${version}`,
            counts &&
              `${counts.tenants} tenants, ${counts.restricted} restricted, ${counts.locked} locked, ${counts.gone} gone`,
            policy && `policy ${policy.name} ${policy.version}`,
            freshUntil && `fresh until ${freshUntil}`,
          ].filter(Boolean);
          return {
            text: [...faults.map(lineOf), `${feed}: ${[isGood ? "valid" : "not valid", ...parts].join(", ")}`].join(
              "\n",
            ),
            json: { isValid: isGood, version, ...counts, policy, freshUntil, faults },
            isNo: !isGood,
          };
        } finally {
          await source.close?.();
        }
      }),
    );
}

function lineOf({ severity, file, line, message }: FeedFault): string {
  return `${severity} ${file}${line === undefined ? "" : `:${line}`}: ${message}${trustHint(message)}`;
}
