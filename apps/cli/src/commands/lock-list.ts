import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";

interface Options extends AuthorityOptions {
  readonly lifted?: boolean;
  readonly tenant?: string;
}

/** `dimmer lock list`: shows who is locked, and for what. */
export function addLockList(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "list",
    summary: "show who is locked, since when and for what",
    details: "A lock that waits for a second person is no lock yet, and is shown with its change set.",
    examples: [
      ["lock list", "all that hold"],
      ["lock list --tenant tanuki-trading --lifted", "of one tenant, those that were lifted as well"],
    ],
  })
    .option("--tenant <id>", "of this tenant alone")
    .option("--lifted", "those that were lifted as well")
    .action(
      asking<[], Options>(async (client, { options: { tenant, lifted } }) => {
        const { lockOf } = await import("../authority/facts.ts");
        const query = new URLSearchParams({
          ...(tenant === undefined ? {} : { tenant }),
          ...(lifted === true ? { lifted: "true" } : {}),
        });
        const locks = (await Array.fromAsync(client.items(`/v1/locks?${query.toString()}`))).map(lockOf);
        const rows = locks.map(({ tenant: id, case: caseId, cause, since, allow, changeSet, liftedAt }) => [
          id,
          cause,
          caseId,
          since,
          allow.join(", ") || "nothing",
          liftedAt !== null ? `lifted ${liftedAt}` : changeSet !== null ? `waits in ${changeSet}` : "holds",
        ]);
        const table = columns([["tenant", "cause", "case", "since", "allows", ""], ...rows]);
        return { text: locks.length === 0 ? "nobody is locked" : table, json: { locks } };
      }),
    );
}
