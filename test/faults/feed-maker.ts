import { join } from "node:path";
import { standardPolicy } from "@dimmer/core/standard-policy";
import { createKeyDirectory, type KeyDirectory, publishFeed } from "@dimmer/feed/node";
import type { WireEntitlement, WireLock } from "@dimmer/statement";
import type { Stage } from "./scenario.ts";
import { WATCHED } from "./watcher.ts";

/** What a publication says beside the tenants that are watched. */
export interface Content {
  /** Shows in the theme of every filler: another round is another content. */
  readonly round: number;
  /** Tenants locked beside the one that always is. */
  readonly locked?: readonly string[];
  /** Default 60. */
  readonly fillers?: number;
  readonly freshForMs?: number;
}

/** A feed directory that is published again and again with keys of its own. */
export interface MadeFeed {
  readonly directory: string;
  readonly keys: KeyDirectory;
  readonly trust: string;
  /** Signs a new generation; its version. */
  publish(content: Content): Promise<string>;
}

const AUDIENCE = "development";
const DAY_SECONDS = 86_400;
/** Long enough ago that every narrowing step has come. */
const SINCE_SECONDS = Math.floor(Date.now() / 1_000) - 10 * DAY_SECONDS;

/** The entitlement of who does not pay: narrowed days ago, and no step ahead. */
export const UNPAID: WireEntitlement = {
  tenant: WATCHED.unpaid,
  plan: "pro",
  restrictions: [
    {
      cause: "nonpayment",
      case: "case_1",
      steps: [
        { at: SINCE_SECONDS, mode: "grace" },
        { at: SINCE_SECONDS + DAY_SECONDS, mode: "limited" },
      ],
    },
  ],
};

/** A lock that allows nothing. */
export function lockOf(tenant: string): WireLock {
  return { tenant, cause: "security", case: "INC-1", since: SINCE_SECONDS, allow: [] };
}

/** Entitlements of the watched tenants and of fillers. */
export function entitlementsOf({ round, fillers = 60 }: Content): WireEntitlement[] {
  const theme = `round-${round}`;
  return [
    { tenant: WATCHED.paid, plan: "pro" },
    UNPAID,
    { tenant: WATCHED.locked, plan: "pro" },
    ...Array.from({ length: fillers }, (_, i) => ({ tenant: fillerName(i), plan: "pro", features: { theme } })),
  ];
}

/** The name of the n-th filler. */
export function fillerName(i: number): string {
  return `t${i}`;
}

/** Makes keys and a directory; nothing is published yet. */
export async function makeFeed(stage: Stage, name = "feed", keysOf?: MadeFeed): Promise<MadeFeed> {
  const directory = join(stage.folder, name);
  const keys = keysOf?.keys ?? (await createKeyDirectory(join(stage.folder, `${name}-keys`)));
  return {
    directory,
    keys,
    trust: keys.trust,
    publish: async (content) => {
      const { version } = await publishFeed({
        entitlements: entitlementsOf(content),
        // Another version of the policy each time: else it is held already, and never asked for.
        policy: { ...standardPolicy, version: `round-${content.round}` },
        locks: [WATCHED.locked, ...(content.locked ?? [])].map(lockOf),
        nowMs: Date.now(),
        ...(content.freshForMs === undefined ? {} : { freshForMs: content.freshForMs }),
        outDir: directory,
        audience: AUDIENCE,
        keys,
      });
      return `${version.epoch}.${version.seq}`;
    },
  };
}
