import { countMembersOfText, duplicateKeys } from "./json-members.ts";
import { type Problem, problemOf } from "./problem.ts";
import type { QuestionFault } from "./question.ts";
import { parseJson } from "./request-body.ts";

/** Deeper than any request is; what nests deeper is not looked through. */
const MAX_DEPTH = 32;

/**
 * Reads a body that must be a JSON object of bounded depth in which no key stands twice: a second `subject` must not be
 * the one that counts. Never throws.
 */
export function readJsonObject(text: string): { readonly object: Readonly<Record<string, unknown>> } | Problem {
  const body = parseJson(text);
  if ("status" in body) return body;
  const { value } = body;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return problemOf("malformed_question", "the body must be a JSON object");
  }
  const members = countMembers(value, MAX_DEPTH);
  if (members === undefined) return problemOf("malformed_question", `the body nests deeper than ${MAX_DEPTH}`);
  if (members === countMembersOfText(text)) return { object: value as Record<string, unknown> };
  const field = duplicateKeys(text)[0] ?? "";
  return problemOf("malformed_question", `${field} stands twice: send it once`, { field });
}

/** A fault as the problem that answers the whole request. Never throws. */
export function problemOfFault({ field, detail }: QuestionFault): Problem {
  return problemOf("malformed_question", `${field} ${detail}`, { field });
}

function countMembers(value: unknown, depth: number): number | undefined {
  if (typeof value !== "object" || value === null) return 0;
  if (depth === 0) return undefined;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) {
      const below = countMembers(item, depth - 1);
      if (below === undefined) return undefined;
      members += below;
    }
    return members;
  }
  // What JSON gave has no inherited members, and a list of its keys is not needed.
  for (const key in value) {
    const below = countMembers((value as Record<string, unknown>)[key], depth - 1);
    if (below === undefined) return undefined;
    members += 1 + below;
  }
  return members;
}
