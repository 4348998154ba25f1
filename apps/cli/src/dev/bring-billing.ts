import { readFileSync } from "node:fs";
import { DimmerError } from "@dimmer/core";
import { parse } from "yaml";
import { z } from "zod";
import type { AuthorityClient } from "../authority/authority-client.ts";
import { findTenant, tenantBody } from "../authority/facts.ts";
import { toFailure } from "../failure.ts";

const day = z.string().regex(/^(?:\d{4}-\d{2}-\d{2}|today(?:[+-]\d{1,3}d)?)$/, {
  error: "must be a day such as 2026-12-25, today or today-1d",
});
const invoice = z.strictObject({
  invoice: z.string(),
  amount: z.int().positive(),
  currency: z.string(),
  issued: day,
  due: day,
  method: z.enum(["invoice", "card"]).default("invoice"),
});
const schema = z.array(
  z.strictObject({
    tenant: z.string(),
    name: z.string(),
    zone: z.string(),
    locale: z.string().optional(),
    contacts: z.array(z.record(z.string(), z.unknown())),
    invoices: z.array(invoice),
  }),
);

type BillingEntry = z.infer<typeof schema>[number];

/**
 * Brings what a billing file says to an authority: names and contacts of tenants, and their invoices. A tenant that the
 * authority does not know is left out. Doing it again changes nothing but days that count from today.
 *
 * @throws {DimmerError} `input_invalid` naming file and field; {CommandFailure} where the authority refuses
 */
export async function bringBilling(
  file: string,
  { client, nowMs }: { readonly client: AuthorityClient; readonly nowMs: number },
): Promise<void> {
  const reason = `${file} says so`;
  for (const entry of readBilling(file)) {
    const facts = await findTenant(client, entry.tenant);
    if (facts === undefined) continue;
    const path = `/v1/tenants/${encodeURIComponent(entry.tenant)}`;
    const { name, zone, locale = null, contacts } = entry;
    const body = { ...tenantBody(facts, {}), name, zone, locale, contacts };
    await client.write("PUT", path, { reason, body, ifRevision: facts.revision });
    for (const one of entry.invoices) {
      const { invoice: id, ...said } = invoiceBody(one, zone, nowMs);
      await client.write("PUT", `${path}/invoices/${encodeURIComponent(id)}`, { reason, body: said });
    }
  }
}

function invoiceBody({ issued, due, ...said }: BillingEntry["invoices"][number], zone: string, nowMs: number) {
  const issuedAt = dayOf(issued, zone, nowMs).toZonedDateTime({ timeZone: zone, plainTime: "09:00" });
  return {
    ...said,
    issuedAt: issuedAt.toInstant().toString(),
    due: { date: dayOf(due, zone, nowMs).toString(), zone },
  };
}

function dayOf(text: string, zone: string, nowMs: number): Temporal.PlainDate {
  const relative = /^today(?:([+-]\d+)d)?$/.exec(text);
  if (relative === null) return Temporal.PlainDate.from(text);
  const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(zone).toPlainDate();
  return today.add({ days: Number(relative[1] ?? 0) });
}

function readBilling(file: string): readonly BillingEntry[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw toFailure(cause);
  }
  const read = schema.safeParse(parse(text, { schema: "core", version: "1.2" }));
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0] ?? { path: [], message: "does not hold" };
  throw new DimmerError("input_invalid", `${file}: ${path.join(".")}: ${message}`);
}
