import { compilePolicy, standardPolicy } from "@dimmer/core";
import { readTenantsFile, readTenantsText, type TenantsFile, type TenantsFileOptions } from "@dimmer/feed/node";
import type { WireEntitlement, WireLock, WireTombstone } from "@dimmer/statement";

const NOW_MS = 1_795_305_600_000;
/** Unix seconds. */
export const NOW: number = NOW_MS / 1_000;
const policy = compilePolicy(standardPolicy);

/** What a tenants file says. */
export interface Read {
  readonly entitlements: (WireEntitlement | WireTombstone)[];
  readonly locks: readonly WireLock[];
}

/** Reads a text to its end, by the standard policy. */
export async function read(text: string, name: string, options: Partial<TenantsFileOptions> = {}): Promise<Read> {
  return await readToEnd(readTenantsText(text, name, { nowMs: NOW_MS, policy, ...options }));
}

/** Reads a file to its end, by the standard policy. */
export async function readPath(path: string): Promise<Read> {
  return await readToEnd(readTenantsFile(path, { nowMs: NOW_MS, policy }));
}

async function readToEnd(file: TenantsFile): Promise<Read> {
  const entitlements: (WireEntitlement | WireTombstone)[] = [];
  for await (const entitlement of file.entitlements) entitlements.push(entitlement);
  return { entitlements, locks: file.locks };
}

/** A tenants file with everything in it. */
export const EVERYTHING = `
# a comment
- tenant: acme
  plan: pro
  features: { seats: 12, theme: plain }
  restrictions:
    - cause: nonpayment
      case: case_1
      steps:
        - { at: 2026-12-09T09:00:00+09:00, mode: grace }
        - { at: 1797379200, mode: limited, deny: [webhook, "feature:sso"] }
      exception: { floor: essential, from: now, until: now+30d }
  lock: { cause: security, case: INC-1, since: now-1d, allow: [pay] }
- { tenant: gone, gone: now-2d }
- { tenant: locked-only, lock: { cause: legal, case: INC-2, since: now } }
- { "tenant": "json", "plan": "starter" }
`;

/** What `EVERYTHING` says. */
export const EVERYTHING_READ: Read = {
  entitlements: [
    {
      tenant: "acme",
      plan: "pro",
      features: { seats: 12, theme: "plain" },
      restrictions: [
        {
          cause: "nonpayment",
          case: "case_1",
          steps: [
            { at: 1_796_774_400, mode: "grace" },
            { at: 1_797_379_200, mode: "limited", deny: ["webhook", "feature:sso"] },
          ],
          exception: { floor: "essential", from: NOW, until: NOW + 30 * 86_400 },
        },
      ],
    },
    { tenant: "gone", gone: NOW - 2 * 86_400 },
    { tenant: "json", plan: "starter" },
  ],
  locks: [
    { tenant: "acme", cause: "security", case: "INC-1", since: NOW - 86_400, allow: ["pay"] },
    { tenant: "locked-only", cause: "legal", case: "INC-2", since: NOW, allow: [] },
  ],
};
