import type { FeedStateTable } from "../store/schema.ts";

/** Where the published feed stands. */
export type FeedPosition = Omit<FeedStateTable, "id">;

/** A published change, as the watch passes it on. */
export interface Publication {
  readonly epoch: number;
  readonly seq: number;
  readonly base: number;
  readonly delta: string;
  readonly locks?: string;
  readonly policy?: string;
  readonly head: string;
}
