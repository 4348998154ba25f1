// Lives three years of so many tenants (100,000 unless said) and makes as many schedules, and prints the figures as JSON.
import { standardPolicy } from "@dimmer/core";
import { calendarsOf, planCase } from "@dimmer/lifecycle";
import { liveYears } from "./years.ts";

const tenants = Number(process.argv[2] ?? 100_000);
const begunCpu = process.cpuUsage();
const begun = performance.now();
const years = liveYears(tenants);
const yearsS = (performance.now() - begun) / 1_000;
const yearsCpuS = process.cpuUsage(begunCpu).user / 1_000_000;
const calendars = calendarsOf(standardPolicy);
const nowMs = Temporal.Instant.from("2026-12-01T00:00:00Z").epochMilliseconds;
const first = Temporal.PlainDate.from("2026-12-01");
const sinceCpu = process.cpuUsage();
const since = performance.now();
let dated = 0;
for (let index = 0; index < tenants; index++) {
  const due = { date: first.add({ days: index % 700 }).toString(), zone: "Asia/Tokyo" };
  const facts = [
    {
      kind: "invoice",
      id: "i",
      atMs: nowMs - index,
      invoice: `inv_${index}`,
      amount: 1,
      currency: "JPY",
      due,
      method: "invoice",
    },
  ] as const;
  const given = { case: `case_${index}`, track: "nonpayment", tenant: { id: `t_${index}` }, facts } as const;
  dated += planCase(given, standardPolicy, calendars, nowMs).steps.filter(({ atMs }) => atMs !== undefined).length;
}
const schedulesS = (performance.now() - since) / 1_000;
const schedulesCpuS = process.cpuUsage(sinceCpu).user / 1_000_000;
const zone = Temporal.Now.timeZoneId();
process.stdout.write(`${JSON.stringify({ zone, yearsS, yearsCpuS, schedulesS, schedulesCpuS, dated, ...years })}\n`);
