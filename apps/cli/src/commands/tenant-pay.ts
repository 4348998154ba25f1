import type { Command } from "commander";
import { endRestrictions } from "../tenants/edits.ts";
import { addTenantCommand, editing } from "../tenants/tenant-command.ts";

/** `dimmer tenant pay`: ends what a payment ends, the restrictions for nonpayment. */
export function addTenantPay(parent: Command): void {
  addTenantCommand(parent, {
    usage: "pay <tenant>",
    summary: "let a tenant pay: its restrictions for nonpayment end",
    details: "A payment clears nonpayment and no other cause, and no lock.",
    examples: [["tenant pay acme", "acme is back in full within a second"]],
  }).action(
    editing((document, { arguments: [tenant] }: { arguments: [string] }) => {
      const ended = endRestrictions(document, tenant, "nonpayment");
      const cases = ended.map((restriction) => restriction.case);
      const isChanged = ended.length > 0;
      const text = isChanged
        ? `${tenant} has paid: ${cases.join(", ")} closed`
        : `${tenant} owes nothing: nothing changed`;
      return { text, isChanged, json: { tenant, closed: cases } };
    }),
  );
}
