import { type Ask, type Decision, type FeatureDecision, isTenantId, PRINCIPALS, type Principal } from "@dimmer/core";
import { parseVersion } from "@dimmer/statement/lean";
import { readAnswer } from "./answer.ts";
import type { Breaker } from "./breaker.ts";
import { decideWithoutData, type KnownHere } from "./fallback.ts";
import type { Answer, Transport } from "./transport.ts";

/** Counts since the start, for whoever watches over the product. */
export interface RemoteCounters {
  /** Questions that the sidecar answered. */
  answered: number;
  /** Questions for which there was no answer in time, and that got the policy's fallback. */
  unanswered: number;
  /** Of those, the ones where the sidecar answered with something that is no answer to the question. */
  garbled: number;
  /** Questions that the lock list held here denied. */
  locked: number;
}

/** What questions rest on. */
export interface QuestionsOptions {
  readonly transport: Transport;
  readonly breaker: Breaker;
  readonly timeoutMs: number;
  /** What is known here about a tenant at this moment. */
  readonly known: (tenant: string) => KnownHere;
  /** Is told why there was no answer, when the breaker opens. */
  readonly onOpened: (why: string) => void;
}

interface Sent {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

type Answered = Decision | FeatureDecision;

const MAX_ANSWER_BYTES = 256 * 1024;

/** Asks the sidecar, after the lock list held here, and falls back where it does not answer. */
export class Questions {
  readonly counters: RemoteCounters = { answered: 0, unanswered: 0, garbled: 0, locked: 0 };
  readonly #options: QuestionsOptions;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** Answers a question. Never rejects. */
  async ask(tenant: string, ask: Ask, atLeast?: string): Promise<Answered> {
    const here = this.#locally(tenant, ask);
    if (here.reason === "locked") return here;
    if (!isAskable(tenant, ask) || (atLeast !== undefined && parseVersion(atLeast) === undefined)) return here;
    const asks = asksOf(ask);
    if (asks.length > 1) {
      const answers = await Promise.all(asks.map((each) => this.ask(tenant, each, atLeast)));
      return strictestOf(answers) ?? here;
    }
    const answer = await this.#askSidecar(tenant, ask, atLeast);
    // A lock may have come while the sidecar thought, or have reached this process first.
    const now = this.#locally(tenant, ask);
    if (now.reason === "locked") return now;
    if (answer !== undefined) return answer;
    this.counters.unanswered += 1;
    return now;
  }

  /** The denial of a lock that is held here, `undefined` where there is none. Never throws. */
  lockedHere(tenant: string, ask: Ask): Decision | undefined {
    const decision = decideWithoutData(tenant, ask, this.#options.known(tenant));
    return decision.reason === "locked" ? decision : undefined;
  }

  #locally(tenant: string, ask: Ask): Answered {
    const decision = decideWithoutData(tenant, ask, this.#options.known(tenant));
    if (decision.reason === "locked") this.counters.locked += 1;
    return decision;
  }

  async #askSidecar(tenant: string, ask: Ask, atLeast: string | undefined): Promise<Answered | undefined> {
    const { capability, feature, principal } = ask;
    const answer = await this.send("POST", "/v1/check", {
      body: { tenant, capability, feature, principal, atLeast },
    });
    if (answer === undefined) return undefined;
    const decision = answer.status === 200 ? readAnswer(parse(answer.body), ask) : undefined;
    this.counters[decision === undefined ? "garbled" : "answered"] += 1;
    return decision;
  }

  /** Sends a question of any door; `undefined` where there is no answer in time. Never rejects. */
  async send(method: "GET" | "POST", path: string, { body, ...more }: Sent = {}): Promise<Answer | undefined> {
    const { transport, breaker, timeoutMs, onOpened } = this.#options;
    if (!breaker.admits()) return undefined;
    const sent = { timeoutMs, maxBytes: MAX_ANSWER_BYTES, ...more, ...(body && { body: JSON.stringify(body) }) };
    try {
      const answer = await transport.request({ method, path, ...sent });
      // Whatever it says, it says it in time: the breaker is there to save waiting.
      breaker.succeed();
      return answer;
    } catch (error) {
      if (breaker.fail()) onOpened(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}

/**
 * What the sidecar is asked for a question: itself, or for a class of principal that the vocabulary does not know the same
 * of every class that it does, since such a one has what every class has, and no more. Never throws.
 */
export function asksOf<T extends Ask>(ask: T): readonly T[] {
  const { principal } = ask;
  if (principal === undefined || PRINCIPALS.includes(principal)) return [ask];
  return PRINCIPALS.map((known: Principal) => ({ ...ask, principal: known }));
}

/**
 * The answer to a question by those to `asksOf`: the first denial, else any where all are there. `undefined` where one that
 * could deny is missing. Never throws.
 */
export function strictestOf<T extends Decision>(answers: readonly (T | undefined)[]): T | undefined {
  const denial = answers.find((answer) => answer?.allowed === false);
  return denial ?? (answers.includes(undefined) ? undefined : answers[0]);
}

/** Whether the sidecar takes such a question: what it would refuse as malformed is decided here, as in process. */
function isAskable(tenant: string, { capability, feature }: Ask): boolean {
  const isText = (name: unknown): boolean => name === undefined || typeof name === "string";
  return isTenantId(tenant) && (capability ?? feature) !== undefined && isText(capability) && isText(feature);
}

/** JSON, or `undefined` for what is none. Never throws. */
export function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
