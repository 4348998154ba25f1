import { randomUUID } from "node:crypto";
import type { CasePlan, Fact } from "@dimmer/lifecycle";
import type { Role } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import type { ActionBodies, ActionCall, ActionName, ActionOutcome, CaseAction } from "./case-action.ts";
import { approveException, requestException } from "./exception-requests.ts";
import { personalFactId } from "./record-fact.ts";

const deciding: readonly Role[] = ["collections"];
const money: readonly Role[] = ["collections", "finance"];

/** What people may do about a case; each makes facts, and the plan says what follows. */
export const CASE_ACTIONS: { readonly [Name in ActionName]: CaseAction<ActionBodies[Name]> } = {
  veto: {
    summary: "Veto a step: it is neither signed nor kept until the veto is lifted",
    roles: ["collections", "legal"],
    run: (call) => {
      const { stage, round, state } = stageOf(call);
      if (state === "effective") {
        throw new Fault("conflict", `${stage} is in force: extend, except or resolve what it follows from`, "stage");
      }
      return one(call, { kind: "vetoed", stage, round });
    },
  },
  "lift-veto": {
    summary: "Lift a veto: the step is announced anew",
    roles: ["collections", "legal"],
    run: (call) => {
      const { stage, round, decision } = stageOf(call);
      if (decision.state !== "vetoed") throw new Fault("conflict", `no veto stands against ${stage}`, "stage");
      return one(call, { kind: "veto_lifted", stage, round });
    },
  },
  approve: {
    summary: "Approve a step that waits for a person, or an exception that somebody else asked for",
    roles: ["collections", "legal"],
    run: async (call) => {
      const { stage, request } = call.body;
      if ((stage === undefined) === (request === undefined)) {
        throw new Fault("invalid", "stage: give either the stage of a step or the request of an exception", "stage");
      }
      if (request !== undefined) return await approveException(call, request);
      return one(call, approvalOf(call, stage ?? ""));
    },
  },
  pause: {
    summary: "Hold the clock until a date, with a note",
    roles: ["collections", "legal", "cs"],
    run: (call) => {
      const { untilMs, note } = call.body;
      if (untilMs <= call.write.nowMs) throw new Fault("invalid", "until: must lie ahead", "until");
      return one(call, { kind: "paused", subject: `pause_${randomUUID()}`, untilMs, note });
    },
  },
  resume: {
    summary: "End a pause: the clock goes on",
    roles: deciding,
    run: (call) => {
      const pauses = call.plan.holds.filter(({ kind }) => kind === "pause").map(({ subject }) => subject);
      const { subject } = call.body;
      const ended = subject === undefined ? pauses : pauses.filter((pause) => pause === subject);
      if (ended.length === 0) throw new Fault("conflict", "there is no such pause: nothing to resume", "subject");
      return { facts: ended.map((pause) => factOf(call, { kind: "resumed", subject: pause })) };
    },
  },
  extend: {
    summary: "Put off the due date of an invoice",
    roles: money,
    tracks: ["nonpayment"],
    run: (call) => one(call, { kind: "due_extended", ...call.body }),
  },
  "extend-retention": {
    summary: "Keep the data longer, as was paid for",
    roles: ["finance"],
    run: (call) => one(call, { kind: "retention_extended", ...call.body }),
  },
  except: {
    summary: "Ask for an exception: a second person approves it",
    roles: ["collections", "cs"],
    tracks: ["nonpayment"],
    run: requestException,
  },
  "end-exception": {
    summary: "End an exception before its time: it is announced, and then the steps count again",
    roles: deciding,
    tracks: ["nonpayment"],
    run: (call) => one(call, { kind: "exception_ended", exception: held(call, "exception", call.body.exception) }),
  },
  dispute: {
    summary: "Open a dispute: the clock stands still",
    roles: ["collections", "cs", "legal", "finance"],
    run: (call) => one(call, { kind: "dispute_opened", subject: call.body.subject ?? `dispute_${randomUUID()}` }),
  },
  "close-dispute": {
    summary: "Close a dispute: the clock goes on",
    roles: ["collections", "legal"],
    run: (call) => one(call, { kind: "dispute_closed", subject: held(call, "dispute", call.body.subject) }),
  },
  "place-hold": {
    summary: "Place a legal hold: no data of the tenant is deleted",
    roles: ["legal"],
    run: (call) => {
      const { subject = `hold_${randomUUID()}`, basis } = call.body;
      return one(call, { kind: "legal_hold_placed", subject, basis });
    },
  },
  "release-hold": {
    summary: "Release a legal hold",
    roles: ["legal"],
    run: (call) => one(call, { kind: "legal_hold_released", subject: held(call, "legal_hold", call.body.subject) }),
  },
  "resolve-doubt": {
    summary: "Say that a fact in doubt was looked into: the clock goes on",
    roles: money,
    run: (call) => {
      const { fact } = call.body;
      if (!call.plan.quarantined.some((one) => one.fact === fact)) {
        throw new Fault("conflict", `no fact ${fact} of this case is in doubt`, "fact");
      }
      return one(call, { kind: "doubt_resolved", fact });
    },
  },
  "meet-obligation": {
    summary: "Say that an obligation of the return was met",
    roles: money,
    run: (call) => {
      const { obligation } = call.body;
      if (!call.plan.obligations.includes(obligation)) {
        const open = call.plan.obligations.join(", ") || "none";
        throw new Fault("conflict", `obligation: ${obligation} is not open; open: ${open}`, "obligation");
      }
      return one(call, { kind: "obligation_met", obligation });
    },
  },
  "preserve-evidence": {
    summary: "Say that the evidence of a breach is preserved",
    roles: ["legal", "security"],
    tracks: ["breach"],
    run: (call) => one(call, { kind: "evidence_preserved", ...call.body }),
  },
  review: {
    summary: "Give the legal review of a breach, and the measure that it orders",
    roles: ["legal"],
    tracks: ["breach"],
    run: async (call) => {
      await refuseReporter(call);
      const { verdict, clause, measure } = call.body;
      return one(call, { kind: "legal_reviewed", verdict, clause, ...(measure === undefined ? {} : { measure }) });
    },
  },
  cure: {
    summary: "Say that a breach is cured: its measure ends",
    roles: ["legal"],
    tracks: ["breach"],
    run: (call) => one(call, { kind: "breach_cured", ...call.body }),
  },
  "review-lock": {
    summary: "Review a lock within its day",
    roles: ["security"],
    tracks: ["security"],
    run: (call) => one(call, { kind: "lock_reviewed", ...call.body }),
  },
  unlock: {
    summary: "Lift a lock, with the root cause and what prevents the next one",
    roles: ["security"],
    tracks: ["security"],
    run: (call) => one(call, { kind: "unlocked", ...call.body }),
  },
  "withdraw-leave": {
    summary: "Withdraw a request to leave: its steps end",
    roles: ["cs", "collections"],
    tracks: ["offboarding"],
    run: (call) => one(call, { kind: "leave_withdrawn" }),
  },
  assign: {
    summary: "Name the owner of a case and the code of its cause",
    roles: ["collections", "legal", "security", "cs", "finance"],
    run: async ({ write, file, body }) => {
      const { owner = file.owner, causeCode: cause_code = file.cause_code } = body;
      await write.queries.updateTable("case_file").set({ owner, cause_code }).where("id", "=", file.id).execute();
      return {};
    },
  },
  close: {
    summary: "Close a case that restricts nothing and is owed nothing",
    roles: ["collections", "legal", "security"],
    run: async ({ write, file, plan }) => {
      const open = [
        ...(plan.restriction === undefined ? [] : ["a restriction is in force"]),
        ...(plan.lock === undefined ? [] : ["a lock is in force"]),
        ...plan.openInvoices.map(({ invoice }) => `invoice ${invoice} is open`),
        ...plan.obligations.map((obligation) => `obligation ${obligation} is open`),
        ...plan.holds.map(({ kind, subject }) => `${kind} ${subject} is open`),
      ];
      if (open.length > 0) throw new Fault("conflict", `the case cannot be closed: ${open.join("; ")}`);
      const closed = { state: "closed", closed_ms: write.nowMs, next_wake_ms: null } as const;
      await write.queries.updateTable("case_file").set(closed).where("id", "=", file.id).execute();
      return {};
    },
  },
};

type Said = Fact extends infer F ? (F extends Fact ? Omit<F, "id" | "atMs" | "by"> : never) : never;

/** A fact that a person makes: theirs, and of now. */
function factOf({ write, file }: Pick<ActionCall<unknown>, "write" | "file">, said: Said): Fact {
  return { id: personalFactId(file), atMs: write.nowMs, by: write.actor.id, ...said } as Fact;
}

function one(call: Pick<ActionCall<unknown>, "write" | "file">, said: Said): ActionOutcome {
  return { facts: [factOf(call, said)] };
}

function stageOf({ plan, body: { stage } }: { readonly plan: CasePlan; readonly body: { readonly stage: string } }) {
  if (stage === "deletion" && plan.deletion !== undefined) {
    const { round, decision, state } = plan.deletion;
    return { stage, round, decision, state };
  }
  const step = plan.steps.find((candidate) => candidate.stage === stage);
  if (step !== undefined) return step;
  const known = [
    ...plan.steps.map((candidate) => candidate.stage),
    ...(plan.deletion === undefined ? [] : ["deletion"]),
  ];
  throw new Fault("conflict", `stage: ${stage} is not planned; planned: ${known.join(", ") || "nothing"}`, "stage");
}

function approvalOf({ write, plan }: ActionCall<unknown>, stage: string): Said {
  const { round, decision } = stageOf({ plan, body: { stage } });
  if (decision.approversNeeded === 0) {
    throw new Fault("conflict", `stage: ${stage} needs no approval (${decision.mode})`, "stage");
  }
  if (decision.state === "vetoed")
    throw new Fault("conflict", `a veto stands against ${stage}: lift it first`, "stage");
  if (decision.state === "not_due") {
    throw new Fault("conflict", `stage: ${stage} is not announced yet; approve it when its notice is out`, "stage");
  }
  if (decision.approvedBy.includes(write.actor.id)) {
    throw new Fault("conflict", `stage: you approved ${stage} already; a second approval is another person's`, "stage");
  }
  return { kind: "approved", stage, round } as Said;
}

function held({ plan }: ActionCall<unknown>, kind: string, subject: string): string {
  if (plan.holds.some((hold) => hold.kind === kind && hold.subject === subject)) return subject;
  const known = plan.holds.filter((hold) => hold.kind === kind).map((hold) => hold.subject);
  throw new Fault("conflict", `there is no open ${kind} ${subject}; open: ${known.join(", ") || "none"}`);
}

/** Who reports a breach does not judge it (L6). */
async function refuseReporter({ write, file }: ActionCall<unknown>): Promise<void> {
  const reported = await write.queries
    .selectFrom("fact")
    .select("actor")
    .where("case_id", "=", file.id)
    .where("kind", "=", "breach_reported")
    .execute();
  if (reported.some(({ actor }) => actor === write.actor.id)) {
    throw new Fault("forbidden", "who reported the breach does not review it: another person does");
  }
}
