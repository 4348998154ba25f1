/** What is asked of an answer to wait: whose it is, and the versions between which it was given, `epoch.seq`. */
export interface VersionedAnswer {
  readonly sidecar: number;
  readonly least: string;
  readonly most: string;
}

/** An answer, and how often the same one was given. */
export interface Waiting<Answer> {
  readonly answer: Answer;
  times: number;
}

/**
 * Answers that wait to be judged. The version that an answer names is the least that decided it: a sidecar that lists
 * puts a generation in force tenant by tenant and names its version afterwards. So an answer is open until its sidecar
 * names a newer version, and may be right by any up to that one. The same answer waits once, however often it was given.
 */
export class OpenAnswers<Answer extends VersionedAnswer> {
  readonly #named = new Map<number, string>();
  /** By sidecar: what no newer version was named after. */
  readonly #open = new Map<number, Map<string, Waiting<Answer>>>();
  readonly #closed = new Map<string, Waiting<Answer>>();

  /** Takes an answer. */
  take(answer: Answer): void {
    const named = this.#named.get(answer.sidecar);
    if (named !== undefined && seqOf(named) > seqOf(answer.most)) add(this.#closed, { ...answer, most: named }, 1);
    else add(this.#openOf(answer.sidecar), answer, 1);
  }

  /** Notes the version that a sidecar names: what it answered by older ones is open no longer. */
  named(sidecar: number, version: string): void {
    if (seqOf(version) <= seqOf(this.#named.get(sidecar) ?? "1.0")) return;
    this.#named.set(sidecar, version);
    const open = this.#openOf(sidecar);
    for (const [key, { answer, times }] of open) {
      if (seqOf(answer.most) >= seqOf(version)) continue;
      open.delete(key);
      add(this.#closed, { ...answer, most: version }, times);
    }
  }

  /** Gives those that are not open and whose versions are known up to one, and waits for them no longer. */
  takeKnown(seq: number): readonly Waiting<Answer>[] {
    const known = [...this.#closed].filter(([, { answer }]) => seqOf(answer.most) <= seq);
    for (const [key] of known) this.#closed.delete(key);
    return known.map(([, waiting]) => waiting);
  }

  /** No sidecar names another version: nothing is open any longer. */
  close(): void {
    for (const open of this.#open.values()) {
      for (const { answer, times } of open.values()) add(this.#closed, answer, times);
    }
    this.#open.clear();
  }

  /** What waits and is not open. */
  get left(): readonly Waiting<Answer>[] {
    return [...this.#closed.values()];
  }

  #openOf(sidecar: number): Map<string, Waiting<Answer>> {
    const open = this.#open.get(sidecar) ?? new Map<string, Waiting<Answer>>();
    this.#open.set(sidecar, open);
    return open;
  }
}

/** The second number of a version of epoch 1; Infinity for any other epoch: it was never signed here. */
export function seqOf(version: string): number {
  const [epoch, seq] = version.split(".").map(Number);
  return epoch === 1 && seq !== undefined ? seq : Number.POSITIVE_INFINITY;
}

function add<Answer extends object>(waiting: Map<string, Waiting<Answer>>, answer: Answer, times: number): void {
  const key = Object.values(answer).join(" ");
  const known = waiting.get(key);
  if (known === undefined) waiting.set(key, { answer, times });
  else known.times += times;
}
