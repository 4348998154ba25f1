import { runAuthoritySuite } from "./authority/suite.ts";
import { runQuestions } from "./decision/questions-suite.ts";
import { runRuntimes } from "./decision/runtimes-suite.ts";
import { runDecisionSuite } from "./decision/suite.ts";
import { runFeedSuite } from "./feed/suite.ts";
import { runGatewaySuite } from "./gateway/suite.ts";
import { runGuardSuite } from "./guard/suite.ts";
import { runIntakeSuite } from "./intake/suite.ts";
import { runSidecarPeers } from "./peers/sidecar-suite.ts";
import { runDecisionPeers } from "./peers/suite.ts";
import { runScaleSuite } from "./scale/suite.ts";
import { runSidecarSuite } from "./sidecar/suite.ts";
import { runSoakSuite } from "./soak/suite.ts";
import type { SuiteOptions, SuiteResult } from "./suite.ts";
import { runWebhooksSuite } from "./webhooks/suite.ts";

/** Measures one thing, a section of the report for each result. Rejects where it cannot; what is not there on the machine is said in its table instead. */
export type RunSuite = (options: SuiteOptions) => Promise<SuiteResult | readonly SuiteResult[]>;

/** One name of the command line. */
export interface Suite {
  readonly parts: readonly RunSuite[];
  /** What `--peers` adds. */
  readonly peers?: readonly RunSuite[];
  /** Whether it is run only where it is named. */
  readonly isApart?: boolean;
}

/** Every suite, in the order in which they are run. */
export const SUITES: Readonly<Record<string, Suite>> = {
  decision: { parts: [runDecisionSuite, runQuestions, runRuntimes], peers: [runDecisionPeers] },
  guard: { parts: [runGuardSuite] },
  sidecar: { parts: [runSidecarSuite], peers: [runSidecarPeers] },
  gateway: { parts: [runGatewaySuite] },
  intake: { parts: [runIntakeSuite] },
  feed: { parts: [runFeedSuite] },
  webhooks: { parts: [runWebhooksSuite] },
  authority: { parts: [runAuthoritySuite] },
  scale: { parts: [runScaleSuite] },
  soak: { parts: [runSoakSuite], isApart: true },
};
