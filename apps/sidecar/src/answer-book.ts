import type { Decision, FeatureDecision } from "@dimmer/core";
import type { Replica } from "@dimmer/feed/follow";
import { formatVersion } from "@dimmer/statement";
import { CauseTexts } from "./cause-texts.ts";
import type { Question } from "./question.ts";

/** A JSON answer as it is written: its text, and the headers as `writeHead` takes them fastest. */
export interface PreparedAnswer {
  /** 200 unless said. */
  readonly status?: 304;
  readonly text: string;
  readonly head: readonly string[];
  /** How the text is written: where it is ASCII, `latin1` is the same bytes for a third of the work. */
  readonly encoding: "latin1" | "utf8";
}

/** Above this many kinds of answers the book is begun anew. A policy has fewer: this bounds what nobody foresaw. */
const MAX_KINDS = 4_096;

/**
 * Writes decisions as JSON. A decision about a capability is one shared object a kind, so its text is written once and
 * kept until the replica's version changes; what a denial adds about its tenant is written for each.
 */
export class AnswerBook {
  readonly #replica: Replica;
  #epoch = -1;
  #seq = -1;
  /** `,"version":"3.1042"`. */
  #version = "";
  readonly #prepared = new Map<Decision, PreparedAnswer>();
  readonly #begun = new Map<Decision, string>();
  readonly #causes: CauseTexts;

  constructor(replica: Replica) {
    this.#replica = replica;
    this.#causes = new CauseTexts(replica);
  }

  /** The answer to a question. One look-up for what is allowed. Never throws. */
  answer(question: Question, decision: Decision | FeatureDecision): PreparedAnswer {
    if (!decision.allowed || "feature" in decision) return answerOf(this.text(question, decision));
    this.#turnPage();
    let answer = this.#prepared.get(decision);
    if (answer === undefined) {
      answer = answerOf(`${this.#begin(decision)}}`);
      if (this.#prepared.size >= MAX_KINDS) this.#prepared.clear();
      this.#prepared.set(decision, answer);
    }
    return answer;
  }

  /** The text of the answer to a question, as `answer` has it. Never throws. */
  text(question: Question, decision: Decision | FeatureDecision): string {
    this.#turnPage();
    if ("feature" in decision) return this.#end(question, decision, this.#begin(decision) + featureMembers(decision));
    if (decision.allowed) return this.answer(question, decision).text;
    // The capability may be the caller's own text then, and the decision about it is no shared object.
    if (decision.reason === "unknown_capability") return this.#end(question, decision, this.#begin(decision));
    let begun = this.#begun.get(decision);
    if (begun === undefined) {
      begun = this.#begin(decision);
      if (this.#begun.size >= MAX_KINDS) this.#begun.clear();
      this.#begun.set(decision, begun);
    }
    return this.#end(question, decision, begun);
  }

  #end({ tenant, principal }: Question, decision: Decision, begun: string): string {
    if (decision.allowed) return `${begun}}`;
    // A tenant id needs no escaping: it is checked.
    const denied = `${begun},"tenant":"${tenant}"`;
    if (decision.cause === undefined) return `${denied}}`;
    return `${denied},${this.#causes.membersOf(tenant, decision, principal)}}`;
  }

  #begin({ allowed, capability, mode, reason, freshness }: Decision): string {
    const text = JSON.stringify({ allowed, capability, mode, reason, freshness });
    return text.slice(0, -1) + this.#version;
  }

  /** Forgets what was written for another version. */
  #turnPage(): void {
    const { version } = this.#replica;
    const epoch = version?.epoch ?? 0;
    const seq = version?.seq ?? 0;
    if (seq === this.#seq && epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#seq = seq;
    this.#version = `,"version":"${formatVersion({ epoch, seq })}"`;
    this.#prepared.clear();
    this.#begun.clear();
  }
}

function featureMembers({ feature, value, limit, remaining }: FeatureDecision): string {
  return `,${JSON.stringify({ feature, value, limit, remaining }).slice(1, -1)}`;
}

/** Makes an answer of a JSON text. Never throws. */
export function answerOf(text: string): PreparedAnswer {
  const bytes = Buffer.byteLength(text);
  return {
    text,
    head: ["content-type", "application/json", "content-length", String(bytes)],
    encoding: bytes === text.length ? "latin1" : "utf8",
  };
}
