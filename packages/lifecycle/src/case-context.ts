import type { PolicyDocument } from "@dimmer/core";
import type { Calendar } from "./calendar/calendar.ts";
import type { Calendars } from "./calendar/calendars-of.ts";
import type { ZoneDays } from "./calendar/zone-days.ts";
import type { CaseFacts, Fact, FactKind } from "./facts/fact.ts";
import type { NoticeLog } from "./ladder/notice-log.ts";
import type { DueAction, QuarantinedFact } from "./plan.ts";

/** Fact of one kind. */
export type FactOf<Kind extends FactKind> = Extract<Fact, { readonly kind: Kind }>;

/** All that the parts of a plan share while it is made. */
export interface CaseContext {
  readonly case: CaseFacts;
  /** Sound facts, oldest first. */
  readonly facts: readonly Fact[];
  /** The same by their kind: each is asked for many times. */
  readonly byKind: ReadonlyMap<FactKind, readonly Fact[]>;
  readonly policy: PolicyDocument;
  readonly calendars: Calendars;
  /** Calendars looked at: the plan's basis. */
  readonly used: Map<string, Calendar>;
  /** The policy's zone, in which steps fall. */
  readonly days: ZoneDays;
  /** The tenant's zone, in which deadlines are printed. */
  readonly tenantDays: ZoneDays;
  readonly nowMs: number;
  readonly agenda: Agenda;
  readonly log: NoticeLog;
  readonly quarantined: QuarantinedFact[];
}

/** The facts of one kind, oldest first. */
export function factsOf<Kind extends FactKind>(context: CaseContext, kind: Kind): readonly FactOf<Kind>[] {
  return (context.byKind.get(kind) ?? NO_FACTS) as readonly FactOf<Kind>[];
}

const NO_FACTS: readonly never[] = [];

/** A calendar of the policy by name, remembered as part of the plan's basis. @throws {TypeError} where it has none */
export function calendarNamed(context: CaseContext, name: string): Calendar {
  const calendar = context.calendars.get(name);
  if (calendar === undefined) {
    throw new TypeError(`calendars: there is no calendar ${name}; pass calendarsOf(policy) of the same policy`);
  }
  context.used.set(name, calendar);
  return calendar;
}

/** Collects what is due and when to look again. */
export class Agenda {
  readonly due: DueAction[] = [];
  readonly #nowMs: number;
  readonly #done: ReadonlySet<string>;
  readonly #asked = new Set<string>();
  #nextMs = Number.POSITIVE_INFINITY;

  constructor(nowMs: number, facts: readonly Fact[]) {
    this.#nowMs = nowMs;
    this.#done = new Set(facts.flatMap((fact) => (fact.kind === "action_done" ? [fact.action] : [])));
  }

  /** The next instant at which the plan changes by time alone. */
  get nextWakeMs(): number | undefined {
    return Number.isFinite(this.#nextMs) ? this.#nextMs : undefined;
  }

  /** Looks again at an instant, where it lies ahead. */
  wakeAt(atMs: number): void {
    if (atMs > this.#nowMs && atMs < this.#nextMs) this.#nextMs = atMs;
  }

  /** Asks for an action once its instant has come, unless it was done; else looks again then. */
  ask(action: DueAction): void {
    if (this.#done.has(action.key) || this.#asked.has(action.key)) return;
    this.#asked.add(action.key);
    if (action.dueMs > this.#nowMs) this.wakeAt(action.dueMs);
    else this.due.push(action);
  }
}
