import type { NoticeTemplate } from "./notice-template.ts";
import { DUTIES, DUTIES_OF, type Duty, type TemplateUse } from "./template-uses.ts";
import { isVariable, NOTICE_VARIABLES, type VariableName } from "./variables.ts";

/** What is wrong with a template. */
export interface TemplateFinding {
  readonly code: "unknown_variable" | "stray_brace" | "duty_missing" | "list_in_subject" | "too_long" | "not_one_line";
  /** `subject` or `text`. */
  readonly place: "subject" | "text";
  readonly message: string;
  readonly fix: string;
}

/** The longest subject and text of a template, in UTF-16 code units. */
export const TEMPLATE_LIMITS: { readonly subject: number; readonly text: number } = { subject: 200, text: 10_000 };

const VARIABLE = /\{([^{}]*)\}/g;

/** The variables that a text names, well-formed or not. Never throws. */
function variablesOf(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(VARIABLE)].map(([, name = ""]) => name));
}

/**
 * Says what is wrong with a template for what it is used for: a variable that there is not, and what it does not say of
 * that which it must. One without findings can always be rendered. Never throws.
 */
export function lintTemplate(template: NoticeTemplate, uses: readonly TemplateUse[]): readonly TemplateFinding[] {
  return [...faultsOf(template, "subject"), ...faultsOf(template, "text"), ...missingDuties(template, uses)];
}

function faultsOf(template: NoticeTemplate, place: "subject" | "text"): TemplateFinding[] {
  const text = template[place];
  const findings: TemplateFinding[] = [];
  const add = (code: TemplateFinding["code"], message: string, fix: string): void => {
    findings.push({ code, place, message, fix });
  };
  const most = TEMPLATE_LIMITS[place];
  if (text.length > most) add("too_long", `it has ${text.length} characters`, `Write at most ${most}.`);
  if (place === "subject" && /[\r\n]/.test(text)) add("not_one_line", "it has several lines", "Write one line.");
  for (const name of variablesOf(text)) {
    if (!isVariable(name)) {
      const known = Object.keys(NOTICE_VARIABLES).join(", ");
      add("unknown_variable", `there is no variable {${name}}`, `Use one of these: ${known}.`);
    } else if (place === "subject" && isList(name)) {
      add("list_in_subject", `{${name}} is a list`, "Name it in the text; a subject has one line.");
    }
  }
  if (/[{}]/.test(text.replace(VARIABLE, ""))) {
    add("stray_brace", "a brace stands alone", "Write {name} for a variable, and no other brace.");
  }
  return findings;
}

function isList(name: VariableName): boolean {
  return Array.isArray(NOTICE_VARIABLES[name].example.en);
}

function missingDuties({ text }: NoticeTemplate, uses: readonly TemplateUse[]): TemplateFinding[] {
  const named = variablesOf(text);
  const missing = new Map<Duty, TemplateUse>();
  for (const use of uses) {
    for (const duty of DUTIES_OF[use]) {
      if (!named.has(DUTIES[duty]) && !missing.has(duty)) missing.set(duty, use);
    }
  }
  return [...missing].map(([duty, use]) => ({
    code: "duty_missing",
    place: "text",
    message: `it does not say ${duty.replaceAll("_", " ")}, which a notice must that ${readable(use)}`,
    fix: `Name {${DUTIES[duty]}}.`,
  }));
}

function readable(use: TemplateUse): string {
  return use === "plain" ? "is sent at all" : `is sent for ${use.replaceAll("_", " ")}`;
}
