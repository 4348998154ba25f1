export { Calendar } from "./calendar/calendar.ts";
export { type Calendars, type CalendarsOptions, calendarsOf } from "./calendar/calendars-of.ts";
export {
  type Holiday,
  JAPAN_ANNOUNCED_UNTIL,
  JAPAN_VERSION,
  JAPAN_YEARS,
  japanHolidayDates,
} from "./calendar/japan-holidays.ts";
export type {
  BreachFact,
  CaseFacts,
  DoneFact,
  Fact,
  FactKind,
  HoldFact,
  LeaveFact,
  Money,
  MoneyFact,
  ReliefFact,
  SecurityFact,
  StageRef,
  Track,
  ZonedDate,
} from "./facts/fact.ts";
export type {
  CasePlan,
  DueAction,
  FaultCode,
  Hold,
  HoldKind,
  OpenInvoice,
  PlannedDeletion,
  PlannedStep,
  QuarantinedFact,
  Reason,
  ReasonCode,
  StepDecision,
  StepNotice,
  StepState,
} from "./plan.ts";
export { planCase } from "./plan-case.ts";
export { planTenant, type TenantPlan } from "./plan-tenant.ts";
export { diffSchedules, type MovedDate } from "./show/diff-schedules.ts";
export { renderICalendar } from "./show/render-icalendar.ts";
export { renderTable } from "./show/render-table.ts";
export { type DatedLadder, type LadderRow, type SimulationOptions, simulate } from "./show/simulate.ts";
