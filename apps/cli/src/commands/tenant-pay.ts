import type { Command } from "commander";
import { usageFailure } from "../failure.ts";
import { endRestrictions } from "../tenants/edits.ts";
import { addTenantWrite, changing, type TenantWriteOptions } from "../tenants/tenant-command.ts";

/** `dimmer tenant pay`: ends what a payment ends, the restrictions for nonpayment. */
export function addTenantPay(parent: Command): void {
  addTenantWrite(parent, {
    usage: "pay <tenant>",
    summary: "let a tenant pay: its restrictions for nonpayment end",
    details:
      "For restrictions that were put by hand; dimmer pay pays the invoices that the authority has. A payment clears " +
      "nonpayment and no other cause, and no lock.",
    examples: [
      ["tenant pay acme", "acme is back in full within a second"],
      ['tenant pay acme --reason "transfer of 2 December"', "and the ledger says why"],
      ["tenant pay acme --tenants tenants.yaml", "in a file"],
    ],
  }).action(
    changing<[string], TenantWriteOptions>({
      inFile: (document, { arguments: [tenant] }) => {
        const cases = endRestrictions(document, tenant, CAUSE).map((restriction) => restriction.case);
        return { text: textOf(tenant, cases), isChanged: cases.length > 0, json: { tenant, closed: cases } };
      },
      atAuthority: async (client, { arguments: [tenant], reason }) => {
        const { casesRestricting, pathOf } = await import("../tenants/tenant-writes.ts");
        const { byHand: cases, planned } = await casesRestricting(client, { id: tenant, cause: CAUSE });
        if (cases.length === 0 && planned.length > 0) {
          throw usageFailure(`${tenant} is restricted for an open invoice: "dimmer pay ${tenant}" pays it`);
        }
        const writes = await Promise.all(
          cases.map((id) => client.write("DELETE", pathOf(tenant, "restrictions", id), { reason })),
        );
        return { text: textOf(tenant, cases), writes, json: { tenant, closed: cases } };
      },
    }),
  );
}

const CAUSE = "nonpayment";

function textOf(tenant: string, cases: readonly string[]): string {
  return cases.length === 0
    ? `${tenant} owes nothing: nothing changed`
    : `${tenant} has paid: ${cases.join(", ")} closed`;
}
