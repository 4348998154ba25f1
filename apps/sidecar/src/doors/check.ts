import type { Replica } from "@dimmer/feed/follow";
import type { RouteTable } from "@dimmer/sdk/routes";
import type { Logger } from "pino";
import { AnswerBook, type PreparedAnswer } from "../answer-book.ts";
import type { Counters } from "../counters.ts";
import { decideQuestion } from "../decide-question.ts";
import { type HotDoor, hotDoor } from "../hot-door.ts";
import { countMembersOfText, duplicateKeys } from "../json-members.ts";
import { readPlainQuestion } from "../plain-question.ts";
import { type Problem, problemOf } from "../problem.ts";
import { countMembers, type Question, QuestionFault, readQuestion } from "../question.ts";
import { parseJson } from "../request-body.ts";

/** What the doors that answer questions share. */
export interface CheckDesk {
  readonly replica: Replica;
  readonly routes: RouteTable;
  readonly book: AnswerBook;
  readonly counters: Counters;
  readonly log: Logger;
  readonly isStopping: () => boolean;
}

/** A question is a few hundred bytes; a path may have 8 KB. */
export const MAX_CHECK_BYTES: number = 64 * 1024;

/** Makes what the doors that answer questions share. */
export function createCheckDesk(parts: Omit<CheckDesk, "book">): CheckDesk {
  return { ...parts, book: new AnswerBook(parts.replica) };
}

/**
 * `POST /v1/check`: always 200 for a well-formed question, whatever the answer. The content type is not looked at, so
 * that `curl -d` works; the body must be JSON in UTF-8 without duplicate keys.
 */
export function checkDoor(desk: CheckDesk): HotDoor {
  return hotDoor({ ...desk, counted: "check", maxBytes: MAX_CHECK_BYTES, answer: (text) => answer(desk, text) });
}

function answer(desk: CheckDesk, text: string): PreparedAnswer | Problem {
  const { replica, routes, book, counters } = desk;
  const question = readPlainQuestion(text) ?? readWhole(text);
  if ("status" in question) return question;
  const decision = decideQuestion(replica, routes, question);
  if (decision instanceof QuestionFault) return problemOfQuestion(decision);
  (decision.allowed ? counters.allowed : counters.denied)[decision.reason]++;
  return book.answer(question, decision);
}

function readWhole(text: string): Question | Problem {
  const body = parseJson(text);
  if ("status" in body) return body;
  const question = readQuestion(body.value);
  if (question instanceof QuestionFault) return problemOfQuestion(question);
  if (countMembersOfText(text) === countMembers(question)) return question;
  return problemOfQuestion(repeatedField(duplicateKeys(text)[0] ?? ""));
}

/** The fault of a key that stands twice: which of the two counts would be a guess. Never throws. */
export function repeatedField(field: string): QuestionFault {
  return new QuestionFault(field, "stands twice: send it once");
}

function problemOfQuestion({ field, detail }: QuestionFault): Problem {
  if (field === "") return problemOf("malformed_question", detail);
  return problemOf("malformed_question", `${field} ${detail}`, { field });
}
