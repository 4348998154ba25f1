import type { Command } from "commander";
import { collect } from "../command.ts";
import { putLock } from "../tenants/edits.ts";
import { addTenantCommand, editing, instantForFile } from "../tenants/tenant-command.ts";
import type { TenantsFileOptions } from "../tenants/tenants-file.ts";

interface Options extends TenantsFileOptions {
  readonly cause: string;
  readonly case?: string;
  readonly allow?: readonly string[];
}

/** `dimmer tenant lock`: stops a tenant for security, whatever its restrictions say. */
export function addTenantLock(parent: Command): void {
  addTenantCommand(parent, {
    usage: "lock <tenant>",
    summary: "lock a tenant: nothing but what --allow names",
    examples: [
      ["tenant lock northwind --case INC-7", "denied everything, for everybody"],
      ["tenant lock northwind --allow export --allow pay", "but for these"],
    ],
  })
    .option("--cause <cause>", "security, legal or breach", "security")
    .option("--case <id>", "id of the incident (default: one with the time in it)")
    .option("--allow <capability>", "capability that the lock leaves; may be repeated", collect)
    .action(
      editing(async (document, { arguments: [tenant], options }: { arguments: [string]; options: Options }) => {
        const { cause, allow = [] } = options;
        const caseId = options.case ?? `INC-${Date.now().toString(36)}`;
        putLock(document, tenant, { cause, case: caseId, since: await instantForFile("now"), allow });
        return {
          text: `${tenant} is locked (${cause}, ${caseId})`,
          isChanged: true,
          json: { tenant, cause, case: caseId, allow },
        };
      }),
    );
}
