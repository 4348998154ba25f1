import { decideQuestion } from "../../decide-question.ts";
import { type Question, QuestionFault } from "../../question.ts";
import type { CheckDesk } from "../check.ts";
import { type Asked, UnknownSubject } from "./read-evaluation.ts";

/** An evaluation as it is answered. */
export interface Evaluated {
  readonly isAllowed: boolean;
  /** JSON of the protocol's decision. */
  readonly text: string;
}

/** What is allowed and leaves nothing to say. */
export const ALLOWED: Evaluated = { isAllowed: true, text: '{"decision":true}' };

/**
 * Decides one evaluation. The context is the answer of `POST /v1/check`, and stands only where there is something to
 * say: a denial, a fallback, a feature's value. Counts the decision. Never throws.
 */
export function evaluate({ replica, routes, book, counters }: CheckDesk, asked: Asked): Evaluated {
  if (asked instanceof UnknownSubject) {
    const detail = `subjects here are of type tenant or principal, not ${asked.type}`;
    return denied({ reason: "unknown_subject", detail, field: "subject.type" });
  }
  const decision = decideQuestion(replica, routes, asked);
  if (decision instanceof QuestionFault) return evaluateFault(decision);
  (decision.allowed ? counters.allowed : counters.denied)[decision.reason]++;
  if (decision.allowed && decision.freshness === "fresh" && !("feature" in decision)) return ALLOWED;
  return {
    isAllowed: decision.allowed,
    text: `{"decision":${decision.allowed},"context":${book.text(asked as Question, decision)}}`,
  };
}

/** The decision about a malformed item of a batch: denied, and said why. Never throws. */
export function evaluateFault({ field, detail }: QuestionFault): Evaluated {
  return denied({ reason: "malformed_question", detail: `${field} ${detail}`, field });
}

function denied(context: Readonly<Record<string, string>>): Evaluated {
  return { isAllowed: false, text: JSON.stringify({ decision: false, context }) };
}
