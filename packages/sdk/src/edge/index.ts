export {
  createTokenVerifierLean as createTokenVerifier,
  type PresentedEntitlement,
  type TokenVerifier,
  type TokenVerifierOptions,
  verifyKeysetChainLean as verifyKeysetChain,
} from "@dimmer/statement/lean";
export { connectEdge } from "./connect-edge.ts";
export type { EdgeDimmer, EdgeDimmerWith, EdgeStatus } from "./edge-dimmer.ts";
export type { EdgeClock, EdgeFetcher, EdgeFollow, EdgeOptions } from "./options.ts";
