import type { Decision, Principal } from "@dimmer/core";
import { type Question, Signals } from "../connect/signals.ts";
import { isRecord, readAnswer } from "./answer.ts";
import { parse, type Questions } from "./questions.ts";

/** Questions in one call: below the sidecar's bound, and an answer of denials stays under the bound here. */
const BATCH = 500;
const TIMEOUT_MS = 2_000;

/** The signals of a remote client: asked again at every poll, in batches. */
export class RemoteSignals {
  readonly #questions: Questions;
  readonly #answers = new Map<string, Decision>();
  readonly #signals: Signals;

  constructor(questions: Questions) {
    this.#questions = questions;
    this.#signals = new Signals((tenant, capability, principal) => {
      return this.#answers.get(keyOf({ tenant, capability, principal })) as Decision;
    });
  }

  /** The shared signal of a question. Never rejects. */
  async of(tenant: string, capability: string, principal: Principal | undefined): Promise<AbortSignal> {
    const question = { tenant, capability, principal };
    this.#answers.set(keyOf(question), await this.#questions.ask(tenant, askOf(question)));
    return this.#signals.of(tenant, capability, principal);
  }

  /** Aborts what a lock held here denies. Asks nobody. */
  recheckLocks(): void {
    for (const question of this.#signals.questions()) {
      const decision = this.#questions.lockedHere(question.tenant, askOf(question));
      if (decision !== undefined) this.#answers.set(keyOf(question), decision);
    }
    this.#signals.recheckAll();
  }

  /** Asks again for all that still may abort. What gets no answer stays as it is. Never rejects. */
  async recheck(): Promise<void> {
    const open = [...this.#signals.questions()];
    const keys = new Set(open.map(keyOf));
    for (const key of this.#answers.keys()) if (!keys.has(key)) this.#answers.delete(key);
    for (let from = 0; from < open.length; from += BATCH) await this.#recheckBatch(open.slice(from, from + BATCH));
    this.recheckLocks();
  }

  async #recheckBatch(batch: readonly Question[]): Promise<void> {
    const answer = await this.#questions.send("POST", "/v1/checks", { body: { checks: batch }, timeoutMs: TIMEOUT_MS });
    const body = answer?.status === 200 ? parse(answer.body) : undefined;
    const decisions: unknown[] = isRecord(body) && Array.isArray(body["decisions"]) ? body["decisions"] : [];
    for (const [index, question] of batch.entries()) {
      const decision = readAnswer(decisions[index], askOf(question));
      if (decision !== undefined) this.#answers.set(keyOf(question), decision);
    }
  }
}

function askOf({ capability, principal }: Question): { capability: string; principal?: Principal } {
  return principal === undefined ? { capability } : { capability, principal };
}

function keyOf({ tenant, capability, principal }: Question): string {
  return `${tenant} ${capability} ${principal ?? ""}`;
}
