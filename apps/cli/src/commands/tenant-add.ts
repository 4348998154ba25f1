import type { Command } from "commander";
import { usageFailure } from "../failure.ts";
import { addTenantCommand, editing } from "../tenants/tenant-command.ts";
import type { TenantsFileOptions } from "../tenants/tenants-file.ts";

interface Options extends TenantsFileOptions {
  readonly plan: string;
}

/** `dimmer tenant add`: writes a new tenant at the end of the file. */
export function addTenantAdd(parent: Command): void {
  addTenantCommand(parent, {
    usage: "add <tenant>",
    summary: "add a tenant in good standing",
    examples: [["tenant add kaede-cafe --plan starter", "known to both products within a second"]],
  })
    .requiredOption("--plan <plan>", "plan of the policy")
    .action(
      editing((document, { arguments: [tenant], options: { plan } }: { arguments: [string]; options: Options }) => {
        if (document.has(tenant)) throw usageFailure(`tenant ${JSON.stringify(tenant)} is there already`);
        document.add({ tenant, plan });
        return { text: `${tenant} is added with plan ${plan}`, isChanged: true, json: { tenant, plan } };
      }),
    );
}
