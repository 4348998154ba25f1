import type { Signer } from "@dimmer/statement";

/** A signer for each role. A feed is signed by four different keys, so that each can be kept and revoked apart. */
export interface FeedSigners {
  readonly root: Signer;
  readonly policy: Signer;
  readonly locks: Signer;
  readonly feed: Signer;
}
