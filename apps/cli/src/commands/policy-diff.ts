import type { PolicyDocument } from "@dimmer/core";
import type { Command } from "commander";
import type { AuthorityClient } from "../authority/authority-client.ts";
import { addAuthorityCommand, openAuthority } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { answering, collect } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { readPolicy } from "../policy-source.ts";
import { previewText } from "./policy-upload.ts";

interface Options extends AuthorityOptions {
  readonly due?: readonly string[];
}

/** `dimmer policy diff`: says what a policy changes against another one, and whose dates it moves. */
export function addPolicyDiff(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "diff <policy> [next]",
    summary: "say what a policy changes, and whose dates it moves",
    details:
      "Each is a file, the word standard, or the id of a version at the authority. With one, it is held against the policy " +
      "in force: the dates of the open cases are worked out by both (cases stay pinned to the policy that they were opened " +
      "under), and of a version that was uploaded the authority says whom it would change. With two, dates are " +
      "those of invoices due on the 25th and the last day of each of the next twelve months. Exit code 0 whether they differ " +
      "or not, 1 where the lint has errors.",
    examples: [
      ["policy diff policy.yaml", "a file, before it is uploaded"],
      ["policy diff policy_6a4cf5d8-0df5-4b65-8a5e-52c5a1e0a7b2", "a draft, with whom it would change"],
      ["policy diff standard policy.yaml", "two files; no authority is asked"],
      ["policy diff standard policy.yaml --due 2026-12-25", "and the dates of one due date"],
    ],
  })
    .option("--due <date>", "due date to compare by, instead of cases; may be given several times", collect)
    .action(
      answering(async (first: string, second: string | undefined, options: Options) => {
        const isAsked = second === undefined || isId(first) || isId(second);
        const client = isAsked ? (await openAuthority(options)).client : undefined;
        const before = second === undefined ? await inForce(client as AuthorityClient) : await sideOf(client, first);
        const after = await sideOf(client, second ?? first);
        return await answerOf({ before, after, client: second === undefined ? client : undefined, options });
      }),
    );
}

/** One of the two policies. */
interface Side {
  /** As it is told: a file, or a version of the authority. */
  readonly name: string;
  readonly document: unknown;
  readonly id?: string;
}

interface Comparison {
  readonly before: Side;
  readonly after: Side;
  /** The authority whose cases are looked at. */
  readonly client: AuthorityClient | undefined;
  readonly options: Options;
}

async function answerOf({ before, after, client, options }: Comparison) {
  const { lintPolicy } = await import("@dimmer/core");
  const { jsonDifferences } = await import("../json-differences.ts");
  const differences = jsonDifferences(before.document, after.document);
  const findings = lintPolicy(after.document, before.document as PolicyDocument);
  const isSound = !findings.some(({ severity }) => severity === "error");
  const preview =
    client === undefined || after.id === undefined ? undefined : await client.get(`/v1/policies/${after.id}/preview`);
  const dates = isSound ? await datesOf({ before, after, client, options }) : undefined;
  return {
    text: [
      ...differences.map(({ place, before: was, after: is }) => `${place || "(document)"}: ${json(was)} → ${json(is)}`),
      ...findings.map(({ severity, place, message, code }) => `${severity} ${place}: ${message} [${code}]`),
      `${differences.length} ${differences.length === 1 ? "difference" : "differences"} from ${before.name}`,
      ...(preview === undefined ? [] : [previewText(preview)]),
      ...(dates?.lines ?? []),
    ].join("\n"),
    json: {
      against: before.id ?? before.name,
      differences,
      findings,
      ...(preview === undefined ? {} : { preview }),
      ...(dates === undefined ? {} : { dates: dates.json }),
    },
    isNo: !isSound,
  };
}

async function datesOf({ before, after, client, options }: Comparison) {
  const { movedDates, movedText, sampleCases } = await import("../moved-dates.ts");
  const next = after.document as PolicyDocument;
  const { authorityNowMs } = await import("../authority/authority-now.ts");
  const nowMs = client === undefined ? Date.now() : await authorityNowMs(client);
  for (const day of options.due ?? []) checkDay(day);
  const isSample = client === undefined || options.due !== undefined;
  const cases = isSample
    ? sampleCases(next.zone, nowMs, options.due)
    : await (await import("../authority/case-facts.ts")).openCases(client);
  const dates = await movedDates(cases, { before: before.document as PolicyDocument, after: next, nowMs });
  const what = isSample ? "due dates" : "open cases";
  return { lines: movedText(dates, what, next.zone), json: { of: isSample ? "samples" : "cases", ...dates } };
}

async function inForce(client: AuthorityClient): Promise<Side> {
  const { activePolicy } = await import("../authority/facts.ts");
  const { id, version, document } = await activePolicy(client);
  return { name: `version ${version}`, document, id };
}

async function sideOf(client: AuthorityClient | undefined, given: string): Promise<Side> {
  if (!isId(given) || client === undefined) return { name: given, document: await readPolicy(given) };
  const { document, version } = await client.get(`/v1/policies/${given}`);
  return { name: `version ${String(version)}`, document, id: given };
}

function isId(given: string): boolean {
  return /^policy_[0-9a-f-]{36}$/.test(given);
}

function checkDay(day: string): void {
  try {
    Temporal.PlainDate.from(day, { overflow: "reject" });
  } catch {
    throw usageFailure(`--due ${JSON.stringify(day)}: must be a day such as 2026-12-25`);
  }
}

function json(value: unknown): string {
  return value === undefined ? "–" : JSON.stringify(value);
}
