import type { LinksDocument } from "./policy.ts";

/** What fills a link template. */
export interface LinkValues {
  readonly tenant: string;
  /** Where no case belongs to the answer, a parameter that is `{case}` alone is left out, and is empty elsewhere. */
  readonly case?: string | undefined;
}

/** Links with their placeholders filled, as far as the policy has them. */
export interface Links {
  readonly pay?: string;
  readonly export?: string;
  readonly support?: string;
}

const HTTPS = /^https:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?=[/?#]|$)/;
const LOOPBACK = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?=[/?#]|$)/;
const URL_CHARACTERS = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]*$/;
/** A parameter of the query that is `{case}` alone: one before others, and the last. */
const CASE_BEFORE_OTHERS = /(?<=[?&])[^?&=#]*=\{case\}&/g;
const CASE_AT_THE_END = /[?&][^?&=#]*=\{case\}(?=#|$)/;
const PLACEHOLDER = /\{(tenant|case)\}/g;

/**
 * Says what is wrong with a link template; `undefined` where nothing is. It must be an `https` address (`http` on
 * loopback, for development) with `{tenant}` and `{case}` nowhere in its host, and hold only what a URL may hold: it
 * goes into a header. Never throws.
 */
export function linkTemplateFault(template: string): string | undefined {
  if (!HTTPS.test(template) && !LOOPBACK.test(template)) return "it does not begin with https:// and a plain host name";
  if (!URL_CHARACTERS.test(template.replace(PLACEHOLDER, ""))) {
    return "it holds a character that a URL may not hold, or a placeholder other than {tenant} and {case}";
  }
  return undefined;
}

/** Fills a link template; the values are percent-encoded. Never throws. */
function fillLink(template: string, values: LinkValues): string {
  const isWithout = values.case === undefined;
  const asked = isWithout ? template.replace(CASE_BEFORE_OTHERS, "").replace(CASE_AT_THE_END, "") : template;
  return asked.replace(PLACEHOLDER, (_, name: "tenant" | "case") =>
    encodeURIComponent((values[name] ?? "").toWellFormed()),
  );
}

/** Fills those of a policy's links that are asked for. Never throws. */
export function linksOf(links: LinksDocument, values: LinkValues, wanted: readonly (keyof LinksDocument)[]): Links {
  const filled: { -readonly [name in keyof Links]: string } = {};
  for (const name of wanted) {
    const template = links[name];
    if (template !== undefined) filled[name] = fillLink(template, values);
  }
  return filled;
}
