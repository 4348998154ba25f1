import type { Command } from "commander";
import { usageFailure } from "../failure.ts";
import { removeLock } from "../tenants/edits.ts";
import { addTenantWrite, changing, type TenantWriteOptions } from "../tenants/tenant-command.ts";

interface Options extends TenantWriteOptions {
  readonly case?: string;
}

/** `dimmer tenant unlock`: lifts the locks of a tenant, or one of them; restrictions stay. */
export function addTenantUnlock(parent: Command): void {
  addTenantWrite(parent, {
    usage: "unlock <tenant>",
    summary: "lift a tenant's locks; its restrictions stay",
    examples: [
      ["tenant unlock tanuki-trading", "the lock list is signed anew without it"],
      ["tenant unlock tanuki-trading --case INC-2051", "one of several"],
      ["tenant unlock tanuki-trading --tenants tenants.yaml", "in a file"],
    ],
  })
    .option("--case <id>", "the lock of this incident alone")
    .action(
      changing<[string], Options>({
        inFile: (document, { arguments: [tenant], options }) => {
          if (options.case !== undefined) throw usageFailure("--case: a tenant of a file has one lock; leave it out");
          const isChanged = removeLock(document, tenant);
          return { text: textOf(tenant, isChanged), isChanged, json: { tenant } };
        },
        atAuthority: async (client, { arguments: [tenant], options, reason }) => {
          const { lockOf } = await import("../authority/facts.ts");
          const { pathOf } = await import("../tenants/tenant-writes.ts");
          // A tenant that is in no feed may be locked, too.
          const path = `/v1/locks?tenant=${encodeURIComponent(tenant)}`;
          const held = (await Array.fromAsync(client.items(path))).map(lockOf);
          const cases = held.map((lock) => lock.case).filter((id) => (options.case ?? id) === id);
          const writes = await Promise.all(
            cases.map((id) => client.write("DELETE", pathOf(tenant, "locks", id), { reason })),
          );
          return { text: textOf(tenant, cases.length > 0), writes, json: { tenant, cases } };
        },
      }),
    );
}

function textOf(tenant: string, isChanged: boolean): string {
  return isChanged ? `${tenant} is unlocked` : `${tenant} is not locked: nothing changed`;
}
