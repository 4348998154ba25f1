import type { Service } from "./service.ts";

type Gauge = (name: string, help: string, value: number) => void;

const DAY_MS = 86_400_000;

/** The numbers of cases: how many, how late, and how long a payment takes to the last replica. Never by tenant (F7). */
export async function gaugeCases({ store, now, counters }: Service, gauge: Gauge): Promise<void> {
  const nowMs = now();
  const { db } = store;
  const open = await db
    .selectFrom("case_file")
    .select((row) => [
      row.fn.countAll<number>().as("open"),
      row.fn.count<number>("fault").as("faulty"),
      row.fn.min("next_wake_ms").as("next"),
    ])
    .where("state", "=", "open")
    .executeTakeFirstOrThrow();
  gauge("dimmer_cases_open", "Cases that are open.", Number(open.open));
  gauge("dimmer_cases_faulty", "Open cases that cannot be run: each says why.", Number(open.faulty));
  gauge("dimmer_case_errors", "Looks at a case that failed, since the start of the process.", counters.caseErrors);
  const late = await db
    .selectFrom("case_file")
    .select((row) => row.fn.countAll<number>().as("count"))
    .where("next_wake_ms", "<=", nowMs)
    .executeTakeFirstOrThrow();
  gauge("dimmer_cases_due", "Cases that wait for the runner.", Number(late.count));
  const next = open.next === null ? Number.POSITIVE_INFINITY : Number(open.next);
  // 0 is "at once" and no instant.
  gauge("dimmer_case_late_seconds", "How late the longest is.", next > 0 ? Math.max(0, nowMs - next) / 1_000 : 0);
  const tasks = await db
    .selectFrom("task")
    .select((row) => [row.fn.countAll<number>().as("open"), row.fn.count<number>("alerted_ms").as("overdue")])
    .where("state", "=", "open")
    .executeTakeFirstOrThrow();
  gauge("dimmer_tasks_open", "Tasks of people that are open.", Number(tasks.open));
  gauge("dimmer_tasks_overdue", "Those of them that are overdue.", Number(tasks.overdue));
  const returns = await db
    .selectFrom("restoration")
    .select(["received_ms", "enforced_ms"])
    .where("received_ms", ">", nowMs - DAY_MS)
    .orderBy("id")
    .execute();
  const tookS = returns
    .flatMap(({ received_ms, enforced_ms }) => (enforced_ms === null ? [] : [(enforced_ms - received_ms) / 1_000]))
    .toSorted((a, b) => a - b);
  const at = (share: number): number => tookS[Math.max(0, Math.ceil(tookS.length * share) - 1)] ?? 0;
  gauge(
    "dimmer_restorations_waiting",
    "Returns of the last day that some live replica has not yet.",
    returns.length - tookS.length,
  );
  const what = "from the receipt of a payment to the last live replica, in the last day";
  gauge("dimmer_payment_to_last_replica_seconds_p50", `Median time ${what}.`, at(0.5));
  gauge("dimmer_payment_to_last_replica_seconds_p99", `99th percentile of the time ${what}.`, at(0.99));
  gauge("dimmer_payment_to_last_replica_seconds_max", `Longest time ${what}.`, at(1));
}
