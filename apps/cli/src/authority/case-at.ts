import { z } from "zod";
import { CommandFailure, EXIT, usageFailure } from "../failure.ts";
import type { AuthorityClient, Body } from "./authority-client.ts";

/** A dated step as the authority shows it. */
export interface StepShown {
  readonly stage: string;
  readonly state: string;
  readonly at: string | null;
  readonly mode: string;
  readonly notice: { readonly deadline: string | null; readonly acceptedAt: string | null };
  readonly decision: { readonly mode: string; readonly state: string };
  readonly reasons: readonly { readonly message: string }[];
}

/** A case as the authority shows it. */
export interface CaseShown {
  readonly id: string;
  readonly tenant: string;
  readonly track: string;
  readonly state: string;
  readonly standing: string | null;
  readonly steps: readonly StepShown[];
  readonly holds: readonly { readonly kind: string; readonly subject: string; readonly until: string | null }[];
  readonly quarantined: readonly { readonly fact: string; readonly code: string; readonly message: string }[];
  readonly openInvoices: readonly { readonly invoice: string; readonly amount: number; readonly currency: string }[];
  readonly obligations: readonly string[];
  readonly fault: Readonly<Record<string, unknown>> | null;
  readonly nextAt: string | null;
  readonly revision: number;
}

const step: z.ZodType<StepShown> = z.object({
  stage: z.string(),
  state: z.string(),
  at: z.string().nullable(),
  mode: z.string(),
  notice: z.object({ deadline: z.string().nullable(), acceptedAt: z.string().nullable() }),
  decision: z.object({ mode: z.string(), state: z.string() }),
  reasons: z.array(z.object({ message: z.string() })),
});
const shown: z.ZodType<CaseShown> = z.object({
  id: z.string(),
  tenant: z.string(),
  track: z.string(),
  state: z.string(),
  standing: z.string().nullable(),
  steps: z.array(step),
  holds: z.array(z.object({ kind: z.string(), subject: z.string(), until: z.string().nullable() })),
  quarantined: z.array(z.object({ fact: z.string(), code: z.string(), message: z.string() })),
  openInvoices: z.array(z.object({ invoice: z.string(), amount: z.number(), currency: z.string() })),
  obligations: z.array(z.string()),
  fault: z.record(z.string(), z.unknown()).nullable(),
  nextAt: z.string().nullable(),
  revision: z.number(),
});

/** Reads a case from an answer. @throws {ZodError} */
export function caseOf(body: Body): CaseShown {
  return shown.parse(body);
}

/** Open cases of a tenant, or of all; at most a page for one tenant. @throws {CommandFailure} */
export async function casesOf(client: AuthorityClient, query: Readonly<Record<string, string>>): Promise<CaseShown[]> {
  const path = `/v1/cases?${new URLSearchParams(query).toString()}`;
  return (await Array.fromAsync(client.items(path))).map(caseOf);
}

/**
 * The case that is meant: by its id, or by the id of a tenant that has one open case.
 *
 * @throws {CommandFailure} where there is none, or there are several
 */
export async function caseMeant(client: AuthorityClient, name: string): Promise<CaseShown> {
  const body = await client.find(`/v1/cases/${encodeURIComponent(name)}`);
  if (body !== undefined) return caseOf(body);
  const tenant = await client.find(`/v1/tenants/${encodeURIComponent(name)}`);
  if (tenant === undefined) {
    throw usageFailure(`no case and no tenant ${JSON.stringify(name)} at ${client.url}; "dimmer case list" shows them`);
  }
  const open = await casesOf(client, { tenant: name, state: "open" });
  const [first, ...more] = open;
  if (first === undefined) throw new CommandFailure(EXIT.no, "no_case", `tenant ${name} has no open case`);
  if (more.length === 0) return first;
  const ids = open.map(({ id, track }) => `${id} (${track})`).join(", ");
  throw usageFailure(`tenant ${name} has several open cases; name one: ${ids}`);
}

/** The step in force, and the one that comes next. Never throws. */
export function placeOf({ track, steps, holds }: CaseShown): {
  readonly mode: string;
  readonly next: StepShown | undefined;
} {
  const isLocked = track === "security" && holds.some(({ kind }) => kind === "lock");
  const mode = isLocked ? "locked" : (steps.findLast(({ state }) => state === "effective")?.mode ?? "full");
  return { mode, next: steps.find(({ state }) => state !== "effective") };
}

/** Where a case stands, in one line. Never throws. */
export function caseLine(shown: CaseShown): string {
  const { mode, next } = placeOf(shown);
  const held = shown.holds.map(({ kind }) => kind.replaceAll("_", " "));
  const parts = [
    shown.standing === "cleared" ? "back in full" : mode,
    ...(held.length > 0 ? [`held by ${[...new Set(held)].join(", ")}`] : []),
    ...(next === undefined || shown.standing === "cleared" ? [] : [nextText(next)]),
  ];
  return `${shown.tenant}: ${parts.join("; ")}`;
}

/** What comes next, and when. Never throws. */
export function nextText({ mode, state, at }: StepShown): string {
  if (at === null) return `${mode} has no date (${state})`;
  // What is held has a date only if nothing held it from now on.
  if (state === "held" || state === "withdrawn") return `${mode} is ${state}, not before ${at}`;
  return `next ${mode} at ${at} (${state})`;
}
