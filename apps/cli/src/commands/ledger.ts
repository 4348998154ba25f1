import type { Command } from "commander";
import { columns } from "../answer.ts";
import type { AuthorityClient, Body } from "../authority/authority-client.ts";
import { addAuthorityCommand, asking } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { toFailure, usageFailure } from "../failure.ts";

interface Options extends AuthorityOptions {
  readonly tenant?: string;
  readonly subject?: string;
  readonly correlation?: string;
  readonly last: string;
}

/** `dimmer ledger`: shows who did what, and why. */
export function addLedger(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "ledger",
    summary: "show who did what, when and why",
    details:
      "The newest entries, oldest of them first. --json has what each changed from what to what. The whole ledger is read " +
      "to find its end: name a tenant or a subject where it is long.",
    examples: [
      ["ledger --tenant acme", "all about a tenant: its cases and locks too"],
      ["ledger --last 200", "the newest 200 entries"],
      ["ledger --correlation cor_0c0f2a6e-5d43-4a9e-8c7e-0d8f2f1a9b11 --json", "what one request set in motion"],
    ],
  })
    .option("--tenant <id>", "about this tenant, its restrictions and its locks")
    .option("--subject <subject>", "about one subject, as in case:case_acme_42 or policy:policy_…")
    .option("--correlation <id>", "of one request")
    .option("--last <n>", "most entries to show", "50")
    .action(
      asking<[], Options>(async (client, { options }) => {
        const most = /^[1-9]\d{0,6}$/.test(options.last) ? Number(options.last) : 0;
        if (most === 0) throw usageFailure(`--last ${JSON.stringify(options.last)}: must be a number from 1 on`);
        const entries = await newestOf(client, options, most);
        const names = await namesOfKeys(client);
        const nameOf = ({ actor }: Body): string | undefined => names.get(String(actor));
        const rows = entries.map((entry) => [
          String(entry["at"]),
          nameOf(entry) ?? String(entry["actor"]),
          ...["action", "subject", "reason"].map((field) => String(entry[field])),
        ]);
        const shown = entries.map((entry): Body => ({ ...entry, actorName: nameOf(entry) ?? null }));
        return {
          text: columns([["at", "by", "did", "to", "because"], ...rows]),
          json: { entries: shown },
        };
      }),
    );
}

type Entry = Body & { readonly id: number };

async function newestOf(
  client: AuthorityClient,
  { tenant, subject, correlation }: Options,
  most: number,
): Promise<Entry[]> {
  const given = correlation === undefined ? {} : { correlation };
  const subjects: (string | undefined)[] = subject === undefined && tenant === undefined ? [undefined] : [];
  if (subject !== undefined) subjects.push(subject);
  if (tenant !== undefined) {
    const { allRestrictions } = await import("../authority/facts.ts");
    const cases = await allRestrictions(client, tenant);
    subjects.push(`tenant:${tenant}`, ...cases.map((restriction) => `case:${restriction.case}`));
  }
  let entries: Entry[] = [];
  for (const one of subjects) {
    const query = new URLSearchParams({ ...given, ...(one === undefined ? {} : { subject: one }) });
    for await (const item of client.items(`/v1/ledger?${query.toString()}`)) {
      entries.push(item as Entry);
      // A ledger may be long; no more of it is held than may be shown.
      if (entries.length >= 2 * most + 1_000) entries = newestFirst(entries).slice(0, most);
    }
  }
  return newestFirst(entries).slice(0, most).reverse();
}

function newestFirst(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => b.id - a.id);
}

/** Who is behind the ids of actors; nobody is named where the key may not ask. */
async function namesOfKeys(client: AuthorityClient): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  try {
    for await (const { id, name } of client.items("/v1/api-keys?revoked=true")) names.set(String(id), String(name));
  } catch (error) {
    if (toFailure(error).code !== "forbidden") throw error;
  }
  return names;
}
