const MAX_SHOWN = 80;

/**
 * The error for a mistake of the caller: a `TypeError` with the code `options_invalid`, whose message names the field,
 * the value and the fix. Data that is missing, old or forged is never one of these. Never throws.
 *
 * @param field where the mistake stands: `connect: trust`
 * @param given what is wrong with it: `shown(value)`, or words of its own where the value is a secret
 * @param fix what to write instead
 */
export function callerMistake(field: string, given: string, fix: string): TypeError {
  return Object.assign(new TypeError(`${field} ${given}: ${fix}`), { code: "options_invalid" as const });
}

/** `is "value"`, shortened; `is missing` where there is none. Never throws. */
export function shown(value: unknown): string {
  if (value === undefined) return "is missing";
  if (Array.isArray(value)) return "is a list";
  if (typeof value === "object" && value !== null) return "is an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value as number | boolean | symbol | null);
  return `is ${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text}`;
}
