import type { Command } from "commander";
import { collect } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { putRestriction } from "../tenants/edits.ts";
import { addTenantWrite, changing, instantFromNow, type TenantWriteOptions } from "../tenants/tenant-command.ts";

interface Options extends TenantWriteOptions {
  readonly cause: string;
  readonly case?: string;
  readonly at: string;
  readonly deny?: readonly string[];
  readonly floor?: string;
  readonly until?: string;
}

/** `dimmer tenant restrict`: puts a restriction in force, in place of those of the same cause. */
export function addTenantRestrict(parent: Command): void {
  addTenantWrite(parent, {
    usage: "restrict <tenant> <mode>",
    summary: "restrict a tenant to a mode, for a cause",
    details:
      "Takes the place of the tenant's restrictions of the same cause that were put by hand; those that follow from facts " +
      "stay. Instants are ISO 8601 with a zone, whole Unix " +
      "seconds, or counted from this moment: now, now+2m, now-1d. For nonpayment, what shuts members out lies days ahead " +
      "(the min_lead of the policy's last stage), or the authority refuses it; that of dimmer dev does not.",
    examples: [
      ["tenant restrict northwind limited", "for nonpayment, at once"],
      ["tenant restrict northwind read_only --at now+2m", "a signed step that lies ahead"],
      ["tenant restrict northwind limited --cause breach --deny webhook", "another cause, and one capability less"],
      ["tenant restrict minato-city read_only --floor essential --until now+30d", "with an exception under it"],
      ["tenant restrict northwind limited --tenants tenants.yaml", "in a file"],
    ],
  })
    .option("--cause <cause>", "nonpayment, breach, offboarding or manual", "nonpayment")
    .option("--case <id>", "id of the case (default: one with the time in it)")
    .option("--at <instant>", "when the step takes effect", "now")
    .option("--deny <name>", "capability, or feature:NAME, that the step takes away besides; may be repeated", collect)
    .option("--floor <mode>", "exception: the mode that it does not fall below; needs --until")
    .option("--until <instant>", "exception: when it ends; needs --floor")
    .action(
      changing<[string, string], Options>({
        inFile: async (document, { arguments: [tenant, mode], options }) => {
          const restriction = await restrictionOf(options);
          putRestriction(document, tenant, { ...restriction, mode });
          return { ...said(tenant, mode, restriction), isChanged: true };
        },
        atAuthority: async (client, { arguments: [tenant, mode], options, reason }) => {
          const { casesRestricting, pathOf } = await import("../tenants/tenant-writes.ts");
          const restriction = await restrictionOf(options);
          const { byHand } = await casesRestricting(client, { id: tenant, cause: restriction.cause });
          const { cause, at, deny, exception } = restriction;
          const body = {
            cause,
            steps: [{ at, mode, ...(deny.length === 0 ? {} : { deny }) }],
            ...(exception === undefined ? {} : { exception }),
          };
          const path = pathOf(tenant, "restrictions", restriction.case);
          // The new one is in force before the old ones end.
          const writes = [await client.write("PUT", path, { reason, body })];
          for (const id of byHand) {
            if (id === restriction.case) continue;
            writes.push(await client.write("DELETE", pathOf(tenant, "restrictions", id), { reason }));
          }
          return { ...said(tenant, mode, restriction), writes };
        },
      }),
    );
}

interface Restriction {
  readonly cause: string;
  readonly case: string;
  readonly at: string | number;
  readonly deny: readonly string[];
  readonly exception?: { readonly floor: string; readonly from: string; readonly until: string | number };
}

async function restrictionOf(options: Options): Promise<Restriction> {
  const { cause, at, deny = [], floor, until } = options;
  if ((floor === undefined) !== (until === undefined)) {
    throw usageFailure("an exception needs both --floor and --until: it has an end");
  }
  return {
    cause,
    case: options.case ?? `case_${Date.now().toString(36)}`,
    at: asWritten(await instantFromNow(at)),
    deny,
    ...(floor === undefined || until === undefined
      ? {}
      : { exception: { floor, from: await instantFromNow("now"), until: asWritten(await instantFromNow(until)) } }),
  };
}

function said(
  tenant: string,
  mode: string,
  { cause, case: caseId }: Restriction,
): { text: string; json: Record<string, unknown> } {
  return { text: `${tenant}: ${mode} for ${cause} (${caseId})`, json: { tenant, mode, cause, case: caseId } };
}

/** Unix seconds are written as a number: in quotes they would be refused. */
function asWritten(instant: string): string | number {
  return /^\d+$/.test(instant) ? Number(instant) : instant;
}
