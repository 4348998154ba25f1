import { type LadderDocument, parseDurationMs } from "@dimmer/core";
import type { DueAction } from "@dimmer/lifecycle";
import type { CaseTurn } from "./case-turn.ts";

/**
 * Looks into the store once more before a step is signed, by nothing but stored facts: a notice of this step and round
 * was accepted at an address that has not bounced since, the step is no earlier than the date it printed, and its lead is
 * kept (L1, L2). Signing is a promise; whoever plans may err. What is wrong, in words; `undefined` where it may be signed.
 */
export async function signingFault(
  { queries, file, policy, nowMs }: CaseTurn,
  { stage, round, stepAtMs }: Extract<DueAction, { kind: "sign_step" }>,
): Promise<string | undefined> {
  const rows = await queries
    .selectFrom("fact")
    .select("body")
    .where("case_id", "=", file.id)
    .where("kind", "in", ["notice_sent", "notice_accepted", "notice_bounced"])
    .execute();
  const facts = rows.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  const bounced = new Set(facts.filter((fact) => fact["kind"] === "notice_bounced").map((fact) => addressOf(fact)));
  const leadMs = leadOf(policy.document.tracks?.[file.track], stage);
  const isPast = stepAtMs <= nowMs;
  if (isPast && file.track !== "breach") return `the step lies in the past (${stepAtMs})`;
  const faults: string[] = [];
  for (const sent of facts) {
    if (sent["kind"] !== "notice_sent" || sent["stage"] !== stage || sent["round"] !== round) continue;
    const printedMs = sent["stepAtMs"] as number | undefined;
    if (printedMs !== undefined && stepAtMs < printedMs) {
      faults.push(`notice ${String(sent["notice"])} printed a later date`);
      continue;
    }
    const acceptedMs = facts
      .filter((fact) => fact["kind"] === "notice_accepted" && fact["notice"] === sent["notice"])
      .filter((fact) => !bounced.has(addressOf(fact)) && (fact["atMs"] as number) <= nowMs)
      .map((fact) => Math.max(fact["atMs"] as number, sent["atMs"] as number));
    if (acceptedMs.length === 0) faults.push(`notice ${String(sent["notice"])} was accepted nowhere`);
    else if (stepAtMs < Math.min(...acceptedMs) + leadMs) faults.push(`its lead would not be kept`);
    else return undefined;
  }
  return faults[0] ?? "no notice of it was sent";
}

function addressOf(fact: Record<string, unknown>): string {
  return `${String(fact["notice"])} ${String(fact["address"])}`;
}

function leadOf(track: unknown, stage: string): number {
  const { stages, min_lead } = (track ?? {}) as Partial<LadderDocument> & { min_lead?: string };
  return parseDurationMs(stages?.find(({ name }) => name === stage)?.min_lead ?? min_lead ?? "0h") ?? 0;
}
