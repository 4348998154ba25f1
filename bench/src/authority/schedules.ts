// Makes so many schedules (100,000 unless said), each of an invoice of its own, and prints what that took as JSON.
import { standardPolicy } from "@dimmer/core";
import { calendarsOf, planCase } from "@dimmer/lifecycle";

const schedules = Number(process.argv[2] ?? 100_000);
const DAYS = 700;
const calendars = calendarsOf(standardPolicy);
const nowMs = Temporal.Instant.from("2026-12-01T00:00:00Z").epochMilliseconds;
const first = Temporal.PlainDate.from("2026-12-01");
const days = Array.from({ length: DAYS }, (_, i) => first.add({ days: i }).toString());

const cpu = process.cpuUsage();
const began = performance.now();
let dated = 0;
for (let i = 0; i < schedules; i++) {
  const due = { date: days[i % DAYS] ?? "", zone: "Asia/Tokyo" };
  const money = { amount: 1, currency: "JPY", method: "invoice" } as const;
  const facts = [{ kind: "invoice", id: "i", atMs: nowMs - i, invoice: `inv_${i}`, due, ...money }] as const;
  const given = { case: `case_${i}`, track: "nonpayment", tenant: { id: `t_${i}` }, facts } as const;
  dated += planCase(given, standardPolicy, calendars, nowMs).steps.filter(({ atMs }) => atMs !== undefined).length;
}
const tookMs = Math.round(performance.now() - began);
const cpuMs = Math.round(process.cpuUsage(cpu).user / 1_000);
process.stdout.write(`${JSON.stringify({ figure: "schedules", schedules, dated, tookMs, cpuMs })}\n`);
