import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";

interface Options extends AuthorityOptions {
  readonly tenant?: string;
  readonly track?: string;
  readonly all?: boolean;
}

/** `dimmer case list`: what follows from facts at present, one line a case. */
export function addCaseList(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "list",
    summary: "list the cases: where each stands and what comes next",
    examples: [
      ["case list", "those that are open"],
      ["case list --tenant fuji-print --all", "all of one tenant, closed ones too"],
    ],
  })
    .option("--tenant <id>", "of one tenant")
    .option("--track <name>", "nonpayment, breach, security or offboarding")
    .option("--all", "closed ones, too")
    .action(
      asking<[], Options>(async (client, { options: { tenant, track, all } }) => {
        const { casesOf, nextText, placeOf } = await import("../authority/case-at.ts");
        const cases = await casesOf(client, {
          ...(tenant === undefined ? {} : { tenant }),
          ...(track === undefined ? {} : { track }),
          ...(all === true ? {} : { state: "open" }),
        });
        const rows = cases.map((shown) => {
          const { mode, next } = placeOf(shown);
          const coming = next === undefined ? "" : nextText(next);
          return [shown.id, shown.tenant, shown.track, shown.standing ?? "new", mode, coming];
        });
        const text =
          rows.length === 0 ? "no cases" : columns([["case", "tenant", "track", "", "mode", "next"], ...rows]);
        return { text, json: { cases } };
      }),
    );
}
