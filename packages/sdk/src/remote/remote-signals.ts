import type { Decision, Principal } from "@dimmer/core";
import { keyOf, type Question, type SignalAsk, Signals, signalAskOf } from "../connect/signals.ts";
import { isRecord, readAnswer } from "./answer.ts";
import { asksOf, parse, type Questions, strictestOf } from "./questions.ts";

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
    this.#signals = new Signals((tenant, ask) => this.#answers.get(questionKeyOf({ tenant, ask })) as Decision);
  }

  /** The shared signal of a question. Never rejects. */
  async of(tenant: string, asked: string | SignalAsk, principal: Principal | undefined): Promise<AbortSignal> {
    const ask = signalAskOf(asked, principal);
    this.#answers.set(questionKeyOf({ tenant, ask }), await this.#questions.ask(tenant, ask));
    return this.#signals.of(tenant, ask);
  }

  /** Aborts what a lock held here denies. Asks nobody. */
  recheckLocks(): void {
    for (const question of this.#signals.questions()) {
      const decision = this.#questions.lockedHere(question.tenant, question.ask);
      if (decision !== undefined) this.#answers.set(questionKeyOf(question), decision);
    }
    this.#signals.recheckAll();
  }

  /** Asks again for all that still may abort. What gets no answer stays as it is. Never rejects. */
  async recheck(): Promise<void> {
    const open = [...this.#signals.questions()];
    const keys = new Set(open.map(questionKeyOf));
    for (const key of this.#answers.keys()) if (!keys.has(key)) this.#answers.delete(key);
    const asked = open.map((question) => asksOf(question.ask).map((ask) => ({ tenant: question.tenant, ask })));
    const answers = await this.#answersTo(asked.flat());
    let from = 0;
    for (const [index, question] of open.entries()) {
      const until = from + (asked[index] as readonly Question[]).length;
      const decision = strictestOf(answers.slice(from, until));
      if (decision !== undefined) this.#answers.set(questionKeyOf(question), decision);
      from = until;
    }
    this.recheckLocks();
  }

  /** The answers to all questions, in their order; `undefined` for each that got none. Never rejects. */
  async #answersTo(questions: readonly Question[]): Promise<(Decision | undefined)[]> {
    const answers: (Decision | undefined)[] = [];
    for (let from = 0; from < questions.length; from += BATCH) {
      answers.push(...(await this.#answersToBatch(questions.slice(from, from + BATCH))));
    }
    return answers;
  }

  async #answersToBatch(batch: readonly Question[]): Promise<(Decision | undefined)[]> {
    const checks = batch.map(({ tenant, ask }) => ({ tenant, ...ask }));
    const answer = await this.#questions.send("POST", "/v1/checks", { body: { checks }, timeoutMs: TIMEOUT_MS });
    const body = answer?.status === 200 ? parse(answer.body) : undefined;
    const decisions: unknown[] = isRecord(body) && Array.isArray(body["decisions"]) ? body["decisions"] : [];
    return batch.map(({ ask }, index) => readAnswer(decisions[index], ask));
  }
}

function questionKeyOf({ tenant, ask }: Question): string {
  return `${tenant} ${keyOf(ask)}`;
}
