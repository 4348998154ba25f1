import type { Command } from "commander";
import { removeLock } from "../tenants/edits.ts";
import { addTenantCommand, editing } from "../tenants/tenant-command.ts";

/** `dimmer tenant unlock`: lifts a lock; restrictions stay. */
export function addTenantUnlock(parent: Command): void {
  addTenantCommand(parent, {
    usage: "unlock <tenant>",
    summary: "lift a tenant's lock; its restrictions stay",
    examples: [["tenant unlock tanuki-trading", "the lock list is signed anew without it"]],
  }).action(
    editing((document, { arguments: [tenant] }: { arguments: [string] }) => {
      const isChanged = removeLock(document, tenant);
      const text = isChanged ? `${tenant} is unlocked` : `${tenant} is not locked: nothing changed`;
      return { text, isChanged, json: { tenant } };
    }),
  );
}
