/** What a person or service may do. `admin` configures and decides no cases; `auditor` reads all. */
export const ROLES = ["cs", "collections", "legal", "security", "finance", "admin", "auditor"] as const;
/** What a person or service may do. */
export type Role = (typeof ROLES)[number];

/** Who changes something, in which role, and why: no write goes without. */
export interface Actor {
  /** The id of the API key. */
  readonly id: string;
  /** `system` where nobody asked: what follows from the facts of a case. */
  readonly role: Role | "system";
  readonly reason: string;
  /** Runs through everything that one request sets in motion. */
  readonly correlationId: string;
}
