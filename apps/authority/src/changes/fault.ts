/** Why a change is refused, in terms of HTTP: each is an answer of its own to whoever asked. */
export type FaultKind = "invalid" | "missing" | "conflict" | "outdated" | "forbidden";

/** A change refused because of what was asked; nothing was written. `field` names what to mend. */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly field: string | undefined;
  /** More about it, as further members of the problem document. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  /** @param message what is wrong and how to mend it, for the person who asked */
  constructor(kind: FaultKind, message: string, field?: string, details?: Readonly<Record<string, unknown>>) {
    super(message);
    this.kind = kind;
    this.field = field;
    this.details = details;
  }
}
