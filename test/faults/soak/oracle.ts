import type { PublicationRow } from "../publications.ts";
import { opens, type SoakCapability, type SoakMode } from "./modes.ts";
import { OpenAnswers, seqOf } from "./open-answers.ts";
import { SignedHistory, type SignedRow } from "./signed-history.ts";

/** One answer of a sidecar, and the versions between which it was given. */
export interface Answered {
  readonly sidecar: number;
  readonly door: string;
  readonly tenant: string;
  readonly capability: SoakCapability;
  readonly allowed: boolean;
  /** Version that the sidecar named before and after, `epoch.seq`; the same twice where the answer itself names it. */
  readonly least: string;
  readonly most: string;
}

/** Whether a sidecar called a tenant locked, and the versions of its list before and after. */
export type AnsweredLock = Pick<Answered, "sidecar" | "tenant" | "least" | "most"> & { readonly isLocked: boolean };

/** A write that the authority answered. */
export interface SoakWrite {
  readonly tenant: string;
  readonly mode: SoakMode;
  /** The version that carries it; `undefined` where it was answered before it was published. */
  readonly version: string | undefined;
}

/** Milliseconds from the answer to a write until a sidecar enforced it, faults included. */
export interface Followed {
  readonly sidecar: number;
  readonly ms: number;
}

/**
 * Holds what sidecars answer against what the authority signed, and what it signed against what it acknowledged. An
 * answer is judged once its sidecar has named a newer version, and the publications up to that are known.
 */
export class Oracle {
  readonly history: SignedHistory = new SignedHistory();
  readonly followed: Followed[] = [];
  readonly #violate: (invariant: string, what: string) => void;
  readonly #highest = new Map<number, number>();
  readonly #judgedByDoor = new Map<string, number>();
  readonly #last = new Map<string, SoakWrite>();
  readonly #awaited = new Map<number, { readonly seq: number; readonly atMs: number }[]>();
  readonly #highestLocks = new Map<number, number>();
  readonly #answers = new OpenAnswers<Answered>();
  readonly #locks = new OpenAnswers<AnsweredLock>();
  #writes: SoakWrite[] = [];

  constructor(sidecars: number, violate: (invariant: string, what: string) => void) {
    this.#violate = violate;
    for (let sidecar = 0; sidecar < sidecars; sidecar++) this.#awaited.set(sidecar, []);
  }

  /** Answers that were judged, by door. */
  get judgedByDoor(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#judgedByDoor);
  }

  /** The newest version that a write was acknowledged with, or that is known to be signed. */
  get newestSeq(): number {
    const acknowledged = [...this.#last.values()].map(({ version }) => seqOf(version ?? "1.1"));
    return Math.max(this.history.seq, ...acknowledged);
  }

  /** Takes an answer. */
  answered(answer: Answered): void {
    this.#answers.take(answer);
  }

  /** Notes the version that a sidecar names in one answer after the other: none may be older than the one before. */
  versionOf(sidecar: number, version: string, nowMs: number): void {
    const seq = seqOf(version);
    const before = this.#highest.get(sidecar) ?? 0;
    if (seq < before) this.#violate("F1", `sidecar ${sidecar} went from version 1.${before} down to ${version}`);
    this.#highest.set(sidecar, Math.max(seq, before));
    this.#answers.named(sidecar, version);
    const awaited = this.#awaited.get(sidecar) ?? [];
    for (let first = awaited[0]; first !== undefined && first.seq <= seq; first = awaited[0]) {
      this.followed.push({ sidecar, ms: nowMs - first.atMs });
      awaited.shift();
    }
  }

  /** Takes an answer about a lock. The list of a sidecar must not be older than before. */
  answeredLock(answer: AnsweredLock): void {
    const before = this.#highestLocks.get(answer.sidecar) ?? 0;
    const seq = seqOf(answer.least);
    if (seq < before)
      this.#violate("D3", `sidecar ${answer.sidecar} went from lock list 1.${before} to ${answer.least}`);
    this.#highestLocks.set(answer.sidecar, Math.max(before, seq));
    this.#locks.named(answer.sidecar, answer.least);
    this.#locks.named(answer.sidecar, answer.most);
    this.#locks.take(answer);
  }

  /** Takes an acknowledgement. */
  acknowledged(write: SoakWrite, nowMs: number): void {
    this.#writes.push(write);
    this.#last.set(write.tenant, write);
    if (write.version === undefined) return;
    for (const awaited of this.#awaited.values()) awaited.push({ seq: seqOf(write.version), atMs: nowMs });
  }

  /** Takes what a stream brought, and judges what has waited for it. */
  streamed(rows: readonly PublicationRow[]): void {
    for (const fault of this.history.take(rows)) this.#violate("F1", fault);
    this.#judgeKnown();
  }

  /** Takes what stands in the store, and judges what has waited for it: locks, too. */
  stored(rows: readonly SignedRow[]): void {
    for (const fault of this.history.confirm(rows)) this.#violate("F1", fault);
    this.#judgeKnown();
    this.#judgeLocks();
  }

  /** Judges what is left when everything is known: nothing may have been answered or acknowledged that was never signed. */
  finish(): void {
    this.#answers.close();
    this.#locks.close();
    this.#judgeKnown();
    this.#judgeLocks();
    for (const { answer } of [...this.#answers.left, ...this.#locks.left]) {
      this.#violate("F1", `sidecar ${answer.sidecar} answered by version ${answer.most}, which was never signed`);
    }
    for (const { tenant, mode } of this.#last.values()) {
      const signed = this.history.modeAt(tenant, this.history.seq);
      if (signed !== mode)
        this.#violate("F5", `${tenant} was acknowledged as ${mode} last, and is signed as ${signed}`);
    }
  }

  #judgeKnown(): void {
    const isKnown = (version: string): boolean => seqOf(version) <= this.history.seq;
    for (const { answer, times } of this.#answers.takeKnown(this.history.seq)) this.#judge(answer, times);
    const writes = Object.groupBy(this.#writes, ({ version }) =>
      version !== undefined && isKnown(version) ? "known" : "ahead",
    );
    this.#writes = writes.ahead ?? [];
    for (const { tenant, mode, version = "" } of writes.known ?? []) {
      const signed = this.history.modeAt(tenant, seqOf(version));
      if (signed !== mode) {
        this.#violate("F5", `${tenant} was acknowledged as ${mode} in ${version}, which has ${signed}`);
      }
    }
  }

  #judgeLocks(): void {
    for (const { answer, times } of this.#locks.takeKnown(this.history.confirmedSeq)) this.#judgeLock(answer, times);
  }

  #judgeLock({ sidecar, tenant, isLocked, least, most }: AnsweredLock, times: number): void {
    this.#count("lock", times);
    if (this.history.lockedBetween(tenant, seqOf(least), seqOf(most)).has(isLocked)) return;
    this.#violate(
      "D2",
      `sidecar ${sidecar} has ${tenant} ${isLocked ? "locked" : "open"} by lock list ${span(least, most)}, which says else`,
    );
  }

  #count(door: string, times: number): void {
    this.#judgedByDoor.set(door, (this.#judgedByDoor.get(door) ?? 0) + times);
  }

  #judge({ sidecar, door, tenant, capability, allowed, least, most }: Answered, times: number): void {
    this.#count(door, times);
    const modes = this.history.modesBetween(tenant, seqOf(least), seqOf(most));
    if ([...modes].some((mode) => opens(mode, capability) === allowed)) return;
    const said = `sidecar ${sidecar} at ${door} ${allowed ? "allowed" : "denied"} ${capability} to ${tenant}`;
    this.#violate(
      allowed ? "F3" : "F6",
      `${said} by version ${span(least, most)}, in which it is ${[...modes].join(" or ")}`,
    );
  }
}

function span(least: string, most: string): string {
  return least === most ? most : `${least} to ${most}`;
}
