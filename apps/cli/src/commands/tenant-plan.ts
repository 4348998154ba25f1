import type { Command } from "commander";
import { putPlan } from "../tenants/edits.ts";
import { addTenantCommand, editing } from "../tenants/tenant-command.ts";

/** `dimmer tenant plan`: moves a tenant to another plan. */
export function addTenantPlan(parent: Command): void {
  addTenantCommand(parent, {
    usage: "plan <tenant> <plan>",
    summary: "move a tenant to another plan",
    examples: [["tenant plan hinata-design pro", "starter, pro or enterprise under the standard policy"]],
  }).action(
    editing((document, { arguments: [tenant, plan] }: { arguments: [string, string] }) => {
      const before = putPlan(document, tenant, plan);
      const isChanged = before !== plan;
      const text = isChanged ? `${tenant}: plan ${before} → ${plan}` : `${tenant} has plan ${plan}: nothing changed`;
      return { text, isChanged, json: { tenant, plan, before } };
    }),
  );
}
