import { type CompiledPolicy, compilePolicy, type PolicyDocument } from "@dimmer/core";
import { type Calendars, calendarsOf } from "@dimmer/lifecycle";
import type { Queries } from "../store/open-store.ts";

/** A policy that cases are pinned to, with its calendars. */
export interface PinnedPolicy {
  readonly id: string;
  readonly document: PolicyDocument;
  readonly calendars: Calendars;
  readonly compiled: CompiledPolicy;
}

const MAX_KEPT = 16;

/** The policies of cases by their ids: a policy never changes under its id, so each is read once. */
export class PinnedPolicies {
  readonly #kept = new Map<string, PinnedPolicy>();

  /** The policy that a case is pinned to. @throws {Error} where the store has no such policy */
  async of(queries: Queries, id: string): Promise<PinnedPolicy> {
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    const row = await queries.selectFrom("policy").select("document").where("id", "=", id).executeTakeFirstOrThrow();
    const document = JSON.parse(row.document) as PolicyDocument;
    const made = { id, document, calendars: calendarsOf(document), compiled: compilePolicy(document) };
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(id, made);
    return made;
  }
}
