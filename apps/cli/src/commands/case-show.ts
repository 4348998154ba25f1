import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking } from "../authority/authority-command.ts";
import { type CaseShown, caseLine, caseMeant } from "../authority/case-at.ts";

/** `dimmer case show`: one case with its dates and their reasons. */
export function addCaseShow(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "show <case>",
    summary: "show a case: its dated steps with their reasons, what holds it, what is in doubt",
    details: "CASE is the id of a case, or of a tenant that has one open case.",
    examples: [["case show fuji-print", "the open case of a tenant"]],
  }).action(
    asking<[string], { dir: string }>(async (client, { arguments: [name] }) => {
      const shown = await caseMeant(client, name);
      const body = await client.get(`/v1/cases/${encodeURIComponent(shown.id)}`);
      return { text: textOf(shown, body["header"] as Header | undefined), json: { ...body } };
    }),
  );
}

interface Header {
  readonly amount: Readonly<Record<string, number>>;
  readonly due: string | null;
  readonly payments: readonly unknown[];
}

function textOf(shown: CaseShown, header: Header | undefined): string {
  const owed = Object.entries(header?.amount ?? {}).map(([currency, amount]) => `${amount} ${currency}`);
  const steps = shown.steps.map(({ stage, mode, state, at, notice, decision, reasons }) => [
    `  ${stage}`,
    mode,
    state,
    at ?? "no date",
    notice.deadline === null ? "" : `until ${notice.deadline}`,
    [decision.mode, ...reasons.map(({ message }) => message)].join("; "),
  ]);
  return [
    `${shown.id} (${shown.track}, ${shown.standing ?? "new"})`,
    caseLine(shown),
    ...(owed.length === 0 ? [] : [`owes ${owed.join(", ")}${header?.due == null ? "" : `, due ${header.due}`}`]),
    ...(steps.length === 0 ? [] : [columns(steps)]),
    ...shown.holds.map(
      ({ kind, subject, until }) => `held by ${kind} ${subject}${until === null ? "" : ` until ${until}`}`,
    ),
    ...shown.quarantined.map(({ fact, code, message }) => `in doubt: ${fact}: ${message} [${code}]`),
    ...shown.obligations.map((obligation) => `obligation: ${obligation}`),
    ...(shown.fault === null ? [] : [`cannot be run: ${JSON.stringify(shown.fault)}`]),
  ].join("\n");
}
