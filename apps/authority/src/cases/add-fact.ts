import type { Fact } from "@dimmer/lifecycle";
import { writeLedger } from "../changes/record-change.ts";
import type { CaseTurn } from "./case-turn.ts";
import { subjectsOf } from "./subjects.ts";

/** A fact of the machinery, without what every fact of one action has in common. */
export type OwnFact = Fact extends infer F ? (F extends Fact ? Omit<F, "id" | "atMs"> : never) : never;

/**
 * Writes down what was done about an action. Its id comes of the key of the action, so that no action can be done twice
 * whatever happens: the store refuses the second.
 */
export async function addFact(
  { queries, file, actor, nowMs }: Pick<CaseTurn, "queries" | "file" | "actor" | "nowMs">,
  key: string,
  given: OwnFact,
): Promise<Fact> {
  const fact = { ...given, id: key, atMs: nowMs } as Fact;
  await queries
    .insertInto("fact")
    .values({
      id: fact.id,
      case_id: file.id,
      tenant_id: file.tenant_id,
      kind: fact.kind,
      subject: subjectsOf(fact).own ?? null,
      at_ms: fact.atMs,
      body: JSON.stringify(fact),
      source: "runner",
      actor: actor.id,
      received_ms: nowMs,
    })
    .execute();
  await writeLedger(queries, actor, { action: `fact.${fact.kind}`, subject: `case:${file.id}`, after: fact }, nowMs);
  return fact;
}
