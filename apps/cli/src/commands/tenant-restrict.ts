import type { Command } from "commander";
import { collect } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { putRestriction } from "../tenants/edits.ts";
import { addTenantCommand, editing, instantForFile } from "../tenants/tenant-command.ts";
import type { TenantsFileOptions } from "../tenants/tenants-file.ts";

interface Options extends TenantsFileOptions {
  readonly cause: string;
  readonly case?: string;
  readonly at: string;
  readonly deny?: readonly string[];
  readonly floor?: string;
  readonly until?: string;
}

/** `dimmer tenant restrict`: puts a restriction in force, in place of those of the same cause. */
export function addTenantRestrict(parent: Command): void {
  addTenantCommand(parent, {
    usage: "restrict <tenant> <mode>",
    summary: "restrict a tenant to a mode, for a cause",
    details:
      "Takes the place of the tenant's restrictions of the same cause. Instants are ISO 8601 with a zone, whole Unix " +
      "seconds, or counted from this moment: now, now+2m, now-1d.",
    examples: [
      ["tenant restrict northwind limited", "for nonpayment, at once"],
      ["tenant restrict northwind read_only --at now+2m", "a signed step that lies ahead"],
      ["tenant restrict northwind limited --cause breach --deny webhook", "another cause, and one capability less"],
      ["tenant restrict minato-city read_only --floor essential --until now+30d", "with an exception under it"],
    ],
  })
    .option("--cause <cause>", "nonpayment, breach, offboarding or manual", "nonpayment")
    .option("--case <id>", "id of the case (default: one with the time in it)")
    .option("--at <instant>", "when the step takes effect", "now")
    .option("--deny <name>", "capability, or feature:NAME, that the step takes away besides; may be repeated", collect)
    .option("--floor <mode>", "exception: the mode that it does not fall below; needs --until")
    .option("--until <instant>", "exception: when it ends; needs --floor")
    .action(
      editing(async (document, given: { arguments: [string, string]; options: Options }) => {
        const [tenant, mode] = given.arguments;
        const { cause, at, deny = [], floor, until } = given.options;
        if ((floor === undefined) !== (until === undefined)) {
          throw usageFailure("an exception needs both --floor and --until: it has an end");
        }
        const caseId = given.options.case ?? `case_${Date.now().toString(36)}`;
        const from = await instantForFile("now");
        putRestriction(document, tenant, {
          cause,
          case: caseId,
          at: asWritten(await instantForFile(at)),
          mode,
          deny,
          ...(floor === undefined || until === undefined
            ? {}
            : { exception: { floor, from, until: asWritten(await instantForFile(until)) } }),
        });
        return {
          text: `${tenant}: ${mode} for ${cause} (${caseId})`,
          isChanged: true,
          json: { tenant, mode, cause, case: caseId },
        };
      }),
    );
}

/** Unix seconds are written as a number: in quotes they would be refused. */
function asWritten(instant: string): string | number {
  return /^\d+$/.test(instant) ? Number(instant) : instant;
}
