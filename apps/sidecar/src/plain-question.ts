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
 * Reads a text that is a batch of plain questions; `undefined` where one of them is not plain. Questions in a row that
 * say the same but for the tenant, as most of a batch do, are compared with how that is written and not taken apart
 * again: half the time. Never throws.
 *
 * @param maxItems the batch is not read past this many: its reader counts them
 */
export function readPlainBatch(text: string, maxItems: number): Question[] | undefined {
  BATCH_BEGIN.lastIndex = 0;
  if (!BATCH_BEGIN.test(text)) return undefined;
  const questions: Question[] = [];
  let at = BATCH_BEGIN.lastIndex;
  let form: Form | undefined;
  let before: Question | undefined;
  while (questions.length < maxItems) {
    const alike = form === undefined ? undefined : questionIn(form, text, at);
    const question = alike ?? questionAt(text, at);
    if (question === undefined) return undefined;
    questions.push(question);
    const end = form !== undefined && alike !== undefined ? form.pattern.lastIndex : PLAIN.lastIndex;
    if (alike === undefined) {
      const isRepeated = question.capability === before?.capability && question.principal === before?.principal;
      form = isRepeated ? formOf(question, text.slice(at, end)) : undefined;
      before = question;
    }
    at = end;
    if (text.charCodeAt(at) !== COMMA)
      return text.startsWith("]}", at) && at + 2 === text.length ? questions : undefined;
    at += text.charCodeAt(at + 1) === SPACE ? 2 : 1;
  }
  return undefined;
}

const COMMA = 0x2c;
const SPACE = 0x20;

/** How questions are written that differ in their tenant alone. */
interface Form {
  readonly capability: string;
  readonly principal: Principal | undefined;
  /** Matches such a question where `lastIndex` stands. */
  readonly pattern: RegExp;
  /** How many characters stand before the tenant, and behind it. */
  readonly before: number;
  readonly behind: number;
}

/** Forms met, by how they are written: clients have few. Past this many they begin anew. */
const MAX_FORMS = 64;
const forms = new Map<string, Form>();

function formOf({ tenant, capability = "", principal }: Question, text: string): Form {
  const before = text.indexOf('"', '{"tenant":'.length) + 1;
  const opening = text.slice(0, before);
  const rest = text.slice(before + tenant.length);
  const written = opening + rest;
  const known = forms.get(written);
  if (known !== undefined) return known;
  const pattern = new RegExp(`${RegExp.escape(opening)}[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}${RegExp.escape(rest)}`, "y");
  const form = { capability, principal, pattern, before, behind: rest.length };
  if (forms.size >= MAX_FORMS) forms.clear();
  forms.set(written, form);
  return form;
}

/** The question of this form that begins here; `pattern.lastIndex` is then where it ends. */
function questionIn(
  { pattern, before, behind, capability, principal }: Form,
  text: string,
  at: number,
): Question | undefined {
  pattern.lastIndex = at;
  if (!pattern.test(text)) return undefined;
  const tenant = text.slice(at + before, pattern.lastIndex - behind);
  return principal === undefined ? { tenant, capability } : { tenant, capability, principal };
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
