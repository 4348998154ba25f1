import type { Command } from "commander";
import { usageFailure } from "../failure.ts";
import { addTenantWrite, changing, type TenantWriteOptions } from "../tenants/tenant-command.ts";

interface Options extends TenantWriteOptions {
  readonly plan: string;
  readonly name?: string;
}

/** `dimmer tenant add`: makes a new tenant, at the authority or at the end of a file. */
export function addTenantAdd(parent: Command): void {
  addTenantWrite(parent, {
    usage: "add <tenant>",
    summary: "add a tenant in good standing",
    examples: [
      ["tenant add kaede-cafe --plan starter", "known to both products within a second"],
      ['tenant add kaede-cafe --plan pro --name "Kaede Café" --reason "contract 4711"', "with its name, and why"],
      ["tenant add kaede-cafe --plan starter --tenants tenants.yaml", "in a file"],
    ],
  })
    .requiredOption("--plan <plan>", "plan of the policy")
    .option("--name <text>", "name of the organisation (default: its id)")
    .action(
      changing<[string], Options>({
        inFile: (document, { arguments: [tenant], options: { plan, name } }) => {
          if (name !== undefined) throw usageFailure("--name: a tenants file has no names; leave it out");
          if (document.has(tenant)) throw usageFailure(`tenant ${JSON.stringify(tenant)} is there already`);
          document.add({ tenant, plan });
          return { text: `${tenant} is added with plan ${plan}`, isChanged: true, json: { tenant, plan } };
        },
        atAuthority: async (client, { arguments: [id], options: { plan, name = id }, reason }) => {
          const { createTenant } = await import("../tenants/tenant-writes.ts");
          const written = await createTenant(client, { id, name, plan, reason });
          return { text: `${id} is added with plan ${plan}`, writes: [written], json: { tenant: id, plan } };
        },
      }),
    );
}
