import type { Command } from "commander";
import { putPlan } from "../tenants/edits.ts";
import { addTenantWrite, changing, type TenantWriteOptions } from "../tenants/tenant-command.ts";

/** `dimmer tenant plan`: moves a tenant to another plan. */
export function addTenantPlan(parent: Command): void {
  addTenantWrite(parent, {
    usage: "plan <tenant> <plan>",
    summary: "move a tenant to another plan",
    examples: [
      ["tenant plan hinata-design pro", "starter, pro or enterprise under the standard policy"],
      ["tenant plan hinata-design pro --tenants tenants.yaml", "in a file"],
    ],
  }).action(
    changing<[string, string], TenantWriteOptions>({
      inFile: (document, { arguments: [tenant, plan] }) => {
        const before = putPlan(document, tenant, plan);
        const isChanged = before !== plan;
        return { text: textOf({ tenant, plan, before }), isChanged, json: { tenant, plan, before } };
      },
      atAuthority: async (client, { arguments: [tenant, plan], reason }) => {
        const { movePlan } = await import("../tenants/tenant-writes.ts");
        const { before, written } = await movePlan(client, { id: tenant, plan, reason });
        const writes = written === undefined ? [] : [written];
        return { text: textOf({ tenant, plan, before }), writes, json: { tenant, plan, before } };
      },
    }),
  );
}

function textOf({ tenant, plan, before }: { tenant: string; plan: string; before: string }): string {
  return before === plan ? `${tenant} has plan ${plan}: nothing changed` : `${tenant}: plan ${before} → ${plan}`;
}
