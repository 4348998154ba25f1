import { type CompiledPolicy, unknownNames } from "@dimmer/core";
import { takesAway, termsOfLine } from "../sequencer/narrowing.ts";
import type { Queries } from "../store/open-store.ts";

/** Whom a policy would change. */
export interface PolicyPreview {
  /** Tenants that are published. */
  readonly tenants: number;
  /** Those from whom it takes something, now or within 24 hours. */
  readonly narrowed: number;
  /** Those whose plan, features or modes it does not know: replicas keep what they had of them. */
  readonly quarantined: number;
  /** Some of the narrowed and the quarantined. */
  readonly examples: readonly string[];
}

const BATCH = 5_000;
const MAX_EXAMPLES = 20;
const MAX_REMEMBERED = 100_000;

type Effect = "none" | "narrowed" | "quarantined";

/**
 * Works out whom a policy would change, by what is published. Tenants that say the same are judged once: some seconds
 * for a million.
 */
export async function previewPolicy(
  queries: Queries,
  { from, to, nowMs }: { from: CompiledPolicy; to: CompiledPolicy; nowMs: number },
): Promise<PolicyPreview> {
  const effects = new Map<string, Effect>();
  const counts = { none: 0, narrowed: 0, quarantined: 0 };
  const examples: string[] = [];
  for (let after = ""; ; ) {
    const rows = await queries
      .selectFrom("entitlement")
      .selectAll()
      .where("tenant_id", ">", after)
      .orderBy("tenant_id")
      .limit(BATCH)
      .execute();
    for (const { tenant_id, line } of rows) {
      // What follows the id is what many tenants share.
      const text = line.slice(`{"tenant":${JSON.stringify(tenant_id)}`.length);
      let effect = effects.get(text);
      if (effect === undefined) {
        effect = effectOf(line, { from, to, nowMs });
        if (effects.size < MAX_REMEMBERED) effects.set(text, effect);
      }
      counts[effect]++;
      if (effect !== "none" && examples.length < MAX_EXAMPLES) examples.push(tenant_id);
    }
    const last = rows.at(-1);
    if (rows.length < BATCH || last === undefined) break;
    after = last.tenant_id;
  }
  const { none, narrowed, quarantined } = counts;
  return { tenants: none + narrowed + quarantined, narrowed, quarantined, examples };
}

function effectOf(
  line: string,
  { from, to, nowMs }: { from: CompiledPolicy; to: CompiledPolicy; nowMs: number },
): Effect {
  const terms = termsOfLine(line);
  if (terms === undefined) return "none";
  if (unknownNames(to, terms).length > 0) return "quarantined";
  return takesAway({ policy: from, terms }, { policy: to, terms }, nowMs) ? "narrowed" : "none";
}
