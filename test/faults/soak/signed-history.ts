import { DatabaseSync } from "node:sqlite";
import type { PublicationRow } from "../publications.ts";
import { SOAK_MODES, type SoakMode } from "./modes.ts";

interface Line {
  readonly tenant: string;
  readonly restrictions?: readonly { readonly steps: readonly { readonly at: number; readonly mode: string }[] }[];
}

/** A publication as it stands in the store, with the list of locks where it has one. */
export interface SignedRow extends PublicationRow {
  readonly locks: string | null;
}

/** What the authority has signed, version by version: what every answer is held against. */
export class SignedHistory {
  /** By tenant: from which version on it is in which mode. */
  readonly #modes = new Map<string, { readonly seq: number; readonly mode: SoakMode }[]>();
  readonly #lists: { readonly seq: number; readonly locked: ReadonlySet<string> }[] = [];
  readonly #deltas = new Map<number, string>();
  #seq = 1;
  #confirmedSeq = 1;

  /** The newest version that is known, of epoch 1. */
  get seq(): number {
    return this.#seq;
  }

  /** The newest version whose place in the store was seen, and with it its list of locks. */
  get confirmedSeq(): number {
    return this.#confirmedSeq;
  }

  /**
   * Takes further publications, as a stream brings them.
   *
   * @returns what is wrong with their order; empty where each follows the one before by one
   */
  take(rows: readonly PublicationRow[]): readonly string[] {
    const faults: string[] = [];
    for (const { epoch, base, seq, delta } of rows) {
      if (epoch !== 1 || base !== this.#seq || seq !== this.#seq + 1) {
        faults.push(`after 1.${this.#seq} was published ${epoch}.${seq}, upon ${base}`);
      }
      this.#seq = seq;
      this.#deltas.set(seq, delta);
      for (const line of linesOf(delta)) {
        const modes = this.#modes.get(line.tenant) ?? [];
        modes.push({ seq, mode: modeOf(line, Date.now() / 1_000) });
        this.#modes.set(line.tenant, modes);
      }
    }
    return faults;
  }

  /**
   * Takes what stands in the store, from the version after the last that was confirmed.
   *
   * @returns what of it is not what was streamed before, and what is wrong with its order
   */
  confirm(rows: readonly SignedRow[]): readonly string[] {
    const faults: string[] = [];
    for (const row of rows) {
      if (row.seq > this.#seq) faults.push(...this.take([row]));
      else if (this.#deltas.get(row.seq) !== row.delta) faults.push(`1.${row.seq} was streamed with another content`);
      if (row.locks !== null) this.#lists.push({ seq: row.seq, locked: new Set(lockedIn(row.locks)) });
      this.#confirmedSeq = row.seq;
    }
    if (this.#confirmedSeq < this.#seq) faults.push(`1.${this.#seq} was streamed, and is not in the store`);
    return faults;
  }

  /** The mode of a tenant at a version; full where nothing was ever signed of it. */
  modeAt(tenant: string, seq: number): SoakMode {
    return this.#modes.get(tenant)?.findLast((entry) => entry.seq <= seq)?.mode ?? "full";
  }

  /** Whether a tenant is on the list of locks, in every answer that the versions of the list from one to another give. */
  lockedBetween(tenant: string, least: number, most: number): ReadonlySet<boolean> {
    const first = this.#lists.findLast(({ seq }) => seq <= least);
    const between = this.#lists.filter(({ seq }) => seq > least && seq <= most);
    return new Set([first, ...between].map((list) => list?.locked.has(tenant) === true));
  }

  /** Every mode that a tenant had from one version to another, both included. */
  modesBetween(tenant: string, least: number, most: number): ReadonlySet<SoakMode> {
    const between = (this.#modes.get(tenant) ?? []).filter(({ seq }) => seq > least && seq <= most);
    return new Set([this.modeAt(tenant, least), ...between.map(({ mode }) => mode)]);
  }
}

/** What an authority that has ended left in its file. */
export interface LeftStore {
  readonly rows: readonly SignedRow[];
  /** `ok`, or what is wrong with the file. */
  readonly integrity: string;
}

/** Publications after a version, and whether the file is sound. Recovers its log first, as the next start does. */
export function readLeftStore(path: string, afterSeq: number): LeftStore {
  const database = new DatabaseSync(path);
  try {
    const rows = database
      .prepare("SELECT epoch, base, seq, delta, locks FROM publication WHERE seq > ? ORDER BY epoch, seq")
      .all(afterSeq);
    const { integrity_check: integrity } = database.prepare("PRAGMA integrity_check").get() as {
      integrity_check: string;
    };
    return { rows: rows as unknown as SignedRow[], integrity };
  } finally {
    database.close();
  }
}

function linesOf(delta: string): readonly Line[] {
  return payloadOf<{ entitlements?: Line[] }>(delta).entitlements ?? [];
}

function lockedIn(list: string): readonly string[] {
  return payloadOf<{ locks: readonly { readonly tenant: string }[] }>(list).locks.map(({ tenant }) => tenant);
}

function payloadOf<T>(token: string): T {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as T;
}

/** The narrowest of all modes that hold now. */
function modeOf(line: Line, nowSeconds: number): SoakMode {
  const held = (line.restrictions ?? []).flatMap(({ steps }) => {
    const place = SOAK_MODES.findIndex((mode) => mode === steps.findLast(({ at }) => at <= nowSeconds)?.mode);
    return place === -1 ? [] : [place];
  });
  return SOAK_MODES[Math.max(0, ...held)] ?? "full";
}
