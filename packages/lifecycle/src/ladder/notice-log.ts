import type { FactOf } from "../case-context.ts";
import type { Fact, FactKind } from "../facts/fact.ts";

/** One notice and what its addresses said. */
export interface SentNotice {
  readonly fact: FactOf<"notice_sent">;
  /** Per address: since when it has accepted, and since when it has bounced. */
  readonly accepted: ReadonlyMap<string, number>;
  readonly bounced: ReadonlyMap<string, number>;
}

/** The notices of a case by stage and round. */
export class NoticeLog {
  readonly #byKey = new Map<string, SentNotice[]>();
  readonly #lost: SentNotice | undefined;

  constructor(byKind: ReadonlyMap<FactKind, readonly Fact[]>) {
    const byId = new Map<string, { accepted: Map<string, number>; bounced: Map<string, number> }>();
    for (const fact of (byKind.get("notice_sent") ?? []) as readonly FactOf<"notice_sent">[]) {
      const answers = byId.get(fact.notice) ?? {
        accepted: new Map<string, number>(),
        bounced: new Map<string, number>(),
      };
      byId.set(fact.notice, answers);
      const key = keyOf(fact.stage, fact.round);
      const list = this.#byKey.get(key);
      if (list === undefined) this.#byKey.set(key, [{ fact, ...answers }]);
      else list.push({ fact, ...answers });
    }
    const answered = [...(byKind.get("notice_accepted") ?? []), ...(byKind.get("notice_bounced") ?? [])];
    for (const fact of answered as readonly FactOf<"notice_accepted" | "notice_bounced">[]) {
      const answers = byId.get(fact.notice);
      const said = fact.kind === "notice_accepted" ? answers?.accepted : answers?.bounced;
      if (said !== undefined && !said.has(fact.address)) said.set(fact.address, fact.atMs);
    }
    const contactsChangedMs = byKind.get("contacts_changed")?.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY;
    this.#lost = lostOf([...this.#byKey.values()].flat(), contactsChangedMs);
  }

  /** The notices of a stage in a round, oldest first. */
  of(stage: string, round: string): readonly SentNotice[] {
    return this.#byKey.get(keyOf(stage, round)) ?? [];
  }

  /** The first notice that an address had accepted by an instant and had not bounced by then; and since when. */
  accepted(
    stage: string,
    round: string,
    byMs: number,
  ): { readonly notice: SentNotice; readonly atMs: number } | undefined {
    for (const notice of this.of(stage, round)) {
      let atMs = Number.POSITIVE_INFINITY;
      for (const [address, acceptedMs] of notice.accepted) {
        const bouncedMs = notice.bounced.get(address) ?? Number.POSITIVE_INFINITY;
        if (acceptedMs <= byMs && bouncedMs > byMs) atMs = Math.min(atMs, acceptedMs);
      }
      if (Number.isFinite(atMs)) return { notice, atMs: Math.max(atMs, notice.fact.atMs) };
    }
    return undefined;
  }

  /** A notice that is still on its way: some address has said nothing yet. */
  pending(stage: string, round: string): SentNotice | undefined {
    return this.of(stage, round).find(({ fact, accepted, bounced }) =>
      fact.addresses.some((address) => !accepted.has(address) && !bounced.has(address)),
    );
  }

  /** A notice that bounced everywhere, with nothing accepted and no contact changed since: nobody can be reached. */
  get unreachable(): SentNotice | undefined {
    return this.#lost;
  }
}

/** The last notice whose every address bounced, unless something was accepted or a contact was changed since then. */
function lostOf(notices: readonly SentNotice[], contactsChangedMs: number): SentNotice | undefined {
  let lost: SentNotice | undefined;
  let lostMs = contactsChangedMs;
  let acceptedMs = Number.NEGATIVE_INFINITY;
  for (const notice of notices) {
    const { fact, accepted, bounced } = notice;
    for (const atMs of accepted.values()) acceptedMs = Math.max(acceptedMs, atMs);
    if (fact.addresses.length === 0 || !fact.addresses.every((address) => bounced.has(address))) continue;
    const bouncedMs = Math.max(...bounced.values());
    if (bouncedMs < lostMs) continue;
    lost = notice;
    lostMs = bouncedMs;
  }
  return acceptedMs > lostMs ? undefined : lost;
}

function keyOf(stage: string, round: string): string {
  return `${stage} ${round}`;
}
