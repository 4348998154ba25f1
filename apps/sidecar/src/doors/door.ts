import type { Context } from "hono";
import type { CountedDoor } from "../counters.ts";
import type { Reach } from "../listen/admission.ts";

/** One door of the sidecar that is served through Hono. */
export interface Door {
  readonly method: "GET" | "POST";
  /** A path pattern of Hono. */
  readonly path: string;
  /** How far a request must reach to come through. */
  readonly reach: Reach;
  readonly counted: CountedDoor;
  /** Answers a request; what it throws becomes a 500 without detail. */
  readonly answer: (c: Context) => Response | Promise<Response>;
}
