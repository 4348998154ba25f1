import type { PolicyDocument } from "@dimmer/core";
import type { CasePlan } from "@dimmer/lifecycle";
import { type EventType, emitEvent } from "../events/emit-event.ts";
import type { CaseTurn } from "./case-turn.ts";

/**
 * Emits what has changed between the plan of before and the one of now: steps announced and effective, exceptions, and
 * who may still ask for support.
 */
export async function tellChanges({ queries, file, plan, policy, nowMs }: CaseTurn): Promise<void> {
  const before = file.plan === null ? undefined : (JSON.parse(file.plan) as CasePlan);
  const changes = [
    ...stepChanges(before, plan),
    ...exceptionChanges(before, plan, nowMs),
    ...supportChanges(before, plan, policy.document),
  ];
  for (const { type, data } of changes) {
    const { tenant_id: tenant, correlation_id: correlationId } = file;
    await emitEvent(queries, { type, tenant, case: file.id, correlationId, data, nowMs });
  }
}

interface Change {
  readonly type: EventType;
  readonly data: Readonly<Record<string, unknown>>;
}

const ANNOUNCED = new Set(["announced", "signed", "effective"]);

function stepChanges(before: CasePlan | undefined, after: CasePlan): Change[] {
  const known = new Map(before?.steps.map((step) => [`${step.stage} ${step.round}`, step.state]));
  return after.steps.flatMap(({ stage, round, state, at, mode, notice }) => {
    const was = known.get(`${stage} ${round}`) ?? "planned";
    const data = { stage, round, mode, ...(at === undefined ? {} : { at }) };
    const changes: Change[] = [];
    if (ANNOUNCED.has(state) && !ANNOUNCED.has(was)) {
      changes.push({ type: "step.announced", data: { ...data, deadline: notice.deadline } });
    }
    if (state === "effective" && was !== "effective") changes.push({ type: "step.effective", data });
    return changes;
  });
}

function exceptionChanges(before: CasePlan | undefined, after: CasePlan, nowMs: number): Change[] {
  const [was, is] = [exceptionsOf(before), exceptionsOf(after)];
  const granted = [...is].filter(([name]) => !was.has(name));
  const ended = [...was].filter(([name]) => !is.has(name));
  return [
    ...granted.map(([exception, until]) => ({ type: "exception.granted" as const, data: { exception, until } })),
    ...ended.map(([exception]) => ({
      type: "exception.ended" as const,
      data: { exception, at: new Date(nowMs).toISOString() },
    })),
  ];
}

function exceptionsOf(plan: CasePlan | undefined): Map<string, string | null> {
  return new Map(
    (plan?.holds ?? [])
      .filter(({ kind }) => kind === "exception")
      .map(({ subject, untilMs }) => [subject, untilMs === undefined ? null : new Date(untilMs).toISOString()]),
  );
}

/** Support goes with the mode: what of it is admitted to whom, before and now. */
function supportChanges(before: CasePlan | undefined, after: CasePlan, { modes }: PolicyDocument): Change[] {
  const supportOf = (plan: CasePlan | undefined): Record<string, unknown> => {
    const name = plan?.steps.findLast(({ state }) => state === "effective")?.mode ?? modes[0]?.name;
    const admits = modes.find((mode) => mode.name === name)?.admits ?? {};
    return Object.fromEntries(Object.entries(admits).filter(([capability]) => capability.startsWith("support.")));
  };
  const [from, to] = [supportOf(before), supportOf(after)];
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ type: "support.tier_changed", data: { from, to } }];
}
