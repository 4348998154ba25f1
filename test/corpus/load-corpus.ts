import { readdirSync, readFileSync } from "node:fs";
import {
  type Ask,
  type CompiledPolicy,
  type Decision,
  type Entitlement,
  type FeatureDecision,
  isTenantId,
  type Lock,
  type Moment,
  type NextMode,
  type PolicyDocument,
  parseDurationMs,
  type State,
  standardPolicy,
} from "@dimmer/core";

/** An instant as a corpus file writes it: whole Unix seconds, or ISO 8601 with a zone. */
type Instant = number | string;

interface StepIn<T> {
  readonly at: T;
  readonly mode: string;
  readonly deny?: readonly string[];
}

interface RestrictionIn<T> {
  readonly cause: "nonpayment" | "breach" | "offboarding" | "manual";
  readonly case: string;
  readonly steps: readonly StepIn<T>[];
  readonly exception?: { readonly floor: string; readonly from: T; readonly until: T };
}

interface EntitlementIn<T> {
  readonly tenant: string;
  readonly plan: string;
  readonly features?: NonNullable<Entitlement["features"]>;
  readonly restrictions?: readonly RestrictionIn<T>[];
}

interface LockIn<T> {
  readonly tenant: string;
  readonly cause: "security" | "legal" | "breach";
  readonly case: string;
  readonly since: T;
  readonly allow: readonly string[];
}

/** An entitlement in the wire form, in whole Unix seconds: what a feed is built of. */
type CorpusEntitlement = EntitlementIn<number>;
/** A lock in the wire form, in whole Unix seconds. */
type CorpusLock = LockIn<number>;

/** The decision expected. Without `capability`: what was asked; without `freshness`: that of the moment. */
type ExpectedIn = Partial<Decision & FeatureDecision> & Pick<Decision, "allowed" | "mode" | "reason">;

interface MomentIn {
  readonly now?: Instant;
  readonly horizon?: Instant;
  readonly freshness?: Moment["freshness"];
}

interface CaseIn {
  readonly title: string;
  readonly tenant: string;
  readonly moment?: MomentIn;
  readonly ask: Ask;
  readonly expect: ExpectedIn;
  readonly report?: CorpusReport;
}

interface FileIn {
  readonly about: string;
  readonly policy: string;
  readonly held?: boolean;
  readonly moment: MomentIn;
  readonly tenants: readonly EntitlementIn<Instant>[];
  readonly locks?: readonly LockIn<Instant>[];
  readonly cases: readonly CaseIn[];
}

/** What doors that name the case add to a denial. */
interface CorpusReport {
  readonly case: string;
  readonly since: string;
  readonly next?: NextMode;
}

/** One question, when it is asked, and the whole answer. */
export interface CorpusCase {
  readonly title: string;
  readonly tenant: string;
  readonly moment: Moment;
  readonly ask: Ask;
  readonly expected: Decision | FeatureDecision;
  readonly report?: CorpusReport;
}

/** One corpus file: a policy, a feed's content, and cases about it. */
export interface CorpusFile {
  readonly name: string;
  readonly about: string;
  readonly policy: PolicyDocument;
  /** Whether verified data is held at all; where not, there are no tenants and no locks. */
  readonly held: boolean;
  readonly entitlements: readonly CorpusEntitlement[];
  readonly locks: readonly CorpusLock[];
  readonly cases: readonly CorpusCase[];
}

const FOLDER = new URL("./", import.meta.url);
const CASE_KEYS = ["title", "tenant", "moment", "ask", "expect", "report"];

/**
 * Reads every file of the corpus, in the order of names. Each call reads anew.
 *
 * @throws {Error} for a file that is misspelt, so that no case passes unread
 */
export function loadCorpus(): CorpusFile[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map(loadFile);
}

/**
 * The state of a tenant of a corpus file, as `decide` takes it.
 *
 * @param policy the file's policy, compiled
 */
export function stateOf(file: CorpusFile, policy: CompiledPolicy, tenant: string): State {
  const entitlement = file.entitlements.find((candidate) => candidate.tenant === tenant);
  const lock = file.locks.find((candidate) => candidate.tenant === tenant);
  return {
    policy,
    held: file.held,
    ...(entitlement === undefined ? {} : { terms: domainEntitlement(entitlement) }),
    ...(lock === undefined ? {} : { lock: domainLock(lock) }),
    isIllFormed: !isTenantId(tenant),
  };
}

/** The case of each restriction of a tenant, in order, as `reportedCause` and `denialOf` take it. */
export function casesOf(file: CorpusFile, tenant: string): string[] {
  const entitlement = file.entitlements.find((candidate) => candidate.tenant === tenant);
  return entitlement?.restrictions?.map((restriction) => restriction.case) ?? [];
}

/** An entitlement in the domain's form, in milliseconds. */
function domainEntitlement({ restrictions, ...rest }: CorpusEntitlement): Entitlement {
  if (restrictions === undefined) return rest;
  return {
    ...rest,
    restrictions: restrictions.map(({ steps, exception, ...named }) => ({
      ...named,
      steps: steps.map(({ at, ...step }) => ({ atMs: at * 1_000, ...step })),
      ...(exception === undefined
        ? {}
        : {
            exception: { floor: exception.floor, fromMs: exception.from * 1_000, untilMs: exception.until * 1_000 },
          }),
    })),
  };
}

/** A lock in the domain's form, in milliseconds. */
function domainLock({ since, ...rest }: CorpusLock): Lock {
  return { ...rest, sinceMs: since * 1_000 };
}

function loadFile(name: string): CorpusFile {
  const file = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as FileIn;
  const policy = policyOf(file.policy);
  return {
    name,
    about: file.about,
    policy,
    held: file.held ?? true,
    entitlements: file.tenants.map(inSeconds),
    locks: (file.locks ?? []).map((lock) => ({ ...lock, since: secondsOf(lock.since) })),
    cases: file.cases.map((item) => loadCase(name, file, policy, item)),
  };
}

function loadCase(file: string, { moment: shared }: FileIn, policy: PolicyDocument, item: CaseIn): CorpusCase {
  const { title, tenant, ask, expect, report } = item;
  const misspelt = Object.keys(item).find((key) => !CASE_KEYS.includes(key));
  if (misspelt !== undefined) throw new Error(`${file}: "${title}" has a field "${misspelt}" that is not read`);
  const { now, horizon, freshness = "fresh" } = { ...shared, ...item.moment };
  if (now === undefined) throw new Error(`${file}: "${title}" has no moment.now`);
  const nowMs = secondsOf(now) * 1_000;
  const stepDownForMs = parseDurationMs(policy.offline.step_down_for) ?? 0;
  const horizonMs = horizon === undefined ? nowMs + stepDownForMs : secondsOf(horizon) * 1_000;
  const capability = ask.capability ?? `feature:${ask.feature}`;
  return {
    title,
    tenant,
    moment: { nowMs, horizonMs, freshness },
    ask,
    expected: { capability, freshness, ...expect },
    ...(report === undefined ? {} : { report }),
  };
}

function policyOf(reference: string): PolicyDocument {
  if (reference === "standard") return standardPolicy;
  return JSON.parse(readFileSync(new URL(reference, FOLDER), "utf8")) as PolicyDocument;
}

function inSeconds({ restrictions, ...rest }: EntitlementIn<Instant>): CorpusEntitlement {
  if (restrictions === undefined) return rest;
  return {
    ...rest,
    restrictions: restrictions.map(({ steps, exception, ...named }) => ({
      ...named,
      steps: steps.map(({ at, ...step }) => ({ at: secondsOf(at), ...step })),
      ...(exception === undefined
        ? {}
        : { exception: { ...exception, from: secondsOf(exception.from), until: secondsOf(exception.until) } }),
    })),
  };
}

function secondsOf(instant: Instant): number {
  if (typeof instant === "number") return instant;
  const ms = /(?:Z|[+-]\d\d:\d\d)$/.test(instant) ? Date.parse(instant) : Number.NaN;
  if (Number.isNaN(ms)) throw new Error(`"${instant}" is no ISO 8601 instant with a zone`);
  return ms / 1_000;
}
