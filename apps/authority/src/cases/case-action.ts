import type { CasePlan, Fact } from "@dimmer/lifecycle";
import type { Role } from "../changes/actor.ts";
import type { CaseFileTable } from "../store/schema.ts";
import type { JudgedWrite } from "./record-judged.ts";

/** What an action is given: the case with its row held, and what follows from its facts now. */
export interface ActionCall<B> {
  readonly write: JudgedWrite;
  readonly file: CaseFileTable;
  readonly plan: CasePlan;
  readonly body: B;
}

/** What a person may do about a case. */
export interface CaseAction<B> {
  readonly summary: string;
  /** Who may do it. */
  readonly roles: readonly Role[];
  /** Only for cases of these tracks. */
  readonly tracks?: readonly CaseFileTable["track"][];
  /** The facts that it makes, or what else it wrote. @throws {Fault} */
  readonly run: (call: ActionCall<B>) => Promise<ActionOutcome> | ActionOutcome;
}

/** What came of an action. */
export interface ActionOutcome {
  readonly facts?: readonly Fact[];
  /** More for the answer. */
  readonly shown?: Readonly<Record<string, unknown>>;
}

interface StageBody {
  readonly stage: string;
}
type Measure = Extract<Fact, { kind: "legal_reviewed" }>["measure"];

/** The bodies of the actions. */
export interface ActionBodies {
  readonly veto: StageBody;
  readonly "lift-veto": StageBody;
  readonly approve: { readonly stage?: string | undefined; readonly request?: string | undefined };
  readonly pause: { readonly untilMs: number; readonly note: string };
  readonly resume: { readonly subject?: string | undefined };
  readonly extend: { readonly invoice: string; readonly due: { readonly date: string; readonly zone: string } };
  readonly "extend-retention": { readonly days: number; readonly payment: string };
  readonly except: {
    readonly condition: string;
    readonly evidence: string;
    readonly fromMs?: number | undefined;
    readonly untilMs: number;
    readonly plan?: string | undefined;
    readonly renews?: string | undefined;
  };
  readonly "end-exception": { readonly exception: string };
  readonly dispute: { readonly subject?: string | undefined };
  readonly "close-dispute": { readonly subject: string };
  readonly "place-hold": { readonly subject?: string | undefined; readonly basis: string };
  readonly "release-hold": { readonly subject: string };
  readonly "resolve-doubt": { readonly fact: string };
  readonly "meet-obligation": { readonly obligation: string };
  readonly "preserve-evidence": { readonly evidence: string };
  readonly review: {
    readonly verdict: "act" | "dismiss";
    readonly clause: string;
    readonly measure?: Measure | undefined;
  };
  readonly cure: { readonly evidence: string };
  readonly "review-lock": { readonly verdict: "keep" | "lift" };
  readonly unlock: { readonly rootCause: string; readonly prevention: string };
  readonly "withdraw-leave": Readonly<Record<never, never>>;
  readonly assign: { readonly owner?: string | undefined; readonly causeCode?: string | undefined };
  readonly close: Readonly<Record<never, never>>;
}

/** The name of an action. */
export type ActionName = keyof ActionBodies;
