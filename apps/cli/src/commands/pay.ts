import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { AuthorityClient } from "../authority/authority-client.ts";
import { addAuthorityCommand, openAuthority, reasonOf } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { answering } from "../command.ts";
import { environmentFailure, usageFailure } from "../failure.ts";

interface Options extends AuthorityOptions {
  readonly reason?: string;
  readonly invoice?: string;
  readonly amount?: string;
}

interface Invoice {
  readonly invoice: string;
  readonly open: number | null;
  readonly currency: string;
}

/** `dimmer pay`: records a payment, and says when the last replica had what it opened. */
export function addPay(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "pay <tenant>",
    summary: "record a payment, and wait until the last replica has put everything back",
    details:
      "Pays what is open of each invoice that the authority has of the tenant, or of one. What a payment ends, ends at once, " +
      "without a person. Restrictions that were put by hand have no invoice: dimmer tenant pay ends those. Exit code 1 where " +
      "there is nothing to pay.",
    examples: [
      ["pay fuji-print", "all that is open"],
      ["pay fuji-print --amount 20000", "a part of its oldest invoice"],
      ["pay fuji-print --invoice INV-1042", "one invoice"],
    ],
  })
    .option("--invoice <id>", "one invoice, instead of all that are open")
    .option("--amount <n>", "a part, in the least unit of the currency: yen, cents")
    .option("--reason <text>", "why, for the ledger (default: the command, and who typed it)")
    .action(
      answering(async (tenant: string, options: Options, command: Command) => {
        const { client } = await openAuthority(options);
        const invoices = await invoicesToPay(client, tenant, options);
        if (invoices.length === 0) return nothingToPay(tenant);
        const reason = reasonOf(options, command);
        const startedMs = performance.now();
        const paid = [];
        for (const { invoice, open, currency } of invoices) {
          const body = { payment: `pay_${randomUUID()}`, invoice, amount: open, currency };
          const path = `/v1/tenants/${encodeURIComponent(tenant)}/payments`;
          paid.push({ ...body, case: (await client.write("POST", path, { reason, body })).body["case"] });
        }
        const last = String(paid.at(-1)?.case);
        const outcome = await outcomeOf(client, last, String(paid.at(-1)?.payment));
        const tookMs = Math.round(performance.now() - startedMs);
        const what = paid.map(({ invoice, amount, currency }) => `${amount} ${currency} of ${invoice}`).join(", ");
        return {
          text: `${tenant} has paid ${what}\n  ${outcome.text}`,
          json: { tenant, paid, case: last, ...outcome.json, tookMs },
        };
      }),
    );
}

async function invoicesToPay(
  client: AuthorityClient,
  tenant: string,
  { invoice, amount }: Options,
): Promise<Invoice[]> {
  if (amount !== undefined && !/^[1-9]\d{0,14}$/.test(amount)) {
    throw usageFailure(`--amount ${JSON.stringify(amount)}: must be a whole number of the least unit, such as 20000`);
  }
  const path = `/v1/tenants/${encodeURIComponent(tenant)}`;
  if ((await client.find(path)) === undefined) {
    throw usageFailure(`no tenant ${JSON.stringify(tenant)} at ${client.url}`);
  }
  const all = ((await client.get(`${path}/invoices`))["items"] as readonly Invoice[]).filter(
    ({ open }) => open !== null && open > 0,
  );
  const chosen = invoice === undefined ? all : all.filter((one) => one.invoice === invoice);
  if (amount === undefined) return chosen;
  return chosen.slice(0, 1).map((one) => ({ ...one, open: Number(amount) }));
}

function nothingToPay(tenant: string) {
  return {
    text: `${tenant} has no open invoice; what was put by hand ends with: dimmer tenant pay ${tenant}`,
    json: { tenant, paid: [] },
    isNo: true,
  };
}

const WITHIN_MS = 30_000;
const POLL_MS = 20;

interface Item {
  readonly fact?: unknown;
  readonly tookMs?: number | null;
}

/** Waits until the payment has been looked at and, where it put something back, until the last replica has it. */
async function outcomeOf(client: AuthorityClient, id: string, payment: string) {
  const { caseLine, caseOf } = await import("../authority/case-at.ts");
  const untilMs = performance.now() + WITHIN_MS;
  while (performance.now() < untilMs) {
    const shown = caseOf(await client.get(`/v1/cases/${id}`));
    // The runner has looked at it once it does not want to look at once.
    if (shown.nextAt === null || Date.parse(shown.nextAt) > 0) {
      const { items } = await client.get(`/v1/cases/${id}/timeline`);
      const returned = (items as readonly Item[]).find(
        ({ fact, tookMs }) => tookMs !== undefined && isOf(fact, payment),
      );
      if (returned === undefined) return { text: caseLine(shown), json: { standing: shown.standing } };
      if (returned.tookMs !== null) {
        const text = `back in full: the last replica had it ${String(returned.tookMs)} ms after the payment`;
        return { text, json: { standing: shown.standing, toLastReplicaMs: returned.tookMs } };
      }
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  throw environmentFailure("not_enforced", `recorded, and not enforced by every replica within ${WITHIN_MS / 1_000} s`);
}

/** Facts of money are called by what they are and by the name that they were given. */
function isOf(fact: unknown, payment: string): boolean {
  return typeof fact === "string" && fact.includes(payment);
}
