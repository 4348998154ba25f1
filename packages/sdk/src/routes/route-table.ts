import { isName, type PolicyDocument } from "@dimmer/core";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { unknownName } from "../connect/unknown-name.ts";
import { matches, type Pattern, parsePattern } from "./pattern.ts";

/** The capability of a route that is never guarded. It is not a capability of a policy. */
export const OPEN = "open";

/**
 * One line of a route table: requests of this method (any, where none is said) and path ask for this capability, and
 * for the feature if one is named. A rule for `GET` also takes `HEAD`, as routers do.
 */
export interface RouteRule<Capability extends string = string, Feature extends string = string> {
  /** Upper-case; methods are compared exactly. */
  readonly method?: string;
  /** Segments: literals, `:name` for any one segment, `**` at the end. Case and a trailing slash are ignored. */
  readonly path: string;
  /** A capability of the policy, or `"open"`: never guarded. */
  readonly capability: Capability | typeof OPEN;
  /** A feature that the tenant's plan must have on, besides the capability. */
  readonly feature?: Feature;
}

/** What a request asks for. Shared and frozen: one object per rule and per default. */
export interface Classification {
  readonly capability: string;
  readonly feature?: string;
  /** The rule's place in the table; left out where no rule matched. */
  readonly rule?: number;
  /** The rule's method and path, or `"unmatched POST"`: for counters and messages, never a request's own text. */
  readonly route: string;
}

/** A rule made ready for matching. */
export interface CompiledRule {
  readonly method: string | undefined;
  readonly pattern: Pattern;
  readonly classification: Classification;
}

/** A route table made ready for requests. Immutable. */
export interface RouteTable {
  readonly rules: readonly CompiledRule[];
  /** Rules that a path with this first segment may match, in the order of the table. */
  readonly byFirstSegment: ReadonlyMap<string, readonly CompiledRule[]>;
  /** Rules that do not begin with a literal, in the order of the table. */
  readonly others: readonly CompiledRule[];
  /** More segments of a path than this change nothing for any rule. */
  readonly maxSegments: number;
}

const FORM = "{ method?, path, capability, feature? }";
const METHOD = /^[A-Z][A-Z0-9_-]*$/;

/**
 * Compiles a route table; the first rule that matches wins. Matching costs no more than the path's length and the
 * rules that share its first segment.
 *
 * Without a policy, names are checked for their form only: a capability that the policy in force does not know is denied
 * `unknown_capability` at every request. `lintRoutes` finds that, and rules that no request reaches.
 *
 * @param policy where given, capabilities and features must be in it
 * @throws {TypeError} naming the rule, the field, its value and the fix
 */
export function compileRoutes(rules: readonly RouteRule[], policy?: PolicyDocument): RouteTable {
  if (!Array.isArray(rules)) throw callerMistake("routes", shown(rules), `give a list of ${FORM}`);
  return tableOf((rules as readonly RouteRule[]).map((rule, index) => compileRule(rule, index, policy)));
}

/** Makes a table of compiled rules, in their order. Never throws. */
export function tableOf(rules: readonly CompiledRule[]): RouteTable {
  const others = rules.filter(({ pattern }) => typeof pattern.segments[0] !== "string");
  const byFirstSegment = new Map<string, CompiledRule[]>();
  for (const { pattern } of rules) {
    const [first] = pattern.segments;
    if (typeof first !== "string" || byFirstSegment.has(first)) continue;
    byFirstSegment.set(
      first,
      rules.filter((rule) => typeof rule.pattern.segments[0] !== "string" || rule.pattern.segments[0] === first),
    );
  }
  const maxSegments = rules.reduce((most, { pattern }) => Math.max(most, pattern.segments.length), 0);
  return { rules, byFirstSegment, others, maxSegments };
}

/**
 * Compiles one rule.
 *
 * @param index its place in the table, named in errors and classifications
 * @throws {TypeError} naming the rule, the field, its value and the fix
 */
export function compileRule(rule: RouteRule, index: number, policy?: PolicyDocument): CompiledRule {
  const place = `routes[${index}]`;
  checkFields(place, rule, ["method", "path", "capability", "feature"]);
  const { capability, feature } = rule;
  const { method, pattern } = compilePlace(place, rule);
  if (!isName(capability)) {
    throw callerMistake(`${place}.capability`, shown(capability), 'give a capability of the policy, or "open"');
  }
  if (feature !== undefined && !isName(feature)) {
    throw callerMistake(`${place}.feature`, shown(feature), "give a feature of the policy, or leave it out");
  }
  if (feature !== undefined && capability === OPEN) {
    throw callerMistake(
      `${place}.feature`,
      shown(feature),
      "an open route asks for nothing; leave it out, or name a capability",
    );
  }
  if (policy !== undefined) requireKnown(place, rule, policy);
  const classification = Object.freeze({
    capability,
    ...(feature === undefined ? {} : { feature }),
    rule: index,
    route: method === undefined ? pattern.text : `${method} ${pattern.text}`,
  });
  return { method, pattern, classification };
}

/**
 * Reads the method and the path of a rule or of a protected route.
 *
 * @param place named in errors
 * @throws {TypeError} naming the field, its value and the fix
 */
export function compilePlace(
  place: string,
  { method, path }: Pick<RouteRule, "method" | "path">,
): Pick<CompiledRule, "method" | "pattern"> {
  if (method !== undefined && !(typeof method === "string" && METHOD.test(method))) {
    throw callerMistake(
      `${place}.method`,
      shown(method),
      'give an upper-case method as in "POST", or leave it out for any',
    );
  }
  if (typeof path !== "string") throw callerMistake(`${place}.path`, shown(path), 'give a pattern, as in "/notes/:id"');
  const pattern = parsePattern(path);
  if ("fault" in pattern) throw callerMistake(`${place}.path`, shown(path), pattern.fault);
  return { method, pattern };
}

/** Refuses what is no object, and fields that are none of those known: a misspelt one must not go unnoticed. */
export function checkFields(place: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw callerMistake(place, shown(value), `give an object of ${known.join(", ")}`);
  }
  for (const field of Object.keys(value)) {
    if (!known.includes(field)) throw unknownName(`${place}.${field}`, "field", field, known);
  }
}

function requireKnown(place: string, { capability, feature }: RouteRule, policy: PolicyDocument): void {
  if (capability !== OPEN && !policy.capabilities.includes(capability)) {
    const fix = `the policy has ${policy.capabilities.join(", ")}`;
    throw callerMistake(`${place}.capability`, shown(capability), fix);
  }
  if (feature !== undefined && !Object.hasOwn(policy.features, feature)) {
    const fix = `the policy has ${Object.keys(policy.features).join(", ")}`;
    throw callerMistake(`${place}.feature`, shown(feature), fix);
  }
}

/** Tells whether a rule's method takes a request's. A rule for `GET` also takes `HEAD`. Never throws. */
function takesMethod(ruleMethod: string | undefined, method: string): boolean {
  return ruleMethod === undefined || ruleMethod === method || (ruleMethod === "GET" && method === "HEAD");
}

/** Finds the first rule for a method and the match key of a canonical path. Linear in the key. Never throws. */
export function findRule(table: RouteTable, method: string, key: string): CompiledRule | undefined {
  const segments = key === "/" ? [] : key.slice(1).split("/", table.maxSegments + 1);
  const candidates = table.byFirstSegment.get(segments[0] ?? "") ?? table.others;
  for (const rule of candidates) {
    if (takesMethod(rule.method, method) && matches(rule.pattern, segments)) return rule;
  }
  return undefined;
}
