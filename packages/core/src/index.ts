export type { Banner } from "./banner.ts";
export type { CapabilitySlots } from "./capability-slots.ts";
export { type CompiledMode, type CompiledPolicy, compileLinted, compilePolicy, type Rights } from "./compile.ts";
export { compileReceived } from "./compile-received.ts";
export { compileStandardPolicy } from "./compiled-standard.ts";
export { decide, type State } from "./decide.ts";
export type { Ask, Decision, FeatureDecision, Moment, Usage } from "./decision.ts";
export { type DecisionRule, parseDecisionMode } from "./decision-mode.ts";
export { type DecisionTable, EMPTY_TABLE } from "./decision-table.ts";
export {
  type Denial,
  type DenialContext,
  type DenialStatus,
  denialOf,
  denialStatusOf,
  type ProblemDocument,
} from "./denial.ts";
export { parseDurationMs } from "./duration.ts";
export type {
  Entitlement,
  Exception,
  FeatureValue,
  Lock,
  Restriction,
  RestrictionTerms,
  Step,
  Terms,
} from "./entitlement.ts";
export { DimmerError, type ErrorCode } from "./error.ts";
export { type ExplainContext, type ExplainedCause, type Explanation, explain } from "./explain.ts";
export { type FeatureAnswers, NO_FEATURE_ANSWERS } from "./feature-answers.ts";
export { type FeatureValueFault, featureValueFault } from "./feature-value.ts";
export { isoInstant } from "./instant.ts";
export { judge, judgeFeature, valueInForce } from "./judge.ts";
export type { Links } from "./links.ts";
export { type Finding, type FindingCode, lintForDecisions, lintPolicy } from "./lint.ts";
export { chooseLocale } from "./locale.ts";
export { type Offset, parseOffset } from "./offset.ts";
export type {
  Admission,
  DenialText,
  FallbackDocument,
  FeatureDocument,
  FeatureType,
  LinksDocument,
  ModeDocument,
  PlanDocument,
  PolicyDocument,
  SentenceName,
  TextsDocument,
} from "./policy.ts";
export { Profile } from "./profile.ts";
export type { NextMode } from "./prospect.ts";
export {
  type CauseContext,
  type ReportedCause,
  reportedCause,
  type SharedCause,
  sharedCause,
} from "./reported-cause.ts";
export {
  type StandardCapability,
  type StandardFeature,
  type StandardMode,
  type StandardPlan,
  type StandardPolicy,
  standardPolicy,
} from "./standard-policy.ts";
export { type RestrictionStanding, type Standing, standingOf } from "./standing.ts";
export {
  type BreachDocument,
  CALENDAR_BASES,
  type CalendarBase,
  type CalendarDocument,
  type ClauseName,
  type ClockStart,
  type DecisionMode,
  type ExceptionsDocument,
  type LadderDocument,
  type NonpaymentDocument,
  type NoticeDocument,
  type ReactionDocument,
  type ReminderDocument,
  type RestoreDocument,
  type RetentionDocument,
  type SecurityDocument,
  type StageDocument,
  type TaskDocument,
  type TracksDocument,
} from "./tracks.ts";
export { unknownNames } from "./unknown-names.ts";
export {
  CLOSED_MODE,
  type Freshness,
  INTERACTIVE_PRINCIPALS,
  isName,
  isTenantId,
  LOCK_CAUSES,
  LOCKED_MODE,
  LOGIN_CAPABILITY,
  type LockCause,
  PRINCIPALS,
  PROTECTED_CAPABILITIES,
  type Principal,
  REASONS,
  RESTRICTION_CAUSES,
  type Reason,
  type RestrictionCause,
} from "./vocabulary.ts";
