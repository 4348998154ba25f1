import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import {
  type Calendars,
  type CaseFacts,
  type CasePlan,
  calendarsOf,
  type DueAction,
  type Fact,
  planCase,
} from "@dimmer/lifecycle";

/** Instant of a text such as `2026-12-25T09:00+09:00`, in Unix milliseconds. */
export function at(text: string): number {
  return Temporal.Instant.from(text).epochMilliseconds;
}

/** Noon in Tokyo on a date. */
export function noon(date: string): number {
  return at(`${date}T12:00+09:00`);
}

export const calendars: Calendars = calendarsOf(standardPolicy);

type Rest<T> = T extends { readonly id: string } ? Omit<T, "id"> & { readonly id?: string } : never;

/** A fact with an id of its content, where it has none. */
export function fact(given: Rest<Fact>): Fact {
  return { id: `${given.kind}/${JSON.stringify(given)}`, ...given } as Fact;
}

/** An invoice of 55,000 yen, due in Tokyo. */
export function invoice(name: string, date: string, more: Partial<Extract<Fact, { kind: "invoice" }>> = {}): Fact {
  const due = { date, zone: "Asia/Tokyo" };
  const issued = at(`${date}T00:00+09:00`) - 30 * 86_400_000;
  return fact({
    kind: "invoice",
    invoice: name,
    atMs: issued,
    amount: 55_000,
    currency: "JPY",
    due,
    method: "invoice",
    ...more,
  });
}

/** A payment of an invoice, in yen; all of it unless said. */
export function payment(name: string, invoiceName: string, atMs: number, amount = 55_000): Fact {
  return fact({ kind: "payment", payment: name, invoice: invoiceName, atMs, amount, currency: "JPY" });
}

/** What the machinery around the plan does: by default all of it, at once. */
export interface Behaviour {
  /** Whether it runs at an instant; where it does not, time passes. */
  readonly isUp?: (nowMs: number) => boolean;
  /** How long until a notice is accepted; `undefined`: it bounces. */
  readonly acceptedAfterMs?: (action: DueAction) => number | undefined;
  readonly approves?: boolean;
  /** Called after every plan, with what was known. */
  readonly seen?: (plan: CasePlan, nowMs: number, facts: readonly Fact[]) => void;
}

/** A case that is lived: the driver calls, does what is due and writes back, as an authority would. */
export class Life {
  readonly facts: Fact[] = [];
  plan: CasePlan | undefined;
  #count = 0;
  readonly #given: Omit<CaseFacts, "facts">;
  readonly #behaviour: Behaviour;
  readonly #policy: PolicyDocument;
  readonly #calendars: Calendars;
  /** Facts that lie ahead. */
  #ahead: Fact[] = [];

  constructor(
    given: Partial<Omit<CaseFacts, "facts">> = {},
    behaviour: Behaviour = {},
    policy: PolicyDocument = standardPolicy,
  ) {
    this.#given = { case: "case_1", track: "nonpayment", tenant: { id: "acme" }, ...given };
    this.#behaviour = behaviour;
    this.#policy = policy;
    this.#calendars = policy === standardPolicy ? calendars : calendarsOf(policy);
  }

  /** Facts that come at their instants. */
  add(...facts: readonly Fact[]): this {
    this.#ahead = [...this.#ahead, ...facts].toSorted((a, b) => a.atMs - b.atMs);
    return this;
  }

  /** Lives from one instant to another; gives the plan at the end. */
  live(fromMs: number, toMs: number): CasePlan {
    let nowMs = fromMs;
    for (let turn = 0; turn < 2_000; turn++) {
      while ((this.#ahead[0]?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs) this.facts.push(this.#ahead.shift() as Fact);
      const plan = planCase({ ...this.#given, facts: this.facts }, this.#policy, this.#calendars, nowMs);
      this.plan = plan;
      this.#behaviour.seen?.(plan, nowMs, this.facts);
      const isUp = this.#behaviour.isUp?.(nowMs) ?? true;
      const done = isUp ? plan.due.flatMap((action) => this.#do(action, nowMs)) : [];
      this.add(...done.filter(({ atMs }) => atMs > nowMs));
      this.facts.push(...done.filter(({ atMs }) => atMs <= nowMs));
      if (done.some(({ atMs }) => atMs <= nowMs)) continue;
      const wakeMs = isUp ? (plan.nextWakeMs ?? Number.POSITIVE_INFINITY) : nowMs + 24 * 3_600_000;
      const nextMs = Math.min(wakeMs, this.#ahead[0]?.atMs ?? Number.POSITIVE_INFINITY);
      if (nextMs > toMs) return nowMs === toMs ? plan : this.#look(toMs);
      nowMs = nextMs;
    }
    throw new Error(`the life of a case came to no end: ${JSON.stringify(this.plan?.due)}`);
  }

  #look(nowMs: number): CasePlan {
    this.plan = planCase({ ...this.#given, facts: this.facts }, this.#policy, this.#calendars, nowMs);
    this.#behaviour.seen?.(this.plan, nowMs, this.facts);
    return this.plan;
  }

  #do(action: DueAction, nowMs: number): Fact[] {
    const id = `did_${this.#count++}`;
    switch (action.kind) {
      case "send_notice": {
        const { stage, round, template, stepAtMs } = action;
        const printed = stepAtMs === undefined ? {} : { stepAtMs };
        const sent: Fact = {
          kind: "notice_sent",
          id,
          atMs: nowMs,
          notice: id,
          stage,
          round,
          template,
          addresses: ["mail"],
          ...printed,
        };
        const afterMs = this.#behaviour.acceptedAfterMs === undefined ? 0 : this.#behaviour.acceptedAfterMs(action);
        const answer = { id: `${id}.a`, notice: id, address: "mail" };
        if (afterMs === undefined) return [sent, { kind: "notice_bounced", atMs: nowMs, ...answer }];
        return [sent, { kind: "notice_accepted", atMs: nowMs + afterMs, ...answer }];
      }
      case "sign_step": {
        const { stage, round, stepAtMs, mode, deny } = action;
        return [
          {
            kind: "step_signed",
            id,
            atMs: nowMs,
            stage,
            round,
            stepAtMs,
            mode,
            ...(deny === undefined ? {} : { deny }),
          },
        ];
      }
      case "withdraw_step":
        return [{ kind: "step_withdrawn", id, atMs: nowMs, stage: action.stage, round: action.round }];
      case "ask_decision": {
        const asked: Fact = { kind: "action_done", id, atMs: nowMs, action: action.key };
        if (this.#behaviour.approves === false) return [asked];
        const approved = { kind: "approved", atMs: nowMs, stage: action.stage, round: action.round } as const;
        return [asked, { ...approved, id: `${id}.1`, by: "aoi" }, { ...approved, id: `${id}.2`, by: "ren" }];
      }
      case "delete_data":
        return [{ kind: "deleted", id, atMs: nowMs }];
      case "fix_contacts":
      case "alert_decision":
      case "start_task":
      case "restore":
      case "lock":
      case "unlock":
      case "review_lock":
        return [{ kind: "action_done", id, atMs: nowMs, action: action.key }];
    }
  }
}
