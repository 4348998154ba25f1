import type { Command } from "commander";
import type { AuthorityClient } from "../authority/authority-client.ts";
import { addAuthorityCommand, openAuthority, reasonOf } from "../authority/authority-command.ts";
import type { AuthorityOptions, DevRole } from "../authority/choose-authority.ts";
import { answering } from "../command.ts";
import { usageFailure } from "../failure.ts";

type Options = AuthorityOptions & { readonly reason?: string } & Readonly<Record<string, unknown>>;

/** A thing that a person does about a case. */
interface Act {
  /** As the API names it. */
  readonly action: string;
  readonly summary: string;
  readonly details?: string;
  /** Arguments behind the case. */
  readonly more?: string;
  readonly example: readonly [line: string, what: string];
  readonly options?: readonly (readonly [flag: string, what: string])[];
  readonly role?: DevRole;
  readonly body: (call: { readonly argument: string; readonly options: Options; readonly nowMs: number }) => object;
}

const ACTS: readonly Act[] = [
  {
    action: "veto",
    more: " <stage>",
    summary: "veto a step: it is not signed until the veto is lifted",
    example: ["case veto fuji-print limited", "while it is not in force"],
    body: ({ argument }) => ({ stage: argument }),
  },
  {
    action: "lift-veto",
    more: " <stage>",
    summary: "lift a veto: the step is announced anew",
    example: ["case lift-veto fuji-print limited", "with its whole time"],
    body: ({ argument }) => ({ stage: argument }),
  },
  {
    action: "approve",
    more: " [stage]",
    summary: "approve a step that waits for a person, or an exception that somebody else asked for",
    details: "With dimmer dev it is done with the key of a second person.",
    example: ["case approve midori-hospital read_only", "as a second person"],
    options: [["--request <id>", "the request of an exception, as case except gave it"]],
    role: "approver",
    body: ({ argument, options }) => ({ ...given("stage", argument), ...given("request", options["request"]) }),
  },
  {
    action: "pause",
    summary: "hold the clock until a date, with a note",
    example: ['case pause fuji-print --until 7d --note "looks into it"', "what is in force stays"],
    options: [
      ["--until <when>", "a duration from now, such as 7d, or an instant"],
      ["--note <text>", "what is waited for"],
    ],
    body: ({ options, nowMs }) => ({
      until: until(options, nowMs),
      note: required(options, "note", "what is waited for"),
    }),
  },
  {
    action: "resume",
    summary: "end a pause: the clock goes on",
    example: ["case resume fuji-print", "every pause"],
    options: [["--subject <id>", "one pause"]],
    body: ({ options }) => given("subject", options["subject"]),
  },
  {
    action: "extend",
    more: " <invoice>",
    summary: "put off the due date of an invoice",
    example: ["case extend fuji-print INV-1042 --due 2027-01-29", "a later day, never an earlier one"],
    options: [
      ["--due <date>", "the new due date"],
      ["--zone <zone>", "where that day is meant (default: Asia/Tokyo)"],
    ],
    body: ({ argument, options }) => ({
      invoice: argument,
      due: { date: required(options, "due", "such as 2027-01-29"), zone: options["zone"] ?? "Asia/Tokyo" },
    }),
  },
  {
    action: "except",
    summary: "ask for an exception: a second person approves it",
    details: "Prints the request that case approve --request takes.",
    example: [
      "case except midori-hospital --condition payment_plan --evidence contract-7 --until 60d",
      "a floor for that long",
    ],
    options: [
      ["--condition <name>", "prepayment, guarantee, payment_plan or public_request"],
      ["--evidence <text>", "where it is written down"],
      ["--until <when>", "a duration from now, such as 60d, or an instant"],
    ],
    body: ({ options, nowMs }) => ({
      condition: required(options, "condition", "such as payment_plan"),
      evidence: required(options, "evidence", "where it is written down"),
      until: until(options, nowMs),
    }),
  },
  {
    action: "end-exception",
    more: " <exception>",
    summary: "end an exception before its time: it is announced, and then the steps count again",
    example: ["case end-exception midori-hospital exception_1", "its name stands in case show"],
    body: ({ argument }) => ({ exception: argument }),
  },
  {
    action: "dispute",
    summary: "open a dispute: the clock stands still",
    example: ["case dispute fuji-print --subject order-7", "what is in force stays"],
    options: [["--subject <id>", "a name for it"]],
    body: ({ options }) => given("subject", options["subject"]),
  },
  {
    action: "close-dispute",
    more: " <subject>",
    summary: "close a dispute: the clock goes on",
    example: ["case close-dispute fuji-print order-7", "days that it touched do not count"],
    body: ({ argument }) => ({ subject: argument }),
  },
  {
    action: "resolve-doubt",
    more: " <fact>",
    summary: "say that a fact in doubt was looked into: the clock goes on",
    example: ["case resolve-doubt fuji-print evt_7", "its name stands in case show"],
    body: ({ argument }) => ({ fact: argument }),
  },
];

/** `dimmer case veto`, `pause` and its sisters: what people do about a case, each with a reason. */
export function addCaseActs(parent: Command): void {
  for (const act of ACTS) addAct(parent, act);
}

function addAct(
  parent: Command,
  { action, more = "", summary, details = "", example, options = [], role, body }: Act,
): void {
  const command = addAuthorityCommand(parent, {
    usage: `${action} <case>${more}`,
    summary,
    details: `CASE is the id of a case, or of a tenant that has one open case. ${details}`.trim(),
    examples: [example],
  }).option("--reason <text>", "why, for the ledger (default: the command, and who typed it)");
  for (const [flag, what] of options) command.option(flag, what);
  command.action(
    answering(async (...call: unknown[]) => {
      const [name, argument] = call as [string, string];
      const given = call.at(-2) as Options;
      const { client } = await openAuthority(given, role);
      const nowMs = await nowOf(client);
      const sent = body({ argument: more === "" ? "" : argument, options: given, nowMs });
      const { caseMeant } = await import("../authority/case-at.ts");
      const { id, tenant } = await caseMeant(client, name);
      const reason = reasonOf(given, call.at(-1) as Command);
      const path = `/v1/cases/${encodeURIComponent(id)}/${action}`;
      const { body: answer } = await client.write("POST", path, { reason, body: sent as Record<string, unknown> });
      return { text: await textOf(answer, { action, tenant }), json: { ...answer } };
    }),
  );
}

async function textOf(
  answer: Readonly<Record<string, unknown>>,
  { action, tenant }: { action: string; tenant: string },
) {
  const { request } = answer;
  if (typeof request === "string") {
    return `asked for, and not in force: a second person says dimmer case approve ${tenant} --request ${request}`;
  }
  const { caseLine, caseOf } = await import("../authority/case-at.ts");
  return `${action.replaceAll("-", " ")}: recorded\n  ${caseLine(caseOf(answer))}`;
}

async function nowOf(client: AuthorityClient): Promise<number> {
  const { authorityNowMs } = await import("../authority/authority-now.ts");
  return await authorityNowMs(client);
}

function given(name: string, value: unknown): object {
  return value === undefined || value === "" ? {} : { [name]: value };
}

function required(options: Options, name: string, such: string): unknown {
  if (options[name] !== undefined) return options[name];
  throw usageFailure(`--${name} is missing: ${such}`);
}

/** Whole seconds, as the API reads instants. */
function until(options: Options, nowMs: number): string {
  const text = String(required(options, "until", "a duration such as 7d, or an instant"));
  const days = /^(\d{1,4})([hd])$/.exec(text);
  if (days === null) return text;
  const ms = Number(days[1]) * (days[2] === "h" ? 3_600_000 : 86_400_000);
  return new Date(Math.ceil((nowMs + ms) / 1_000) * 1_000).toISOString();
}
