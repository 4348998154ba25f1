import type { Principal } from "@dimmer/core";
import type { Question } from "./question.ts";

/**
 * A question about a capability as clients' serialisers write it: these members in this order, no escapes, at most one
 * space behind `:` and `,`. What matches is a well-formed question; what does not is not therefore malformed.
 */
const PLAIN =
  /\{"tenant": ?"([A-Za-z0-9_][A-Za-z0-9._:-]{0,127})", ?"capability": ?"([a-z0-9_.]{1,64})"(?:, ?"principal": ?"(admin|billing|member|service)")?\}/y;
const BATCH_BEGIN = /\{"checks": ?\[/y;

/**
 * Reads a text that is one plain question. It saves parsing, checking and looking for duplicate keys in the usual case,
 * some 0.5 µs; everything else is `undefined` and read in full. Never throws.
 */
export function readPlainQuestion(text: string): Question | undefined {
  const question = questionAt(text, 0);
  return question !== undefined && PLAIN.lastIndex === text.length ? question : undefined;
}

/**
 * Reads a text that is a batch of plain questions, in a third of the time of reading it in full; `undefined` where one
 * of them is not plain. Never throws.
 *
 * @param maxItems the batch is not read past this many: its reader counts them
 */
export function readPlainBatch(text: string, maxItems: number): Question[] | undefined {
  BATCH_BEGIN.lastIndex = 0;
  if (!BATCH_BEGIN.test(text)) return undefined;
  const questions: Question[] = [];
  let at = BATCH_BEGIN.lastIndex;
  while (questions.length < maxItems) {
    const question = questionAt(text, at);
    if (question === undefined) return undefined;
    questions.push(question);
    at = PLAIN.lastIndex;
    if (!text.startsWith(",", at)) return text.startsWith("]}", at) && at + 2 === text.length ? questions : undefined;
    at += text.startsWith(", ", at) ? 2 : 1;
  }
  return undefined;
}

/** The plain question that begins here; `PLAIN.lastIndex` is then where it ends. */
function questionAt(text: string, at: number): Question | undefined {
  PLAIN.lastIndex = at;
  const match = PLAIN.exec(text);
  if (match === null) return undefined;
  const tenant = match[1] as string;
  const capability = match[2] as string;
  const principal = match[3] as Principal | undefined;
  return principal === undefined ? { tenant, capability } : { tenant, capability, principal };
}
