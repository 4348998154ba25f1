import type { ZoneDays } from "../calendar/zone-days.ts";

/** 23:59. */
const LAST_MINUTE = 1_439;

/**
 * The deadline that a notice prints: 23:59 of the calendar day before the step, in the tenant's zone. A payment counts
 * until the step itself, so what is printed is never too late.
 */
export function deadlineOf(stepAtMs: number, tenantDays: ZoneDays): string {
  return tenantDays.iso(tenantDays.instantOf(tenantDays.dayOf(stepAtMs) - 1, LAST_MINUTE));
}
