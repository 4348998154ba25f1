import { problemOfFault, readJsonObject } from "../../json-object.ts";
import { type Problem, problemOf } from "../../problem.ts";
import { type Question, QuestionFault, readQuestion } from "../../question.ts";

/** Whom a flag is evaluated for: the targeting key is the tenant. */
export type Target = Pick<Question, "tenant" | "principal" | "usage">;

/** The protocol has a code of its own for this. */
export const KEY_MISSING = "context.targetingKey is missing";

/** What stands in the body as it came, beside whom it names. */
export interface Evaluation {
  readonly target: Target;
  /** What is wrong with the principal or the usage, which are then left out: of a locked tenant nothing more is asked. */
  readonly fault?: Problem;
  /** What the answer depends on besides the flag. */
  readonly context: object;
}

/**
 * Reads the body of an evaluation: `{"context": {"targetingKey": tenant, "principal"?, "usage"?, …}}`. What a context
 * says besides is left alone, as the protocol wants it. A key that stands twice is refused. Never throws.
 *
 * @see OpenFeature Remote Evaluation Protocol 0.3.0
 */
export function readEvaluation(text: string): Evaluation | Problem {
  const body = readJsonObject(text);
  if ("status" in body) return body;
  const { context } = body.object;
  if (typeof context !== "object" || context === null || Array.isArray(context)) {
    return malformed("context", 'must be an object such as {"targetingKey": "acme"}');
  }
  const { targetingKey, principal, usage } = context as Readonly<Record<string, unknown>>;
  if (targetingKey === undefined || targetingKey === "") {
    return problemOf("malformed_question", KEY_MISSING, { field: "context.targetingKey" });
  }
  const target = {
    tenant: targetingKey,
    ...(principal === undefined ? {} : { principal }),
    ...(usage === undefined ? {} : { usage }),
  };
  // Of a feature that nobody looks up here: only whom it is asked for is checked.
  const question = readQuestion({ ...target, feature: "" });
  if (!(question instanceof QuestionFault)) return { target: target as Target, context };
  if (question.field === "tenant") return malformed("context.targetingKey", question.detail);
  const fault = malformed(`context.${question.field}`, question.detail);
  return { target: { tenant: targetingKey as string }, fault, context };
}

function malformed(field: string, detail: string): Problem {
  return problemOfFault(new QuestionFault(field, detail));
}
