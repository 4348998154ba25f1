import { answerOf } from "../answer-book.ts";
import { decideQuestion } from "../decide-question.ts";
import { type HotDoor, hotDoor } from "../hot-door.ts";
import { countMembersOfText, duplicateKeys } from "../json-members.ts";
import { readPlainBatch } from "../plain-question.ts";
import { type Problem, problemOf } from "../problem.ts";
import { countMembers, type Question, QuestionFault, readQuestion } from "../question.ts";
import { parseJson } from "../request-body.ts";
import { type CheckDesk, repeatedField } from "./check.ts";

/** Questions of one batch. */
export const MAX_CHECKS: number = 1_000;
/** About a kilobyte for each of the largest batch. */
export const MAX_CHECKS_BYTES: number = 1024 * 1024;

/** An item of a batch, read. */
type Item = Question | QuestionFault;

/**
 * `POST /v1/checks`: up to 1,000 questions, answered in order. A malformed item is an error in its place and spoils no
 * other; a malformed envelope is a 400, more items a 413.
 */
export function checksDoor(desk: CheckDesk): HotDoor {
  return hotDoor({
    ...desk,
    counted: "checks",
    maxBytes: MAX_CHECKS_BYTES,
    answer: (text) => {
      const items = readPlainBatch(text, MAX_CHECKS) ?? readWhole(text);
      return "status" in items ? items : answerOf(answerAll(desk, items));
    },
  });
}

function readWhole(text: string): readonly Item[] | Problem {
  const body = parseJson(text);
  if ("status" in body) return body;
  const envelope = readEnvelope(body.value);
  return "status" in envelope ? envelope : readItems(envelope.checks, text);
}

/** The envelope `{"checks": […]}`, or what is wrong with it. */
function readEnvelope(value: unknown): { readonly checks: readonly unknown[] } | Problem {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return problemOf("malformed_question", 'a batch is a JSON object: {"checks": […]}');
  }
  for (const field in value) {
    if (field !== "checks") {
      return problemOf("malformed_question", `${field} is not a field of a batch; known: checks`, { field });
    }
  }
  const { checks } = value as { checks?: unknown };
  if (!Array.isArray(checks)) {
    return problemOf("malformed_question", "checks must be a list of questions", { field: "checks" });
  }
  if (checks.length > MAX_CHECKS) {
    const detail = `checks has ${checks.length} questions: send at most ${MAX_CHECKS} at once`;
    return problemOf("too_large", detail, { field: "checks" });
  }
  return { checks: checks as unknown[] };
}

/** Every item as a question or its fault; a problem where the envelope itself repeats its key. */
function readItems(checks: readonly unknown[], text: string): readonly Item[] | Problem {
  let members = 1;
  const items = checks.map((check): Item => {
    const item = readQuestion(check);
    if (!(item instanceof QuestionFault)) members += countMembers(item);
    return item;
  });
  // Where an item is malformed, its members are not counted: then, too, repeated keys are looked for.
  if (countMembersOfText(text) === members) return items;
  for (const path of duplicateKeys(text)) {
    const [, index, field] = /^checks\[(\d+)\]\.(.*)$/s.exec(path) ?? [];
    if (index === undefined || field === undefined) {
      return problemOf("malformed_question", `${path} stands twice: send it once`, { field: path });
    }
    if (!(items[Number(index)] instanceof QuestionFault)) items[Number(index)] = repeatedField(field);
  }
  return items;
}

function answerAll({ replica, routes, book, counters }: CheckDesk, items: readonly Item[]): string {
  let text = '{"decisions":[';
  for (let at = 0; at < items.length; at++) {
    if (at > 0) text += ",";
    const item = items[at] as Item;
    const decision = item instanceof QuestionFault ? item : decideQuestion(replica, routes, item);
    if (decision instanceof QuestionFault) {
      counters.malformedItems++;
      text += itemError(decision);
    } else {
      (decision.allowed ? counters.allowed : counters.denied)[decision.reason]++;
      text += book.text(item as Question, decision);
    }
  }
  return `${text}]}`;
}

function itemError({ field, detail }: QuestionFault): string {
  const title = "The question is malformed";
  return JSON.stringify({ error: { title, detail: field === "" ? detail : `${field} ${detail}`, field } });
}
