import type { PolicyDocument, Principal } from "@dimmer/core";
import type { RouteAnswer, RouteFinding, RouteRule } from "@dimmer/sdk/routes";
import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addCommand, answering } from "../command.ts";
import { readDataFile } from "../data-file.ts";
import { readSoundPolicy } from "../policy-source.ts";

/** One letter for each class of principal that a cell may name. */
const LETTERS: readonly (readonly [Principal, string])[] = [
  ["admin", "a"],
  ["billing", "b"],
  ["member", "m"],
  ["service", "s"],
];

/** `dimmer routes lint`: shows what each route answers in every mode, and what is wrong with the table. */
export function addRoutesLint(parent: Command): void {
  addCommand(parent, {
    usage: "lint <file>",
    summary: "show what each route answers in every mode, and what is wrong with the table",
    details:
      "FILE is a YAML or JSON list of {method?, path, capability, feature?}, the first that matches wins. A cell names " +
      "who is let through: a admin, b billing, m member, s service, all, or - for nobody. The lines below the rules are " +
      "what requests get that no rule matches. Exit code 1 where there is an error.",
    examples: [
      ["routes lint routes.yaml", "under the standard policy"],
      ["routes lint routes.yaml --policy policy.yaml", "under a policy of your own"],
      ["routes lint routes.yaml --json", "every decision, for programs"],
    ],
  })
    .option("--policy <file>", "the policy: a file, or standard", "standard")
    .action(
      answering(async (file: string, { policy: source }: { policy: string }) => {
        const policy = await readSoundPolicy(source);
        const { compileRoutes, lintRoutes, routeAnswers } = await import("@dimmer/sdk/routes");
        const document = readDataFile(file, "routes");
        const findings = lintRoutes(document, policy);
        const isReadable = findings.every(({ code }) => code !== "route_malformed");
        const answers = isReadable ? routeAnswers(compileRoutes(document as readonly RouteRule[]), policy) : [];
        const errors = findings.filter(({ severity }) => severity === "error").length;
        return {
          text: [...tableOf(answers, policy), ...findings.map(lineOf), summaryOf(file, findings.length, errors)].join(
            "\n",
          ),
          json: { file, errors, warnings: findings.length - errors, findings, answers },
          isNo: errors > 0,
        };
      }),
    );
}

function tableOf(answers: readonly RouteAnswer[], policy: PolicyDocument): string[] {
  if (answers.length === 0) return [];
  const modes = policy.modes.map(({ name }) => name);
  const rows: string[][] = [["route", "asks for", ...modes]];
  for (let at = 0; at < answers.length; at += modes.length) {
    const { route, capability, feature } = answers[at] as RouteAnswer;
    const asksFor = feature === undefined ? capability : `${capability} + ${feature}`;
    rows.push([route, asksFor, ...answers.slice(at, at + modes.length).map(cellOf)]);
  }
  return [columns(rows), ""];
}

function cellOf({ answers }: RouteAnswer): string {
  const admitted = LETTERS.filter(([principal]) => {
    const answer = answers[principal];
    return answer === "open" || answer.allowed;
  });
  if (admitted.length === LETTERS.length) return "all";
  return admitted.length === 0 ? "-" : admitted.map(([, letter]) => letter).join("");
}

function lineOf({ severity, place, message, fix, code }: RouteFinding): string {
  return `${severity} ${place}: ${message} [${code}]\n  ${fix}`;
}

function summaryOf(file: string, findings: number, errors: number): string {
  if (findings === 0) return `${file}: nothing found`;
  return `${file}: ${errors} ${errors === 1 ? "error" : "errors"}, ${findings - errors} warnings`;
}
