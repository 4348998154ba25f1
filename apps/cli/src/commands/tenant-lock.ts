import type { Command } from "commander";
import { collect } from "../command.ts";
import { putLock } from "../tenants/edits.ts";
import { addTenantWrite, changing, instantFromNow, type TenantWriteOptions } from "../tenants/tenant-command.ts";

interface Options extends TenantWriteOptions {
  readonly cause: string;
  readonly case?: string;
  readonly allow?: readonly string[];
}

/** `dimmer tenant lock`: stops a tenant for security, whatever its restrictions say. */
export function addTenantLock(parent: Command): void {
  addTenantWrite(parent, {
    usage: "lock <tenant>",
    summary: "lock a tenant: nothing but what --allow names",
    details: "Locks of several cases add up: what all of them allow stays open. In a file a tenant has one lock.",
    examples: [
      ["tenant lock northwind --case INC-7", "denied everything, for everybody"],
      ["tenant lock northwind --allow export --allow pay", "but for these"],
      ["tenant lock northwind --tenants tenants.yaml", "in a file"],
    ],
  })
    .option("--cause <cause>", "security, legal or breach", "security")
    .option("--case <id>", "id of the incident (default: one with the time in it)")
    .option("--allow <capability>", "capability that the lock leaves; may be repeated", collect)
    .action(
      changing<[string], Options>({
        inFile: async (document, { arguments: [tenant], options }) => {
          const { cause, allow, caseId } = lockOf(options);
          putLock(document, tenant, { cause, case: caseId, since: await instantFromNow("now"), allow });
          return { ...said(tenant, { cause, allow, caseId }), isChanged: true };
        },
        atAuthority: async (client, { arguments: [tenant], options, reason }) => {
          const { pathOf } = await import("../tenants/tenant-writes.ts");
          const { cause, allow, caseId } = lockOf(options);
          const body = { cause, allow };
          const written = await client.write("PUT", pathOf(tenant, "locks", caseId), { reason, body });
          // A lock may come before its tenant; a misspelt id looks the same, and who was meant goes on.
          const isKnown = (await client.find(pathOf(tenant)).catch(() => tenant)) !== undefined;
          const { text, json } = said(tenant, { cause, allow, caseId });
          const hint = isKnown ? "" : `\n  there is no tenant ${JSON.stringify(tenant)} yet: the lock waits for it`;
          return { text: text + hint, json: { ...json, isKnown }, writes: [written] };
        },
      }),
    );
}

interface Lock {
  readonly cause: string;
  readonly caseId: string;
  readonly allow: readonly string[];
}

function lockOf({ cause, allow = [], case: caseId }: Options): Lock {
  return { cause, allow, caseId: caseId ?? `INC-${Date.now().toString(36)}` };
}

function said(tenant: string, { cause, caseId, allow }: Lock): { text: string; json: Record<string, unknown> } {
  return { text: `${tenant} is locked (${cause}, ${caseId})`, json: { tenant, cause, case: caseId, allow } };
}
