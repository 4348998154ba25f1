import { answerOf, type PreparedAnswer } from "../../answer-book.ts";
import { problemOfFault, readJsonObject } from "../../json-object.ts";
import { type Problem, problemOf } from "../../problem.ts";
import { QuestionFault } from "../../question.ts";
import type { CheckDesk } from "../check.ts";
import { MAX_CHECKS } from "../checks.ts";
import { ALLOWED, type Evaluated, evaluate, evaluateFault } from "./evaluation-text.ts";
import { type Entities, readEvaluation } from "./read-evaluation.ts";

const ALLOWED_ANSWER = answerOf(ALLOWED.text);

/** When a batch ends before its last item. */
const SEMANTICS = {
  execute_all: () => false,
  deny_on_first_deny: ({ isAllowed }: Evaluated) => !isAllowed,
  permit_on_first_permit: ({ isAllowed }: Evaluated) => isAllowed,
} as const;

/** `POST /access/v1/evaluation`: one decision, 200 whether allowed or denied. Never throws. */
export function answerEvaluation(desk: CheckDesk, text: string): PreparedAnswer | Problem {
  const read = readJsonObject(text);
  return "status" in read ? read : answerOne(desk, read.object);
}

/**
 * `POST /access/v1/evaluations`: a batch in order, with defaults beside it and one of three semantics. A malformed item
 * is denied in its place; a request without items is one evaluation. Never throws.
 *
 * @see OpenID AuthZEN Authorization API 1.0, "Access Evaluations API"
 */
export function answerEvaluations(desk: CheckDesk, text: string): PreparedAnswer | Problem {
  const read = readJsonObject(text);
  if ("status" in read) return read;
  const request = read.object;
  const { evaluations: items } = request;
  if (items === undefined || (Array.isArray(items) && items.length === 0)) return answerOne(desk, request);
  if (!Array.isArray(items)) {
    return problemOf("malformed_question", "evaluations must be an array", { field: "evaluations" });
  }
  if (items.length > MAX_CHECKS) {
    const detail = `evaluations has ${items.length} items: send at most ${MAX_CHECKS} at once`;
    return problemOf("too_large", detail, { field: "evaluations" });
  }
  const ends = semanticOf(request["options"]);
  if (ends instanceof QuestionFault) return problemOfFault(ends);
  const texts: string[] = [];
  for (const item of items as unknown[]) {
    const evaluated = evaluateItem(desk, request, item);
    texts.push(evaluated.text);
    if (ends(evaluated)) break;
  }
  return answerOf(`{"evaluations":[${texts.join(",")}]}`);
}

function answerOne(desk: CheckDesk, request: Entities): PreparedAnswer | Problem {
  const asked = readEvaluation(request);
  if (asked instanceof QuestionFault) return problemOfFault(asked);
  const evaluated = evaluate(desk, asked);
  return evaluated === ALLOWED ? ALLOWED_ANSWER : answerOf(evaluated.text);
}

function evaluateItem(desk: CheckDesk, defaults: Entities, item: unknown): Evaluated {
  const asked =
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? readEvaluation(withDefaults(item, defaults))
      : new QuestionFault("evaluations", "has an item that is no object");
  if (!(asked instanceof QuestionFault)) return evaluate(desk, asked);
  desk.counters.malformedItems++;
  return evaluateFault(asked);
}

/** An item's own entity counts whole, where it has one. */
function withDefaults(item: Entities, { subject, action, resource, context }: Entities): Entities {
  return { subject, action, resource, context, ...item };
}

function semanticOf(options: unknown): ((evaluated: Evaluated) => boolean) | QuestionFault {
  if (options === undefined) return SEMANTICS.execute_all;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    return new QuestionFault("options", "must be an object");
  }
  const { evaluations_semantic: semantic = "execute_all" } = options as { evaluations_semantic?: unknown };
  if (typeof semantic === "string" && Object.hasOwn(SEMANTICS, semantic)) {
    return SEMANTICS[semantic as keyof typeof SEMANTICS];
  }
  const known = Object.keys(SEMANTICS).join(", ");
  return new QuestionFault("options.evaluations_semantic", `must be one of ${known}`);
}
